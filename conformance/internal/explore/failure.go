package explore

import "github.com/pyproctest/pyproctest/conformance/result"

// Failure is something that the model does not allow.
type Failure struct {
	Rule   string // of the model: shrinking keeps to it
	Clause string // of SPEC.md, that the rule comes from
	Kin    []string
	Step   int // index of the step after which it was seen; steps behind it are not needed
	Want   string
	Got    string
	Dump   string // the bytes in question, annotated
	// NotSeen is set if something did not come. Only patience can tell, so it must be confirmed with all of it. Otherwise
	// something came that no slowness explains.
	NotSeen bool
}

// finding returns the failure in the words of a report.
func (f Failure) finding() result.Finding {
	return result.Finding{Clause: f.Clause, Want: f.Want, Got: f.Got, Dump: f.Dump}
}

// Outcome is what playing one history showed.
type Outcome struct {
	Failure *Failure // nil if the model allows all that was seen
	// Over is set if the subject cannot be used for another history, such as a process that has ended.
	Over bool
	// Blocked says why there is no verdict, such as a machine that did not let anything run.
	Blocked string
	Events  []result.Event
	// Features are what was seen, in words that are the same when it is seen again: they guide the search.
	Features []string
	// Exercised are the clauses that the subject had a chance to break, and did not.
	Exercised []string
}
