package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestPageTellsWhatTheClausesOfItsRoleAreProvenToCatch(t *testing.T) {
	var want, got []string
	for _, f := range catalog.Proven() {
		if f.Role == spec.RoleWorker {
			want = append(want, f.What)
		}
	}
	require.GreaterOrEqual(t, len(want), 40)
	_, told, _ := strings.Cut(text(parse(t, written(t, report.HTML, failing(t)))), "Proven to catch: ")
	for clause := range strings.SplitSeq(told, "Proven to catch: ") {
		list, _, _ := strings.Cut(clause, ". ")
		got = append(got, strings.Split(list, "; ")...)
	}
	require.ElementsMatch(t, want, got)
}

func TestPageTellsEachFailureWithWhatAReaderNeeds(t *testing.T) {
	page := parse(t, written(t, report.HTML, failing(t)))
	require.Equal(t, "Worker sample: Does not conform", text(first(page, atom.Title)))
	require.Contains(t, text(page), failingCounts)

	failure := within(t, page, "run1-MSG-6-violated")
	for _, needed := range []string{
		"An absent body is null.", "MSG-6/absent-body-is-null/basic",
		"the echo of a request without a body is null", "the value is {} and should be null",
		"length: payload of 33",
		"The worker reads the body as if every request had one.",
		"+2.0 ms connection 1 → worker 9 bytes", "length: payload of 5",
		"pyproctest run --worker 'python3 worker.py' --clause MSG-6/absent-body-is-null/basic",
	} {
		require.Contains(t, text(failure), needed)
	}
	require.Contains(t, text(within(t, page, "run1-RID-8-violated")), "MSG-5/ids-of-64-bits-come-back/enhanced", "told under the clause that it found violated")
	require.Contains(t, text(within(t, page, "run1-WRK-8-blocked")), "the case could not be set up")
	require.Contains(t, text(within(t, page, "run1-WRK-6-not-supported")), "this worker has no socket file")
	require.Contains(t, text(within(t, page, "run1-WRK-19-SHOULD-not-held")), "it runs still")
	require.Contains(t, text(page), "linux/amd64, 2 CPUs")
	require.Contains(t, text(page), "22 November 2026, 13:00:00 UTC")
}

func TestPageTablesTellTheCounts(t *testing.T) {
	page := parse(t, written(t, report.HTML, failing(t)))
	states := map[string]int{}
	for row := range all(table(page, "clauses"), atom.Tr) {
		if cells := children(row, atom.Td); len(cells) > 0 {
			state, _, _ := strings.Cut(text(cells[0]), " case")
			states[strings.TrimRight(state, " 0123456789")]++
		}
	}
	require.Equal(t, map[string]int{"✓ holds": musts + shoulds - 6, "✗ violated": 2, "? blocked": 2, "? not supported": 1, "△ not held": 1}, states)
	rows := 0
	for range all(table(page, "cases"), atom.Tr) {
		rows++
	}
	require.Equal(t, len(green().Results)+1, rows)
}

func TestStateOfAClauseLinksToWhatIsToldOfIt(t *testing.T) {
	page := parse(t, written(t, report.HTML, failing(t)))
	links := map[string]string{}
	for row := range all(table(page, "clauses"), atom.Tr) {
		if a := first(row, atom.A); a != nil {
			links[text(first(row, atom.Th))] = attr(a, "href")
		}
	}
	require.Equal(t, map[string]string{
		"MSG-6 MUST": "#run1-MSG-6-violated", "RID-8 MUST": "#run1-RID-8-violated", "MSG-5 MUST": "#run1-RID-8-violated",
		"WRK-8 MUST": "#run1-WRK-8-blocked", "WRK-6 MUST": "#run1-WRK-6-not-supported", "WRK-19 SHOULD": "#run1-WRK-19-SHOULD-not-held",
	}, links)
}

