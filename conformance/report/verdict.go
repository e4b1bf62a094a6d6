package report

import (
	"fmt"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Verdict is what a run says as a whole.
type Verdict string

// The verdicts, the best first.
const (
	Holds    Verdict = "holds"    // every MUST that was asked for holds
	Known    Verdict = "known"    // all that does not hold is on the known-failing list
	Stale    Verdict = "stale"    // the same, but entries of the list are wrong
	Unknown  Verdict = "unknown"  // no MUST is violated, but not all are known
	Violated Verdict = "violated" // a MUST does not hold, or in a strict run a SHOULD
	NotRun   Verdict = "not run"  // nothing could be run
)

// Verdict returns what the run says as a whole.
func (r Run) Verdict() Verdict {
	must, should := r.Count(spec.Must), r.Count(spec.Should)
	switch {
	case must.Violated > 0, r.Strict && should.Violated > 0:
		return Violated
	case r.SetUp != "", len(r.Results) == 0:
		return NotRun
	case must.Unknown > 0, r.Strict && should.Unknown > 0, r.Interrupted:
		return Unknown
	case r.Known != nil && len(r.Known.Problems) > 0:
		return Stale
	case must.Known+should.Known > 0:
		return Known
	}
	return Holds
}

// ExitStatus returns the exit status of a command that made the runs: 0 if the verdict of each is Holds or Known, 130 if a
// signal ended one, 2 if there are no runs or one could not be run, and 1 otherwise.
func ExitStatus(runs ...Run) int {
	status := 0
	for _, r := range runs {
		if r.Signalled {
			return statusInterrupted
		}
		switch r.Verdict() {
		case Holds, Known:
		case NotRun:
			return 2
		default:
			status = 1
		}
	}
	if len(runs) == 0 {
		return 2
	}
	return status
}

const statusInterrupted = 130 // as a shell reports the end by SIGINT

// empty reports whether the run holds only because there was nothing to judge.
func (r Run) empty() bool {
	return r.Verdict() == Holds && r.Count(spec.Must).All()+r.Count(spec.Should).All() == 0
}

// title returns the verdict in a few words.
func (r Run) title() string {
	if r.empty() {
		return "nothing was judged"
	}
	switch r.Verdict() {
	case Holds:
		if r.Explored != "" {
			return "nothing was found"
		}
		return "conforms"
	case Known:
		return "only known failures"
	case Stale:
		return "the known-failing list is wrong"
	case Unknown:
		return "not known to conform"
	case Violated:
		return "does not conform"
	}
	return "could not be run"
}

// tone is how a verdict or a state looks. It always stands next to the word.
type tone string

const (
	good    tone = "good"
	warn    tone = "warn"
	bad     tone = "bad"
	neutral tone = "none"
)

// tone returns good only if something holds and nothing fails.
func (r Run) tone() tone {
	switch verdict := r.Verdict(); {
	case verdict == Known, r.empty():
		return warn
	case verdict == Holds:
		return good
	}
	return bad
}

// mark returns a sign for the verdict. It always stands next to the words.
func (r Run) mark() string { return map[tone]string{good: "✓", warn: "!", bad: "✗"}[r.tone()] }

// sentence returns what the run found, in one line.
func (r Run) sentence() string {
	must, should := r.Count(spec.Must), r.Count(spec.Should)
	if r.Verdict() == NotRun {
		why := r.SetUp
		if why == "" {
			why = strings.Join(r.NotRun, "; ")
		}
		if why == "" {
			why = "nothing is known"
		}
		return clipLine(why, lineKept)
	}
	var parts []string
	if r.Explored != "" {
		parts = append(parts, r.Explored)
	}
	if must.All() > 0 {
		parts = append(parts, tally(spec.Must, must))
	}
	if should.All() > 0 {
		parts = append(parts, tally(spec.Should, should))
	}
	if len(parts) == 0 {
		parts = append(parts, "all that ran is optional and not offered")
	}
	if r.Known != nil && len(r.Known.Problems) > 0 {
		parts = append(parts, fmt.Sprintf("%s of the known-failing list is wrong", text.Plural(len(r.Known.Problems), "line")))
		if len(r.Known.Problems) > 1 {
			parts[len(parts)-1] = fmt.Sprintf("%d lines of the known-failing list are wrong", len(r.Known.Problems))
		}
	}
	switch n := len(r.flaky()); {
	case n == 1:
		parts = append(parts, "1 case is flaky")
	case n > 1:
		parts = append(parts, fmt.Sprintf("%d cases are flaky", n))
	}
	if r.Interrupted {
		parts = append(parts, "the run was interrupted")
	}
	return strings.Join(parts, "; ") + "."
}

// tally returns how many clauses of a level are in which state.
func tally(level spec.Level, n Count) string {
	text := fmt.Sprintf("%d of %d %s hold", n.Hold, n.All(), level)
	if n.Hold == n.All() && n.All() > 1 {
		text = fmt.Sprintf("all %d %s hold", n.All(), level)
	}
	not := "do not"
	if n.Violated == 1 {
		not = "does not"
	}
	for _, more := range []struct {
		n    int
		what string
	}{{n.Violated, not}, {n.Known, "known failing"}, {n.Unknown, "not known"}} {
		if more.n > 0 {
			text += fmt.Sprintf(", %d %s", more.n, more.what)
		}
	}
	return text
}

// patternsShown is how many patterns that restrict a run are shown.
const patternsShown = 6

// part returns what the run was restricted to; empty if it was not.
func (r Run) part() string {
	var parts []string
	a := r.Asked
	for _, f := range a.Framings {
		parts = append(parts, fmt.Sprintf("the %s framing", f))
	}
	list := func(what string, patterns []string) {
		more := ""
		if n := len(patterns) - patternsShown; n > 1 { // as with --failed
			patterns, more = patterns[:patternsShown], fmt.Sprintf(" and %d more", n)
		}
		if len(patterns) > 0 {
			parts = append(parts, what+" "+cleanLine(strings.Join(patterns, " "))+more)
		}
	}
	list("cases", a.Only)
	if r.Explored == "" { // there it is what was reached
		list("cases that cover", a.Covering)
	}
	list("all but", a.Except)
	if a.Shards > 1 {
		parts = append(parts, fmt.Sprintf("part %d of %d", a.Shard, a.Shards))
	}
	if r.Repeat > 0 {
		parts = append(parts, "each case "+text.Plural(r.Repeat, "time"))
	}
	return strings.Join(parts, ", ")
}
