package report

import (
	"fmt"
	"slices"
)

// Goal is what the reference is to reach, with what it did reach.
type Goal struct {
	What   string
	Want   string
	Got    float64
	Unit   string // of Got, as a person reads it
	Known  bool   // there were rows to tell by
	Met    bool
	Missed float64 // by how much, as a share of the goal
	Rows   []Row   // that tell, the one that is judged first
}

// reading is what rows say of a goal.
type reading struct {
	value float64
	known bool
	rows  []Row
}

// read is what the one row that Find gives says; without that row or the unit nothing is known.
func (rows Rows) read(unit, benchmark string, parts ...string) (r reading) {
	if found := rows.Find(benchmark, parts...); len(found) == 1 {
		if r.value, r.known = found[0].Value(unit); r.known {
			r.rows = found
		}
	}
	return r
}

// faster is how many times the calls of another one r makes, where both are ratios of time to the same floor.
func (r reading) faster(other reading) reading {
	if !r.known || !other.known {
		return reading{}
	}
	return reading{other.value * inverse(r.value), true, slices.Concat(r.rows, other.rows)}
}

// Text tells what was reached.
func (g Goal) Text() string {
	switch {
	case !g.Known:
		return "not measured"
	case g.Met:
		return fmt.Sprintf("%.2f %s", g.Got, g.Unit)
	default:
		return fmt.Sprintf("%.2f %s, %.0f %% short", g.Got, g.Unit, 100*g.Missed)
	}
}

// Verdict is "met", "missed" or "unknown".
func (g Goal) Verdict() string {
	switch {
	case !g.Known:
		return "unknown"
	case g.Met:
		return "met"
	default:
		return "missed"
	}
}

// Goals says how far the reference is from where it is to be. All are ratios within one run. Calls are
// judged with both sides on one core, where wake-ups do not drown the rest, and several workers where the
// cores are free.
func Goals(rows Rows) []Goal {
	const (
		floor = "times the floor"
		loop  = "times the loop"
	)
	var goals []Goal
	for _, op := range []string{"encode", "decode"} {
		for _, framing := range []string{"enhanced", "basic"} {
			for _, size := range []string{"64B", "1KB", "64KB", "1MB"} {
				got := rows.read("x-floor", "Framing", "op="+op, "framing="+framing, "size="+size)
				goals = append(goals, atMost(op+" "+framing+" "+size, framingGoal(op, size), floor, got))
			}
		}
	}
	var allocs reading // of the row that has most
	for _, op := range []string{"encode", "decode"} {
		for _, r := range rows.Find("Framing", "op="+op) {
			if v, ok := r.Value("allocs/op"); ok && (!allocs.known || v > allocs.value) {
				allocs = reading{v, true, Rows{r}}
			}
		}
	}
	goals = append(goals, atMost("encode and decode, any size", 0, "allocs/op", allocs))

	call := func(framing, size, callers string) []string {
		return []string{"side=pool", "framing=" + framing, "workers=1", "size=" + size, "callers=" + callers, "placement=pinned"}
	}
	for _, row := range [][3]string{
		{"lone call 64B, p50", "64B", "1"}, {"lone call 10KB, p50", "10KB", "1"}, {"lone call 1MB, p50", "1MB", "1"},
		{"4 callers, one worker, 64 B", "64B", "4"}, {"16 callers, one worker, 64 B", "64B", "16"},
		{"64 callers, one worker, 64 B", "64B", "64"},
		{"16 callers, one worker, 1 KB", "1KB", "16"}, {"16 callers, one worker, 10 KB", "10KB", "16"},
	} {
		got := rows.read("x-floor", "Calls", call("enhanced", row[1], row[2])...)
		goals = append(goals, atMost(row[0], callGoal(row[1], row[2]), loop, got))
	}
	basic := rows.read("x-floor", "Calls", call("basic", "64B", "16")...)
	goals = append(goals, atMost("16 callers, one worker, 64 B, basic framing", 1.8, loop, basic))
	lone := rows.read("x-floor", "Calls", call("enhanced", "64B", "1")...)
	fastest, name := rows.fastestRival("1")
	goals = append(goals, atLeast("lone call 64B, p50, against the fastest rival"+name, 1.3, "times its calls/s", lone.faster(fastest)))
	many := rows.read("x-floor", "Calls", call("enhanced", "64B", "16")...)
	fastest, name = rows.fastestRival("16")
	goals = append(goals, atLeast("16 callers, one worker, 64 B, against the fastest rival"+name, 3.5, "times its calls/s", many.faster(fastest)))
	grpc := rows.read("x-floor", "Calls", "side=grpc", "size=64B", "callers=16", "placement=pinned")
	goals = append(goals, atLeast("16 callers, one worker, 64 B, against gRPC", 10, "times its calls/s", many.faster(grpc)))
	four := rows.read("x-floor", "Calls", "side=pool", "framing=enhanced", "workers=4", "size=64B", "callers=64", "placement=unpinned")
	goals = append(goals, atMost("64 callers, 4 workers, against the loop's one, unpinned", 1.1, loop, four))

	start := rows.read("x-floor", "Start", "side=pool", "placement=unpinned")
	goals = append(goals, atMost("pool start, 4 workers, unpinned", 1.3, "times bare processes", start))
	recovery := func(unit, calls string) reading {
		return rows.read(unit, "Recovery", "side=pool", "calls="+calls, "placement=unpinned")
	}
	back := recovery("x-floor", "0")
	goals = append(goals, atMost("killed worker, slot back, unpinned", 1.5, "times a bare start", back))
	beside := recovery("x-floor", "4")
	goals = append(goals, atMost("killed worker, slot back beside 4 callers, unpinned", 1.5, "times a bare start beside as many", beside))
	elsewhere := recovery("errors-elsewhere/op", "4")
	return append(goals, atMost("killed worker, calls elsewhere", 0, "errors", elsewhere))
}

