package report

import (
	"fmt"
	"io"
)

// ComparisonHTML writes comparisons as one self-contained page: what broke, what was mended and what is new, and below it
// everything about the new runs, as [HTML] writes it.
func ComparisonHTML(w io.Writer, all ...Comparison) error {
	p := newPage()
	for _, c := range all {
		p.Runs = append(p.Runs, p.run(c.New, len(p.Runs)+1))
	}
	for i, c := range all {
		p.Comparisons = append(p.Comparisons, p.comparison(c, &p.Runs[i]))
		p.Runs[i].When = "the new run"
	}
	p.Title = "PyProc conformance: two runs compared"
	if len(all) == 1 {
		p.Title = fmt.Sprintf("%s, compared: %s", p.Runs[0].Name, all[0].title())
	}
	p.placeTools()
	return pageTemplate.Execute(w, p)
}

// pageComparison is what the page shows of a comparison.
type pageComparison struct {
	ID, Name, Title, Sentence string
	Role                      string
	Tone                      tone
	Mark                      string
	Sides                     []side
	Lists                     []pageChanges
	Tools                     *tools // nil if they stand above several
	Clauses                   []pageClauseChange
}

// pageClauseChange is a clause whose state changed, and the place on the page that says more of it.
type pageClauseChange struct {
	pageClause
	Was State
}

// side is one of the two runs.
type side struct {
	What, Date, Sentence, Time, Version string
	Part                                string // what the run was restricted to
	Title                               string
	Tone                                tone
	Mark                                string
}

type pageChanges struct {
	changes
	ID    string
	Cases []pageChange
}

// pageChange is a case in both runs, and the places on the page that say more of it.
type pageChange struct {
	Change
	pageCase      // in the run that has it, the new one first
	Before, After string
}

func (p *page) comparison(c Comparison, run *pageRun) pageComparison {
	v := pageComparison{
		ID: p.id("compared", fmt.Sprint(len(p.Comparisons)+1)), Name: capital(c.New.name()), Title: capital(c.title()), Sentence: c.sentence(),
		Role: string(c.New.Role), Tone: c.tone(), Mark: map[tone]string{good: "✓", warn: "!", bad: "✗", neutral: "–"}[c.tone()],
	}
	for _, change := range c.Clauses {
		clause := pageClause{Clause: change.Clause, Anchor: run.anchors[change.Name], Mark: change.State.mark(), Tone: change.State.tone()}
		v.Clauses = append(v.Clauses, pageClauseChange{clause, change.Was})
	}
	for _, s := range []struct {
		what string
		run  Run
	}{{"Old", c.Old}, {"New", c.New}} {
		v.Sides = append(v.Sides, side{s.what, s.run.date(), capital(s.run.sentence()), took(s.run.Elapsed), s.run.Environment.Version, s.run.part(),
			capital(s.run.title()), s.run.tone(), s.run.mark()})
	}
	cases := map[string]pageCase{}
	for _, res := range run.Cases {
		cases[res.ID] = res
	}
	for _, l := range c.lists() {
		list := pageChanges{changes: l, ID: p.id(v.ID, l.ID)}
		for _, change := range l.Cases {
			shown := pageChange{Change: change, pageCase: cases[change.ID]}
			if change.New == nil {
				shown.pageCase = pageCase{Result: *change.Old, Word: change.Was}
			} else {
				shown.After = took(change.New.Elapsed)
			}
			if change.Old != nil {
				shown.Before = took(change.Old.Elapsed)
			}
			list.Cases = append(list.Cases, shown)
		}
		v.Lists = append(v.Lists, list)
	}
	return v
}
