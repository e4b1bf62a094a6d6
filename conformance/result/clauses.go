package result

import (
	"slices"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// ClauseResult is the outcome of one clause: what all cases that cover it say together.
type ClauseResult struct {
	spec.Clause
	Status Status // "" if no case of the run says anything of the clause
	Cases  int    // how many say something of it
	// Asked is false if the run was restricted to other clauses. Such a clause counts only if it is violated.
	Asked bool
}

// ByClause returns one result for each clause that binds the role and that the version of the report has, in the order
// of SPEC.md.
//
// A finding counts against the clause that it names. A case that passed, or that could not be run, counts for all clauses
// that it covers. If several cases say something of a clause, the worst counts; and a clause of which a case was asked
// for and did not run does not hold: it is blocked.
func (r Report) ByClause() []ClauseResult {
	worst := []Status{"", StatusNotAsked, StatusPass, StatusUnsupported, StatusBlocked, StatusShould, StatusFail}
	var sums []ClauseResult
	for _, c := range spec.Clauses() {
		if !c.Binds(r.Role) || !c.In(r.Spec) {
			continue
		}
		sum := ClauseResult{Clause: c, Asked: r.asked(c)}
		add := func(status Status) {
			if slices.Index(worst, status) > slices.Index(worst, sum.Status) {
				sum.Status = status
			}
		}
		for _, res := range r.Results {
			if status, ok := res.of(c); ok {
				sum.Cases++
				add(status)
			}
		}
		for _, m := range r.Missed {
			if slices.Contains(m.Clauses, c.Name) {
				add(StatusBlocked)
			}
		}
		sums = append(sums, sum)
	}
	return sums
}

// asked reports whether the clause is among those that the run was asked for: all, unless cases or clauses were selected;
// else those that a selected case is named after, and those that were named themselves.
func (r Report) asked(c spec.Clause) bool {
	if len(r.Asked.Only)+len(r.Asked.Covering) == 0 {
		return true
	}
	named := func(clauses []string) bool { return len(clauses) > 0 && clauses[0] == c.Name }
	return slices.ContainsFunc(r.Asked.Covering, func(pattern string) bool { return Match(pattern, c.Name) }) ||
		slices.ContainsFunc(r.Results, func(res Result) bool { return named(res.Clauses) }) ||
		slices.ContainsFunc(r.Missed, func(m Missed) bool { return named(m.Clauses) })
}

// of returns what the result says of one clause; ok is false if it says nothing.
func (r Result) of(c spec.Clause) (status Status, ok bool) {
	for _, f := range r.Findings {
		if f.Clause == c.Name {
			if c.Level == spec.Should {
				return StatusShould, true
			}
			return StatusFail, true
		}
	}
	if !slices.Contains(r.Clauses, c.Name) {
		return "", false
	}
	if len(r.Findings) > 0 { // against other clauses: the case ended before it could judge this one
		return StatusBlocked, true
	}
	return r.Status, true
}
