package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
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

// HTML writes the runs as one self-contained page: the failures with their bytes and timelines, the clauses, the cases, and
// how they were run. If there are several runs, the page begins with a table that compares them. A short script filters and
// sorts; without it the page shows everything.
func HTML(w io.Writer, runs ...Run) error {
	p := newPage()
	for _, r := range runs {
		p.Runs = append(p.Runs, p.run(r.presentable(), len(p.Runs)+1))
	}
	p.tellApart()
	p.Matrices = p.matrices()
	p.Title = "PyProc conformance"
	if len(p.Runs) == 1 {
		p.Title = fmt.Sprintf("%s: %s", p.Runs[0].Name, p.Runs[0].Title)
	}
	p.placeTools()
	return pageTemplate.Execute(w, p)
}

// tellApart numbers and dates the runs that have the same name.
func (p *page) tellApart() {
	for i, run := range p.Runs {
		if slices.ContainsFunc(p.Runs[:i], func(o pageRun) bool { return o.Name == run.Name }) ||
			slices.ContainsFunc(p.Runs[i+1:], func(o pageRun) bool { return o.Name == run.Name }) {
			p.Runs[i].When = strings.TrimSuffix(fmt.Sprintf("run %d, %s", i+1, run.date()), ", ")
		}
	}
}

func newPage() page { return page{usedIDs: map[string]bool{"main": true}} }

//go:embed page.css
var style string

//go:embed page.js
var script string

// Style returns the style sheet of the page that [HTML] writes, for pages of the same look.
func Style() string { return style }

// FamilyAbout returns what the clauses of a family are about, such as "frames" for FRM.
func FamilyAbout(family string) string { return families[family] }

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"words": words, "coded": coded, "lines": dumpLines, "took": took, "size": size, "count": text.Plural,
	"style": func() template.CSS { return template.CSS(style) }, "script": func() template.JS { return template.JS(script) },
	"scriptHash": scriptHash,
}).Parse(pageText))

// scriptHash returns the source by which the page's policy allows its own script and no other.
func scriptHash() template.HTMLAttr {
	sum := sha256.Sum256([]byte(script))
	return template.HTMLAttr("sha256-" + base64.StdEncoding.EncodeToString(sum[:]))
}

type page struct {
	Title       string
	Tools       *tools // where they stand for all that is below; nil if they stand in the only comparison or run
	Comparisons []pageComparison
	Runs        []pageRun
	Matrices    []matrix
	usedIDs     map[string]bool // of elements
}

type pageRun struct {
	ID, Name, Title, Sentence string
	Tone                      tone
	Mark                      string
	Run
	Must, Should Count
	Part         string
	When         string // its number and when it began; set only where runs have the same name
	Tools        *tools // nil if they stand above several
	Overview     []overviewRow
	Sections     []section
	Families     []family
	Cases        []pageCase
	Slowest      []pageCase
	Command      string
	Begun        string
	anchors      map[string]string // the element that describes a clause's failures, by clause
	timelines    map[string]string // the element that shows a case's timeline, by case
	rows         map[string]string // the row of each case
	shown        map[string]string // the element that shows how a case failed
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
	Word    string
	Place   int    // in the order of the names
	Row     string // the ID of its row
	Failure string // the ID of the element that shows how it failed; empty if it passed
}

// States returns the states by which the page finds the case, as it finds clauses.
func (c pageCase) States() string { return caseStates(c.Result, c.Word) }

// ClauseList returns the clauses by which the page finds the case.
func (c pageCase) ClauseList() string { return clauseList(c.Result) }

// Passes reports whether the page leaves the case out when it hides what passes.
func (c pageCase) Passes() bool { return c.Status == result.StatusPass || c.Word == optional.String() }

// Passes reports whether the page leaves the clause out when it hides what passes.
func (c pageClause) Passes() bool {
	return c.Tone == good || c.Tone == neutral && c.State != StateNotRun
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
		Mark:     r.mark(),
		Sentence: capital(r.sentence()), Must: r.Count(spec.Must), Should: r.Count(spec.Should), Part: r.part(),
		Command: r.Rerun.all(), anchors: map[string]string{}, timelines: map[string]string{},
		rows: map[string]string{}, shown: map[string]string{},
	}
	for _, res := range r.Results {
		v.rows[res.ID] = p.id(v.ID, "case", res.ID)
	}
	if !r.Started.IsZero() {
		v.Begun = r.Started.UTC().Format("2 January 2006, 15:04:05 UTC")
	}
	p.addSections(&v)
	kinds := v.linkClauses()
	v.addFamilies()
	for i, res := range r.Results {
		v.Cases = append(v.Cases, pageCase{res, cmp.Or(kinds[res.ID], "passed"), i, v.rows[res.ID], v.shown[res.ID]})
	}
	v.Slowest = slices.Clone(v.Cases)
	slices.SortStableFunc(v.Slowest, func(a, b pageCase) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	v.Slowest = v.Slowest[:min(len(v.Slowest), 5)]
	return v
}

// addSections adds the failures, one section for each kind.
func (p *page) addSections(v *pageRun) {
	all := v.groups()
	for groups := all; len(groups) > 0; {
		n := slices.IndexFunc(groups, func(g group) bool { return g.kind != groups[0].kind })
		if n < 0 {
			n = len(groups)
		}
		v.Sections = append(v.Sections, p.section(v, groups[:n]))
		groups = groups[n:]
	}
	v.addOverview(all)
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
	"HLT": "health, death and restart", "SHD": "shutdown", "OUT": "output of workers",
}

// FlakyLines returns which cases held only sometimes.
func (v pageRun) FlakyLines() []string { return v.flakyLines() }

// Took returns how long the whole run took.
func (v pageRun) Took() string { return took(v.Elapsed) }
