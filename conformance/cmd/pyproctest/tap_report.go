package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/conformance/tap"
)

// shownEach is how many violations of a clause are shown; the log has all of them.
const shownEach = 3

// event writes an event to the log, and shows the ones that a person wants to see.
func (t *tapping) event(e tap.Event) {
	e.Process = os.Getpid()
	line, err := json.Marshal(e)
	if err == nil {
		_, err = t.log.Write(append(line, '\n'))
	}
	if err != nil && !t.incomplete {
		t.incomplete = true
		fmt.Fprintf(t.out, "the log is not complete: %v\n", err)
	}
	switch e.Event {
	case tap.Listening:
		fmt.Fprintf(t.out, "listening on %s for the worker at %s\n", e.Listen, e.Upstream)
	case tap.Unreachable:
		fmt.Fprintf(t.out, "a connection was closed, because the worker accepts none: %s\n", e.Reason)
	case tap.GivenUp:
		fmt.Fprintf(t.out, "connection %d is no longer inspected: %s\n", e.Connection, e.Reason)
	case tap.ViolationSeen:
		t.show(e)
	case tap.Closed:
		t.seen.Requests += e.Passed.Requests
		t.seen.Cancellations += e.Passed.Cancellations
		t.seen.Answers += e.Passed.Answers
	}
}

func (t *tapping) show(e tap.Event) {
	if t.shown == nil {
		t.shown = map[string]int{}
	}
	if t.shown[e.Clause]++; t.shown[e.Clause] > shownEach {
		return
	}
	what := e.Message
	if what == "" {
		what = "no frame"
	}
	clause, _ := spec.LookUp(e.Clause)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s (%s) %s\n", clause.Name, clause.Level, clause.Sentence)
	fmt.Fprintf(&b, "  where:    connection %d, byte %d of what the %s sent: %s\n", e.Connection, *e.Offset, e.Sender, what)
	fmt.Fprintf(&b, "  expected: %s\n  got:      %s\n", e.Want, e.Got)
	b.WriteString(text.Indent(e.Dump, "    "))
	if t.shown[e.Clause] == shownEach {
		fmt.Fprintf(&b, "  more of %s are counted, but appear in the log only\n", e.Clause)
	}
	fmt.Fprintln(t.out, b.String())
}

func (t *tapping) sumUp(s tap.Summary) {
	fmt.Fprintf(t.out, "%s: %s, %s, %s", text.Plural(s.Connections, "connection"), text.Plural(t.seen.Requests, "request"),
		text.Plural(t.seen.Cancellations, "cancellation"), text.Plural(t.seen.Answers, "answer"))
	if s.GivenUp > 0 {
		fmt.Fprintf(t.out, "; %s not inspected to the end", text.Plural(s.GivenUp, "connection"))
	}
	if len(s.Violations) == 0 {
		fmt.Fprintln(t.out, "; no violation seen")
		return
	}
	fmt.Fprint(t.out, "; violations:")
	for _, clause := range slices.Sorted(maps.Keys(s.Violations)) {
		fmt.Fprintf(t.out, " %s %d", clause, s.Violations[clause])
	}
	fmt.Fprintln(t.out)
}
