package report

import (
	"fmt"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// How much of a run every format shows at most, so that one fault that breaks everything does not bury the rest.
const (
	textKept     = 2000 // bytes of one text
	noteKept     = 1000 // bytes of one event's note
	lineKept     = 400  // bytes of one line
	findingsKept = 10   // of one case: the first ones, and the first of each clause
	eventsKept   = 60   // of one case: the first and the last
	firstEvents  = 20
	bytesKept    = 512 // of one event
	notesKept    = 50
)

// presentable returns the run as every format shows it: all text is cleaned, and what is too long is cut and says how
// much was cut. It is idempotent.
func (r Run) presentable() Run {
	r.Role = spec.Role(cleanLine(string(r.Role)))
	r.Subject, r.Spec = cleanLine(r.Subject), cleanLine(r.Spec)
	r.File, r.Explored = cleanLine(r.File), cleanLine(r.Explored)
	r.SetUp = clean(r.SetUp, textKept)
	r.NotRun, r.Notes = presentableTexts(r.NotRun), presentableTexts(r.Notes)
	e := &r.Environment
	e.OS, e.Arch, e.Go, e.Version = cleanLine(e.OS), cleanLine(e.Arch), cleanLine(e.Go), cleanLine(e.Version)
	a := &r.Asked
	a.Framings = slices.Clone(a.Framings)
	for i, f := range a.Framings {
		a.Framings[i] = spec.Framing(cleanLine(string(f)))
	}
	a.Only, a.Covering, a.Except = presentableTexts(a.Only), presentableTexts(a.Covering), presentableTexts(a.Except)
	r.Results = slices.Clone(r.Results)
	for i, res := range r.Results {
		r.Results[i] = presentableResult(res)
	}
	r.Missed = slices.Clone(r.Missed)
	for i, m := range r.Missed {
		r.Missed[i] = result.Missed{ID: cleanLine(m.ID), Clauses: cleanLines(m.Clauses)}
	}
	if r.Known != nil {
		r.Known = presentableOutcome(*r.Known)
	}
	return r
}

func presentableResult(r result.Result) result.Result {
	r.ID, r.Status = cleanLine(r.ID), result.Status(cleanLine(string(r.Status)))
	r.Clauses = cleanLines(r.Clauses)
	r.Reason = clean(r.Reason, textKept)
	r.Cause = clean(r.Cause, textKept)

	seen := map[string]bool{}
	var findings []result.Finding
	for i, f := range r.Findings {
		f.Clause = cleanLine(f.Clause)
		if i < findingsKept || !seen[f.Clause] {
			f.Want, f.Got, f.Dump = clean(f.Want, textKept), clean(f.Got, textKept), clean(f.Dump, textKept)
			f.Cause = clean(f.Cause, textKept)
			findings = append(findings, f)
		}
		seen[f.Clause] = true
	}
	events := slices.Clone(r.Timeline)
	if n := len(r.Findings) - len(findings); n > 0 {
		events = append(events, result.Event{At: r.Elapsed, Where: "report", Note: fmt.Sprintf("%s of this case left out", text.Plural(n, "more finding"))})
	}
	events = cutEvents(events, firstEvents, eventsKept)
	for i, e := range events {
		e.Where, e.Note = cleanLine(e.Where), clean(e.Note, noteKept)
		e.Framing = spec.Framing(cleanLine(string(e.Framing)))
		e.Bytes = e.Bytes[:min(len(e.Bytes), bytesKept)]
		events[i] = e
	}
	r.Findings, r.Timeline = findings, events
	return r
}

func cleanLines(lines []string) []string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		lines[i] = cleanLine(line)
	}
	return lines
}

// cutEvents leaves out the middle of a timeline that has more than kept events. The first ones stay.
func cutEvents(events []result.Event, first, kept int) []result.Event {
	if len(events) <= kept {
		return events
	}
	n := len(events) - kept + 1
	gap := result.Event{At: events[first+n-1].At, Where: "report", Note: fmt.Sprintf("%s left out here", text.Plural(n, "event"))}
	return slices.Concat(events[:first], []result.Event{gap}, events[first+n:])
}

func presentableTexts(texts []string) []string {
	var shown []string
	for i, text := range texts {
		if i == notesKept-1 && len(texts) > notesKept {
			return append(shown, fmt.Sprintf("… and %d more", len(texts)-i))
		}
		shown = append(shown, clean(text, textKept))
	}
	return shown
}

func presentableOutcome(o known.Outcome) *known.Outcome {
	entry := func(e known.Entry) known.Entry {
		e.Pattern, e.Reason = cleanLine(e.Pattern), cleanLine(e.Reason)
		return e
	}
	o.File = cleanLine(o.File)
	o.Excused, o.Problems = slices.Clone(o.Excused), slices.Clone(o.Problems)
	for i, e := range o.Excused {
		o.Excused[i] = known.Excuse{Case: cleanLine(e.Case), Entry: entry(e.Entry)}
	}
	for i, p := range o.Problems {
		o.Problems[i] = known.Problem{Entry: entry(p.Entry), File: cleanLine(p.File), Text: escape(p.Text, "", textKept)}
	}
	return &o
}
