package report

import (
	"slices"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// State is what a run says of one clause.
type State string

// The states of a clause.
const (
	StateHolds       State = "holds"
	StateViolated    State = "violated"      // a MUST that does not hold
	StateNotHeld     State = "not held"      // a SHOULD that does not hold
	StateKnown       State = "known failing" // so it is, and the known-failing list excuses it
	StateBlocked     State = "blocked"       // a case could not be run to its end, so it is not known
	StateUnsupported State = "not supported" // not implemented, though it is not optional
	StateNotOffered  State = "not offered"   // nor need it be
	StateNotRun      State = "not run"       // though it was asked for
	StateNotAsked    State = "not asked for"
	StateUntestable  State = "untestable"
)

// Clause is what a run says of one clause.
type Clause struct {
	spec.Clause
	State State
	Cases int // that say something of it
}

// Clauses sums the run up by clause, in the order of SPEC.md, for those that bind its role.
func (r Run) Clauses() []Clause {
	unexcused := r.unexcused().ByClause()
	var all []Clause
	for i, c := range r.ByClause() {
		state, rest := r.state(c), unexcused[i]
		switch {
		case !state.bad() || c.Status == "":
		case rest.Status == "" || !r.state(rest).bad():
			state = StateKnown
		default:
			state = r.state(rest)
		}
		all = append(all, Clause{c.Clause, state, c.Cases})
	}
	return all
}

// unexcused is the report without the cases that the known-failing list excuses.
func (r Run) unexcused() result.Report {
	rep := r.Report
	rep.Results = slices.DeleteFunc(slices.Clone(rep.Results), func(res result.Result) bool { return r.excused(res.ID) })
	return rep
}

func (r Run) excused(id string) bool {
	if r.Known == nil {
		return false
	}
	_, ok := r.Known.Excuses(id)
	return ok
}

func (r Run) state(c result.ClauseResult) State {
	switch c.Status {
	case result.StatusPass:
		return StateHolds
	case result.StatusFail:
		return StateViolated
	case result.StatusShould:
		return StateNotHeld
	case result.StatusBlocked:
		return StateBlocked
	case result.StatusUnsupported:
		if c.Optional || c.Level == spec.Should {
			return StateNotOffered
		}
		return StateUnsupported
	}
	switch {
	case c.Untestable != "":
		return StateUntestable
	case r.whole() || r.Interrupted || r.SetUp != "":
		return StateNotRun
	}
	return StateNotAsked
}

// whole reports whether everything was asked for.
func (r Run) whole() bool { return r.Asked.Whole() && len(r.Asked.Framings) == 0 }

// bad reports whether the state is one that keeps a MUST from being known to hold.
func (s State) bad() bool { return s.violated() || s.unknown() }

func (s State) violated() bool { return s == StateViolated || s == StateNotHeld }

func (s State) unknown() bool {
	return s == StateBlocked || s == StateUnsupported || s == StateNotRun
}

// Count is how many clauses of one level are in which state. Those that were not asked for, cannot be tested
// or are optional and not offered are in none.
type Count struct {
	Hold     int `json:"hold"`
	Violated int `json:"violated"`
	Known    int `json:"knownFailing"`
	Unknown  int `json:"unknown"`
}

// All is how many clauses the run was to judge.
func (c Count) All() int { return c.Hold + c.Violated + c.Known + c.Unknown }

// Count counts the clauses of a level.
func (r Run) Count(level spec.Level) Count {
	var n Count
	for _, c := range r.Clauses() {
		switch {
		case c.Level != level:
		case c.State == StateHolds:
			n.Hold++
		case c.State == StateKnown:
			n.Known++
		case c.State.violated():
			n.Violated++
		case c.State.unknown():
			n.Unknown++
		}
	}
	return n
}

// mark is a sign for the state, always beside its word.
func (s State) mark() string {
	switch {
	case s == StateHolds:
		return "✓"
	case s == StateViolated:
		return "✗"
	case s == StateNotHeld:
		return "△"
	case s == StateKnown:
		return "!"
	case s.unknown():
		return "?"
	}
	return "–"
}

func (s State) tone() tone {
	switch {
	case s == StateHolds:
		return good
	case s == StateViolated:
		return bad
	case s == StateNotHeld, s == StateKnown, s.unknown():
		return warn
	}
	return neutral
}
