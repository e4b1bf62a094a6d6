package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/pyproctest/pyproctest/bench/chart"
	"github.com/pyproctest/pyproctest/bench/results"
)

// anybodys are the results of a run of pyproctest bench, in the order in which it measures.
func anybodys(t *testing.T) results.Set {
	t.Helper()
	var b strings.Builder
	b.WriteString("role: worker\nsubject: node a/folder/with/a/long/name/worker.mjs\nagainst: ./other\nyours: passes the clauses of checksums and IDs\nplacement: unpinned\n")
	call := func(side string, workers, callers int, ratio float64) {
		fmt.Fprintf(&b, "BenchmarkCalls/side=%s/framing=enhanced/workers=%d/size=64B/callers=%d-2 1 %g ns/op %g x-floor %d calls/s 50000 floor-calls/s 20000 p50-ns 90000 p99-ns\n",
			side, workers, callers, 20e3*ratio, ratio, 10000*callers/(callers+3))
	}
	for _, callers := range []int{16, 1, 64, 4} {
		call("yours", 1, callers, 2)
		call("against", 1, callers, 3)
	}
	for _, workers := range []int{4, 2} {
		call("yours", workers, 64, 1.5)
	}
	b.WriteString("BenchmarkRecovery/side=yours/workers=2/calls=4-2 1 3e8 ns/op 2e8 floor-ns/op 1.5 x-floor 0 errors-elsewhere/op\n")
	b.WriteString("BenchmarkRecovery/side=yours/workers=2/calls=0-2 1 1.2e8 ns/op 1e8 floor-ns/op 1.2 x-floor 0 errors-elsewhere/op\n")
	b.WriteString("BenchmarkIdle/side=yours/workers=4-2 1 2.4e7 resident-B/worker 2e7 floor-resident-B/worker 1.2 x-floor\n")
	b.WriteString("BenchmarkStart/side=yours/workers=4-2 1 1.2e8 ns/op 1e8 floor-ns/op 1.2 x-floor\n")
	b.WriteString("BenchmarkLoad/side=yours/framing=enhanced/workers=1/mix=64B/rate=closed-2 1 9000 offered/s 9000 calls/s 1000 p50-ns\n")
	for _, share := range []int{50, 25, 100} {
		fmt.Fprintf(&b, "BenchmarkLoad/side=yours/framing=enhanced/workers=1/mix=64B/rate=%d%%-2 1 %d offered/s %d calls/s %d p50-ns %d p999-ns\n", share, 90*share, 90*share, 1000*share, 10000*share)
	}
	b.WriteString("BenchmarkLoad/side=yours/framing=enhanced/workers=1/mix=lines/rate=50%-2 1 4500 offered/s 4500 calls/s 77000 p50-ns\n")
	set, err := results.Read(strings.NewReader(b.String()), "anybodys")
	require.NoError(t, err)
	return set
}

var someSubject = Subject{Role: "worker", Name: "node worker.mjs", Against: "./other", Notes: []string{"not measured: a <row>"}}

func TestRowsOfASubjectStandInTheOrderOfTheirKeys(t *testing.T) {
	var order []string
	for _, r := range SubjectRows(anybodys(t)) {
		order = append(order, strings.TrimSpace(r.Benchmark+" "+strings.Join([]string{r.Key["side"], r.Key["workers"], r.Key["callers"] + r.Key["calls"], r.Key["rate"]}, "/")+" "+strings.TrimSuffix(r.Key["mix"], "64B")))
	}
	require.Equal(t, []string{
		"Calls yours/1/1/", "Calls yours/1/4/", "Calls yours/1/16/", "Calls yours/1/64/", "Calls yours/2/64/", "Calls yours/4/64/",
		"Calls against/1/1/", "Calls against/1/4/", "Calls against/1/16/", "Calls against/1/64/",
		"Load yours/1//closed", "Load yours/1//25%", "Load yours/1//50%", "Load yours/1//100%",
		"Load yours/1//50% lines",
		"Start yours/4//", "Recovery yours/2/0/", "Recovery yours/2/4/", "Idle yours/4//",
	}, order)
	require.Less(t, magnitude("64B"), magnitude("1KB"))
	require.Less(t, magnitude("64KB"), magnitude("1MB"))
}

func TestTheGoalsAreThoseThatItsRowsTellOf(t *testing.T) {
	set := anybodys(t)
	for _, r := range set.Results {
		r.SetConfig("placement", "pinned")
	}
	var what []string
	for _, g := range someSubject.Goals(SubjectRows(set)) {
		require.NotEqual(t, "unknown", g.Verdict())
		what = append(what, g.What)
	}
	require.Contains(t, what, "lone call 64B, p50")
	require.NotContains(t, what, "encode and decode, any size")
}

