package report_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestVerdictAndExitStatus(t *testing.T) {
	change := func(run report.Run, f func(*report.Run)) report.Run {
		f(&run)
		return run
	}
	one := func(id string, status result.Status) report.Run {
		run := green()
		set(t, &run, id, func(r *result.Result) { r.Status = status })
		return run
	}
	blockedShould := one("WRK-19/orphan-ends", result.StatusBlocked)
	notHeld := failing(t)
	notHeld.Results = []result.Result{}
	for _, r := range failing(t).Results {
		if r.Status == result.StatusShould || r.Status == result.StatusPass {
			notHeld.Results = append(notHeld.Results, r)
		}
	}
	notHeld.Asked.Except = []string{"WRK-6"} // what failed above was left out
	startless := report.Run{Report: result.Report{Role: spec.RoleWorker, SetUp: "no such file", Results: []result.Result{{
		ID: "WRK-1/x", Clauses: []string{"WRK-1"}, Status: result.StatusBlocked,
	}}}}

	for name, c := range map[string]struct {
		run     report.Run
		verdict report.Verdict
		exit    int
	}{
		"every case passed":                      {green(), report.Holds, 0},
		"something of everything":                {failing(t), report.Violated, 1},
		"a case blocked":                         {one("WRK-6/socket-file-has-mode-0600", result.StatusBlocked), report.Unknown, 1},
		"a MUST not implemented":                 {one("WRK-6/socket-file-has-mode-0600", result.StatusUnsupported), report.Unknown, 1},
		"a SHOULD not held":                      {notHeld, report.Holds, 0},
		"a SHOULD not held, strict":              {change(notHeld, func(r *report.Run) { r.Strict = true }), report.Violated, 1},
		"a SHOULD blocked":                       {blockedShould, report.Holds, 0},
		"a SHOULD blocked, strict":               {change(blockedShould, func(r *report.Run) { r.Strict = true }), report.Unknown, 1},
		"all failures known":                     {excusing(t, failing(t), allExcused), report.Known, 0},
		"one failure not known":                  {excusing(t, failing(t), "MSG-6 # x\nWRK-8 # x\nWRK-6 # x"), report.Violated, 1},
		"one blocked not known":                  {excusing(t, failing(t), "MSG-6 # x\nMSG-5 # x\nWRK-6 # x"), report.Unknown, 1},
		"all known, one line too many":           {excusing(t, failing(t), allExcused+"WRK-9 # x"), report.Stale, 1},
		"every case passed, one line":            {excusing(t, green(), "WRK-9 # x"), report.Stale, 1},
		"every case passed, empty list":          {excusing(t, green(), ""), report.Holds, 0},
		"interrupted":                            {change(green(), func(r *report.Run) { r.Interrupted = true }), report.Unknown, 1},
		"a MUST not exercised":                   {change(green(), func(r *report.Run) { r.Results = r.Results[:3] }), report.Unknown, 1},
		"a part was asked for":                   {change(green(), func(r *report.Run) { r.Results, r.Asked.Only = r.Results[:3], []string{"x"} }), report.Holds, 0},
		"a part was asked for and interrupted":   {change(green(), func(r *report.Run) { r.Results, r.Asked.Only, r.Interrupted = r.Results[:3], []string{"x"}, true }), report.Unknown, 1},
		"one framing was asked for":              {change(green(), func(r *report.Run) { r.Results, r.Asked.Framings = r.Results[:3], []spec.Framing{"basic"} }), report.Holds, 0},
		"no result":                              {change(green(), func(r *report.Run) { r.Results = nil }), report.NotRun, 2},
		"it could not be started":                {startless, report.NotRun, 2},
		"it could not be started, and all known": {excusing(t, startless, "*-* # x"), report.NotRun, 2},
	} {
		require.Equal(t, c.verdict, c.run.Verdict(), name)
		require.Equal(t, c.exit, report.ExitStatus(c.run), name)
	}
}

// Nobody is to read of an exploration that the implementation conforms, or to find it among the runs of the cases.
func TestAnExplorationIsToldFromARun(t *testing.T) {
	found := green()
	found.Explored = "3s: 30 histories, 93 steps, 0 found"
	found.Asked.Covering = []string{"MSG-6"}
	for name, write := range formats {
		text := string(written(t, write, found))
		require.NotContains(t, strings.ToLower(text), "conforms", name)
		if !slices.Contains([]string{"JSON", "JUnit", "badge", "badge JSON"}, name) {
			require.Contains(t, text, "30 histories", name)
			require.Contains(t, strings.ToLower(text), "nothing was found", name)
			require.NotContains(t, text, "cases that cover", name)
		}
	}
	require.Len(t, history(t, green(), found, green()).Subjects, 2)
	found = failing(t)
	found.Explored = "3s: 30 histories, 93 steps, 1 found"
	require.Contains(t, string(written(t, report.Markdown, found)), "Worker sample, explored: does not conform")
}

func TestExitStatusOfSeveralRunsIsTheWorst(t *testing.T) {
	notRun := report.Run{}
	require.Equal(t, 0, report.ExitStatus(green(), green()))
	require.Equal(t, 1, report.ExitStatus(green(), failing(t), green()))
	require.Equal(t, 2, report.ExitStatus(green(), notRun, failing(t)))
	require.Equal(t, 2, report.ExitStatus())
}

func TestCountsTellEachClauseOnce(t *testing.T) {
	run := failing(t)
	must, should := green().Count(spec.Must).Hold, green().Count(spec.Should).Hold
	require.Equal(t, report.Count{Hold: must - 5, Violated: 2, Unknown: 3}, run.Count(spec.Must))
	require.Equal(t, report.Count{Hold: should - 1, Violated: 1}, run.Count(spec.Should))
	states := map[string]report.State{}
	for _, c := range run.Clauses() {
		states[c.Name] = c.State
	}
	require.Equal(t, report.StateViolated, states["MSG-6"])
	require.Equal(t, report.StateViolated, states["RID-8"])
	require.Equal(t, report.StateBlocked, states["MSG-5"], "its case ended before it could tell")
	require.Equal(t, report.StateBlocked, states["WRK-8"])
	require.Equal(t, report.StateUnsupported, states["WRK-6"])
	require.Equal(t, report.StateNotHeld, states["WRK-19"])

	run = excusing(t, run, "MSG-5/ids-*/enhanced # x\nWRK-8/half-*/basic # x")
	require.Equal(t, report.Count{Hold: must - 5, Violated: 1, Known: 3, Unknown: 1}, run.Count(spec.Must))
}
