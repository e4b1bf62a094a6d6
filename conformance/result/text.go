package result

import (
	"fmt"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// What the text of a case shows at most, so that the first finding is not lost among others of its kind.
const (
	findingsShown = 3  // the first ones
	eventsShown   = 14 // the last ones
)

// Text describes a result that is not green: the clause and its sentence, what was expected, what came, the bytes that
// passed, and the usual cause. Both go test and package report show a case in these words. What a CI runner would take for a
// command is defused.
func (r Result) Text() string {
	var b strings.Builder
	if r.Times > 1 {
		fmt.Fprintf(&b, "%s\n", r.HeldText())
	}
	if r.Reason != "" {
		fmt.Fprintf(&b, "%s: %s: %s\n", r.ID, r.Status, r.Reason)
	}
	r.writeFindings(&b)
	if cause := r.UsualCause(); cause != "" {
		fmt.Fprintf(&b, "  usual cause: %s\n", cause)
	}
	r.writeTimeline(&b)
	return text.Defuse(b.String())
}

// HeldText says how often the case held, in a run that repeats each case: "flaky: held 7 of 10 times". It is empty for a
// case that ran once.
func (r Result) HeldText() string {
	switch {
	case r.Times == 0:
		return ""
	case r.Flaky():
		return fmt.Sprintf("flaky: held %d of %d times", r.Held, r.Times)
	}
	return fmt.Sprintf("held %d of %d times", r.Held, r.Times)
}

func (r Result) writeFindings(b *strings.Builder) {
	const hanging = "            " // as wide as the labels
	for i, f := range r.Findings {
		if i == findingsShown {
			fmt.Fprintf(b, "  … and %d findings more\n", len(r.Findings)-i)
			break
		}
		if i == 0 || f.Clause != r.Findings[i-1].Clause {
			c, _ := spec.LookUp(f.Clause)
			fmt.Fprintf(b, "%s (%s) %s\n", f.Clause, c.Level, c.Sentence)
		}
		fmt.Fprintf(b, "  expected: %s\n", text.Hang(f.Want, hanging))
		fmt.Fprintf(b, "  got:      %s\n", text.Hang(f.Got, hanging))
		b.WriteString(text.Indent(f.Dump, "    "))
	}
}

func (r Result) writeTimeline(b *strings.Builder) {
	events := r.Timeline
	if len(events) == 0 {
		return
	}
	b.WriteString("  what happened:\n")
	if skipped := len(events) - eventsShown; skipped > 0 {
		fmt.Fprintf(b, "    … %d earlier events\n", skipped)
		events = events[skipped:]
	}
	for _, e := range events {
		fmt.Fprintf(b, "    %8.1fms  %s", float64(e.At)/float64(time.Millisecond), e.Where)
		if e.Note != "" {
			fmt.Fprintf(b, ": %s", e.Note)
		}
		b.WriteByte('\n')
		if e.Total > 0 {
			b.WriteString(text.Indent(e.Dump(wire.DumpRows), "      "))
		}
	}
}
