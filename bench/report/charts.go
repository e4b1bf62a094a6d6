package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/pyproctest/pyproctest/bench/chart"
)

// side is what a series of a chart is of. The same one has the same colour in all charts.
type side struct {
	key, name string
	color     int
}

var sides = []side{
	{"loop", "floor: hand-written loop", 0},
	{"pool", "pool and bundled worker", 1},
	{"yours", "pool and your worker", 2},
	{"json-rpc", "JSON-RPC (stdlib)", 3},
	{"msgpack-rpc", "msgpack-rpc", 4},
	{"zeromq", "ZeroMQ", 5},
	{"grpc", "gRPC", 6},
	{"pyproc-worker", "public pyproc-worker", 7},
	{"against", "what it is set against", 3},
}

// figure is a chart with what is said of it.
type figure struct {
	Title, About string
	SVG          string
}

// of are the rows of calls of one side. Rivals have a framing of their own.
func (s side) of(rows Rows, parts ...string) Rows {
	if s.key == "pool" || s.key == "yours" || s.key == "against" || s.key == "loop" {
		parts = append([]string{"framing=enhanced"}, parts...)
	}
	return rows.Find("Calls", append([]string{"side=" + s.key}, parts...)...)
}

// label is the name of the side in a legend. What failed the checks never stands unmarked.
func (s side) label(rows Rows) string {
	name := s.name
	for _, r := range rows {
		if r.Key["side"] != s.key {
			continue
		}
		name = cmp.Or(end(r.sideName), name)
		if r.Fails {
			return name + " (fails the checks)"
		}
	}
	return name
}

// end is the end of a name, which says more than the beginning of a command, and is short enough for a legend.
func end(name string) string {
	const most = 30
	if runes := []rune(name); len(runes) > most {
		return "…" + string(runes[len(runes)-most+1:])
	}
	return name
}

// floorBeside is the side between whose turns the floor that is drawn was measured.
func floorBeside(rows Rows) string {
	if len(rows.Find("Calls", "side=pool")) > 0 {
		return "pool"
	}
	return "yours"
}

// floorSeries is the hand-written loop, as it was measured between the turns of the pool.
func floorSeries() chart.Series {
	return chart.Series{Name: sides[0].name, Color: sides[0].color, Dashed: true}
}

func withFloor(floor chart.Series, series []chart.Series) []chart.Series {
	if len(floor.Points) == 0 {
		return series
	}
	return append([]chart.Series{floor}, series...)
}

// latencies is the distribution of the times of a lone small call.
func latencies(rows Rows, placement string) (figure, bool) {
	quantiles := []struct {
		unit, text string
		q          float64
	}{
		{"p1-sec", "1 %", 0.01}, {"p10-sec", "", 0.1}, {"p25-sec", "", 0.25}, {"p50-sec", "50 %", 0.5}, {"p75-sec", "", 0.75},
		{"p90-sec", "90 %", 0.9}, {"p95-sec", "", 0.95}, {"p99-sec", "99 %", 0.99}, {"p999-sec", "99.9 %", 0.999},
	}
	// Each nine as wide as the one before, for the slow end is what hurts.
	position := func(q float64) float64 { return -math.Log10(1 - q) }
	c := chart.Lines{
		Title:  "Distribution of the time of a lone call, 64 bytes, " + placement,
		XLabel: "share of calls that take at most …", YLabel: "time of a call", YLog: true, YText: tick(duration),
	}
	for _, q := range quantiles {
		c.XTicks = append(c.XTicks, chart.Tick{At: position(q.q), Text: q.text})
	}
	floor := floorSeries()
	for _, s := range sides[1:] {
		series := chart.Series{Name: s.label(rows), Color: s.color}
		for _, r := range s.of(rows, "workers=1", "size=64B", "callers=1", "placement="+placement) {
			for _, q := range quantiles {
				tip := func(v float64) string { return fmt.Sprintf("%g %%: %s", q.q*100, duration(v)) }
				if v, ok := r.Value(q.unit); ok {
					series.Points = append(series.Points, chart.Point{X: position(q.q), Y: v, Tip: tip(v)})
				}
				if v, ok := r.Value("floor-" + q.unit); ok && s.key == floorBeside(rows) {
					floor.Points = append(floor.Points, chart.Point{X: position(q.q), Y: v, Tip: tip(v)})
				}
			}
		}
		if len(series.Points) > 1 {
			c.Series = append(c.Series, series)
		}
	}
	c.Series = withFloor(floor, c.Series)
	return figure{
		Title: "How long one call takes", SVG: c.SVG(),
		About: "A caller alone, 64 bytes. Left the fastest calls, right the slowest.",
	}, len(c.Series) > 0
}

