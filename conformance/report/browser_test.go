package report_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// What the checks in browser/check.mjs look at, and how many there are at least: none of them may be lost unnoticed.
const browserChecks = 31

// The pages in a real browser: axe, the filters, the keyboard, a phone. Chromium, Node or what make browser installs may be
// missing; then the test is skipped, or fails where PYPROCTEST_BROWSER is "required", as in make browser.
func TestPagesInABrowser(t *testing.T) {
	chromium, modules := browser(t)
	dir := t.TempDir()
	write := func(name string, page []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), page, 0o666))
	}
	now := withTimes(failing(t))
	few := func(run report.Run) report.Run { // of a page with many runs axe takes minutes
		run.Results = slices.DeleteFunc(slices.Clone(run.Results), func(r result.Result) bool {
			return r.Status == result.StatusPass && !result.Match("WRK-1?", r.ID) && !result.Match("MSG-[1-6]", r.ID)
		})
		return run
	}
	before := withTimes(green())
	set(t, &before, "WRK-10/unknown-method-gets-an-error-answer/basic", func(r *result.Result) { r.Status, r.Reason = result.StatusBlocked, "it hung" })
	set(t, &before, "MSG-6/absent-body-is-null/basic", func(r *result.Result) { r.Status = result.StatusFail })
	write("one.html", written(t, report.HTML, now))
	write("right.html", written(t, report.HTML, green()))
	write("several.html", written(t, report.HTML, few(green()), few(now), poolOf("p"), few(before), poolOf("q"), few(excusing(t, failing(t), allExcused)), few(failing(t))))
	all, err := report.Compare([]report.Run{before}, []report.Run{now})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, report.ComparisonHTML(&b, all...))
	write("compared.html", bytes.Clone(b.Bytes()))
	write("explored.html", written(t, report.HTML, explored(t)))
	b.Reset()
	require.NoError(t, report.HistoryHTML(&b, history(t, before, now, before, now)))
	write("history.html", b.Bytes())

	out, err := exec.CommandContext(t.Context(), "node", "browser/check.mjs", modules, chromium, dir).CombinedOutput()
	require.NoError(t, err, string(out))
	require.GreaterOrEqual(t, strings.Count(string(out), "\nok "), browserChecks, string(out))
}

// browser returns Chromium and the folder of the modules that drive it.
func browser(t *testing.T) (chromium, modules string) {
	t.Helper()
	missing := func(what string) {
		t.Helper()
		if os.Getenv("PYPROCTEST_BROWSER") == "required" {
			t.Fatalf("the pages are to be tested in a browser, and there is no %s", what)
		}
		t.Skipf("NOT RUN: the pages in a browser, since there is no %s; make browser runs this", what)
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && chromium == "" {
			chromium = path
		}
	}
	if chromium == "" {
		missing("Chromium (apt-get install chromium)")
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("Node")
	}
	modules, err := filepath.Abs("../../.cache/browser/node_modules")
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(modules, "axe-core")); err != nil {
		missing("folder .cache/browser/node_modules")
	}
	return chromium, modules
}

// explored is an exploration that found one clause broken, by a history of two steps.
func explored(t *testing.T) report.Run {
	run := failing(t)
	run.Explored = "3s: 30 histories, 93 steps, 1 found"
	run.Results = slices.DeleteFunc(run.Results, func(r result.Result) bool { return r.ID != "MSG-6/absent-body-is-null/basic" })
	run.Asked.Covering = []string{"MSG-6"}
	run.Results[0].Timeline = slices.Concat([]result.Event{
		{Where: "step 1", Note: "c1 connects, basic"}, {Where: "step 2", Note: "c1 → `echo`, ID 1"},
	}, run.Results[0].Timeline)
	return run
}

// withTimes is the run with a time of its own for each case.
func withTimes(run report.Run) report.Run {
	run.Results = slices.Clone(run.Results)
	for i := range run.Results {
		run.Results[i].Elapsed = time.Duration(i*7919%1000) * time.Millisecond
	}
	return run
}

// history is the history of these runs, an hour from one to the next.
func history(t *testing.T, runs ...report.Run) report.History {
	t.Helper()
	dir := t.TempDir()
	for i, run := range runs {
		run.Started = run.Started.Add(time.Duration(i) * time.Hour)
		require.NoError(t, report.Write(filepath.Join(dir, fmt.Sprintf("%d.json", i)), run))
	}
	h, err := report.ReadHistory(dir)
	require.NoError(t, err)
	return h
}
