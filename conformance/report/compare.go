package report

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// Comparison is what two runs of one implementation say differently.
type Comparison struct {
	Old, New Run

	Broke   []Change // held, and does not hold now
	Mended  []Change // holds now, and did not
	Added   []Change // was not in the old run
	Failing []Change // did not hold, and does not hold now
	Gone    []Change // was in the old run, and is not in the new one
	Clauses []ClauseChange
}

// Change is a case in both runs.
type Change struct {
	ID       string
	Old, New *result.Result // nil where the run does not have it
	Was, Is  string         // how it ended, in a few words
	fails    bool           // it keeps the new run from succeeding
}

// ClauseChange is a clause whose state is not the same in both runs.
type ClauseChange struct {
	Clause
	Was State
}

// ErrCompare is wrapped by the errors of [Compare] for runs that cannot be compared.
var ErrCompare = errors.New("these runs cannot be compared")

// Compare pairs the runs of two reports and compares each pair. Runs make a pair if they have the same role and subject, or
// the same role where each report has one run of it. A run without a partner is an error that wraps [ErrCompare].
func Compare(before, after []Run) ([]Comparison, error) {
	var all []Comparison
	used := make([]bool, len(before))
	for _, run := range after {
		i := partner(run, before, after)
		if i < 0 || used[i] {
			return nil, fmt.Errorf("%w: the old report has no run of the %s to compare", ErrCompare, run.name())
		}
		used[i] = true
		all = append(all, compare(before[i].presentable(), run.presentable()))
	}
	for i, run := range before {
		if !used[i] {
			return nil, fmt.Errorf("%w: the new report has no run of the %s", ErrCompare, run.name())
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrCompare)
	}
	return all, nil
}

// partner returns which of the old runs the run is compared with, or -1.
func partner(run Run, before, after []Run) int {
	alone := func(runs []Run) (at int, ok bool) {
		at, n := -1, 0
		for i, r := range runs {
			if r.Role == run.Role {
				at, n = i, n+1
			}
		}
		return at, n == 1
	}
	for i, r := range before {
		if r.name() == run.name() {
			return i
		}
	}
	_, one := alone(after)
	if at, ok := alone(before); ok && one {
		return at
	}
	return -1
}

func compare(before, after Run) Comparison {
	c := Comparison{Old: before, New: after}
	was, is := before.words(), after.words()
	failing := after.failing()
	old := map[string]*result.Result{}
	for i := range before.Results {
		old[before.Results[i].ID] = &before.Results[i]
	}
	seen := map[string]bool{}
	for i := range after.Results {
		r := &after.Results[i]
		seen[r.ID] = true
		change := Change{ID: r.ID, Old: old[r.ID], New: r, Was: was[r.ID], Is: is[r.ID], fails: failing[r.ID]}
		switch held := r.Status == result.StatusPass; {
		case change.Old == nil:
			c.Added = append(c.Added, change)
		case change.Old.Status == result.StatusPass && !held:
			c.Broke = append(c.Broke, change)
		case change.Old.Status != result.StatusPass && held:
			c.Mended = append(c.Mended, change)
		case !held && change.Is != optional.String():
			c.Failing = append(c.Failing, change)
		}
	}
	for i := range before.Results {
		if r := &before.Results[i]; !seen[r.ID] {
			c.Gone = append(c.Gone, Change{ID: r.ID, Old: r, Was: was[r.ID], Is: "not run"})
		}
	}
	states := map[string]State{}
	for _, clause := range before.Clauses() {
		states[clause.Name] = clause.State
	}
	for _, clause := range after.Clauses() {
		if was := states[clause.Name]; was != clause.State && was != StateNotAsked && clause.State != StateNotAsked {
			c.Clauses = append(c.Clauses, ClauseChange{clause, states[clause.Name]})
		}
	}
	return c
}

// words returns how each case ended.
func (r Run) words() map[string]string {
	words := map[string]string{}
	for _, res := range r.Results {
		words[res.ID] = "passed"
	}
	for _, f := range r.failures() {
		words[f.ID] = f.kind.String()
		if f.Flaky() {
			words[f.ID] += ", " + f.HeldText()
		}
	}
	return words
}

// failing returns the cases that keep the run from succeeding.
func (r Run) failing() map[string]bool {
	fails := map[string]bool{}
	for _, f := range r.failures() {
		fails[f.ID] = r.fails(f)
	}
	return fails
}

// Worse reports whether the new run is worse than the old one: a case broke or is new, and fails the run, or the run did not
// come to its end and the old one did.
func (c Comparison) Worse() bool {
	for _, changes := range [][]Change{c.Broke, c.Added} {
		for _, change := range changes {
			if change.fails {
				return true
			}
		}
	}
	return c.New.incomplete() && !c.Old.incomplete()
}

func (r Run) incomplete() bool { return r.Interrupted || r.SetUp != "" }

// ComparisonStatus returns the exit status of a command that compares: 1 if one of the new runs is worse, and 0 otherwise,
// also where both fail alike.
func ComparisonStatus(all ...Comparison) int {
	for _, c := range all {
		if c.Worse() {
			return 1
		}
	}
	return 0
}

