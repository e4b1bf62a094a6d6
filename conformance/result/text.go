package result

import (
	"fmt"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

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
			c, _ := spec.LookUp(f.Clause)
			fmt.Fprintf(&b, "%s (%s) %s\n", f.Clause, c.Level, c.Sentence)
		}
		fmt.Fprintf(&b, "  expected: %s\n", text.IndentRest(f.Want))
		fmt.Fprintf(&b, "  got:      %s\n", text.IndentRest(f.Got))
		if f.Dump != "" {
			fmt.Fprintf(&b, "%s", text.Indent(f.Dump, "    "))
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
				b.WriteString(text.Indent(e.Dump(wire.DumpRows), "      "))
			}
		}
	}
	return b.String()
}

// Summary is the table by clause that a run ends with.
func (r Report) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (clauses version %s, %d cases, %.1f s)\n", r.Role, r.Subject, r.Spec, len(r.Results), r.Elapsed.Seconds())
	count := map[string]int{}
	family := ""
	for _, c := range r.ByClause() {
		status := c.word()
		count[string(c.Level)+" "+status]++
		if f, _, _ := strings.Cut(c.Name, "-"); f != family {
			family = f
			fmt.Fprintf(&b, "\n")
		}
		fmt.Fprintf(&b, "  %-7s %-6s %3d  %-12s %s\n", c.Name, c.Level, c.Cases, status, text.Clip(c.Sentence, 72))
	}
	fmt.Fprintf(&b, "\n")
	for _, why := range r.NotRun {
		fmt.Fprintf(&b, "  not run: %s\n", why)
	}
	fmt.Fprintf(&b, "  MUST: %d hold, %d do not, %d not known. SHOULD: %d hold, %d do not.\n",
		count["MUST holds"], count["MUST VIOLATED"], count["MUST not run"]+count["MUST blocked"],
		count["SHOULD holds"], count["SHOULD not held"])
	return b.String()
}
