package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/known"
)

// HTML writes the runs as one self-contained page that needs no script: what fails, with its bytes and
// what was sent and came, the clauses, the cases and how they were run. Of several runs there is a table
// side by side first.
func HTML(w io.Writer, runs ...Run) error {
	p := page{Style: template.CSS(style), taken: map[string]bool{"main": true, "compare": true}}
	for _, r := range runs {
		p.Runs = append(p.Runs, p.run(r.told(), len(p.Runs)+1))
	}
	p.Matrices = p.matrices()
	p.Title = "PyProc conformance"
	if len(p.Runs) == 1 {
		p.Title = fmt.Sprintf("%s: %s", p.Runs[0].Name, p.Runs[0].Title)
	}
	return pageTemplate.Execute(w, p)
}

//go:embed page.css
var style string

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"words": words, "lines": dumpLines, "took": took, "size": size, "count": count,
}).Parse(pageText))

// What the page tells of a case and of a clause; the rest is in the JSON report.
const (
	findingsInPage    = 3
	eventsInPage      = 40
	firstEventsInPage = 8
	rowsInPage        = 10 // of hex, of one event
	casesInPage       = 6  // of one clause with their findings and timelines
)

type page struct {
	Title    string
	Style    template.CSS
	Runs     []pageRun
	Matrices []matrix
	taken    map[string]bool // IDs of elements
}

type pageRun struct {
	ID, Name, Title, Sentence string
	Good                      bool
	Run
	Must, Should Count
	Part         string
	Sections     []section
	Families     []family
	Cases        []pageCase
	Slowest      []conformance.Result
	Command      string
	Begun        string
	anchors      map[string]string // of clauses
}

// A section is all failures of one kind.
type section struct {
	ID, Title, About string
	Groups           []group
}

// A group is the failures that count against one clause.
type group struct {
	ID     string
	Clause conformance.Clause
	Known  bool // the clause is one of SPEC.md
	First  []pageFailure
	More   []pageFailure
	Rest   []failure // told by name alone
}

// Others says how many cases there are behind the first.
func (g group) Others() string {
	return count(len(g.More)+len(g.Rest), "more case") + " of " + g.Clause.Name
}

type pageFailure struct {
	failure
	Findings     []pageFinding
	MoreFindings int
	Events       []pageEvent
	Rerun        string
}

// A pageFinding names its clause only where the heading above it does not.
type pageFinding struct {
	conformance.Finding
	Named    bool
	Level    conformance.Level
	Sentence string
}

type pageEvent struct {
	conformance.Event
	Hex string
}

type family struct {
	Name, About string
	Clauses     []pageClause
}

type pageClause struct {
	Clause
	Anchor string
}

type pageCase struct {
	conformance.Result
	Word string
}