// throughput is calls a second over the number of callers.
func throughput(rows Rows, placement string) (figure, bool) {
	c := chart.Lines{
		Title:  "Throughput against callers, 64 bytes, one worker, " + placement,
		XLabel: "callers at once", YLabel: "calls a second", XLog: true, YLog: true, YText: tick(si("")),
	}
	for _, n := range []string{"1", "4", "16", "64"} {
		c.XTicks = append(c.XTicks, chart.Tick{At: float(n), Text: n})
	}
	floor := floorSeries()
	about := "One worker, 64 bytes. The floor has as many calls outstanding on one connection."
	for _, s := range sides[1:] {
		series := chart.Series{Name: s.label(rows), Color: s.color}
		var n, x []float64
		for _, r := range s.of(rows, "workers=1", "size=64B", "placement="+placement) {
			if v, ok := r.Value("calls/s"); ok {
				n, x = append(n, float(r.Key["callers"])), append(x, v)
				series.Points = append(series.Points, chart.Point{X: float(r.Key["callers"]), Y: v, Tip: r.Key["callers"] + " callers: " + si("calls/s")(v)})
			}
			if v, ok := r.Value("floor-calls/s"); ok && s.key == floorBeside(rows) {
				floor.Points = append(floor.Points, chart.Point{X: float(r.Key["callers"]), Y: v, Tip: r.Key["callers"] + " outstanding: " + si("calls/s")(v)})
			}
		}
		if len(series.Points) > 0 {
			c.Series = append(c.Series, series)
		}
		if law, ok := FitScaling(n, x); ok && s.key == floorBeside(rows) {
			c.Series = append(c.Series, law.curve(s.color, 1, 64))
			about += " The thin line is the universal scalability law fitted to what was measured" + law.peak() + "."
		}
	}
	c.Series = withFloor(floor, c.Series)
	return figure{Title: "What many callers get", SVG: c.SVG(), About: about}, len(c.Series) > 0
}

// scaling is throughput over the number of workers, with the law fitted to it.
func scaling(rows Rows, placement string) (figure, bool) {
	c := chart.Lines{
		Title:  "Throughput against workers, 64 callers, 64 bytes, " + placement,
		XLabel: "workers", YLabel: "calls a second", YText: tick(si("")),
	}
	const most = 8
	for n := 1; n <= most; n++ {
		c.XTicks = append(c.XTicks, chart.Tick{At: float64(n), Text: strconv.Itoa(n)})
	}
	about := "64 callers, 64 bytes. Marks are measured, lines are the universal scalability law fitted to them."
	for _, s := range sides {
		measured := chart.Series{Name: s.label(rows), Color: s.color, Dots: true}
		var n, x []float64
		for _, r := range s.of(rows, "size=64B", "callers=64", "placement="+placement) {
			if v, ok := r.Value("calls/s"); ok {
				n, x = append(n, float(r.Key["workers"])), append(x, v)
				measured.Points = append(measured.Points, chart.Point{X: n[len(n)-1], Y: v, Tip: r.Key["workers"] + " workers: " + si("calls/s")(v)})
			}
		}
		law, ok := FitScaling(n, x)
		if !ok || s.key == "loop" {
			continue
		}
		c.Series = append(c.Series, measured, law.curve(s.color, 1, most))
		pays := law.PaysUpTo()
		if s.key == floorBeside(rows) && pays <= most {
			c.Note, c.NoteAt = fmt.Sprintf("pays up to %d", pays), float64(pays)
		}
		about += fmt.Sprintf(" %s: contention %.2f, coherence %.3f; a worker more than %d adds less than 5 %%.", s.label(rows), law.Contention, law.Coherence, pays)
		if pays == mostWorkers {
			about += " (That is as far as the law was asked.)"
		}
	}
	return figure{Title: "When one more worker stops paying", SVG: c.SVG(), About: about}, len(c.Series) > 0
}

