package gate

import (
	"errors"
	"fmt"

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

// measurements are those that a rule chooses.
func (p *projector) measurements(set results.Set) (map[benchproc.Key]*measurement, error) {
	found := map[benchproc.Key]*measurement{}
	var problems []error
	undeclared := map[string]bool{}
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
				if set.Units.GetBetter(unit) >= 0 && !undeclared[unit] {
					undeclared[unit] = true
					problems = append(problems, fmt.Errorf("gate: %s is judged, but the results do not declare that lower is better: a line \"Unit %s better=lower\" is missing", unit, unit))
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
	return found, errors.Join(problems...)
}
