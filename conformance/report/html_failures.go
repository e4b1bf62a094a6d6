package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// How much of the failures the page shows; the rest is in the JSON report.
const (
	findingsInPage    = 3
	eventsInPage      = 40
	firstEventsInPage = 8
	rowsInPage        = 10 // of hex, of one event
	casesInPage       = 6  // of one clause with their findings
	timelinesInPage   = 60 // of one run
)

// section holds all failures of one kind.
type section struct {
	ID, Title, About string
	Groups           []pageGroup
}

type pageGroup struct {
	ID     string
	Name   string
	Clause *spec.Clause // nil if it is not in SPEC.md, or if there are several
	Reason string
	First  []pageFailure
	More   []pageFailure
	Rest   []pageFailure // shown by name alone
}

// Others returns how many cases there are after the first.
func (g pageGroup) Others() string {
	return text.Plural(len(g.More)+len(g.Rest), "more case") + " of " + g.Name
}

type pageFailure struct {
	failure
	FirstFinding    []result.Finding // empty if the case could not be run
	OtherFindings   []result.Finding
	LeftOutFindings int // how many are not shown
	Events          []pageEvent
	Open            bool   // show the events at once
	Elsewhere       string // the ID of the element that shows the events already
	LeftOut         int    // how many events are not shown
	Rerun           string
	At, Row         string // the IDs of the element that shows it, and of the row of its case
}

// States returns the states by which the page finds the failure.
func (f pageFailure) States() string { return caseStates(f.Result, f.kind.String()) }

// ClauseList returns the clauses by which the page finds the failure.
func (f pageFailure) ClauseList() string { return clauseList(f.Result) }

type pageEvent struct {
	result.Event
	Hex  string
	Step bool // of a history, in words of the suite and without a time
}

// anchor links the state of a clause to the element of that ID. The first link of a clause stays.
func (v *pageRun) anchor(clause, id string) {
	if v.anchors[clause] == "" {
		v.anchors[clause] = id
	}
}

// firstClause returns the clause under which the failure is shown first.
func (f failure) firstClause() string {
	if len(f.Findings) > 0 {
		return f.Findings[0].Clause
	}
	return f.namedAfter()
}

// section returns what the page shows of the failures of one kind.
func (p *page) section(v *pageRun, groups []group) section {
	k := groups[0].kind
	s := section{ID: p.id(v.ID, k.String()), Title: k.heading(), About: k.about(v.Strict)}
	for _, g := range groups {
		to := pageGroup{ID: p.id(v.ID, g.clauses[0], k.String()), Name: g.name(), Reason: g.reason}
		if c, ok := spec.LookUp(g.clauses[0]); ok && len(g.clauses) == 1 {
			to.Clause = &c
		}
		for _, name := range g.clauses {
			v.anchor(name, to.ID)
		}
		for i, f := range g.cases {
			switch {
			case i == 0:
				to.First = append(to.First, p.failure(v, f, to.ID))
			case i < casesInPage:
				to.More = append(to.More, p.failure(v, f, to.ID))
			default:
				to.Rest = append(to.Rest, pageFailure{failure: f, Row: v.rows[f.ID]})
				v.shown[f.ID] = cmp.Or(v.shown[f.ID], to.ID)
			}
		}
		s.Groups = append(s.Groups, to)
	}
	return s
}