func TestTheTextSaysWhatFails(t *testing.T) {
	s := someSubject
	s.Fails = "RID-8"
	var text strings.Builder
	require.NoError(t, WriteSubjectText(&text, SubjectRows(anybodys(t)), s))
	require.Contains(t, text.String(), "worker node worker.mjs, against ./other\nIt FAILS RID-8, so its numbers do not count.\n")
	require.Contains(t, text.String(), "Note: not measured: a <row>")
	require.Regexp(t, `(?m)^yours +2 +0 +120 ms +`, text.String(), "calls=0 and calls=4 are told apart")
}

func TestTheJSONHasEveryRow(t *testing.T) {
	set := anybodys(t)
	rows := SubjectRows(set)
	var text bytes.Buffer
	require.NoError(t, WriteSubjectJSON(&text, rows, someSubject, set))
	var read struct {
		Role, Against string
		Machine       map[string]string
		Rows          []jsonRow
	}
	require.NoError(t, json.Unmarshal(text.Bytes(), &read))
	require.Equal(t, "worker", read.Role)
	require.Equal(t, "./other", read.Against)
	require.Equal(t, "node a/folder/with/a/long/name/worker.mjs", read.Machine["subject"])
	require.Len(t, read.Rows, len(rows))
	require.Equal(t, 2.0, read.Rows[0].Units["x-floor"].Median)
	require.Equal(t, "unpinned", read.Rows[0].Placement)
}

func subjectPage(t *testing.T) string {
	t.Helper()
	set := anybodys(t)
	var page bytes.Buffer
	require.NoError(t, WriteSubjectHTML(&page, SubjectRows(set), set, someSubject))
	return page.String()
}

func TestThePageOfASubjectShowsItsCharts(t *testing.T) {
	page := subjectPage(t)
	require.Contains(t, page, "<title>worker node worker.mjs against ./other, measured</title>")
	require.Contains(t, page, "…r/with/a/long/name/worker.mjs", "a long name is cut in legends")
	require.Equal(t, 5, strings.Count(page, "<svg"), "ratios, callers, latencies, workers, rates")
	require.Contains(t, page, "universal scalability law")
	require.Contains(t, page, "a worker more than")
	require.Contains(t, page, "not measured: a &lt;row&gt;")
	_, rates, _ := strings.Cut(page, `aria-label="Time of a call against the rate of calls"`)
	require.NotContains(t, rates[:strings.Index(rates, "</svg>")], "9.00 kcalls/s: 1.00 µs", "the closed loop has no rate")
	require.Contains(t, rates, "lines alone, half")
	require.Equal(t, 1, strings.Count(rates[:strings.Index(rates, "</svg>")], "77.0 µs"), "lines are no calls")
}

// What axe asks of a page that has no form and no script: a main part, headings in order, table heads with their scope,
// regions that scroll and can be reached by the keyboard, and links that lead somewhere.
func TestThePageCanBeReadWithoutSeeingIt(t *testing.T) {
	t.Run("of a subject", func(t *testing.T) { requireReadable(t, subjectPage(t)) })
	t.Run("of the reference", func(t *testing.T) { requireReadable(t, referencePage(t)) })
}

// referencePage is that of make bench.
func referencePage(t *testing.T) string {
	t.Helper()
	set := measured(t)
	var page bytes.Buffer
	require.NoError(t, WriteHTML(&page, RowsOf(set), set))
	return page.String()
}

func requireReadable(t *testing.T, page string) {
	t.Helper()
	document, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	ids, mains, headings, links := map[string]bool{}, 0, []int{}, []string{}
	for n := range document.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		if id := attr["id"]; id != "" {
			require.False(t, ids[id], "two elements have the ID %s", id)
			ids[id] = true
		}
		switch n.Data {
		case "html":
			require.Equal(t, "en", attr["lang"])
		case "main":
			mains++
		case "h1", "h2", "h3":
			headings = append(headings, int(n.Data[1]-'0'))
		case "th":
			require.Contains(t, []string{"col", "row"}, attr["scope"])
			require.NotNil(t, n.FirstChild, "a head without words")
		case "table":
			requireSameCells(t, n)
		case "svg":
			require.Equal(t, "img", attr["role"])
			require.NotEmpty(t, attr["aria-label"])
		case "div":
			if attr["class"] == "scroll" {
				require.Equal(t, "0", attr["tabindex"])
				require.NotEmpty(t, attr["aria-label"])
			}
		case "a":
			links = append(links, strings.TrimPrefix(attr["href"], "#"))
		}
	}
	require.Equal(t, 1, mains)
	require.Equal(t, 1, headings[0])
	for i, level := range headings[1:] {
		require.LessOrEqual(t, level, headings[i]+1, "a level of headings is left out")
		require.NotEqual(t, 1, level)
	}
	require.NotEmpty(t, links)
	for _, to := range links {
		require.True(t, ids[to], "a link leads to %s, which is not there", to)
	}
}

