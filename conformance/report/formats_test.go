package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	unsafe "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

var formats = map[string]func(io.Writer, ...report.Run) error{
	"text": report.Text, "summary": report.Summary, "brief": report.Brief, "JSON": report.JSON, "JUnit": report.JUnit, "Markdown": report.Markdown, "HTML": report.HTML,
	"badge": eachBadge(report.BadgeSVG), "badge JSON": eachBadge(report.BadgeJSON),
}

func eachBadge(write func(io.Writer, report.Run) error) func(io.Writer, ...report.Run) error {
	return func(w io.Writer, runs ...report.Run) error {
		for _, r := range runs {
			if err := write(w, r); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestTextEndsWithTheVerdict(t *testing.T) {
	text := string(written(t, report.Text, failing(t)))
	require.True(t, strings.HasSuffix(text, "\n  all once more: pyproctest run --worker 'python3 worker.py'\n"+
		"  DOES NOT CONFORM: "+failingCounts+"\n"), text)
	require.Contains(t, text, "violated: MSG-6/absent-body-is-null/basic (3.0 ms)\n  MSG-6 (MUST) An absent `body` is null.\n    expected: the echo")
	require.Contains(t, text, "  once more: pyproctest run --worker 'python3 worker.py' --clause MSG-6/absent-body-is-null/basic\n")
	require.Contains(t, text, fmt.Sprintf("\n  MSG-6   MUST   %3d  VIOLATED       An absent `body` is null.\n", sayingOf("MSG-6")))
	require.Contains(t, text, "\n  WRK-6   MUST     1  not supported  ")

	text = string(written(t, report.Text, excusing(t, failing(t), allExcused+"WRK-20 # x")))
	require.NotContains(t, text, "violated: ")
	require.Contains(t, text, fmt.Sprintf("  known failing: 4 cases of known.txt\n  known.txt:6: WRK-20 does not fail any more (%d cases): remove the line\n", namedAfter("WRK-20")))
	require.Contains(t, text, fmt.Sprintf("THE KNOWN-FAILING LIST IS WRONG: %d of %d MUST hold, 5 known failing; %d of %d SHOULD hold, 1 does not; 1 line of the known-failing list is wrong.",
		musts-5, musts, shoulds-1, shoulds))
}

// What go test prints of a case and what the command prints of it come from one renderer, [result.Result.Text].
func TestTextShowsEachCaseInTheWordsOfGoTest(t *testing.T) {
	run := failing(t)
	shown := string(written(t, report.Text, run))
	cases := 0
	for _, r := range run.Results {
		if r.Status != result.StatusPass {
			cases++
			require.Contains(t, shown, "\n  "+strings.ReplaceAll(strings.TrimSuffix(r.Text(), "\n"), "\n", "\n  ")+"\n", r.ID)
		}
	}
	require.Equal(t, 5, cases)
}

func TestTextEndsWithTheSummary(t *testing.T) {
	for _, run := range []report.Run{failing(t), green(), poolOf("p")} {
		summary := string(written(t, report.Summary, run))
		require.True(t, strings.HasPrefix(summary, string(run.Role)+" "+run.Subject+" (clauses version "), summary)
		require.NotContains(t, summary, "expected:")
		require.True(t, strings.HasSuffix(string(written(t, report.Text, run)), summary))
	}
	both := string(written(t, report.Summary, green(), poolOf("p")))
	require.Equal(t, string(written(t, report.Summary, green()))+"\n"+string(written(t, report.Summary, poolOf("p"))), both)
}

func TestTextOfAPartLeavesOutWhatWasNotAskedFor(t *testing.T) {
	text := string(written(t, report.Text, poolOf("p")))
	require.Contains(t, text, "  BPR-1   MUST     1  holds ")
	require.NotContains(t, text, "BPR-2")
	require.Contains(t, text, "  asked for: cases BPR-1\n  CONFORMS: 1 of 1 MUST hold.\n")
}

func TestTextOfWhatIsNotOfferedClaimsNothing(t *testing.T) {
	run := poolOf("p")
	run.Asked.Only = []string{"BPR-6"}
	run.Results = []result.Result{{ID: "BPR-6/x", Clauses: []string{"BPR-6"}, Status: result.StatusUnsupported, Reason: "no bound"}}
	text := string(written(t, report.Text, run))
	require.Contains(t, text, "  BPR-6   MUST     1  not offered ")
	require.Contains(t, text, "  NOTHING WAS JUDGED: all that ran is optional and not offered.\n")
	require.Contains(t, string(written(t, report.Markdown, run)), "### ⚠️ Pool p: nothing was judged\n")
	require.Contains(t, string(written(t, formats["badge JSON"], run)), `"message":"nothing was judged","color":"lightgrey"`)
}

func TestMarkdownTellsTheVerdictThenFailuresThenTheTable(t *testing.T) {
	text := string(written(t, report.Markdown, failing(t)))
	require.True(t, strings.HasPrefix(text, "### ❌ Worker sample: does not conform\n\n"+failingCounts+"\n"), text)
	page := rendered(t, []byte(text))
	require.Contains(t, text, "**MSG-6 violated** (MUST) An absent `body` is null.\n```\nMSG-6/absent-body-is-null/basic\nexpected: the echo of a request without a body is null\ngot:      the value is {} and should be null\n```\n")
	details := first(page, atom.Details)
	states := map[string]int{}
	for row := range all(details, atom.Tr) {
		if cells := children(row, atom.Td); len(cells) > 0 {
			require.Len(t, cells, 6)
			states[visible(cells[3])]++
		}
	}
	require.Equal(t, map[string]int{"holds": musts + shoulds - 6, "violated": 2, "blocked": 2, "not supported": 1, "not held": 1}, states)
	require.Less(t, strings.Index(text, "got: "), strings.Index(text, "<details>"))

	require.Contains(t, string(written(t, report.Markdown, green())), fmt.Sprintf("### ✅ Worker sample: conforms\n\nAll %d MUST hold; all %d SHOULD hold.\n", musts, shoulds))
	require.Contains(t, string(written(t, report.Markdown, excusing(t, failing(t), allExcused))), "### ⚠️ Worker sample: only known failures\n")
}

// rendered is the HTML that a Markdown text becomes.
func rendered(t *testing.T, text []byte) *html.Node {
	t.Helper()
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(unsafe.WithUnsafe()))
	var b bytes.Buffer
	require.NoError(t, md.Convert(text, &b))
	return parse(t, b.Bytes())
}

func visible(n *html.Node) string { return text(n) }

func TestBadgeTellsTheVerdict(t *testing.T) {
	restricted := failing(t)
	restricted.Asked.Framings = []spec.Framing{spec.Basic}
	blocked := green()
	set(t, &blocked, "WRK-6/socket-file-has-mode-0600", func(r *result.Result) { r.Status = result.StatusBlocked })
	v := "v" + spec.Version
	hold := func(n int) string { return fmt.Sprintf("%d of %d MUST hold", n, musts) }
	for _, c := range []struct {
		run                   report.Run
		label, message, color string
	}{
		{green(), "PyProc worker " + v, hold(musts), "brightgreen"},
		{failing(t), "PyProc worker " + v, hold(musts - 5), "red"},
		{restricted, "PyProc worker " + v + " (basic)", hold(musts - 5), "red"},
		{excusing(t, failing(t), allExcused), "PyProc worker " + v, hold(musts - 5), "yellow"},
		{excusing(t, green(), "WRK-9 # x"), "PyProc worker " + v, hold(musts), "orange"},
		{blocked, "PyProc worker " + v, hold(musts-1) + ", 1 not known", "orange"},
		{poolOf("p"), "PyProc pool " + v + " (part)", "1 of 1 MUST hold", "brightgreen"},
		{report.Run{Report: result.Report{Role: "framer", Spec: "1"}}, "PyProc framer v1", "could not be run", "lightgrey"},
	} {
		var endpoint map[string]any
		require.NoError(t, json.Unmarshal(written(t, formats["badge JSON"], c.run), &endpoint))
		require.Equal(t, map[string]any{"schemaVersion": 1.0, "label": c.label, "message": c.message, "color": c.color}, endpoint)

		var image struct {
			XMLName xml.Name `xml:"svg"`
			Label   string   `xml:"aria-label,attr"`
			Title   string   `xml:"title"`
		}
		require.NoError(t, xml.Unmarshal(written(t, formats["badge"], c.run), &image))
		require.Equal(t, c.label+": "+c.message, image.Title)
		require.Equal(t, image.Title, image.Label)
	}
}

func TestWriteChoosesTheFormatByExtension(t *testing.T) {
	dir := t.TempDir()
	for name, begins := range map[string]string{
		"a.txt": "worker sample", "a.json": "{\n", "a.xml": "<?xml", "a.md": "### ", "a.HTML": "<!doctype html>", "a.svg": "<svg", "a.badge.json": `{"schemaVersion":1`,
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("what was there"), 0o600))
		require.NoError(t, report.CheckPath(path))
		require.NoError(t, report.Write(path, green()))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(data), begins), "%s: %.40s", name, data)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 7, "no half-written file is left")
}

func TestWriteSaysWhatItCannotDo(t *testing.T) {
	dir := t.TempDir()
	require.ErrorIs(t, report.CheckPath("report.pdf"), report.ErrExtension)
	require.ErrorContains(t, report.Write("report.pdf", green()), "report.pdf: give a file that ends in .txt, .json")
	require.ErrorIs(t, report.Write(filepath.Join(dir, "none", "a.md"), green()), os.ErrNotExist)
	require.ErrorContains(t, report.Write(filepath.Join(dir, "a.svg"), green(), green()), "a badge is for one run, and there are 2")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestHereIsThisProcess(t *testing.T) {
	here := report.Here()
	require.Equal(t, runtime.GOOS, here.OS)
	require.Equal(t, runtime.Version(), here.Go)
	require.Positive(t, here.CPUs)
	require.NotEmpty(t, here.Version)
}
