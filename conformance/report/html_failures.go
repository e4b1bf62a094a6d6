package report

import (
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// What the page tells of the failures; the rest is in the JSON report.
const (
	findingsInPage    = 3
	eventsInPage      = 40
	firstEventsInPage = 8
	rowsInPage        = 10 // of hex, of one event
	casesInPage       = 6  // of one clause with their findings
	timelinesInPage   = 60 // of one run
)

// A section is all failures of one kind.
type section struct {
	ID, Title, About string
	Groups           []pageGroup
}

type pageGroup struct {
	ID     string
	Name   string
	Clause *spec.Clause // nil where it is none of SPEC.md, or more than one
	Reason string
	First  []pageFailure
	More   []pageFailure
	Rest   []failure // told by name alone
}

// Others says how many cases there are behind the first.
func (g pageGroup) Others() string {
	return text.Plural(len(g.More)+len(g.Rest), "more case") + " of " + g.Name
}

type pageFailure struct {
	failure
	Findings     []result.Finding
	MoreFindings int
	Events       []pageEvent
	Elsewhere    string // the ID of the element that tells the events
	LeftOut      int    // events that are not told
	Rerun        string
}

type pageEvent struct {
	result.Event
	Hex string
}

// anchor has the state of a clause link to what is told of it, the first that comes.
func (v *pageRun) anchor(clause, id string) {
	if v.anchors[clause] == "" {
		v.anchors[clause] = id
	}
}

// blames is the clause under which the failure is told first.
func (f failure) blames() string {
	if len(f.Findings) > 0 {
		return f.Findings[0].Clause
	}
	return f.namedAfter()
}

// section tells the failures of one kind.
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
				to.First = append(to.First, v.failure(f, to.ID))
			case i < casesInPage:
				to.More = append(to.More, v.failure(f, to.ID))
			default:
				to.Rest = append(to.Rest, f)
			}
		}
		s.Groups = append(s.Groups, to)
	}
	return s
}

// failure tells a case in the group of that ID. Its timeline is told once.
func (v *pageRun) failure(f failure, group string) pageFailure {
	shown := pageFailure{failure: f, Rerun: v.Rerun.one(f.ID)}
	for _, found := range f.Result.Findings {
		if len(shown.Findings) < findingsInPage && !slices.Contains(shown.Findings, found) {
			shown.Findings = append(shown.Findings, found)
		}
	}
	shown.MoreFindings = len(f.Result.Findings) - len(shown.Findings)
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
		shown.Events = append(shown.Events, pageEvent{e, e.Dump(rowsInPage)})
	}
	return shown
}

// heading names a kind of failures above them.
func (k kind) heading() string {
	return [...]string{
		"Violated", "Blocked", "Not supported", "SHOULD that does not hold", "Known failing", "Not offered",
	}[k]
}

// about says what a kind of failures means for the reader.
func (k kind) about(strict bool) string {
	if k == should && strict {
		return "These fail the run, as was asked for."
	}
	return [...]string{
		"These MUST do not hold.",
		"These cases could not be run to their end, so nothing is known of what they test.",
		"These MUST are not implemented.",
		"These are told, and do not fail the run.",
		"The known-failing list excuses these.",
		"These rules are optional.",
	}[k]
}

// Usual is what usually causes the failure. It is known for the clauses that the case covers.
func (f pageFailure) Usual() string {
	if len(f.Findings) > 0 && slices.Contains(f.Clauses, f.Findings[0].Clause) {
		return f.Cause
	}
	return ""
}

// Kind is the word for what became of the case.
func (f pageFailure) Kind() string { return f.kind.String() }

// Excuse is the entry of the known-failing list, nil without one.
func (f pageFailure) Excuse() *known.Entry { return f.excuse }

// Since the case began; Bytes are annotated in Hex.
func (e pageEvent) Since() string { return since(e.At) }
