package known

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Outcome is what a list says of one report.
type Outcome struct {
	File    string
	Excused []Excuse // in the order of the report's results
	// Problems are the entries that are wrong: each makes the run fail.
	Problems []Problem
	// Unjudged counts the entries of which the run cannot tell whether they are right, because it was
	// restricted, interrupted or could not be set up.
	Unjudged int
}

// Excuse is one case that does not pass, and the entry that says so.
type Excuse struct {
	Case string
	Entry
}

// Excuses returns the entry that excuses the case.
func (o Outcome) Excuses(id string) (Entry, bool) {
	for _, e := range o.Excused {
		if e.Case == id {
			return e.Entry, true
		}
	}
	return Entry{}, false
}

// Apply tells which cases of the report the list excuses, and which entries are wrong. An entry is wrong
// where it matches no case, and where all that it matches has run and does not fail. Where no case could be
// run at all, nothing is excused.
func (l List) Apply(rep result.Report) Outcome {
	o := Outcome{File: l.File}
	exist := cases(rep.Role, rep.Asked.Framings)
	for _, e := range l.Entries {
		problem, judged := e.judge(rep, exist)
		if !judged {
			o.Unjudged++
		}
		if problem != "" {
			o.Problems = append(o.Problems, Problem{e, l.File, problem})
		}
	}
	if rep.SetUp != "" {
		return o
	}
	for _, res := range rep.Results {
		if i := slices.IndexFunc(l.Entries, func(e Entry) bool { return result.Match(e.Pattern, res.ID) }); i >= 0 && fails(res) {
			o.Excused = append(o.Excused, Excuse{res.ID, l.Entries[i]})
		}
	}
	return o
}

// judge says what is wrong with the entry, and whether the run can tell at all.
func (e Entry) judge(rep result.Report, exist []string) (wrong string, judged bool) {
	matching := len(matched(e.Pattern, exist))
	var ran, failing int
	for _, res := range rep.Results {
		if result.Match(e.Pattern, res.ID) {
			ran++
			if fails(res) {
				failing++
			}
		}
	}
	if matching == 0 && ran == 0 {
		return e.unmatched(rep), true
	}
	whole := rep.Asked.Whole() && !rep.Interrupted && rep.SetUp == ""
	switch {
	case rep.SetUp != "", failing == 0 && ran < matching && !whole:
		return "", false
	case failing > 0:
		return "", true
	case ran == 0:
		return fmt.Sprintf("%s matches none of the cases that could be run: see what the report says was not run, or remove the line", e.Pattern), true
	default:
		return fmt.Sprintf("%s does not fail any more (%s): remove the line", e.Pattern, text.Plural(ran, "case")) + blamedElsewhere(e.Pattern, rep), true
	}
}

// unmatched says what may have been meant by a pattern that matches no case.
func (e Entry) unmatched(rep result.Report) string {
	text := fmt.Sprintf("%s matches no case for a %s", e.Pattern, rep.Role)
	if len(rep.Asked.Framings) > 0 && len(matched(e.Pattern, cases(rep.Role, nil))) > 0 {
		return fmt.Sprintf("%s in the %s framing: remove the line, or run the other framing too", text, rep.Asked.Framings[0])
	}
	for _, role := range []spec.Role{spec.RoleFramer, spec.RoleWorker, spec.RolePool} {
		if role != rep.Role && len(matched(e.Pattern, cases(role, nil))) > 0 {
			return fmt.Sprintf("%s, only for a %s: keep a list for each role", text, role)
		}
	}
	if c, ok := spec.LookUp(e.Pattern); ok && c.Untestable != "" {
		return text + ": the clause is untestable, remove the line"
	}
	return text + ": mend the name, or remove the line" + blamedElsewhere(e.Pattern, rep)
}

// blamedElsewhere names cases that found the clause violated, though they are named after another.
func blamedElsewhere(pattern string, rep result.Report) string {
	var ids []string
	for _, res := range rep.Results {
		found := slices.ContainsFunc(res.Findings, func(f result.Finding) bool { return f.Clause == pattern })
		if found && !result.Match(pattern, res.ID) {
			ids = append(ids, res.ID)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return fmt.Sprintf(" (cases of other clauses find it violated: list those, %s)", strings.Join(ids[:min(len(ids), 3)], ", "))
}

// cases lists the IDs of all cases for a role in the framings, both where there are none.
func cases(role spec.Role, framings []spec.Framing) []string {
	var ids []string
	for _, c := range catalog.Cases() {
		switch {
		case c.Role != role:
		case len(c.Framings) == 0:
			ids = append(ids, c.ID(""))
		default:
			for _, f := range c.Framings {
				if len(framings) == 0 || slices.Contains(framings, f) {
					ids = append(ids, c.ID(f))
				}
			}
		}
	}
	return ids
}

func matched(pattern string, ids []string) []string {
	var some []string
	for _, id := range ids {
		if result.Match(pattern, id) {
			some = append(some, id)
		}
	}
	return some
}

// fails reports whether the result is one that a list may excuse. What is optional and not offered is none.
func fails(r result.Result) bool {
	switch r.Status {
	case result.StatusPass:
		return false
	case result.StatusUnsupported:
		return slices.ContainsFunc(r.Clauses, func(name string) bool {
			c, _ := spec.LookUp(name)
			return c.Level == spec.Must && !c.Optional
		})
	}
	return true
}
