package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
)

func brief(t *testing.T, run report.Run) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.Brief(&b, run))
	return b.String()
}

// Answers under a wrong ID explain that IDs do not come back; however many cases find the one or the other.
func TestTheFailureThatExplainsTheOthersComesFirst(t *testing.T) {
	run := green()
	for _, id := range []string{"MSG-5/ids-of-64-bits-come-back/enhanced", "MSG-5/ids-of-64-bits-come-back/basic"} {
		set(t, &run, id, func(r *result.Result) {
			r.Status, r.Findings = result.StatusFail, []result.Finding{{Clause: "MSG-5", Want: "the ID", Got: "another"}}
		})
	}
	set(t, &run, "RID-8/answers-bear-the-ids-of-their-requests/basic", func(r *result.Result) {
		r.Status, r.Findings = result.StatusFail, []result.Finding{{Clause: "RID-8", Want: "the ID of the request", Got: "0"}}
	})
	text := brief(t, run)
	require.True(t, strings.HasPrefix(text, "violated: RID-8/answers-bear-the-ids-of-their-requests/basic"), text)
	require.Less(t, strings.Index(text, "RID-8"), strings.Index(text, "MSG-5"), text)
	require.Contains(t, text, "1 more case fails the same way: MSG-5/ids-of-64-bits-come-back/basic")
	require.Equal(t, "RID-8", run.FirstShown())
}

// The usual cause of a case says nothing of another clause.
func TestACauseIsShownForItsOwnClauseOnly(t *testing.T) {
	run := green()
	set(t, &run, "MSG-5/ids-of-64-bits-come-back/enhanced", func(r *result.Result) {
		r.Status, r.Findings = result.StatusFail, []result.Finding{{Clause: "RID-8", Want: "the ID of the request", Got: "0"}}
	})
	require.NotContains(t, brief(t, run), "usual cause")
	set(t, &run, "MSG-5/ids-of-64-bits-come-back/enhanced", func(r *result.Result) { r.Findings[0].Cause = "The ID is lost." })
	require.Contains(t, brief(t, run), "usual cause: The ID is lost.")
	set(t, &run, "MSG-5/ids-of-64-bits-come-back/enhanced", func(r *result.Result) {
		r.Findings = []result.Finding{{Clause: "MSG-5", Want: "the ID", Got: "another"}}
	})
	require.Contains(t, brief(t, run), "usual cause: The worker reads IDs as doubles")
}

func TestAFailingRunFitsTwoScreens(t *testing.T) {
	run := green()
	for i := range run.Results {
		r := &run.Results[i]
		r.Status = result.StatusFail
		for range 5 {
			r.Findings = append(r.Findings, result.Finding{Clause: r.Clauses[0], Want: "this", Got: "that\nin\nmany\nlines", Dump: strings.Repeat("0000  00\n", 12)})
		}
		for range 40 {
			r.Timeline = append(r.Timeline, result.Event{Where: "connection 1", Note: fmt.Sprint("event ", i)})
		}
	}
	text := brief(t, run)
	require.Less(t, strings.Count(text, "\n"), 100, text)
	require.Contains(t, text, "run with -v to see them")
	require.Contains(t, text, "once more: pyproctest run --worker 'python3 worker.py' --clause ")
	require.Contains(t, text, "all once more: pyproctest run --worker 'python3 worker.py'")
	require.Contains(t, text, "DOES NOT CONFORM: ")
}

func TestABriefReportSaysWhatBlockedMeans(t *testing.T) {
	require.Contains(t, brief(t, failing(t)), "blocked: a case could not be run to its end, so nothing is known of the clause")
	require.NotContains(t, brief(t, green()), "could not be run to its end")
}

func TestARunThatHoldsEndsWithItsTable(t *testing.T) {
	var summary strings.Builder
	require.NoError(t, report.Summary(&summary, green()))
	require.Equal(t, summary.String(), brief(t, green()))
}

func TestARunThatASignalEndedHasItsStatusEverywhere(t *testing.T) {
	run := green()
	run.Interrupted, run.Signalled = true, true
	require.Equal(t, 130, report.ExitStatus(run))
}
