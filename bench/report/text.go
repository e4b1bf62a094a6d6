package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// column is a unit as a table shows it.
type column struct {
	unit, title string
	format      func(float64) string
}

var columns = map[string][]column{
	"Framing": {{"sec/op", "time", duration}, {"floor-sec/op", "floor", duration}, {"x-floor", "×floor", ratio}, {"B/s", "bytes/s", si("B/s")}, {"allocs/op", "allocs", plain}},
	"Calls": {{"p50-sec", "p50", duration}, {"p99-sec", "p99", duration}, {"calls/s", "calls/s", si("")}, {"floor-calls/s", "floor", si("")}, {"B/s", "bytes/s", si("B/s")},
		{"go-cpu-sec/op", "CPU Go", duration}, {"floor-go-cpu-sec/op", "floor", duration},
		{"py-cpu-sec/op", "CPU worker", duration}, {"floor-py-cpu-sec/op", "floor", duration}, {"allocs/op", "allocs", plain},
		{"x-floor", "×loop", ratio}, {"x-raw", "×socket", ratio}},
	"Steps": {{"p50-sec", "p50", duration}, {"calls/s", "calls/s", si("")}, {"floor-calls/s", "floor", si("")},
		{"go-cpu-sec/op", "CPU Go", duration}, {"floor-go-cpu-sec/op", "floor", duration},
		{"py-cpu-sec/op", "CPU worker", duration}, {"floor-py-cpu-sec/op", "floor", duration}, {"x-floor", "×loop", ratio}},
	"Load": {{"offered/s", "offered/s", si("")}, {"calls/s", "calls/s", si("")}, {"p50-sec", "p50", duration}, {"p90-sec", "p90", duration}, {"p99-sec", "p99", duration},
		{"p999-sec", "p99.9", duration}, {"late-p99-sec", "sent late, p99", duration}},
	"Start":    {{"sec/op", "time", duration}, {"floor-sec/op", "bare", duration}, {"x-floor", "×bare", ratio}},
	"Recovery": {{"sec/op", "time", duration}, {"floor-sec/op", "bare", duration}, {"x-floor", "×bare", ratio}, {"errors-elsewhere/op", "errors elsewhere", plain}},
	"Idle": {{"resident-B/worker", "resident", si("B")}, {"own-B/worker", "own share", si("B")}, {"floor-resident-B/worker", "bare", si("B")}, {"x-floor", "×bare", ratio},
		{"py-cpu-sec/s/worker", "CPU worker a second", duration}, {"go-cpu-sec/s/worker", "CPU Go a second", duration}},
}

// benchmarks in the order of the report.
var benchmarks = []struct{ name, about string }{
	{"Framing", "one frame; the floor is a copy of the payload and its CRC32C by the processor"},
	{"Calls", "calls of echo; the loop is written by hand, with as many calls outstanding (for side=loop: a ping-pong over a bare socket)"},
	{"Steps", "the loop with epoll, as a worker of many connections needs it, with goroutines that call and one that reads, as a pool does, or both; and with the bundled worker"},
	{"Load", "calls at a rate, whether or not those before have ended; times are from the moment each was due, so that a stall counts for all calls that it holds up; mix=lines is what the lines to the adapter of a pool and back took alone, which is in the times of its calls"},
	{"Start", "start of a pool; bare are as many Python processes that import the worker, side by side"},
	{"Recovery", "a worker is killed, beside so many callers: time until its slot takes calls again; bare is the start of one Python process beside as many"},
	{"Idle", "a worker with nothing to do, where its CPU time is told but ten health checks a second; bare is a Python process that imported the same"},
}

// WriteText writes a table for each benchmark and placement, and the goals.
func WriteText(to io.Writer, rows Rows) error {
	var b strings.Builder
	writeTables(&b, rows)
	b.WriteString("\nGoals\n")
	writeGoals(&b, Goals(rows))
	_, err := io.WriteString(to, b.String())
	return err
}

// writeTables writes a table for each benchmark and placement.
func writeTables(b *strings.Builder, rows Rows) {
	for _, benchmark := range benchmarks {
		for _, placement := range rows.Placements() {
			found := rows.Find(benchmark.name, "placement="+placement)
			if len(found) == 0 {
				continue
			}
			fmt.Fprintf(b, "\n%s, %s — %s\n", benchmark.name, placement, benchmark.about)
			w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
			head, lines := tableOf(benchmark.name, found)
			_, _ = fmt.Fprintln(w, strings.Join(head, "\t")) // a strings.Builder takes all
			for _, line := range lines {
				_, _ = fmt.Fprintln(w, strings.Join(line, "\t"))
			}
			_ = w.Flush()
		}
	}
}

func writeGoals(b *strings.Builder, goals []Goal) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, g := range goals {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", g.Verdict(), g.What, g.Want, g.Text())
	}
	_ = w.Flush()
}

// tableOf has the parts of the rows' names as first columns, and those units that any row has.
func tableOf(benchmark string, rows Rows) (head []string, lines [][]string) {
	var keys []string
	for _, key := range []string{"op", "side", "step", "framing", "workers", "size", "callers", "calls", "restart", "mix", "rate"} {
		if rows[0].Key[key] != "" {
			keys = append(keys, key)
		}
	}
	head = append(head, keys...)
	var shown []column
	for _, c := range columns[benchmark] {
		for _, r := range rows {
			if _, ok := r.Value(c.unit); ok {
				shown = append(shown, c)
				head = append(head, c.title)
				break
			}
		}
	}
	for _, r := range rows {
		var line []string
		for _, key := range keys {
			line = append(line, r.shown(key))
		}
		for _, c := range shown {
			text := ""
			if v, ok := r.Value(c.unit); ok {
				text = c.format(v)
			}
			line = append(line, text)
		}
		lines = append(lines, line)
	}
	return head, lines
}

func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case seconds < 100e-9:
		return fmt.Sprintf("%.1f ns", seconds*1e9)
	case d < time.Microsecond:
		return fmt.Sprintf("%.0f ns", seconds*1e9)
	case d < time.Millisecond:
		return three(seconds*1e6) + " µs"
	case d < time.Second:
		return three(seconds*1e3) + " ms"
	}
	return three(seconds) + " s"
}

// three writes about three digits, never with an exponent.
func three(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// tick leaves out the zeros that a round value ends with.
func tick(format func(float64) string) func(float64) string {
	return func(x float64) string {
		digits, unit, _ := strings.Cut(format(x), " ")
		if strings.Contains(digits, ".") {
			digits = strings.TrimRight(strings.TrimRight(digits, "0"), ".")
		}
		return strings.TrimSpace(digits + " " + unit)
	}
}

func ratio(x float64) string { return fmt.Sprintf("%.2f", x) }
func plain(x float64) string { return fmt.Sprintf("%.4g", x) }

// si writes a number with a prefix: 12.3 kB/s.
func si(unit string) func(float64) string {
	return func(x float64) string {
		if x == 0 {
			return strings.TrimSpace("0 " + unit)
		}
		prefixes := []string{"", "k", "M", "G", "T"}
		i := min(max(int(math.Log10(x)/3), 0), len(prefixes)-1)
		return strings.TrimSpace(three(x/math.Pow(1000, float64(i))) + " " + prefixes[i] + unit)
	}
}
