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
	StateKnown       State = "known failing" // violated or not known, and the known-failing list excuses it
	StateBlocked     State = "blocked"       // a case could not be run to its end, so nothing is known
	StateUnsupported State = "not supported" // not implemented, though it is not optional
	StateNotOffered  State = "not offered"   // optional, and not implemented
	StateNotRun      State = "not run"       // though it was asked for
	StateNotAsked    State = "not asked for"
	StateUntestable  State = "untestable"
)

// Clause is what a run says of one clause.
type Clause struct {
	spec.Clause
	State State
	Cases int // how many say something of it
}

// Clauses returns the state of each clause that binds the role of the run, in the order of SPEC.md.
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

// unexcused returns the report without the cases that the known-failing list excuses.
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
	if !c.Asked && c.Status != result.StatusFail && c.Status != result.StatusShould {
		return StateNotAsked
	}
	switch c.Status {
	case result.StatusPass:
		return StateHolds
	case result.StatusFail:
		return StateViolated
	case result.StatusShould:
		return StateNotHeld
	case result.StatusBlocked:
		return StateBlocked
	case result.StatusNotAsked:
		return StateNotAsked
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

// whole reports whether the run was asked for every case, in both framings.
func (r Run) whole() bool { return r.Asked.Whole() && len(r.Asked.Framings) == 0 }

// bad reports whether a clause in this state is violated or not known to hold.
func (s State) bad() bool { return s.violated() || s.unknown() }

func (s State) violated() bool { return s == StateViolated || s == StateNotHeld }

func (s State) unknown() bool {
	return s == StateBlocked || s == StateUnsupported || s == StateNotRun
}

// Count is how many clauses of one level are in each state. It leaves out clauses that were not asked for, cannot be
// tested, or are optional and not offered.
type Count struct {
	Hold     int `json:"hold"`
	Violated int `json:"violated"`
	Known    int `json:"knownFailing"`
	Unknown  int `json:"unknown"`
}

// All returns how many clauses the run had to judge.
func (c Count) All() int { return c.Hold + c.Violated + c.Known + c.Unknown }

// Count returns the counts for a level.
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

// mark returns a sign for the state. It always stands next to the word.
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