// framing is the ratio of each framing row to its floor.
func framing(rows Rows) (figure, bool) {
	c := chart.Bars{Title: "Framing against its floor", Label: "times the floor"}
	for _, op := range []string{"encode", "write", "decode"} {
		for _, r := range rows.Find("Framing", "op="+op) {
			v, ok := r.Value("x-floor")
			whose := r.Key["side"]
			if !ok || r.Key["size"] == "0B" || op == "write" && whose == "" {
				continue
			}
			bar := chart.Bar{Name: op + " " + r.Key["framing"] + " " + r.Key["size"], Value: v, Text: ratio(v), Color: 1}
			if whose != "" {
				bar.Name = whose + " " + bar.Name
			}
			if whose == "against" {
				bar.Color = sides[len(sides)-1].color
			}
			if op != "write" {
				bar.Mark = framingGoal(op, r.Key["size"])
			}
			c.Bars = append(c.Bars, bar)
		}
	}
	return figure{
		Title: "Framing against its floor", SVG: c.SVG(),
		About: "The floor is one copy of the payload and its CRC32C by the processor; the basic framing has no checksum. The marks are the goals.",
	}, len(c.Bars) > 0
}

// ratios is how far each side is from the floor, for a lone call and for many.
func ratios(rows Rows, placement string) (figure, bool) {
	c := chart.Bars{Title: "Calls against the hand-written loop, " + placement, Label: "times the loop's time for a call (less is better)"}
	beyond := 0
	const most = 12
	for _, s := range sides[1:] {
		for _, row := range [][2]string{{"64B", "1"}, {"10KB", "1"}, {"1MB", "1"}, {"64B", "16"}} {
			for _, r := range s.of(rows, "workers=1", "size="+row[0], "callers="+row[1], "placement="+placement) {
				v, ok := r.Value("x-floor")
				if !ok {
					continue
				}
				if v > most {
					beyond++
				}
				name := r.shown("side") + " " + row[0]
				if row[1] != "1" {
					name += ", " + row[1] + " callers"
				}
				mark := 0.0
				if s.key == floorBeside(rows) && placement == "pinned" { // for which the goals are
					mark = callGoal(row[0], row[1])
				}
				c.Bars = append(c.Bars, chart.Bar{Name: name, Value: min(v, most), Text: ratio(v), Color: s.color, Mark: mark})
			}
		}
	}
	f := figure{Title: "Calls against the floor", SVG: c.SVG(), About: "The floor is the hand-written loop with as many calls outstanding."}
	if placement == "pinned" {
		f.About += " The marks are the goals."
	}
	if beyond > 0 {
		f.About += fmt.Sprintf(" Bars end at %d.", most)
	}
	return f, len(c.Bars) > 0
}

// WriteSVG writes the one chart that says most, for a README.
func WriteSVG(to io.Writer, rows Rows) error {
	svg := ""
	for _, placement := range rows.Placements() {
		if f, ok := throughput(rows, placement); ok {
			svg = f.SVG
			break
		}
	}
	if svg == "" {
		if f, ok := framing(rows); ok {
			svg = f.SVG
		}
	}
	if svg == "" {
		return nil // neither was measured
	}
	_, err := io.WriteString(to, chart.Standalone(svg))
	return err
}

func float(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return v
}
