package report

import (
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// tools is what the page offers to filter by. Cases and clauses are found by the same words.
type tools struct {
	States []string
	Roles  []spec.Role
	Order  bool // the page has cases to sort
	Fold   bool // the page has what opens and closes
}

const flakyWord = "flaky"

// placeTools puts the tools below the verdict, or above all of them if there are several.
func (p *page) placeTools() {
	t := p.tools()
	switch {
	case len(p.Comparisons) == 1:
		p.Comparisons[0].Tools = &t
	case len(p.Comparisons) == 0 && len(p.Runs) == 1:
		p.Runs[0].Tools = &t
	case len(p.Runs) > 0:
		p.Tools = &t
	}
}

// tools returns the states and roles that occur on the page.
func (p page) tools() tools {
	t := tools{Order: true, Fold: true}
	occurs := map[string]bool{}
	for _, run := range p.Runs {
		if !slices.Contains(t.Roles, run.Role) {
			t.Roles = append(t.Roles, run.Role)
		}
		for _, family := range run.Families {
			for _, c := range family.Clauses {
				occurs[string(c.State)] = true
			}
		}
		for _, c := range run.Cases {
			for _, state := range strings.Split(c.States(), "|") {
				occurs[state] = true
			}
		}
	}
	for _, state := range []State{
		StateViolated, StateNotHeld, flakyWord, StateKnown, StateBlocked, StateUnsupported, StateNotRun, StateHolds, StateNotOffered, StateNotAsked, StateUntestable,
	} {
		if occurs[string(state)] {
			t.States = append(t.States, string(state))
		}
	}
	return t
}

// caseStates returns the states of a case that ended as the word says, in the words for clauses.
func caseStates(r result.Result, word string) string {
	word, _, _ = strings.Cut(word, ", "+flakyWord)
	switch word {
	case "passed":
		word = string(StateHolds)
	case should.String():
		word = string(StateNotHeld)
	}
	if r.Flaky() {
		word += "|" + flakyWord
	}
	return word
}

// clauseList returns the clauses that a case covers, and those that it found violated.
func clauseList(r result.Result) string {
	all := slices.Clone(r.Clauses)
	for _, f := range r.Findings {
		if !slices.Contains(all, f.Clause) {
			all = append(all, f.Clause)
		}
	}
	return strings.Join(all, " ")
}
