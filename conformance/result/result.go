package result

import (
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Status is how a case ended.
type Status string

// The ways in which a case ends. Only StatusPass is green.
const (
	StatusPass        Status = "pass"
	StatusFail        Status = "fail"        // a MUST does not hold
	StatusShould      Status = "should"      // a SHOULD does not hold
	StatusUnsupported Status = "unsupported" // the case is about something that is not offered
	StatusNotAsked    Status = "not asked"   // the interface to the subject does not show what the case is about
	StatusBlocked     Status = "blocked"     // the case could not run, so nothing is known
)

// Finding is one violation that a case found.
type Finding struct {
	Clause string // that is violated
	Want   string // what the clause asks for here
	Got    string // what came instead
	Dump   string // the bytes in question, annotated; empty if the timeline shows them well enough
	Cause  string // what usually causes this; empty if the case's own cause is meant, or none is known
}

// Event is one entry of a case's timeline: bytes that passed, or something that happened.
type Event struct {
	At    time.Duration // since the case began
	Where string        // "caller → worker", "connection 2 ← worker", "framer ← stream"
	Note  string
	Bytes []byte // the first of the bytes that passed
	Total int    // how many bytes passed
	// Framing is the framing of the bytes, by which Dump annotates them.
	Framing spec.Framing
}

// Dump returns the bytes as hex, with offsets and the meaning of each field, in at most the given number of rows.
func (e Event) Dump(rows int) string { return wire.Dump(e.Framing, e.Bytes, e.Total, rows) }

// Result is the outcome of one case.
type Result struct {
	ID       string   // such as "FRM-7/enhanced-length-17/enhanced"; it never changes
	Clauses  []string // that the case covers; it is named after the first
	Status   Status
	Reason   string // why it is unsupported, not asked or blocked
	Findings []Finding
	Timeline []Event
	Cause    string // what usually causes a failure of this case
	Elapsed  time.Duration
	// Times is how often the case ran, and Held how often it passed, in a run that repeats each case; see [Repeated]. Both
	// are 0 in a run that does not.
	Times, Held int
}

// Flaky reports whether the case passed some of the times that it ran, and not all.
func (r Result) Flaky() bool { return r.Held > 0 && r.Held < r.Times }

// Missed is a case that was asked for and did not run.
type Missed struct {
	ID      string
	Clauses []string // that the case covers; it is named after the first
}

// UsualCause returns what usually causes the failure. It is that of the first finding, if it has one, and that of the case
// if the finding is about the clause that the case is named after. Otherwise it is empty: the cause of a case says nothing
// of another clause.
func (r Result) UsualCause() string {
	switch {
	case len(r.Findings) == 0:
		return ""
	case r.Findings[0].Cause != "":
		return r.Findings[0].Cause
	case len(r.Clauses) > 0 && r.Findings[0].Clause == r.Clauses[0]:
		return r.Cause
	}
	return ""
}

// Report is the outcome of a run against one implementation in one role.
type Report struct {
	Role    spec.Role
	Subject string // the name of the implementation
	Spec    string // the version of the clauses
	Started time.Time
	Elapsed time.Duration
	Results []Result
	// NotRun says which parts of the run did not happen, and why, such as a framing that is not spoken.
	NotRun []string
	// Asked is what the run was restricted to.
	Asked Selection
	// Missed are the cases that were asked for and did not run, because the run was ended before them.
	Missed []Missed
	// Interrupted is set if the run was ended before everything that was asked for had run.
	Interrupted bool
	// SetUp says why no case could be run; empty if cases were run.
	SetUp string
	// Repeat is how often each case was to run; 0 in a run that does not repeat them.
	Repeat int
}
