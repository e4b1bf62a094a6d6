// Package report shows results: as text with the goals, as CSV, as one HTML page with charts, and as an
// SVG for a README.
package report

import (
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"

	"github.com/pyproctest/pyproctest/bench/results"
)

// Row is all runs of one row of one benchmark in one placement.
type Row struct {
	Benchmark string            // "Calls"
	Key       map[string]string // the parts of its name, such as side, framing, workers, size, callers
	Name      string            // those parts as they were, without what the placement says anyway
	Placement string
	Fails     bool     // it is of a worker of yours that failed the checks
	Units     []string // in the order in which they came, tidied: sec, not ns
	values    map[string][]float64
	sideName  string // what the side is called in a legend, where it is not one of this repository
}

// Value is the median of a unit over all runs, and whether the row has that unit.
func (r Row) Value(unit string) (float64, bool) {
	s, ok := r.Summary(unit)
	return s.Center, ok
}

// Summary is the median of a unit with its 95 % confidence interval, or as much of it as there were
// runs for.
func (r Row) Summary(unit string) (benchmath.Summary, bool) {
	values := r.values[unit]
	if len(values) == 0 {
		return benchmath.Summary{}, false
	}
	const confidence = 0.95
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(sample, confidence), true
}

// Runs is how often the row was run.
func (r Row) Runs() int {
	runs := 0
	for _, v := range r.values {
		runs = max(runs, len(v))
	}
	return runs
}

// Rows are the rows of a set of results, in the order in which they came first.
type Rows []Row

// RowsOf groups results by row.
func RowsOf(set results.Set) Rows {
	var rows Rows
	at := map[string]int{}
	for _, result := range set.Results {
		row := newRow(result)
		id := row.id()
		i, ok := at[id]
		if !ok {
			i = len(rows)
			at[id] = i
			rows = append(rows, row)
		}
		for _, v := range result.Values {
			if _, ok := rows[i].values[v.Unit]; !ok {
				rows[i].Units = append(rows[i].Units, v.Unit)
			}
			rows[i].values[v.Unit] = append(rows[i].values[v.Unit], v.Value)
		}
	}
	return rows
}

// id is what no other row has.
func (r Row) id() string { return r.Benchmark + "/" + r.Name + " " + r.Placement }

func newRow(result *benchfmt.Result) Row {
	base, parts := result.Name.Parts()
	row := Row{
		Benchmark: string(base), Placement: result.GetConfig("placement"),
		Key: map[string]string{}, values: map[string][]float64{},
	}
	var names []string
	for _, p := range parts {
		part := string(p)
		if !strings.HasPrefix(part, "/") {
			continue // "-2": GOMAXPROCS, which the placement tells
		}
		names = append(names, part[1:])
		if key, value, ok := strings.Cut(part[1:], "="); ok {
			row.Key[key] = value
		}
	}
	row.Name = strings.Join(names, "/")
	switch row.Key["side"] {
	case "yours":
		row.sideName = result.GetConfig("subject")
	case "against":
		row.sideName = result.GetConfig("against")
	}
	row.Fails = row.Key["side"] == "yours" && strings.HasPrefix(result.GetConfig("yours"), "FAILS")
	return row
}

// shown is a part of the name as a person is to read it: what failed the checks never stands unmarked.
func (r Row) shown(key string) string {
	if key == "side" && r.Fails {
		return r.Key[key] + " (fails the checks)"
	}
	return r.Key[key]
}

// Find returns the rows of a benchmark whose parts have these values, given as "size=64B", and the
// placement as "placement=pinned".
func (rows Rows) Find(benchmark string, parts ...string) Rows {
	var found Rows
	for _, r := range rows {
		if r.Benchmark == benchmark && r.has(parts) {
			found = append(found, r)
		}
	}
	return found
}

func (r Row) has(parts []string) bool {
	for _, p := range parts {
		key, want, _ := strings.Cut(p, "=")
		got := r.Key[key]
		if key == "placement" {
			got = r.Placement
		}
		if got != want {
			return false
		}
	}
	return true
}

// Value is the median of a unit in the one row that Find gives, and whether there is one.
func (rows Rows) Value(unit, benchmark string, parts ...string) (float64, bool) {
	found := rows.Find(benchmark, parts...)
	if len(found) != 1 {
		return 0, false
	}
	return found[0].Value(unit)
}

// Placements that occur, in order.
func (rows Rows) Placements() []string {
	var all []string
	for _, r := range rows {
		if !slices.Contains(all, r.Placement) {
			all = append(all, r.Placement)
		}
	}
	return all
}