func TestPageNamesWhatDoesNotHoldBeforeItTellsOfIt(t *testing.T) {
	page := parse(t, written(t, report.HTML, failing(t)))
	var rows []string
	for row := range all(table(page, "overview"), atom.Tr) {
		if a := first(row, atom.A); a != nil {
			rows = append(rows, text(row)+" "+attr(a, "href"))
		}
	}
	require.Equal(t, []string{
		"MSG-6 ✗ violated 1 case The worker reads the body as if every request had one. #run1-MSG-6-violated",
		"RID-8 ✗ violated 1 case another one; expected was the ID of the request #run1-RID-8-violated",
		"WRK-8 ? blocked 1 case the case could not be set up #run1-WRK-8-blocked",
		"WRK-6 ? not supported 1 case this worker has no socket file #run1-WRK-6-not-supported",
	}, rows[:4])
	require.Len(t, rows, 5)

	run := failing(t)
	for _, id := range []string{"WRK-8/half-sent-frame-blocks-no-other-connection/basic", "WRK-6/socket-file-has-mode-0600"} {
		set(t, &run, id, func(r *result.Result) {
			r.Status, r.Reason, r.Findings = result.StatusFail, "", []result.Finding{{Clause: r.Clauses[0], Cause: "One `cause` has both."}}
		})
	}
	overview := text(table(parse(t, written(t, report.HTML, run)), "overview"))
	require.Contains(t, overview, "WRK-6, WRK-8 ✗ violated 2 cases One cause has both.", "one line for each cause, whose code is no text between backticks")

	one := failing(t)
	one.Results = one.Results[:0]
	for _, r := range failing(t).Results {
		if r.Status == result.StatusPass || r.Status == result.StatusShould {
			one.Results = append(one.Results, r)
		}
	}
	one.Asked.Except = []string{"WRK-6"}
	require.Nil(t, table(parse(t, written(t, report.HTML, one)), "overview"), "of a single clause nothing is told twice")
}

func TestFirstFindingStandsOpenBelowTheCauseAndTheOthersAreFolded(t *testing.T) {
	run := failing(t)
	set(t, &run, "MSG-6/absent-body-is-null/basic", func(r *result.Result) {
		r.Findings = nil
		for i := range 5 {
			r.Findings = append(r.Findings, result.Finding{Clause: "MSG-6", Want: fmt.Sprint("want ", i), Got: "a ` and `b`"})
		}
	})
	told := text(within(t, parse(t, written(t, report.HTML, run)), "run1-MSG-6-violated"))
	_, told, _ = strings.Cut(told, "Usual cause: The worker reads the body as if every request had one.")
	require.Contains(t, told, "Expected want 0 Got a ` and `b` 4 more findings of MSG-6/absent-body-is-null/basic Expected want 1", "what came stays as it is")
	require.Contains(t, told, "And 2 findings more of this case: the JSON report has them.")
}

func TestFiltersStandBelowTheOnlyVerdictOrAboveAll(t *testing.T) {
	before := func(page []byte, a, b string) bool {
		return bytes.Index(page, []byte(a)) < bytes.Index(page, []byte(b))
	}
	const tools, verdict = `<form class="tools"`, `<div class="verdict`
	for name, c := range map[string]struct {
		page  []byte
		above bool
	}{
		"one run":      {written(t, report.HTML, failing(t)), false},
		"several runs": {written(t, report.HTML, failing(t), green()), true},
	} {
		require.Equal(t, 1, bytes.Count(c.page, []byte(tools)), name)
		require.Equal(t, c.above, before(c.page, tools, verdict), name)
	}
}

func TestSeveralRunsStandSideBySide(t *testing.T) {
	page := parse(t, written(t, report.HTML, green(), failing(t), poolOf("p"), excusing(t, failing(t), allExcused)))
	workers := matrixUnder(t, page, "compare-worker")
	rows := map[string][]string{}
	for row := range all(workers, atom.Tr) {
		var cells []string
		for _, td := range children(row, atom.Td) {
			cells = append(cells, text(td))
		}
		rows[text(first(row, atom.Th))] = cells
	}
	require.Equal(t, []string{"✓ holds", "✗ violated", "! known failing"}, rows["MSG-6 MUST"])
	require.Equal(t, []string{"✓ Conforms", "✗ Does not conform", "! Only known failures"}, rows["Verdict"])
	hold := func(n int) string { return fmt.Sprintf("%d of %d", n, musts) }
	require.Equal(t, []string{hold(musts), hold(musts - 5), hold(musts - 5)}, rows["MUST that hold"])
	require.NotContains(t, rows, "BPR-1 MUST")
	require.Contains(t, text(matrixUnder(t, page, "compare-pool")), "BPR-1 MUST ✓ holds")
	require.Contains(t, text(first(workers, atom.Thead)), "sample run 1, 2026-11-22 13:00 UTC", "runs of the same name are told apart by their time")
	require.NotContains(t, text(first(matrixUnder(t, page, "compare-pool"), atom.Thead)), "UTC")
}

// matrixUnder is the table in the section with that heading.
func matrixUnder(t *testing.T, page *html.Node, id string) *html.Node {
	t.Helper()
	for section := range all(page, atom.Section) {
		if attr(section, "aria-labelledby") == id {
			return first(section, atom.Table)
		}
	}
	require.Fail(t, "no section", id)
	return nil
}