// failure returns what the page shows of a case in the group of that ID. The timeline is shown once.
func (p *page) failure(v *pageRun, f failure, group string) pageFailure {
	shown := pageFailure{failure: f, Rerun: v.Rerun.one(f.ID), At: p.id(v.ID, f.ID), Row: v.rows[f.ID], Open: v.Explored != ""}
	v.shown[f.ID] = cmp.Or(v.shown[f.ID], shown.At)
	var findings []result.Finding
	for _, found := range f.Findings {
		if len(findings) < findingsInPage && !slices.Contains(findings, found) {
			findings = append(findings, found)
		}
	}
	first := min(len(findings), 1)
	shown.FirstFinding, shown.OtherFindings, shown.LeftOutFindings = findings[:first], findings[first:], len(f.Findings)-len(findings)
	switch elsewhere, ok := v.timelines[f.ID]; {
	case ok:
		shown.Elsewhere = elsewhere
		return shown
	case len(v.timelines) == timelinesInPage:
		shown.LeftOut = len(f.Timeline)
		return shown
	case len(f.Timeline) > 0:
		v.timelines[f.ID] = group
	}
	for _, e := range cutEvents(f.Timeline, firstEventsInPage, eventsInPage) {
		shown.Events = append(shown.Events, pageEvent{e, e.Dump(rowsInPage), v.Explored != "" && strings.HasPrefix(e.Where, "step ")})
	}
	return shown
}

// MoreFindings returns how many findings there are after the first.
func (f pageFailure) MoreFindings() string {
	return text.Plural(len(f.OtherFindings)+f.LeftOutFindings, "more finding")
}

// overviewRow is what a run says in one line of failures of one kind that have one cause.
type overviewRow struct {
	Links   []overviewLink
	State   string
	Tone    tone
	Mark    string
	Cases   int
	About   string
	Clauses string // by which the page finds it
}

// overviewLink leads to what is told of a clause.
type overviewLink struct{ Anchor, Name string }

// addOverview adds what does not hold and is not excused, in the order in which it is told.
func (v *pageRun) addOverview(groups []group) {
	var told []string // the IDs of the elements that tell of the groups
	for _, s := range v.Sections {
		for _, g := range s.Groups {
			told = append(told, g.ID)
		}
	}
	for i, g := range groups {
		if g.kind >= excused {
			continue
		}
		first := g.cases[0]
		state := State(caseStates(result.Result{}, g.kind.String()))
		about := cmp.Or(first.UsualCause(), first.came())
		at := slices.IndexFunc(v.Overview, func(o overviewRow) bool { return o.State == string(state) && o.About == about })
		if at < 0 {
			at = len(v.Overview)
			v.Overview = append(v.Overview, overviewRow{State: string(state), Tone: state.tone(), Mark: state.mark(), About: about})
		}
		row := &v.Overview[at]
		row.Links = append(row.Links, overviewLink{told[i], g.name()})
		row.Cases += len(g.cases)
		row.Clauses = strings.TrimPrefix(row.Clauses+" "+strings.Join(g.clauses, " "), " ")
	}
}

// came returns in one line what came, and what should have.
func (f failure) came() string {
	if len(f.Findings) == 0 {
		return clipLine(f.Reason, lineKept)
	}
	return fmt.Sprintf("%s; expected was %s", clipLine(f.Findings[0].Got, lineKept), clipLine(f.Findings[0].Want, lineKept))
}

// heading returns the title of a section.
func (k kind) heading() string {
	return [...]string{
		"Violated", "Blocked", "Not supported", "SHOULD that does not hold", "Known failing", "Not offered",
	}[k]
}

// about returns what a kind of failures means for the reader.
func (k kind) about(strict bool) string {
	if k == should && strict {
		return "These fail the run, as was asked for."
	}
	return [...]string{
		"These MUST do not hold.",
		"These cases could not be run to their end, so nothing is known of what they test. Often another clause is the reason: mend what is violated first.",
		"These MUST are not implemented.",
		"These do not fail the run.",
		"The known-failing list excuses these.",
		"These rules are optional.",
	}[k]
}

// Usual returns what usually causes the failure; empty if that is not known.
func (f pageFailure) Usual() string { return f.UsualCause() }

// Kind returns the word for how the case ended.
func (f pageFailure) Kind() string { return f.kind.String() }

// Excuse returns the entry of the known-failing list; nil if there is none.
func (f pageFailure) Excuse() *known.Entry { return f.excuse }

// Since returns when the event happened, from the beginning of the case.
func (e pageEvent) Since() string { return since(e.At) }
