package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

// What [Brief] shows of a failing run, so that it fits two screens.
const (
	linesOfFirst   = 36 // of the failure that explains the others
	groupsInBrief  = 5  // with what was expected and what came
	sameNamed      = 3  // cases that fail in the same way, by name
	clausesInBrief = 12 // in the list at the end
)

// Brief writes the runs for a terminal, on two screens at the most for each: the failure that explains the others in full,
// a few lines for each further clause, and the clauses that do not hold. A run that holds ends with its whole table.
// [Text] has everything.
func Brief(w io.Writer, runs ...Run) error {
	return writeRuns(w, runs, func(b *strings.Builder, r Run) {
		groups := r.groups()
		shown := 0
		for _, g := range groups {
			if g.kind >= excused {
				continue
			}
			switch {
			case shown == 0:
				writeFirst(b, r, g)
			case shown < groupsInBrief:
				writeFurther(b, g)
			}
			shown++
		}
		if shown > groupsInBrief {
			fmt.Fprintf(b, "… and %s that do not hold or are not known: run with -v to see them.\n\n", text.Plural(shown-groupsInBrief, "more clause or reason"))
		}
		if shown == 0 {
			writeSummary(b, r)
			return
		}
		writeBriefSummary(b, r, groups)
	})
}

// writeFirst writes the first case of the group as Text does, cut to a screen.
func writeFirst(b *strings.Builder, r Run, g group) {
	var full strings.Builder
	writeTextFailure(&full, r, g.cases[0])
	lines := strings.SplitAfter(strings.TrimRight(full.String(), "\n")+"\n", "\n")
	if len(lines) > linesOfFirst+1 {
		rerun := ""
		if last := lines[len(lines)-2]; strings.HasPrefix(last, "  once more: ") {
			rerun = last
		}
		lines = append(lines[:linesOfFirst:linesOfFirst], fmt.Sprintf("    … %s: run with -v to see them\n", text.Plural(len(lines)-linesOfFirst, "more line")), rerun)
	}
	b.WriteString(strings.Join(lines, ""))
	writeSame(b, g)
	b.WriteString("\n")
}

// writeFurther writes what was expected and what came in the first case of the group.
func writeFurther(b *strings.Builder, g group) {
	f := g.cases[0]
	fmt.Fprintf(b, "%s: %s\n", g.kind, f.ID)
	if f.Times > 1 {
		fmt.Fprintf(b, "  %s\n", f.HeldText())
	}
	if len(f.Findings) == 0 {
		fmt.Fprintf(b, "  %s\n", clipLine(f.Reason, lineKept))
	} else {
		first := f.Findings[0]
		fmt.Fprintf(b, "  %s (%s)\n  expected: %s\n  got:      %s\n", first.Clause, levelOf(first.Clause), clipLine(first.Want, lineKept), clipLine(first.Got, lineKept))
		if cause := f.UsualCause(); cause != "" {
			fmt.Fprintf(b, "  usual cause: %s\n", cause)
		}
	}
	writeSame(b, g)
	b.WriteString("\n")
}

// writeSame says how many other cases fail in the same way.
func writeSame(b *strings.Builder, g group) {
	others := g.cases[1:]
	if len(others) == 0 {
		return
	}
	var names []string
	for i, f := range others {
		if i == sameNamed {
			names = append(names, "…")
			break
		}
		names = append(names, f.ID)
	}
	verb := "fail"
	if len(others) == 1 {
		verb = "fails"
	}
	fmt.Fprintf(b, "  %s %s the same way: %s\n", text.Plural(len(others), "more case"), verb, strings.Join(names, ", "))
}

// writeBriefSummary writes the clauses that do not hold, what is needed to judge the run, and the verdict.
func writeBriefSummary(b *strings.Builder, r Run, groups []group) {
	fmt.Fprintf(b, "%s (clauses version %s, %s, %s)\n\n", r.name(), r.Spec, text.Plural(len(r.Results), "case"), took(r.Elapsed))
	shown, blocked := 0, false
	place := r.places()
	clauses := r.Clauses()
	sortByPlace(clauses, place)
	for _, c := range clauses {
		blocked = blocked || c.State == StateBlocked
		if !c.State.bad() || c.State == StateNotRun && r.SetUp != "" {
			continue
		}
		if shown++; shown <= clausesInBrief {
			state := string(c.State)
			if c.State == StateViolated {
				state = "VIOLATED"
			}
			fmt.Fprintf(b, "  %-7s %-6s %3d  %-13s  %s\n", c.Name, c.Level, c.Cases, state, text.Clip(firstCause(groups, c), sentenceShown))
		}
	}
	if shown > clausesInBrief {
		fmt.Fprintf(b, "  … and %d more\n", shown-clausesInBrief)
	}
	if blocked {
		b.WriteString("\n  blocked: a case could not be run to its end, so nothing is known of the clause; often another clause is the reason\n")
	}
	b.WriteString("\n")
	writeTextRemarks(b, r)
	if line := r.Rerun.all(); line != "" {
		fmt.Fprintf(b, "  all once more: %s\n", line)
	}
	fmt.Fprintf(b, "  %s: %s\n", strings.ToUpper(r.title()), r.sentence())
}

// firstCause returns what usually causes the first failure of the clause, or its sentence if that is not known.
func firstCause(groups []group, c Clause) string {
	for _, g := range groups {
		if g.clauses[0] == c.Name && len(g.cases) > 0 {
			if cause := g.cases[0].UsualCause(); cause != "" {
				return cause
			}
		}
	}
	return c.Sentence
}
