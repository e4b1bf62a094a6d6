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
	casesInPage       = 6  // of one clause with their findings
	timelinesInPage   = 60 // of one run
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
	Tone                      tone
	Mark                      string
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
	timelines    map[string]string // where that of a case is told
}

// A section is all failures of one kind.
type section struct {
	ID, Title, About string
	Groups           []pageGroup
}

type pageGroup struct {
	ID     string
	Name   string
	Clause *conformance.Clause // nil where it is none of SPEC.md, or more than one
	Reason string
	First  []pageFailure
	More   []pageFailure
	Rest   []failure // told by name alone
}

// Others says how many cases there are behind the first.
func (g pageGroup) Others() string {
	return count(len(g.More)+len(g.Rest), "more case") + " of " + g.Name
}

type pageFailure struct {
	failure
	Findings     []conformance.Finding
	MoreFindings int
	Events       []pageEvent
	Elsewhere    string // the ID of the element that tells the events
	LeftOut      int    // events that are not told
	Rerun        string
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
	Anchor, Mark string
	Tone         tone
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
		ID: p.id(fmt.Sprintf("run%d", number)), Run: r, Name: capital(r.name()), Title: capital(r.Verdict().title()), Tone: r.Verdict().tone(),
		Mark:     map[tone]string{good: "✓", warn: "!", bad: "✗"}[r.Verdict().tone()],
		Sentence: capital(r.sentence()), Must: r.Count(conformance.Must), Should: r.Count(conformance.Should), Part: r.part(),
		Command: r.Rerun.all(), anchors: map[string]string{}, timelines: map[string]string{},
	}
	if !r.Started.IsZero() {
		v.Begun = r.Started.UTC().Format("2 January 2006, 15:04:05 UTC")
	}
	for groups := r.groups(); len(groups) > 0; {
		n := slices.IndexFunc(groups, func(g group) bool { return g.kind != groups[0].kind })
		if n < 0 {
			n = len(groups)
		}
		v.Sections = append(v.Sections, p.section(&v, groups[:n]))
		groups = groups[n:]
	}
	words := map[string]string{}
	for _, f := range r.failures() {
		words[f.ID] = f.kind.String()
		for _, name := range f.Clauses { // what it covers, it keeps from being known
			v.anchor(name, v.anchors[f.blames()])
		}
	}
	for _, c := range r.Clauses() {
		name, _, _ := strings.Cut(c.Name, "-")
		if n := len(v.Families); n == 0 || v.Families[n-1].Name != name {
			v.Families = append(v.Families, family{Name: name, About: families[name]})
		}
		last := &v.Families[len(v.Families)-1]
		last.Clauses = append(last.Clauses, pageClause{c, v.anchors[c.Name], c.State.mark(), c.State.tone()})
	}
	for _, res := range r.Results {
		v.Cases = append(v.Cases, pageCase{res, cmp.Or(words[res.ID], "passed")})
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
		if c, ok := conformance.LookUp(g.clauses[0]); ok && len(g.clauses) == 1 {
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
	shown := pageFailure{failure: f, Rerun: v.Rerun.one(f.ID), MoreFindings: max(len(f.Result.Findings)-findingsInPage, 0)}
	shown.Findings = f.Result.Findings[:min(len(f.Result.Findings), findingsInPage)]
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

// Kind is the word for what became of the case.
func (f pageFailure) Kind() string { return f.kind.String() }

// Excuse is the entry of the known-failing list, nil without one.
func (f pageFailure) Excuse() *known.Entry { return f.excuse }

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

// A word of a clause's sentence is code where SPEC.md has it between backticks, and stressed between stars.
type word struct {
	Text         string
	Code, Stress bool
}

var stressed = regexp.MustCompile(`\*[a-z]+\*`)

func words(sentence string) []word {
	var all []word
	for i, part := range strings.Split(sentence, "`") {
		if i%2 == 1 {
			all = append(all, word{Text: part, Code: true})
			continue
		}
		from := 0
		for _, at := range stressed.FindAllStringIndex(part, -1) {
			all = append(all, word{Text: part[from:at[0]]}, word{Text: part[at[0]+1 : at[1]-1], Stress: true})
			from = at[1]
		}
		all = append(all, word{Text: part[from:]})
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
