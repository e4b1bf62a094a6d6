package known

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Write writes a list that excuses every case of the report that fails, and no other case. Cases that cover only SHOULD
// clauses are listed if strict is set. Each entry is as short as possible: a clause if none of its cases passes, else a
// case, else a case in one framing. It returns an error for a report that is interrupted or could not be set up.
func Write(w io.Writer, rep result.Report, strict bool) error {
	if rep.SetUp != "" {
		return fmt.Errorf("no known-failing list can be written, because no case could be run: %s", rep.SetUp)
	}
	if rep.Interrupted {
		return errors.New("no known-failing list can be written from a run that was interrupted: the cases that did not run would be missing")
	}
	entries := entries(rep, strict)
	width := 0
	for _, e := range entries {
		width = max(width, len(e.Pattern))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Known failures of this %s (clauses version %s). One clause or case a line, and its reason.\n", rep.Role, rep.Spec)
	fmt.Fprintf(&b, "# Strict: a line under which nothing fails any more is an error.\n")
	for _, e := range entries {
		fmt.Fprintf(&b, "%-*s  # %s\n", width, e.Pattern, e.Reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// entries returns the entries of the list, in the order of SPEC.md.
func entries(rep result.Report, strict bool) []Entry {
	listed := func(r result.Result) bool { return fails(r) && (strict || concernsMust(r)) }
	below := map[string][]result.Result{}
	for _, r := range withLeftOut(rep) {
		for _, prefix := range prefixes(r.ID) {
			below[prefix] = append(below[prefix], r)
		}
	}
	var all []Entry
	seen := map[string]bool{}
	for _, r := range rep.Results {
		if !listed(r) {
			continue
		}
		for _, prefix := range prefixes(r.ID) {
			if slices.ContainsFunc(below[prefix], func(r result.Result) bool { return !listed(r) }) {
				continue
			}
			if !seen[prefix] {
				seen[prefix] = true
				all = append(all, Entry{Pattern: prefix, Reason: reason(below[prefix])})
			}
			break
		}
	}
	sortLikeSpec(all)
	return all
}

// withLeftOut returns the results, and as passed the cases that the run was not asked for: they may pass, so no entry may
// cover them.
func withLeftOut(rep result.Report) []result.Result {
	results := rep.Results
	if rep.Asked.Whole() {
		return results
	}
	for _, id := range cases(rep.Role, rep.Asked.Framings) {
		if !slices.ContainsFunc(rep.Results, func(r result.Result) bool { return r.ID == id }) {
			results = append(slices.Clip(results), result.Result{ID: id, Status: result.StatusPass})
		}
	}
	return results
}

// sortLikeSpec sorts the entries by their clause, in the order of SPEC.md, and then by pattern.
func sortLikeSpec(all []Entry) {
	place := map[string]int{}
	for i, c := range spec.Clauses() {
		place[c.Name] = i
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		if d := place[prefixes(a.Pattern)[0]] - place[prefixes(b.Pattern)[0]]; d != 0 {
			return d
		}
		return strings.Compare(a.Pattern, b.Pattern)
	})
}

// concernsMust reports whether, by this result, a MUST is violated or not known to hold.
func concernsMust(r result.Result) bool {
	return r.Status == result.StatusFail || slices.ContainsFunc(r.Clauses, func(name string) bool {
		c, _ := spec.LookUp(name)
		return c.Level == spec.Must
	})
}

// prefixes returns the clause of an ID, the clause with the case, and so on; the whole ID is last.
func prefixes(id string) []string {
	var all []string
	for i, c := range id {
		if c == '/' {
			all = append(all, id[:i])
		}
	}
	return append(all, id)
}

const reasonLength = 100 // characters

// reason returns what the first of the results says, as one line.
func reason(results []result.Result) string {
	first := results[0]
	why := string(first.Status) + ": " + first.Reason
	if len(first.Findings) > 0 {
		f := first.Findings[0]
		why = fmt.Sprintf("%s: expected %s; got %s", f.Clause, firstLine(f.Want), firstLine(f.Got))
	}
	why = text.Clip(strings.Map(printable, firstLine(why)), reasonLength)
	if len(results) > 1 {
		why = fmt.Sprintf("%d cases, e.g. %s", len(results), why)
	}
	return why
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// firstLine returns the first line of the text, without the space around it.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(line)
}