func TestPageIsSoundWhateverItTells(t *testing.T) {
	pages := map[string][]report.Run{
		"green": {green()}, "failing": {failing(t)}, "known": {excusing(t, failing(t), allExcused+"WRK-9 # x")}, "none": {},
		"several": {green(), failing(t), poolOf("p"), failing(t)}, "empty": {{}},
		"could not run": {{Report: result.Report{Role: spec.RoleFramer, SetUp: "why"}}},
		"everything":    {everythingFails()},
	}
	for seed := range uint64(6) {
		pages[fmt.Sprint("random ", seed)] = []report.Run{random(t, seed), random(t, seed+100)}
	}
	for name, runs := range pages {
		sound(t, name, written(t, report.HTML, runs...))
	}
}

// sound holds the page to what a browser, a keyboard and a screen reader need.
func sound(t *testing.T, name string, text []byte) {
	t.Helper()
	page := parse(t, text)
	ids, labels, level, mains := map[string]bool{}, []string{}, 0, 0
	for n := range page.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		require.Contains(t, allowed, n.Data, "%s: element", name)
		for _, a := range n.Attr {
			require.Contains(t, allowedAttributes, a.Key, "%s: attribute of %s", name, n.Data)
			switch a.Key {
			case "id":
				require.NotEmpty(t, a.Val, name)
				require.False(t, ids[a.Val], "%s: ID %s is there twice", name, a.Val)
				ids[a.Val] = true
			case "href":
				require.True(t, strings.HasPrefix(a.Val, "#"), "%s: link out of the page: %s", name, a.Val)
				labels = append(labels, a.Val[1:])
			case "aria-labelledby":
				labels = append(labels, a.Val)
			}
		}
		switch n.DataAtom {
		case atom.H1, atom.H2, atom.H3, atom.H4:
			next := int(n.Data[1] - '0')
			require.LessOrEqual(t, next, level+1, "%s: heading %q leaves a level out", name, n.FirstChild.Data)
			level = next
		case atom.Main:
			mains++
		case atom.Table:
			require.NotNil(t, first(n, atom.Caption), "%s: table without a caption", name)
		case atom.Th:
			require.NotEmpty(t, attr(n, "scope"), "%s: header cell without a scope", name)
		case atom.Details:
			require.NotNil(t, first(n, atom.Summary), "%s: details without a summary", name)
		}
	}
	require.Equal(t, 1, mains, name)
	for _, id := range labels {
		require.True(t, ids[id], "%s: nothing has the ID %s", name, id)
	}
	require.Equal(t, "en", attr(first(page, atom.Html), "lang"), name)
	require.NotEmpty(t, text, name)
	require.Equal(t, 1, bytes.Count(text, []byte("<script")), "%s: one script, the page's own", name)
	script := text[bytes.Index(text, []byte("<script>"))+len("<script>") : bytes.Index(text, []byte("</script>"))]
	sum := sha256.Sum256(script)
	require.Contains(t, html.UnescapeString(string(text)), "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", "%s: the policy allows this script", name)
	require.NotContains(t, string(script), "innerHTML", "%s: what the page tells stays text", name)
	style := string(text[bytes.Index(text, []byte("<style>")):bytes.Index(text, []byte("</style>"))])
	require.NotContains(t, style, "url(", name)
	require.NotContains(t, style, "@import", name)
	require.Contains(t, style, "prefers-color-scheme: dark", name)
	require.Contains(t, style, ":focus-visible", name)
}

var allowed = strings.Fields(`html head meta title style script form label select option input button output svg g rect body a header h1 h2 h3 h4 nav ul ol li main section div p span
	strong small code em pre dl dt dd table caption thead tbody tr th td abbr details summary`)

var allowedAttributes = strings.Fields(`lang charset http-equiv content name class href id aria-label aria-labelledby aria-hidden
	tabindex role scope colspan title hidden name type value placeholder size autocomplete spellcheck
	viewbox viewBox preserveaspectratio preserveAspectRatio x y width height
	open data-label data-row data-part data-role data-kind data-states data-clauses data-passes data-place data-time`)

