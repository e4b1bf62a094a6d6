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

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// HTML writes the runs as one self-contained page without scripts: the failures with their bytes and timelines, the
// clauses, the cases, and how they were run. If there are several runs, the page begins with a table that compares them.
func HTML(w io.Writer, runs ...Run) error {
	p := page{Style: template.CSS(style), usedIDs: map[string]bool{"main": true}}
	for _, r := range runs {
		p.Runs = append(p.Runs, p.run(r.presentable(), len(p.Runs)+1))
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
	"words": words, "lines": dumpLines, "took": took, "size": size, "count": text.Plural,
}).Parse(pageText))

type page struct {
	Title    string
	Style    template.CSS
	Runs     []pageRun
	Matrices []matrix
	usedIDs  map[string]bool // of elements
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
	Slowest      []result.Result
	Command      string
	Begun        string
	anchors      map[string]string // the element that describes a clause's failures, by clause
	timelines    map[string]string // the element that shows a case's timeline, by case
}

type family struct {
	Name, About string
	Clauses     []pageClause
}

type pageClause struct {
	Clause
	Faults       []string // that the cases of the clause are proven to catch
	Anchor, Mark string
	Tone         tone
}

type pageCase struct {
	result.Result
	Word string
}

// id returns an ID for an element that no other element has.
func (p *page) id(parts ...string) string {
	id := notInID.ReplaceAllString(strings.Join(parts, "-"), "-")
	for n, base := 2, id; p.usedIDs[id]; n++ {
		id = fmt.Sprintf("%s.%d", base, n)
	}
	p.usedIDs[id] = true
	return id
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// run returns what the page shows of a run.
func (p *page) run(r Run, number int) pageRun {
	v := pageRun{
		ID: p.id(fmt.Sprintf("run%d", number)), Run: r, Name: capital(r.name()), Title: capital(r.title()), Tone: r.tone(),
		Mark:     map[tone]string{good: "✓", warn: "!", bad: "✗"}[r.tone()],
		Sentence: capital(r.sentence()), Must: r.Count(spec.Must), Should: r.Count(spec.Should), Part: r.part(),
		Command: r.Rerun.all(), anchors: map[string]string{}, timelines: map[string]string{},
	}
	if !r.Started.IsZero() {
		v.Begun = r.Started.UTC().Format("2 January 2006, 15:04:05 UTC")
	}
	p.addSections(&v)
	kinds := v.linkClauses()
	v.addFamilies()
	for _, res := range r.Results {
		v.Cases = append(v.Cases, pageCase{res, cmp.Or(kinds[res.ID], "passed")})
	}
	v.Slowest = slices.Clone(r.Results)
	slices.SortStableFunc(v.Slowest, func(a, b result.Result) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	v.Slowest = v.Slowest[:min(len(v.Slowest), 5)]
	return v
}

// addSections adds the failures, one section for each kind.
func (p *page) addSections(v *pageRun) {
	for groups := v.groups(); len(groups) > 0; {
		n := slices.IndexFunc(groups, func(g group) bool { return g.kind != groups[0].kind })
		if n < 0 {
			n = len(groups)
		}
		v.Sections = append(v.Sections, p.section(v, groups[:n]))
		groups = groups[n:]
	}
}

// linkClauses links each clause that a failed case covers to the failure, because nothing is known of the clause. It
// returns the kind of each failure by case.
func (v *pageRun) linkClauses() map[string]string {
	kinds := map[string]string{}
	for _, f := range v.failures() {
		kinds[f.ID] = f.kind.String()
		for _, name := range f.Clauses {
			v.anchor(name, v.anchors[f.firstClause()])
		}
	}
	return kinds
}

// addFamilies adds the clauses, family by family, with the faults that the suite is proven to catch by each.
func (v *pageRun) addFamilies() {
	faults := map[string][]string{}
	for _, f := range catalog.Proven() {
		if f.Role == v.Role {
			faults[f.Clause] = append(faults[f.Clause], f.What)
		}
	}
	for _, c := range v.Run.Clauses() {
		name, _, _ := strings.Cut(c.Name, "-")
		if n := len(v.Families); n == 0 || v.Families[n-1].Name != name {
			v.Families = append(v.Families, family{Name: name, About: families[name]})
		}
		last := &v.Families[len(v.Families)-1]
		last.Clauses = append(last.Clauses, pageClause{c, faults[c.Name], v.anchors[c.Name], c.State.mark(), c.State.tone()})
	}
}

// families says what the clauses of a family are about.
var families = map[string]string{
	"FRM": "frames", "CRC": "the checksum", "STR": "the stream", "MSG": "messages", "RID": "request IDs and matching",
	"WRK": "the worker", "STA": "start and rollback", "SEL": "selection", "BPR": "backpressure", "CAN": "cancellation",
	"HLT": "health, death and restart", "SHD": "shutdown",
}

// FlakyLines returns which cases held only sometimes.
func (v pageRun) FlakyLines() []string { return v.flakyLines() }

// Took returns how long the whole run took.
func (v pageRun) Took() string { return took(v.Elapsed) }
