package result

import (
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Status is how a case ended.
type Status string

// The ends of a case. Only StatusPass is green.
const (
	StatusPass        Status = "pass"
	StatusFail        Status = "fail"        // a MUST does not hold
	StatusShould      Status = "should"      // a SHOULD does not hold
	StatusUnsupported Status = "unsupported" // an optional rule, for something that is not offered
	StatusBlocked     Status = "blocked"     // the case could not run, so nothing is known
)

// Finding is one violation that a case saw.
type Finding struct {
	Clause string // whose sentence does not hold
	Want   string // what the clause asks for here
	Got    string // what came instead
	Dump   string // the bytes in question, annotated, where the timeline alone would not point at them
}

// Event is one step of a case's story: bytes that passed, or something that happened.
type Event struct {
	At    time.Duration // since the case began
	Where string        // "caller → worker", "connection 2 ← worker", "framer ← stream"
	Note  string
	Bytes []byte // the first bytes at most; Total tells how many there were
	Total int
	// Framing tells how to annotate the bytes.
	Framing spec.Framing
}

// Dump writes the bytes as hex with offsets and says what each field is, in so many rows at most.
func (e Event) Dump(rows int) string { return wire.Dump(e.Framing, e.Bytes, e.Total, rows) }

// Result is the outcome of one case.
type Result struct {
	ID       string   // "FRM-7/length-17-is-refused/enhanced", stable
	Clauses  []string // those the case covers, first the one it is named after
	Status   Status
	Reason   string // why it is unsupported or blocked
	Findings []Finding
	Timeline []Event
	Cause    string // what usually causes such a failure
	Elapsed  time.Duration
}

// Report is the outcome of a run against one implementation in one role.
type Report struct {
	Role    spec.Role
	Subject string // what was run, as a person would name it
	Spec    string // SpecVersion
	Started time.Time
	Elapsed time.Duration
	Results []Result
	// NotRun says why whole parts of the run did not happen, e.g. a framing that is not spoken.
	NotRun []string
	// Asked is what the run was restricted to.
	Asked Selection
	// Interrupted is set where the run was ended before all that was asked for had run.
	Interrupted bool
	// SetUp says why no case at all could be run; empty where cases were run.
	SetUp string
}
