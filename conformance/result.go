package conformance

import (
	"fmt"
	"strings"
	"time"
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
	Framing Framing
}

// Dump writes the bytes as hex with offsets and says what each field is, in so many rows at most.
func (e Event) Dump(rows int) string { return dump(e.Framing, e.Bytes, e.Total, rows) }

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
	Role    Role
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

// What a failure's text tells at most, so that the first one is not lost among others of its kind.
const (
	findingsTold = 3  // the first ones
	eventsTold   = 14 // the last ones
)

// Text tells a result that is not green to a person: the clause and its sentence, what was expected,
// what came, the bytes that passed, and what usually causes it.
func (r Result) Text() string {
	var b strings.Builder
	if r.Reason != "" {
		fmt.Fprintf(&b, "%s: %s: %s\n", r.ID, r.Status, r.Reason)
	}
	for i, f := range r.Findings {
		if i == findingsTold {
			fmt.Fprintf(&b, "  … and %d findings more\n", len(r.Findings)-i)
			break
		}
		if i == 0 || f.Clause != r.Findings[i-1].Clause {
			c, _ := LookUp(f.Clause)
			fmt.Fprintf(&b, "%s (%s) %s\n", f.Clause, c.Level, c.Sentence)
		}
		fmt.Fprintf(&b, "  expected: %s\n", indentRest(f.Want))
		fmt.Fprintf(&b, "  got:      %s\n", indentRest(f.Got))
		if f.Dump != "" {
			fmt.Fprintf(&b, "%s", indent(f.Dump, "    "))
		}
	}
	if r.Cause != "" && len(r.Findings) > 0 {
		fmt.Fprintf(&b, "  usual cause: %s\n", r.Cause)
	}
	if len(r.Timeline) > 0 {
		events := r.Timeline
		fmt.Fprintf(&b, "  what happened:\n")
		if skipped := len(events) - eventsTold; skipped > 0 {
			fmt.Fprintf(&b, "    … %d earlier events\n", skipped)
			events = events[skipped:]
		}
		for _, e := range events {
			fmt.Fprintf(&b, "    %8.1fms  %s", float64(e.At)/float64(time.Millisecond), e.Where)
			if e.Note != "" {
				fmt.Fprintf(&b, ": %s", e.Note)
			}
			b.WriteByte('\n')
			if e.Total > 0 {
				b.WriteString(indent(e.Dump(dumpRows), "      "))
			}
		}
	}
	return b.String()
}

func indent(text, by string) string {
	lines := strings.SplitAfter(text, "\n")
	var b strings.Builder
	for _, l := range lines {
		if l != "" {
			b.WriteString(by + l)
		}
	}
	return b.String()
}

func indentRest(text string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n            ")
}
