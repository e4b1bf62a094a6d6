package result_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/result"
)

func turn(statuses map[string]result.Status) result.Report {
	rep := result.Report{Subject: "s", Elapsed: time.Second}
	for id, status := range statuses {
		r := result.Result{ID: id, Clauses: []string{"FRM-7"}, Status: status}
		if status == result.StatusFail {
			r.Findings = []result.Finding{{Clause: "FRM-7", Got: "x"}}
		}
		rep.Results = append(rep.Results, r)
	}
	return rep
}

func TestARepeatedCaseHasTheWorstOutcomeOfItsTurns(t *testing.T) {
	first := turn(map[string]result.Status{"FRM-7/a": "pass", "FRM-7/b": "blocked", "FRM-7/c": "fail", "FRM-7/d": "pass", "FRM-7/e": "not asked"})
	second := turn(map[string]result.Status{"FRM-7/a": "fail", "FRM-7/b": "pass", "FRM-7/c": "fail", "FRM-7/d": "pass", "FRM-7/e": "not asked"})
	third := turn(map[string]result.Status{"FRM-7/a": "pass", "FRM-7/b": "should"})
	third.Interrupted, third.NotRun = true, []string{"3 of 5 cases"}
	third.Missed = []result.Missed{{ID: "FRM-7/c"}, {ID: "FRM-7/never"}}
	rep := result.Repeated(first, second, third)

	told := map[string]string{}
	flaky := map[string]bool{}
	for _, r := range rep.Results {
		told[r.ID], flaky[r.ID] = string(r.Status)+": "+r.HeldText(), r.Flaky()
	}
	require.Equal(t, map[string]string{
		"FRM-7/a": "fail: flaky: held 2 of 3 times", "FRM-7/b": "blocked: flaky: held 1 of 3 times", "FRM-7/c": "fail: held 0 of 2 times",
		"FRM-7/d": "pass: held 2 of 2 times", "FRM-7/e": "not asked: held 0 of 2 times",
	}, told)
	require.Equal(t, map[string]bool{"FRM-7/a": true, "FRM-7/b": true, "FRM-7/c": false, "FRM-7/d": false, "FRM-7/e": false}, flaky)
	require.NotEmpty(t, rep.Results[0].Findings, "those of the turn that failed")
	require.Contains(t, rep.Results[0].Text(), "flaky: held 2 of 3 times")

	require.Equal(t, []result.Missed{{ID: "FRM-7/never"}}, rep.Missed, "what ran in one turn is not missed")
	require.True(t, rep.Interrupted)
	require.Equal(t, []string{"3 of 5 cases"}, rep.NotRun)
	require.Equal(t, 3*time.Second, rep.Elapsed)
	require.Equal(t, 3, rep.Repeat)
	require.Empty(t, first.Results[0].Times, "the turns stay as they are")
}