// framingGoal is how many times its floor a frame may take.
func framingGoal(op, size string) float64 {
	switch {
	case op == "encode" && size == "64B":
		return 1.4
	case op == "encode":
		return 1.15
	case size == "64B":
		return 2
	default:
		return 1.3
	}
}

// callGoal is how many times the loop a call may take, or 0 where there is no goal.
func callGoal(size, callers string) float64 {
	switch size + "/" + callers {
	case "64B/1", "64B/16":
		return 1.1
	case "64B/4":
		return 1.2
	case "64B/64":
		return 1.3
	case "1KB/16":
		return 1
	case "10KB/1", "1MB/1":
		return 0.75
	case "10KB/16":
		return 0.7
	}
	return 0
}

// fastestRival is the least time of any rival over the floor, with so many callers.
func (rows Rows) fastestRival(callers string) (r reading, name string) {
	for _, row := range rows.Find("Calls", "framing=own", "size=64B", "callers="+callers, "placement=pinned") {
		if v, ok := row.Value("x-floor"); ok && (!r.known || v < r.value) {
			r, name = reading{v, true, Rows{row}}, ", "+row.Key["side"]
		}
	}
	return r, name
}

func inverse(x float64) float64 {
	if x == 0 {
		return 0
	}
	return 1 / x
}

func atMost(what string, most float64, unit string, got reading) Goal {
	g := Goal{What: what, Want: fmt.Sprintf("at most %.4g", most), Got: got.value, Unit: unit, Known: got.known, Met: got.value <= most, Rows: got.rows}
	if most > 0 {
		g.Missed = got.value/most - 1
	}
	return g
}

func atLeast(what string, least float64, unit string, got reading) Goal {
	return Goal{
		What: what, Want: fmt.Sprintf("at least %.4g", least), Got: got.value, Unit: unit, Known: got.known, Met: got.value >= least,
		Missed: 1 - got.value/least, Rows: got.rows,
	}
}
