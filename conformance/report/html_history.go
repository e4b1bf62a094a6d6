package report

import (
	"io"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// HistoryHTML writes a history as one self-contained page: for each implementation its runs, the newest first, with what
// changed from one to the next, and the cases that held in some of them only.
func HistoryHTML(w io.Writer, h History) error {
	p := newPage()
	v := historyPage{Title: "PyProc conformance: history", LeftOut: h.LeftOut}
	states := map[string]bool{}
	for _, s := range h.Subjects {
		v.Subjects = append(v.Subjects, p.past(s))
		for _, f := range v.Subjects[len(v.Subjects)-1].Fickle {
			for word := range strings.SplitSeq(f.States(), "|") {
				states[word] = true
			}
		}
		if !slices.Contains(v.Tools.Roles, s.Role) {
			v.Tools.Roles = append(v.Tools.Roles, s.Role)
		}
	}
	for word := range states {
		v.Tools.States = append(v.Tools.States, word)
	}
	slices.Sort(v.Tools.States)
	return pageTemplate.ExecuteTemplate(w, "history", v)
}

type historyPage struct {
	Title    string
	Tools    tools
	Subjects []pageSubject
	LeftOut  []string
}

// pageSubject is what the page shows of one implementation.
type pageSubject struct {
	ID, Name, Title, Summary string
	Role                     spec.Role
	Tone                     tone
	Mark                     string
	Rows                     []pastRow // the newest first
	Older                    int       // runs that are not shown
	Bars                     []bar     // the oldest first
	Fickle                   []pageFickle
	MoreFickle               int
	Shown                    int // of how many runs the marks are
}

type pastRow struct {
	Date, File, Title, Took, Version, Changed, Part string
	Must, Should                                    Count
	Failed                                          int
	Tone                                            tone
	Mark                                            string
}

// bar is one run in the chart: of 100 units those that hold, and those that do not.
type bar struct {
	X, Width, Hold, Bad float64
	Top                 float64
	About               string
}

type pageFickle struct {
	Fickle
	Row string
	Bad string // when it last did not hold
}

func (p *page) past(s SubjectHistory) pageSubject {
	last := s.Runs[len(s.Runs)-1]
	v := pageSubject{
		ID: p.id("history", string(s.Role)), Name: capital(s.Name), Title: capital(last.title()), Summary: s.summary(), Role: s.Role, Tone: last.tone(), Mark: last.mark(),
		Shown: min(len(s.Runs), marksInHistory),
	}
	for i, r := range slices.Backward(s.Runs) {
		if len(v.Rows) == runsInHistory {
			v.Older = i + 1
			break
		}
		v.Rows = append(v.Rows, pastRow{
			Date: r.date(), File: r.File, Title: capital(r.title()), Took: took(r.Elapsed), Version: r.Environment.Version, Changed: clipLine(r.changed(), lineKept),
			Part: text.Clip(r.part(), 100), Must: r.Count(spec.Must), Should: r.Count(spec.Should), Failed: len(r.Failed()), Tone: r.tone(), Mark: r.mark(),
		})
	}
	v.Bars = bars(s.Runs[max(0, len(s.Runs)-runsInHistory):])
	for i, f := range s.fickle() {
		if i == fickleInHistory {
			v.MoreFickle = len(s.fickle()) - i
			break
		}
		shown := pageFickle{Fickle: f, Row: p.id(v.ID, "case", f.ID)}
		if !f.LastBad.IsZero() {
			shown.Bad = f.LastBad.UTC().Format("2006-01-02 15:04 UTC")
		}
		v.Fickle = append(v.Fickle, shown)
	}
	return v
}

// bars returns the chart of the runs: each bar is the share of the MUST that hold, and above it that of those that do not.
func bars(runs []PastRun) []bar {
	var all []bar
	width := 100 / float64(max(len(runs), 10))
	for i, r := range runs {
		n := r.Count(spec.Must)
		if n.All() == 0 {
			continue
		}
		hold := 100 * float64(n.Hold) / float64(n.All())
		all = append(all, bar{X: float64(i) * width, Width: width * 0.86, Hold: hold, Bad: 100 - hold, Top: 100 - hold, About: r.date() + ": " + r.sentence()})
	}
	return all
}

// States returns the states by which the page finds the case: all that it has had.
func (f Fickle) States() string {
	var states []string
	for _, o := range f.Outcomes {
		for state := range strings.SplitSeq(o.States, "|") {
			if !slices.Contains(states, state) {
				states = append(states, state)
			}
		}
	}
	return strings.Join(states, "|")
}

// Passes reports whether the page leaves the case out when it hides what passes: it held in the last run.
func (f Fickle) Passes() bool { return f.Outcomes[len(f.Outcomes)-1].Tone == good }
