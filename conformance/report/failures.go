package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/known"
)

// A failure is a case that did not pass.
type failure struct {
	conformance.Result
	kind   kind
	clause string       // the one that it counts against, for grouping
	excuse *known.Entry // of the known-failing list
}

// kind sorts failures by how much a reader has to care.
type kind int

const (
	violation   kind = iota // of a MUST
	blocked                 // it is not known
	unsupported             // a MUST that is not implemented
	should                  // a SHOULD does not hold
	excused                 // by the known-failing list
	optional                // not offered, which is fine
)

func (k kind) String() string {
	return [...]string{"violated", "blocked", "not supported", "SHOULD not held", "known failing", "not offered"}[k]
}

// failures lists the cases that did not pass, those to care for most first, and each kind in the order of
// SPEC.md.
func (r Run) failures() []failure {
	place := map[string]int{}
	for i, c := range conformance.Clauses() {
		place[c.Name] = i
	}
	var all []failure
	for _, res := range r.Results {
		if res.Status == conformance.StatusPass {
			continue
		}
		f := failure{Result: res, kind: kindOf(res), clause: blamed(res)}
		if r.Known != nil {
			if e, ok := r.Known.Excuses(res.ID); ok {
				f.kind, f.excuse = excused, &e
			}
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b failure) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(place[a.clause], place[b.clause]), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// fails reports whether the failure keeps the run from succeeding.
func (r Run) fails(f failure) bool {
	switch f.kind {
	case violation:
		return true
	case should, blocked, unsupported: // where a MUST is covered too, it is not known
		return r.Strict || bindsMust(f.Clauses)
	}
	return false
}

func bindsMust(clauses []string) bool {
	return slices.ContainsFunc(clauses, func(name string) bool {
		c, _ := conformance.LookUp(name)
		return c.Level == conformance.Must
	})
}

func kindOf(r conformance.Result) kind {
	switch r.Status {
	case conformance.StatusFail:
		return violation
	case conformance.StatusShould:
		return should
	case conformance.StatusUnsupported:
		must := slices.ContainsFunc(r.Clauses, func(name string) bool {
			c, _ := conformance.LookUp(name)
			return c.Level == conformance.Must && !c.Optional
		})
		if must {
			return unsupported
		}
		return optional
	}
	return blocked
}

// blamed is the clause that a result counts against: of a violated MUST the first MUST that it found
// violated, of all others the one that it is named after.
func blamed(r conformance.Result) string {
	for _, f := range r.Findings {
		if c, _ := conformance.LookUp(f.Clause); r.Status != conformance.StatusFail || c.Level != conformance.Should {
			return f.Clause
		}
	}
	if len(r.Clauses) > 0 {
		return r.Clauses[0]
	}
	return ""
}

// unexercised lists the MUST clauses that were asked for and of which no case says anything.
func (r Run) unexercised() []Clause {
	var all []Clause
	for _, c := range r.Clauses() {
		if c.State == StateNotRun && (c.Level == conformance.Must || r.Strict) {
			all = append(all, c)
		}
	}
	return all
}

// headline says in one line what is wrong.
func (f failure) headline() string {
	if len(f.Findings) == 0 {
		return fmt.Sprintf("%s: %s", f.kind, clipLine(f.Reason, lineKept))
	}
	first := f.Findings[0]
	return fmt.Sprintf("%s: expected %s; got %s", first.Clause, clipLine(first.Want, lineKept), clipLine(first.Got, lineKept))
}
