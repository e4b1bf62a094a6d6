package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

const (
	casesShown    = 3  // in full, of those that say the same
	sentenceShown = 72 // characters of a clause's sentence in a table
)

// Text writes the runs for a terminal: first what failed, each case in the words of [result.Result.Text], then what
// [Summary] writes.
func Text(w io.Writer, runs ...Run) error {
	return writeRuns(w, runs, func(b *strings.Builder, r Run) {
		writeTextFailures(b, r)
		writeSummary(b, r)
	})
}

// Summary writes the table by clause of each run, and its verdict last. It is what [Text] ends with.
func Summary(w io.Writer, runs ...Run) error { return writeRuns(w, runs, writeSummary) }

// writeRuns writes each run with write, and an empty line between two.
func writeRuns(w io.Writer, runs []Run, write func(*strings.Builder, Run)) error {
	var b strings.Builder
	for i, r := range runs {
		if i > 0 {
			b.WriteString("\n")
		}
		write(&b, r.presentable())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeTextFailures writes the cases that did not pass and are not excused. What many cases say alike is written in
// full for the first of them only.
func writeTextFailures(b *strings.Builder, r Run) {
	seen := map[string]int{} // how often a clause was found violated, or a reason given
	failures := r.failures()
	slices.SortStableFunc(failures, func(a, b failure) int { return cmp.Compare(a.kind, b.kind) })
	for _, f := range failures {
		if f.kind >= excused {
			continue
		}
		fresh := false
		for _, about := range append(clausesOf(f.Findings), f.Reason) {
			seen[about]++
			fresh = fresh || about != "" && seen[about] <= casesShown
		}
		switch {
		case fresh:
			writeTextFailure(b, r, f)
		case len(f.Findings) > 0:
			fmt.Fprintf(b, "%s: %s (%s), much as above: %s\n\n", f.kind, f.ID, took(f.Elapsed), f.headline())
		default: // counted below, with all others for this reason
		}
	}
	for _, g := range r.groups() {
		if more := seen[g.reason] - casesShown; g.kind < excused && g.reason != "" && more > 0 {
			fmt.Fprintf(b, "%s: %s more for the same reason: %s\n\n", g.kind, text.Plural(more, "case"), clipLine(g.reason, lineKept))
		}
	}
}

func writeTextFailure(b *strings.Builder, r Run, f failure) {
	fmt.Fprintf(b, "%s: %s (%s)\n%s", f.kind, f.ID, took(f.Elapsed), text.Indent(f.Text(), "  "))
	if line := r.Rerun.one(f.ID); line != "" {
		fmt.Fprintf(b, "  once more: %s\n", line)
	}
	b.WriteString("\n")
}

func writeSummary(b *strings.Builder, r Run) {
	fmt.Fprintf(b, "%s (clauses version %s, %s, %s)\n", r.name(), r.Spec, text.Plural(len(r.Results), "case"), took(r.Elapsed))
	writeTextTable(b, r)
	writeTextRemarks(b, r)
	if line := r.Rerun.all(); line != "" && r.Verdict() != Holds {
		fmt.Fprintf(b, "  all once more: %s\n", line)
	}
	fmt.Fprintf(b, "  %s: %s\n", strings.ToUpper(r.title()), r.sentence())
}

// writeTextTable writes one row for each clause that the run was to judge.
func writeTextTable(b *strings.Builder, r Run) {
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
		fmt.Fprintf(b, "  %-7s %-6s %3d  %-13s  %s\n", c.Name, c.Level, c.Cases, state, text.Clip(c.Sentence, sentenceShown))
	}
	b.WriteString("\n")
}

// writeTextRemarks writes what a reader has to know to judge the run, beside its cases and clauses.
func writeTextRemarks(b *strings.Builder, r Run) {
	const hanging = "    "
	if part := r.part(); part != "" {
		fmt.Fprintf(b, "  asked for: %s\n", part)
	}
	for _, line := range r.flakyLines() {
		fmt.Fprintf(b, "  flaky: %s\n", line)
	}
	for _, why := range r.NotRun {
		fmt.Fprintf(b, "  not run: %s\n", text.Hang(why, hanging))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(b, "  note: %s\n", text.Hang(note, hanging))
	}
	if r.Known == nil {
		return
	}
	fmt.Fprintf(b, "  known failing: %s of %s\n", text.Plural(len(r.Known.Excused), "case"), r.Known.File)
	for _, p := range r.Known.Problems {
		fmt.Fprintf(b, "  %s\n", p.Error())
	}
	if r.Known.Unjudged > 0 {
		fmt.Fprintf(b, "  not judged: %s of the list, for which this run is no test\n", text.Plural(r.Known.Unjudged, "line"))
	}
}
