package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/bench/results"
)

// Subject says what was measured that is not of this repository. Its rows have side=yours, and those of what it is set
// against have side=against.
type Subject struct {
	Role    string // framer, worker or pool
	Name    string
	Against string   // the name of what it is set against; "" if there is none
	Fails   string   // the clauses that it fails, though it is measured; "" if none
	Notes   []string // what a reader has to know
}

// SubjectRows groups results by row, as [RowsOf] does, and puts the rows in the order of their keys: a run measures first what
// is to be seen first.
func SubjectRows(set results.Set) Rows {
	rows := RowsOf(set)
	slices.SortStableFunc(rows, func(a, b Row) int {
		order := cmp.Or(position(a.Benchmark, benchmarkNames...)-position(b.Benchmark, benchmarkNames...),
			cmp.Compare(a.Placement, b.Placement), position(a.Key["op"], "write", "decode")-position(b.Key["op"], "write", "decode"),
			position(a.Key["side"], "yours", "against")-position(b.Key["side"], "yours", "against"),
			position(a.Key["framing"], "enhanced", "basic")-position(b.Key["framing"], "enhanced", "basic"),
			position(a.Key["mix"], "lines")-position(b.Key["mix"], "lines"))
		for _, key := range []string{"workers", "size", "callers", "calls", "rate"} {
			order = cmp.Or(order, cmp.Compare(magnitude(a.Key[key]), magnitude(b.Key[key])))
		}
		return order
	})
	return rows
}

// benchmarkNames are in the order of the report.
var benchmarkNames = func() (names []string) {
	for _, b := range benchmarks {
		names = append(names, b.name)
	}
	return names
}()

// position is that of a word in a list.
func position(word string, list ...string) int { return slices.Index(list, word) }

// magnitude is the number that a value begins with, times its unit: 64B, 1KB, 50%. What has none comes first.
func magnitude(text string) float64 {
	digits := strings.TrimRight(text, "BKM%")
	switch unit := strings.TrimPrefix(text, digits); unit {
	case "KB":
		return float(digits) * (1 << 10)
	case "MB":
		return float(digits) * (1 << 20)
	}
	return float(digits)
}

// Goals are those of the reference that the subject's rows tell of. They are a yardstick, and no demand.
func (s Subject) Goals(rows Rows) []Goal {
	var own Rows
	encodes := false
	for _, r := range rows {
		if r.Key["side"] != "yours" {
			continue
		}
		r.Key = maps.Clone(r.Key)
		r.Key["side"] = "pool" // which is the reference's in the goals
		own = append(own, r)
		encodes = encodes || r.Key["op"] == "encode"
	}
	return slices.DeleteFunc(Goals(own), func(g Goal) bool {
		return !g.Known || strings.HasPrefix(g.What, "encode and decode") && !encodes
	})
}

// WriteSubjectText writes the tables of a subject, and how far it is from the goals of the reference.
func WriteSubjectText(to io.Writer, rows Rows, s Subject) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", s.Role, s.Name)
	if s.Against != "" {
		fmt.Fprintf(&b, ", against %s", s.Against)
	}
	b.WriteString("\n")
	if s.Fails != "" {
		fmt.Fprintf(&b, "It FAILS %s, so its numbers do not count.\n", s.Fails)
	}
	writeTables(&b, rows)
	if goals := s.Goals(rows); len(goals) > 0 {
		b.WriteString("\nThe goals of the reference, as a yardstick\n")
		writeGoals(&b, goals)
	}
	for _, note := range s.Notes {
		fmt.Fprintf(&b, "\nNote: %s\n", note)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// WriteSubjectHTML writes the page of a subject, which like that of [WriteHTML] needs nothing else.
func WriteSubjectHTML(to io.Writer, rows Rows, set results.Set, s Subject) error {
	title := fmt.Sprintf("%s %s, measured", s.Role, s.Name)
	if s.Against != "" {
		title = fmt.Sprintf("%s %s against %s, measured", s.Role, s.Name, s.Against)
	}
	return writePage(to, rows, set, pageData{
		Title: title, Role: s.Role, Notes: s.Notes, GoalsTitle: "The goals of the reference, as a yardstick",
	}, s.Goals(rows))
}

// jsonRow is a row in JSON.
type jsonRow struct {
	Benchmark string              `json:"benchmark"`
	Keys      map[string]string   `json:"keys"`
	Placement string              `json:"placement"`
	Runs      int                 `json:"runs"`
	Units     map[string]jsonUnit `json:"units"`
}

type jsonUnit struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// WriteSubjectJSON writes the rows of a subject as one JSON object: for each unit of each row its median, and the ends of its
// confidence interval (95 %, or as near as the number of runs allows). Times are in seconds.
func WriteSubjectJSON(to io.Writer, rows Rows, s Subject, set results.Set) error {
	type goal struct {
		What    string  `json:"what"`
		Want    string  `json:"want"`
		Got     float64 `json:"got"`
		Verdict string  `json:"verdict"`
	}
	out := struct {
		Role    string            `json:"role"`
		Name    string            `json:"name"`
		Against string            `json:"against,omitempty"`
		Fails   string            `json:"fails,omitempty"`
		Notes   []string          `json:"notes,omitempty"`
		Machine map[string]string `json:"machine"`
		Rows    []jsonRow         `json:"rows"`
		Goals   []goal            `json:"goals"`
	}{Role: s.Role, Name: s.Name, Against: s.Against, Fails: s.Fails, Notes: s.Notes, Machine: map[string]string{}, Rows: []jsonRow{}, Goals: []goal{}}
	for _, m := range machineOf(set) {
		out.Machine[m.Key] = m.Value
	}
	for _, r := range rows {
		j := jsonRow{r.Benchmark, r.Key, r.Placement, r.Runs(), map[string]jsonUnit{}}
		for _, unit := range r.Units {
			v, _ := r.Summary(unit)
			// With few runs an end of the interval may lie at infinity, which JSON does not have.
			j.Units[unit] = jsonUnit{v.Center, finite(v.Lo, v.Center), finite(v.Hi, v.Center)}
		}
		out.Rows = append(out.Rows, j)
	}
	for _, g := range s.Goals(rows) {
		out.Goals = append(out.Goals, goal{g.What, g.Want, g.Got, g.Verdict()})
	}
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

func finite(end, center float64) float64 {
	const most = 1e300
	if cmp.Compare(end, most) > 0 || cmp.Compare(end, -most) < 0 {
		return center
	}
	return end
}
