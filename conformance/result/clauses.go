package result

import (
	"slices"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// ClauseResult is what the cases of one clause say together.
type ClauseResult struct {
	spec.Clause
	Status Status // "" where no case of the run covers the clause
	Cases  int
}

// ByClause sums the results up by clause, for the clauses that bind the role of the report. A finding
// counts against the clause it names; a case that passed or could not run, for all that it covers.
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

// of tells what the result says of one clause.
func (r Result) of(c spec.Clause) (Status, bool) {
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
	if len(r.Findings) > 0 { // of other clauses: the case ended before it could tell
		return StatusBlocked, true
	}
	return r.Status, true
}