// title returns what changed in a few words.
func (c Comparison) title() string {
	parts := []string{}
	for _, p := range []struct {
		n    int
		what string
	}{{len(c.Broke), "broke"}, {len(c.Mended), "mended"}, {len(c.Added), "new"}, {len(c.Gone), "not run any more"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	switch {
	case c.New.incomplete() && !c.Old.incomplete():
		parts = append(parts, "the new run did not come to its end")
	case len(parts) == 0:
		return "nothing has changed"
	}
	return strings.Join(parts, ", ")
}

// sentence returns how many cases did what, in one line.
func (c Comparison) sentence() string {
	sentence := fmt.Sprintf("%s broke, %d mended, %d new; %d still do not hold, %d not run any more.",
		text.Plural(len(c.Broke), "case"), len(c.Mended), len(c.Added), len(c.Failing), len(c.Gone))
	return strings.TrimSuffix(sentence+" "+c.turnedRound(), " ")
}

// turnedRound warns where the reports were given in the wrong order, as it seems; empty where they were not.
func (c Comparison) turnedRound() string {
	if c.New.Started.IsZero() || !c.New.Started.Before(c.Old.Started) {
		return ""
	}
	return "The new run began before the old one: are the two reports in the right order?"
}

func (c Comparison) tone() tone {
	switch {
	case c.Worse():
		return bad
	case len(c.Broke) > 0, len(c.Gone) > 0:
		return warn
	case len(c.Mended) > 0:
		return good
	}
	return neutral
}

// changes are the cases that changed in one way.
type changes struct {
	ID, Title, About string
	Cases            []Change
}

// lists returns the changes, the worst first. Empty lists are left out.
func (c Comparison) lists() []changes {
	var all []changes
	for _, l := range []changes{
		{"broke", "Broke", "These held before and do not hold now.", c.Broke},
		{"mended", "Mended", "These did not hold before and hold now.", c.Mended},
		{"new", "New", "The old run did not have these.", c.Added},
		{"failing", "Still not holding", "These held neither before nor now.", c.Failing},
		{"gone", "Not run any more", "The new run did not have these.", c.Gone},
	} {
		if len(l.Cases) > 0 {
			all = append(all, l)
		}
	}
	return all
}

// WriteComparison writes comparisons in the format that the extension of the file names: .html, .md or .txt.
func WriteComparison(path string, all ...Comparison) error {
	return writeAs(path, comparisonFormats, "a comparison", func(write func(io.Writer, ...Comparison) error, w io.Writer) error { return write(w, all...) })
}

var comparisonFormats = map[string]func(io.Writer, ...Comparison) error{
	".html": ComparisonHTML, ".htm": ComparisonHTML, ".md": ComparisonMarkdown, ".txt": ComparisonText,
}

// CheckComparisonPath returns an error if [WriteComparison] does not know the extension.
func CheckComparisonPath(path string) error {
	_, err := formatOf(path, comparisonFormats, "a comparison")
	return err
}

// ComparisonText writes comparisons for a terminal.
func ComparisonText(w io.Writer, all ...Comparison) error {
	var b strings.Builder
	for i, c := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		for _, l := range c.lists() {
			fmt.Fprintf(&b, "%s: %s\n", l.Title, text.Plural(len(l.Cases), "case"))
			for _, change := range l.Cases {
				fmt.Fprintf(&b, "  %s: %s\n", change.ID, change.words())
				if change.New != nil && len(change.New.Findings) > 0 && l.ID != "failing" {
					f := change.New.Findings[0]
					fmt.Fprintf(&b, "    %s expected: %s\n    %s got:      %s\n", f.Clause, clipLine(f.Want, lineKept), f.Clause, clipLine(f.Got, lineKept))
				}
			}
			b.WriteString("\n")
		}
		for _, clause := range c.Clauses {
			fmt.Fprintf(&b, "  %-7s %-6s %s → %s\n", clause.Name, clause.Level, clause.Was, clause.State)
		}
		if len(c.Clauses) > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %s\n", c.New.name(), c.New.part())
		fmt.Fprintf(&b, "  old: %s %s\n  new: %s %s\n", c.Old.date(), c.Old.sentence(), c.New.date(), c.New.sentence())
		if warning := c.turnedRound(); warning != "" {
			fmt.Fprintf(&b, "  %s\n", warning)
		}
		fmt.Fprintf(&b, "  %s\n", strings.ToUpper(c.title()))
	}
	_, err := io.WriteString(w, strings.ReplaceAll(b.String(), ": \n", "\n"))
	return err
}

// words says how the case ended before and now.
func (c Change) words() string {
	switch {
	case c.Old == nil:
		return c.Is
	case c.New == nil:
		return "was " + c.Was
	case c.Was == c.Is:
		return c.Is
	}
	return fmt.Sprintf("%s, was %s", c.Is, c.Was)
}

// date returns when the run began.
func (r Run) date() string {
	if r.Started.IsZero() {
		return ""
	}
	return r.Started.UTC().Format("2006-01-02 15:04 UTC")
}

// casesInComparison is how many cases of a list the summary of a CI job names.
const casesInComparison = 30

// ComparisonMarkdown writes comparisons for the summary of a CI job.
func ComparisonMarkdown(w io.Writer, all ...Comparison) error {
	var b strings.Builder
	for _, c := range all {
		mark := map[tone]string{good: "✅", warn: "⚠️", bad: "❌", neutral: "➖"}[c.tone()]
		fmt.Fprintf(&b, "### %s %s: %s\n\n%s\n\n", mark, plain(capital(c.New.name())), plain(c.title()), plain(c.sentence()))
		for _, l := range c.lists() {
			fmt.Fprintf(&b, "**%s** (%d) %s\n\n", l.Title, len(l.Cases), l.About)
			for i, change := range l.Cases {
				if i == casesInComparison {
					fmt.Fprintf(&b, "- and %d more\n", len(l.Cases)-i)
					break
				}
				fmt.Fprintf(&b, "- %s: %s\n", plain(change.ID), plain(change.words()))
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
