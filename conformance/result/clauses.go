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
}

// ByClause returns one result for each clause that binds the role of the report, in the order of SPEC.md. A finding
// counts against the clause that it names. A case that passed, or that could not be run, counts for all clauses that it
// covers. If several cases say something of a clause, the worst counts.
func (r Report) ByClause() []ClauseResult {
	worst := []Status{"", StatusPass, StatusUnsupported, StatusBlocked, StatusShould, StatusFail}
	var sums []ClauseResult
	for _, c := range spec.Clauses() {
		if !c.Binds(r.Role) {
			continue
		}
		sum := ClauseResult{Clause: c}
		for _, res := range r.Results {
			if status, ok := res.of(c); ok {
				sum.Cases++
				if slices.Index(worst, status) > slices.Index(worst, sum.Status) {
					sum.Status = status
				}
			}
		}
		sums = append(sums, sum)
	}
	return sums
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