// requireSameCells requires each row of a table to have a cell for each head.
func requireSameCells(t *testing.T, table *html.Node) {
	t.Helper()
	var cells []int
	for n := range table.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "tr":
			cells = append(cells, 0)
		case n.Type == html.ElementNode && (n.Data == "th" || n.Data == "td"):
			cells[len(cells)-1]++
		}
	}
	for _, n := range cells {
		require.Equal(t, cells[0], n, "cells in a row")
	}
}

// linksOfRows are the links in each table row that has an ID, and its words.
func linksOfRows(t *testing.T, page string) (links map[string][]string, words map[string]string) {
	t.Helper()
	document, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	links, words = map[string][]string{}, map[string]string{}
	attr := func(n *html.Node, key string) string {
		for _, a := range n.Attr {
			if a.Key == key {
				return a.Val
			}
		}
		return ""
	}
	for row := range document.Descendants() {
		id := attr(row, "id")
		if row.Type != html.ElementNode || row.Data != "tr" || id == "" {
			continue
		}
		for n := range row.Descendants() {
			switch {
			case n.Type == html.TextNode:
				words[id] += n.Data + " "
			case n.Data == "a":
				links[id] = append(links[id], strings.TrimPrefix(attr(n, "href"), "#"))
			}
		}
	}
	return links, words
}

func TestGoalsLeadToTheirRowsAndRowsBack(t *testing.T) {
	for name, page := range map[string]string{"subject": subjectPage(t), "reference": referencePage(t)} {
		links, words := linksOfRows(t, page)
		led := 0
		for id, to := range links {
			for _, at := range to {
				switch goal, other := strings.HasPrefix(id, "goal-"), strings.HasPrefix(at, "goal-"); {
				case goal:
					led++
					require.Contains(t, links[at], id, "%s: %s leads to %s, and nothing back", name, words[id], words[at])
				case other:
					require.Contains(t, links[at], id, "%s: %s leads to %s, and nothing back", name, words[id], words[at])
				}
			}
		}
		require.Positive(t, led)
	}

	links, words := linksOfRows(t, referencePage(t))
	goal := func(what string) (id string) {
		for at, w := range words {
			if strings.HasPrefix(at, "goal-") && strings.Contains(w, what+" ") {
				require.Empty(t, id, "%s is there twice", what)
				id = at
			}
		}
		require.NotEmpty(t, id, what)
		return id
	}
	for what, rows := range map[string][]string{
		"encode enhanced 1KB": {"encode enhanced 1KB"},
		"lone call 64B, p50":  {"pool enhanced 1 64B 1"},
		"lone call 64B, p50, against the fastest rival, json-rpc": {"pool enhanced 1 64B 1", "json-rpc own 1 64B 1"},
		"encode and decode, any size":                             {"encode enhanced 64B"},
		"decode enhanced 64B":                                     nil, // which nobody measured
	} {
		to := links[goal(what)]
		require.Len(t, to, len(rows), what)
		for i, row := range rows {
			require.True(t, strings.HasPrefix(words[to[i]], row+" "), "%s leads to %s", what, words[to[i]])
			require.NotContains(t, to[i], "unpinned", what)
		}
	}
	require.Contains(t, words[links[goal("lone call 64B, p50")][0]], "missed: at most 1.1")
}

// WCAG asks for a contrast of 4.5 between words and their ground.
func TestWordsCanBeReadOnTheirGround(t *testing.T) {
	for name, palette := range map[string]string{"light": chart.LightColors + ";" + lightWords, "dark": chart.DarkColors + ";" + darkWords} {
		colors := map[string]float64{}
		for _, m := range regexp.MustCompile(`--(\w+):#(\w{6})`).FindAllStringSubmatch(palette, -1) {
			colors[m[1]] = luminance(t, m[2])
		}
		for _, word := range []string{"ink", "muted", "good", "bad", "link"} {
			a, b := max(colors[word], colors["ground"]), min(colors[word], colors["ground"])
			require.GreaterOrEqual(t, (a+0.05)/(b+0.05), 4.5, "%s on %s", word, name)
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		require.NoError(t, err)
		c := float64(v) / 255
		if c <= 0.03928 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
