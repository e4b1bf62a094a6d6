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

// Outcome is what a list says about one report.
type Outcome struct {
	File    string
	Excused []Excuse // in the order of the report's results
	// Problems are the entries that are wrong. Each makes the run fail.
	Problems []Problem
	// Unjudged is how many entries may be right or wrong: the run was restricted or interrupted, or could not be set
	// up, so it does not show which.
	Unjudged int
}

// Excuse is a case that did not pass, and the entry that excuses it.
type Excuse struct {
	Case string
	Entry
}

// Excuses returns the entry that excuses the case. It reports false if there is none.
func (o Outcome) Excuses(id string) (Entry, bool) {
	for _, e := range o.Excused {
		if e.Case == id {
			return e.Entry, true
		}
	}
	return Entry{}, false
}

// Apply returns which cases of the report the list excuses, and which entries are wrong. An entry is wrong if it matches
// no case, or if every case that it matches has run and none fails. An entry for what explorations find, such as
// WRK-8/explored-*, is no case's, and is not wrong. If no case could be run, nothing is excused.
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

// judge returns what is wrong with the entry, empty if nothing is. It reports false if the run does not show that.
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
	if matching == 0 && ran == 0 && e.explored(rep.Role) {
		return "", false
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

// explored reports whether the entry is about what an exploration of the role may find, which no run of cases judges.
func (e Entry) explored(role spec.Role) bool {
	clause, found, _ := strings.Cut(e.Pattern, "/")
	return strings.HasPrefix(found, "explored") &&
		slices.ContainsFunc(spec.Clauses(), func(c spec.Clause) bool { return c.Binds(role) && result.Match(clause, c.Name) })
}

// unmatched returns the problem of a pattern that matches no case, with what may have been meant.
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
	return text + ": correct the name, or remove the line" + blamedElsewhere(e.Pattern, rep)
}

// blamedElsewhere names cases that found the clause violated although they are named after another one.
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

// cases returns the IDs of all cases for a role in the framings; none means both.
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

// matched returns the IDs that match the pattern.
func matched(pattern string, ids []string) []string {
	var some []string
	for _, id := range ids {
		if result.Match(pattern, id) {
			some = append(some, id)
		}
	}
	return some
}

// fails reports whether a list may excuse the result. It may not if the case passed, or if what it tests is optional and
// not offered.
func fails(r result.Result) bool {
	switch r.Status {
	case result.StatusPass, result.StatusNotAsked:
		return false
	case result.StatusUnsupported:
		return slices.ContainsFunc(r.Clauses, func(name string) bool {
			c, _ := spec.LookUp(name)
			return c.Level == spec.Must && !c.Optional
		})
	}
	return true
}
