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

// Write writes a list that excuses every case of the report that fails, and no case that does not. What
// concerns a SHOULD alone is listed where strict is set. Each entry is as short as it can be: a clause where
// nothing of it passes, else a case, else a case in one framing.
func Write(w io.Writer, rep result.Report, strict bool) error {
	if rep.SetUp != "" {
		return fmt.Errorf("no known-failing list can be written, because no case could be run: %s", rep.SetUp)
	}
	if rep.Interrupted {
		return errors.New("no known-failing list can be written of a run that was interrupted: what did not run would be missing")
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

// entries are those of the list, in the order of SPEC.md.
func entries(rep result.Report, strict bool) []Entry {
	listed := func(r result.Result) bool { return fails(r) && (strict || concernsMust(r)) }
	results := rep.Results
	if !rep.Asked.Whole() { // what was left out may pass
		for _, id := range cases(rep.Role, rep.Asked.Framings) {
			if !slices.ContainsFunc(rep.Results, func(r result.Result) bool { return r.ID == id }) {
				results = append(slices.Clip(results), result.Result{ID: id, Status: result.StatusPass})
			}
		}
	}
	below := map[string][]result.Result{}
	for _, r := range results {
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
	return all
}

// concernsMust reports whether the result leaves a MUST that does not hold, or is not known to.
func concernsMust(r result.Result) bool {
	return r.Status == result.StatusFail || slices.ContainsFunc(r.Clauses, func(name string) bool {
		c, _ := spec.LookUp(name)
		return c.Level == spec.Must
	})
}

// prefixes are those of an ID, the clause first and the whole ID last.
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

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(line)
}