// id is an ID for an element that no other has.
func (p *page) id(parts ...string) string {
	id := notInID.ReplaceAllString(strings.Join(parts, "-"), "-")
	for n, base := 2, id; p.taken[id]; n++ {
		id = fmt.Sprintf("%s.%d", base, n)
	}
	p.taken[id] = true
	return id
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9-]+`)

func (p *page) run(r Run, number int) pageRun {
	v := pageRun{
		ID: p.id(fmt.Sprintf("run%d", number)), Run: r, Name: r.name(), Title: r.Verdict().title(), Good: r.Verdict().good(),
		Sentence: capital(r.sentence()), Must: r.Count(conformance.Must), Should: r.Count(conformance.Should), Part: r.part(),
		Command: r.Rerun.all(), anchors: map[string]string{},
	}
	if !r.Started.IsZero() {
		v.Begun = r.Started.UTC().Format("2 January 2006, 15:04:05 UTC")
	}
	failures := r.failures()
	kinds := map[string]kind{}
	for len(failures) > 0 {
		n := slices.IndexFunc(failures, func(f failure) bool { return f.kind != failures[0].kind })
		if n < 0 {
			n = len(failures)
		}
		v.Sections = append(v.Sections, p.section(&v, failures[:n]))
		for _, f := range failures[:n] {
			kinds[f.ID] = f.kind
		}
		failures = failures[n:]
	}
	for _, c := range r.Clauses() {
		name, _, _ := strings.Cut(c.Name, "-")
		if n := len(v.Families); n == 0 || v.Families[n-1].Name != name {
			v.Families = append(v.Families, family{Name: name, About: families[name]})
		}
		last := &v.Families[len(v.Families)-1]
		last.Clauses = append(last.Clauses, pageClause{c, v.anchors[c.Name]})
	}
	for _, res := range r.Results {
		word := "passed"
		if k, ok := kinds[res.ID]; ok {
			word = k.String()
		}
		v.Cases = append(v.Cases, pageCase{res, word})
	}
	v.Slowest = slices.Clone(r.Results)
	slices.SortStableFunc(v.Slowest, func(a, b conformance.Result) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	v.Slowest = v.Slowest[:min(len(v.Slowest), 5)]
	return v
}

// families says what the clauses of a family are about, in the words of SPEC.md.
var families = map[string]string{
	"FRM": "frames", "CRC": "the checksum", "STR": "the stream", "MSG": "messages", "RID": "request IDs and matching",
	"WRK": "the worker", "STA": "start and rollback", "SEL": "selection", "BPR": "backpressure", "CAN": "cancellation",
	"HLT": "health, death and restart", "SHD": "shutdown",
}

// section tells the failures of one kind, grouped by clause.
func (p *page) section(v *pageRun, failures []failure) section {
	k := failures[0].kind
	s := section{ID: p.id(v.ID, k.String()), Title: k.heading(), About: count(len(failures), "case") + ". " + k.about()}
	for len(failures) > 0 {
		name := failures[0].clause
		n := slices.IndexFunc(failures, func(f failure) bool { return f.clause != name })
		if n < 0 {
			n = len(failures)
		}
		g := group{ID: p.id(v.ID, name, k.String())}
		g.Clause, g.Known = conformance.LookUp(name)
		g.Clause.Name = name
		if _, ok := v.anchors[name]; !ok {
			v.anchors[name] = g.ID
		}
		for i, f := range failures[:n] {
			switch {
			case i == 0:
				g.First = append(g.First, v.failure(f))
			case i < casesInPage:
				g.More = append(g.More, v.failure(f))
			default:
				g.Rest = append(g.Rest, f)
			}
		}
		s.Groups = append(s.Groups, g)
		failures = failures[n:]
	}
	return s
}

func (v *pageRun) failure(f failure) pageFailure {
	shown := pageFailure{failure: f, Rerun: v.Rerun.one(f.ID), MoreFindings: max(len(f.Result.Findings)-findingsInPage, 0)}
	for i, found := range f.Result.Findings[:min(len(f.Result.Findings), findingsInPage)] {
		to := pageFinding{Finding: found}
		if i == 0 && found.Clause != f.clause || i > 0 && found.Clause != f.Result.Findings[i-1].Clause {
			c, _ := conformance.LookUp(found.Clause)
			to.Named, to.Level, to.Sentence = true, c.Level, c.Sentence
		}
		shown.Findings = append(shown.Findings, to)
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
func (k kind) about() string {
	return [...]string{
		"A MUST does not hold.",
		"They could not be run to their end, so nothing is known of what they test.",
		"A MUST is not implemented.",
		"It is told here and does not fail the run, unless that was asked for.",
		"The known-failing list excuses them.",
		"These rules are optional.",
	}[k]
}

// Kind is the word for what became of the case.
func (f pageFailure) Kind() string { return f.kind.String() }

// Excuse is the entry of the known-failing list, nil without one.
func (f pageFailure) Excuse() *known.Entry { return f.excuse }

// Mark is a sign for the kind, always beside its word.
func (s State) Mark() string { return s.mark() }

// Tone is the class that colours the state.
func (s State) Tone() string {
	switch {
	case s == StateHolds:
		return "good"
	case s == StateViolated:
		return "bad"
	case s == StateNotHeld, s == StateKnown, s.unknown():
		return "warn"
	}
	return "none"
}

// Since the case began; Bytes are annotated in Hex.
func (e pageEvent) Since() string { return since(e.At) }

// A matrix sets the runs of one role side by side.
type matrix struct {
	ID   string
	Role conformance.Role
	Runs []pageRun
	Rows []matrixFamily
}

// Columns of the table.
func (m matrix) Columns() int { return len(m.Runs) + 1 }

type matrixFamily struct {
	family
	Rows []matrixRow
}

type matrixRow struct {
	conformance.Clause
	Cells []pageClause
}

// matrices are those of the roles, where there is more than one run.
func (p *page) matrices() []matrix {
	if len(p.Runs) < 2 {
		return nil
	}
	var all []matrix
	for _, run := range p.Runs {
		i := slices.IndexFunc(all, func(m matrix) bool { return m.Role == run.Role })
		if i < 0 {
			i = len(all)
			all = append(all, matrix{ID: p.id("compare", string(run.Role)), Role: run.Role})
		}
		all[i].Runs = append(all[i].Runs, run)
	}
	for i := range all {
		m := &all[i]
		for f, fam := range m.Runs[0].Families {
			rows := matrixFamily{family: fam}
			for c, clause := range fam.Clauses {
				row := matrixRow{Clause: clause.Clause.Clause}
				for _, run := range m.Runs {
					row.Cells = append(row.Cells, run.Families[f].Clauses[c])
				}
				rows.Rows = append(rows.Rows, row)
			}
			m.Rows = append(m.Rows, rows)
		}
	}
	return all
}

// A word of a clause's sentence is code where SPEC.md has it between backticks.
type word struct {
	Text string
	Code bool
}

func words(sentence string) []word {
	var all []word
	for i, part := range strings.Split(sentence, "`") {
		if part != "" {
			all = append(all, word{part, i%2 == 1})
		}
	}
	return all
}

// A dumpLine is one row of annotated bytes.
type dumpLine struct {
	Offset, Hex, Note string
	Wrong             bool // the note says that something is not as it should be
}

var (
	dumpRow   = regexp.MustCompile(`^([0-9a-f]{4,})  (.{47})  (.*)$`)
	wrongNote = regexp.MustCompile(`, should be |, below the header|, but the payload has |^the end, `)
)

func dumpLines(dump string) []dumpLine {
	var all []dumpLine
	for line := range strings.Lines(dump) {
		line = strings.TrimRight(line, "\n")
		if m := dumpRow.FindStringSubmatch(line); m != nil {
			all = append(all, dumpLine{m[1], m[2], m[3], wrongNote.MatchString(m[3])})
		} else {
			all = append(all, dumpLine{Note: line})
		}
	}
	return all
}

// Took is how long the whole run took.
func (v pageRun) Took() string { return took(v.Elapsed) }
