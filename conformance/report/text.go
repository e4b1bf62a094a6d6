package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

const (
	casesTold    = 3  // in full of those that say the same
	sentenceTold = 72 // characters of a clause's sentence in a table
)

// Text writes the runs for a terminal: what failed, the table by clause, and the verdict last.
func Text(w io.Writer, runs ...Run) error {
	var b strings.Builder
	for i, r := range runs {
		if i > 0 {
			b.WriteString("\n")
		}
		writeText(&b, r.told())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeText(b *strings.Builder, r Run) {
	told := map[string]int{}
	failures := r.failures()
	slices.SortStableFunc(failures, func(a, b failure) int { return cmp.Compare(a.kind, b.kind) })
	for _, f := range failures {
		if f.kind >= excused {
			continue
		}
		fresh := false
		for _, about := range append(clausesOf(f.Findings), f.Reason) {
			told[about]++
			fresh = fresh || about != "" && told[about] <= casesTold
		}
		if !fresh && len(f.Findings) == 0 {
			continue // counted below
		}
		if !fresh {
			fmt.Fprintf(b, "%s: %s (%s), much as above: %s\n\n", f.kind, f.ID, took(f.Elapsed), f.headline())
			continue
		}
		fmt.Fprintf(b, "%s: %s (%s)\n%s", f.kind, f.ID, took(f.Elapsed), indent(f.Text(), "  "))
		if line := r.Rerun.one(f.ID); line != "" {
			fmt.Fprintf(b, "  once more: %s\n", line)
		}
		b.WriteString("\n")
	}
	for _, g := range r.groups() {
		if more := told[g.reason] - casesTold; g.kind < excused && g.reason != "" && more > 0 {
			fmt.Fprintf(b, "%s: %s more for the same reason: %s\n\n", g.kind, count(more, "case"), clipLine(g.reason, lineKept))
		}
	}

	fmt.Fprintf(b, "%s (clauses version %s, %s, %s)\n", r.name(), r.Spec, count(len(r.Results), "case"), took(r.Elapsed))
	family := ""
	for _, c := range r.Clauses() {
		if c.State == StateNotAsked || r.SetUp != "" && c.State == StateNotRun {
			continue
		}
		if f, _, _ := strings.Cut(c.Name, "-"); f != family {
			family = f
			b.WriteString("\n")
		}
		state := string(c.State)
		if c.State == StateViolated {
			state = "VIOLATED"
		}
		fmt.Fprintf(b, "  %-7s %-6s %3d  %-13s  %s\n", c.Name, c.Level, c.Cases, state, shorten(c.Sentence, sentenceTold))
	}
	b.WriteString("\n")

	if part := r.part(); part != "" {
		fmt.Fprintf(b, "  asked for: %s\n", part)
	}
	for _, why := range r.NotRun {
		fmt.Fprintf(b, "  not run: %s\n", indentRest(why))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(b, "  note: %s\n", indentRest(note))
	}
	if r.Known != nil {
		fmt.Fprintf(b, "  known failing: %s of %s\n", count(len(r.Known.Excused), "case"), r.Known.File)
		for _, p := range r.Known.Problems {
			fmt.Fprintf(b, "  %s\n", p.Error())
		}
		if r.Known.Unjudged > 0 {
			fmt.Fprintf(b, "  not judged: %s of the list, for which this run is no test\n", count(r.Known.Unjudged, "line"))
		}
	}
	if line := r.Rerun.all(); line != "" && r.Verdict() != Holds {
		fmt.Fprintf(b, "  all once more: %s\n", line)
	}
	fmt.Fprintf(b, "  %s: %s\n", strings.ToUpper(r.title()), r.sentence())
}

func shorten(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n-1]) + "…"
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + line)
	}
	if !strings.HasSuffix(text, "\n") {
		b.WriteString("\n")
	}
	return b.String()
}

func indentRest(text string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}

// sentenceOf is a clause's level and sentence, for texts that name it.
func sentenceOf(name string) string {
	c, ok := spec.LookUp(name)
	if !ok {
		return ""
	}
	return fmt.Sprintf("(%s) %s", c.Level, c.Sentence)
}
