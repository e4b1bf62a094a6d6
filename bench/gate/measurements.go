package gate

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"

	"github.com/pyproctest/pyproctest/bench/results"
)

// measurement is the values of one unit in all runs of one row, with the rule that judges them.
type measurement struct {
	values []float64
	rule   Rule
}

// projector groups values by row, placement and unit.
type projector struct {
	by                   *benchproc.Projection
	row, placement, unit *benchproc.Field
	rules                []Rule
	filters              []*benchproc.Filter
}

func newProjector(rules []Rule) (*projector, error) {
	p := &projector{rules: rules}
	for _, r := range rules {
		f, err := benchproc.NewFilter(r.Filter)
		if err != nil {
			return nil, fmt.Errorf("gate: the rule %q cannot be read: %w", r.Filter, err)
		}
		p.filters = append(p.filters, f)
	}
	all, err := benchproc.NewFilter("*")
	if err != nil {
		return nil, err
	}
	var parser benchproc.ProjectionParser
	if p.by, p.unit, err = parser.ParseWithUnit(".fullname,placement", all); err != nil {
		return nil, err
	}
	fields := p.by.Fields()
	p.row, p.placement = fields[0], fields[1]
	return p, nil
}

// measurements are those that a rule chooses. It is an error if there are none, and if runs are there
// twice, for both could pass for what they are not: as not worse, and as runs enough.
func (p *projector) measurements(set results.Set) (map[benchproc.Key]*measurement, error) {
	found := map[benchproc.Key]*measurement{}
	var problems []error
	undeclared := map[string]bool{}
	if err := repeated(set.Results); err != nil {
		problems = append(problems, err)
	}
	for _, r := range set.Results {
		keys := p.by.ProjectValues(r)
		taken := make([]bool, len(keys))
		for i, f := range p.filters {
			match, err := f.Match(r)
			if err != nil {
				continue // it is of other rows
			}
			for v, key := range keys {
				if taken[v] || !match.Test(v) {
					continue
				}
				taken[v] = true
				unit := r.Values[v].Unit
				if better := set.Units.GetBetter(unit); better >= 0 && !undeclared[unit] {
					undeclared[unit] = true
					declare := fmt.Sprintf("%s is judged, but the file does not declare that lower is better: a line \"Unit %s better=lower\" is missing", unit, unit)
					if better > 0 {
						declare = fmt.Sprintf("%s is judged as a unit in which lower is better, and the file declares that higher is", unit)
					}
					problems = append(problems, results.ErrorAt(r, declare))
				}
				if p.rules[i].Rise > 0 && r.Values[v].Value == 0 {
					problems = append(problems, results.ErrorAt(r, fmt.Sprintf("%s of %s is 0, of which no rise is a percentage: measure the row again", unit, r.Name)))
				}
				m := found[key]
				if m == nil {
					m = &measurement{rule: p.rules[i]}
					found[key] = m
				}
				m.values = append(m.values, r.Values[v].Value)
			}
		}
	}
	if len(found) == 0 && len(problems) == 0 {
		problems = append(problems, fmt.Errorf("gate: %s has %d results, and none that a rule chooses; were the benchmarks run at all?", set.File, len(set.Results)))
	}
	return found, errors.Join(problems...)
}

// repeated is an error if two results that follow each other are there again, to the last digit of
// each time: then a file was appended to itself. One that is there again can be chance.
func repeated(all []*benchfmt.Result) error {
	at := map[string]int{}
	before := -1 // what the result before this one repeats
	for i, r := range all {
		text := timed(r)
		if text == "" {
			before = -1
			continue
		}
		first, again := at[text]
		if !again {
			at[text], before = i, -1
			continue
		}
		if before >= 0 && first == before+1 {
			_, line := all[before].Pos()
			return results.ErrorAt(all[i-1], fmt.Sprintf("the results from here on are those from line %d on once more, to the last digit: was the file appended to itself?", line))
		}
		before = first
	}
	return nil
}

// timed is a result as text, or "" if it has no time: ratios alone may well be the same again.
func timed(r *benchfmt.Result) string {
	has := false
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "%s %s %d", r.Name, r.GetConfig("placement"), r.Iters)
	for _, v := range r.Values {
		has = has || v.Unit == "sec/op"
		_, _ = fmt.Fprintf(&text, " %v %s", v.Value, v.Unit)
	}
	if !has {
		return ""
	}
	return text.String()
}