// everythingFails is a run in which every case found much wrong, with long stories.
func everythingFails() report.Run {
	run := green()
	long := strings.Repeat("long ", 40_000)
	for i := range run.Results {
		res := &run.Results[i]
		res.Status = result.StatusFail
		for range 100 {
			res.Findings = append(res.Findings, result.Finding{Clause: "RID-8", Want: "this", Got: long, Dump: long})
		}
		res.Findings = append(res.Findings, result.Finding{Clause: "WRK-6", Want: "0600", Got: "0777"})
		for j := range 400 {
			res.Timeline = append(res.Timeline, result.Event{
				At: time.Duration(j), Where: "connection", Note: "note", Bytes: make([]byte, 4096), Total: 1 << 20, Framing: spec.Enhanced,
			})
		}
	}
	return run
}

func TestLargeReportsStayReasonableAndSayWhatIsLeftOut(t *testing.T) {
	run := everythingFails()
	but1 := len(run.Results) - 1 // whose story is told in full
	for name, c := range map[string]struct {
		text  []byte
		most  int
		tells []string
	}{
		"HTML":     {written(t, report.HTML, run), 5 << 20, []string{fmt.Sprintf("%d more cases of RID-8", but1), "the JSON report has more about them", "events left out here", "bytes more)", "1.0 MB", "WRK-6", "0777"}},
		"JSON":     {written(t, report.JSON, run), len(run.Results) * 112 << 10, []string{"90 more findings of this case left out", "342 events left out here", "bytes more)", "0777"}},
		"JUnit":    {written(t, report.JUnit, run), 5 << 20, []string{"findings more", "earlier events", "0777"}},
		"Markdown": {written(t, report.Markdown, run), 64 << 10, []string{fmt.Sprintf("and %d more cases", but1), "0777"}},
		"text":     {written(t, report.Text, run), 1 << 20, []string{"much as above", "0777"}},
	} {
		require.Less(t, len(c.text), c.most, name)
		for _, told := range c.tells {
			require.True(t, strings.Contains(string(c.text), told), "%s does not tell %q", name, told)
		}
	}
}

func TestPageTellsSoManyTimelinesAndSaysWhereTheOthersAre(t *testing.T) {
	run := everythingFails()
	for i := range run.Results {
		res := &run.Results[i]
		res.Findings = []result.Finding{{Clause: res.Clauses[0]}, {Clause: "WRK-6"}}
	}
	page := parse(t, written(t, report.HTML, run))
	timelines := 0
	for range all(page, atom.Ol) {
		timelines++
	}
	require.Equal(t, 60, timelines)
	require.Contains(t, text(page), "What happened, 60 events, is left out here: the JSON report has it.")
	// Every case finds WRK-6 violated, so this clause is told first, with what happened in the first cases.
	const above = "What happened is shown above."
	require.NotContains(t, text(within(t, page, "run1-WRK-6-violated")), above)
	require.Contains(t, text(within(t, page, "run1-"+run.Results[0].Clauses[0]+"-violated")), above, "once for each case")
}

func TestEveryFormatIsTheSameForTheSameRun(t *testing.T) {
	runs := []report.Run{failing(t), excusing(t, failing(t), allExcused), random(t, 3)}
	for name, write := range formats {
		require.Equal(t, string(written(t, write, runs...)), string(written(t, write, runs...)), name)
	}
}

// Small pieces to look into a page with.

func parse(t *testing.T, text []byte) *html.Node {
	t.Helper()
	page, err := html.Parse(bytes.NewReader(text))
	require.NoError(t, err)
	return page
}

func all(n *html.Node, tag atom.Atom) iter.Seq[*html.Node] {
	return func(yield func(*html.Node) bool) {
		for d := range n.Descendants() {
			if d.DataAtom == tag && !yield(d) {
				return
			}
		}
	}
}

func first(n *html.Node, tag atom.Atom) *html.Node {
	for d := range all(n, tag) {
		return d
	}
	return nil
}

func children(n *html.Node, tag atom.Atom) []*html.Node {
	var some []*html.Node
	for c := range n.ChildNodes() {
		if c.DataAtom == tag {
			some = append(some, c)
		}
	}
	return some
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func table(page *html.Node, class string) *html.Node {
	for n := range all(page, atom.Table) {
		if slices.Contains(strings.Fields(attr(n, "class")), class) {
			return n
		}
	}
	return nil
}

// within is the element around the heading of that ID.
func within(t *testing.T, page *html.Node, id string) *html.Node {
	t.Helper()
	for n := range page.Descendants() {
		if attr(n, "id") == id {
			return n.Parent
		}
	}
	require.Fail(t, "no element", id)
	return nil
}

// text of an element, with single spaces.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		switch {
		case d.Type == html.TextNode:
			b.WriteString(d.Data)
		case d.DataAtom != atom.Code && d.DataAtom != atom.Em:
			b.WriteString(" ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
