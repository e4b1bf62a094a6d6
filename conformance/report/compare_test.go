package report_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html/atom"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
)

const (
	idBroken  = "MSG-6/absent-body-is-null/basic"
	idMended  = "WRK-10/unknown-method-gets-an-error-answer/basic"
	idFailing = "MSG-5/ids-of-64-bits-come-back/enhanced"
	idNew     = "WRK-6/socket-file-has-mode-0600"
	idGone    = "WRK-19/orphan-ends"
)

func fail(r *result.Result) {
	r.Status, r.Findings = result.StatusFail, []result.Finding{{Clause: r.Clauses[0], Want: "this", Got: "that"}}
}

func without(run report.Run, id string) report.Run {
	run.Results = slices.DeleteFunc(slices.Clone(run.Results), func(r result.Result) bool { return r.ID == id })
	return run
}

// twoRuns are two runs with a case of each kind of change.
func twoRuns(t *testing.T) (before, after report.Run) {
	before, after = green(), green()
	set(t, &before, idMended, fail)
	set(t, &before, idFailing, fail)
	set(t, &after, idBroken, fail)
	set(t, &after, idFailing, func(r *result.Result) { r.Status, r.Reason = result.StatusBlocked, "it hung" })
	set(t, &after, idNew, fail)
	return without(before, idNew), without(after, idGone)
}

func ids(changes []report.Change) []string {
	var all []string
	for _, c := range changes {
		all = append(all, c.ID)
	}
	return all
}

func comparison(t *testing.T, before, after report.Run) report.Comparison {
	t.Helper()
	all, err := report.Compare([]report.Run{before}, []report.Run{after})
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0]
}

func TestComparisonAsksWhereTheNewRunIsTheOlderOne(t *testing.T) {
	const asks = "are the two reports in the right order?"
	old, now := green(), failing(t)
	for name, write := range map[string]func(io.Writer, ...report.Comparison) error{
		"HTML": report.ComparisonHTML, "Markdown": report.ComparisonMarkdown, "text": report.ComparisonText,
	} {
		told := func() string {
			all, err := report.Compare([]report.Run{old}, []report.Run{now})
			require.NoError(t, err)
			var b bytes.Buffer
			require.NoError(t, write(&b, all...))
			return b.String()
		}
		now.Started = old.Started.Add(time.Hour)
		require.NotContains(t, told(), asks, name)
		now.Started = old.Started.Add(-time.Hour)
		require.Contains(t, told(), asks, name)
	}
}

func TestComparisonSaysWhatBrokeWasMendedAndIsNew(t *testing.T) {
	before, after := twoRuns(t)
	c := comparison(t, before, after)
	require.Equal(t, []string{idBroken}, ids(c.Broke))
	require.Equal(t, []string{idMended}, ids(c.Mended))
	require.Equal(t, []string{idNew}, ids(c.Added))
	require.Equal(t, []string{idFailing}, ids(c.Failing))
	require.Equal(t, []string{idGone}, ids(c.Gone))
	states := map[string][2]report.State{}
	for _, clause := range c.Clauses {
		states[clause.Name] = [2]report.State{clause.Was, clause.State}
	}
	require.Equal(t, [2]report.State{report.StateHolds, report.StateViolated}, states["MSG-6"])
	require.Equal(t, [2]report.State{report.StateViolated, report.StateHolds}, states["WRK-10"])
	require.NotContains(t, states, "WRK-8")

	var told bytes.Buffer
	require.NoError(t, report.ComparisonText(&told, c))
	for _, line := range []string{
		"Broke: 1 case\n  " + idBroken + ": violated, was passed\n    MSG-6 expected: this\n    MSG-6 got:      that\n",
		"Mended: 1 case\n  " + idMended + ": passed, was violated\n",
		"New: 1 case\n  " + idNew + ": violated\n",
		"Still not holding: 1 case\n  " + idFailing + ": blocked, was violated\n",
		"Not run any more: 1 case\n  " + idGone + ": was passed\n",
		"  MSG-6   MUST   holds → violated\n",
		"  1 BROKE, 1 MENDED, 1 NEW, 1 NOT RUN ANY MORE\n",
	} {
		require.Contains(t, told.String(), line)
	}
	var markdown bytes.Buffer
	require.NoError(t, report.ComparisonMarkdown(&markdown, c))
	require.Contains(t, markdown.String(), "### ❌ Worker sample: 1 broke, 1 mended, 1 new, 1 not run any more")

	var page bytes.Buffer
	require.NoError(t, report.ComparisonHTML(&page, c))
	sound(t, "comparison", page.Bytes())
	parsed := parse(t, page.Bytes())
	for list, id := range map[string]string{"broke": idBroken, "mended": idMended, "new": idNew, "failing": idFailing, "gone": idGone} {
		part := within(t, parsed, "compared-1-"+list)
		require.Equal(t, id, text(first(first(part, atom.Tbody), atom.Code)), list)
	}
	link := first(first(within(t, parsed, "compared-1-broke"), atom.Tbody), atom.A)
	require.Equal(t, "#run1-MSG-6-absent-body-is-null-basic", attr(link, "href"), "it leads to what happened")
}

func TestComparisonFailsOnlyWhereTheNewRunIsWorse(t *testing.T) {
	failing := green()
	set(t, &failing, idBroken, fail)
	should := green()
	set(t, &should, idGone, func(r *result.Result) { r.Status = result.StatusShould })
	cutOff := green()
	cutOff.Interrupted = true
	for name, c := range map[string]struct {
		before, after report.Run
		status        int
	}{
		"the same":                  {green(), green(), 0},
		"it failed before too":      {failing, failing, 0},
		"mended":                    {failing, green(), 0},
		"broke":                     {green(), failing, 1},
		"broke and is excused":      {green(), excusing(t, failing, "MSG-6  # issue 7"), 0},
		"a SHOULD broke":            {green(), should, 0},
		"a new case fails":          {without(green(), idBroken), failing, 1},
		"a new case holds":          {without(green(), idBroken), green(), 0},
		"one is not run any more":   {green(), without(green(), idBroken), 0},
		"the new run was cut off":   {green(), cutOff, 1},
		"both runs were cut off":    {cutOff, cutOff, 0},
		"only the old was cut off":  {cutOff, green(), 0},
		"strict, and a SHOULD does": {green(), strict(should), 1},
	} {
		require.Equal(t, c.status, report.ComparisonStatus(comparison(t, c.before, c.after)), name)
	}
}

func strict(run report.Run) report.Run {
	run.Strict = true
	return run
}

func TestOnlyRunsOfOneImplementationAreCompared(t *testing.T) {
	renamed := green()
	renamed.Subject = "another name"
	require.Empty(t, comparison(t, green(), renamed).Broke, "one worker in each report")
	all, err := report.Compare([]report.Run{poolOf("p"), green(), renamed}, []report.Run{renamed, green(), poolOf("q")})
	require.NoError(t, err)
	for _, c := range all[:2] {
		require.Equal(t, c.New.Subject, c.Old.Subject)
	}
	for _, c := range [][2][]report.Run{
		{{green()}, {poolOf("p")}}, {{green(), poolOf("p")}, {green()}}, {{green()}, {green(), poolOf("p")}}, {{green()}, {green(), renamed}}, {nil, nil},
	} {
		_, err := report.Compare(c[0], c[1])
		require.ErrorIs(t, err, report.ErrCompare)
	}
}

func TestHistoryShowsEachRunAndWhatChanged(t *testing.T) {
	before, after := twoRuns(t)
	flaky := green()
	flaky.Repeat = 3
	set(t, &flaky, idGone, func(r *result.Result) { fail(r); r.Times, r.Held = 3, 2 })
	h := history(t, before, after, before, flaky)
	require.Len(t, h.Subjects, 1)
	require.Len(t, h.Subjects[0].Runs, 4)

	var b bytes.Buffer
	require.NoError(t, report.HistoryText(&b, h))
	told := b.String()
	require.Contains(t, told, "worker sample: 4 runs\n  Conforms. So it is in the last of 4 runs; the one before: does not conform.\n")
	require.Less(t, strings.Index(told, "2026-11-22 16:00 UTC"), strings.Index(told, "2026-11-22 13:00 UTC"), "the newest first")
	require.Contains(t, told, "      broke "+idBroken+"; mended "+idMended+"; 1 case new; 1 case not run any more\n")
	require.Contains(t, told, "✗✗✗✓  "+idFailing+": 1 of 4\n")
	require.Contains(t, told, "✗✓✗✓  "+idMended+": 2 of 4\n")
	require.Contains(t, told, "✓·✓~  "+idGone+": 2 of 3\n")
	require.Contains(t, told, "·✗·✓  "+idNew+": 1 of 2\n")
	require.Less(t, strings.Index(told, idMended+": 2"), strings.Index(told, idFailing+": 1"), "what changed most often first")

	b.Reset()
	require.NoError(t, report.HistoryHTML(&b, h))
	sound(t, "history", b.Bytes())
	page := parse(t, b.Bytes())
	require.Equal(t, 4, len(slices.Collect(all(first(table(page, "past"), atom.Tbody), atom.Tr))))
	require.Contains(t, text(table(page, "fickle")), idMended+" 2 of 4 ✗ violated, ✓ passed, ✗ violated, ✓ passed,")
}

func TestHistoryOfAFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, runs ...report.Run) {
		require.NoError(t, report.Write(filepath.Join(dir, name), runs...))
	}
	write("one.json", green())
	write("the-same-once-more.json", green(), poolOf("p"))
	write("one.badge.json", green())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.json"), []byte(`{"name": "something else"}`), 0o666))
	h, err := report.ReadHistory(dir)
	require.NoError(t, err)
	require.Len(t, h.Subjects, 2)
	for _, s := range h.Subjects {
		require.Len(t, s.Runs, 1, "a run counts once")
	}
	require.Len(t, h.LeftOut, 1)
	require.Contains(t, h.LeftOut[0], "other.json: ")
	for _, write := range []func(io.Writer, report.History) error{report.HistoryHTML, report.HistoryText} {
		var b bytes.Buffer
		require.NoError(t, write(&b, h))
		require.Contains(t, b.String(), "other.json: ", "what is left out is told")
	}

	_, err = report.ReadHistory(t.TempDir())
	require.ErrorIs(t, err, report.ErrNoHistory)
	_, err = report.ReadHistory(filepath.Join(dir, "nowhere"))
	require.ErrorContains(t, err, "nowhere")
}

func TestHostileTextStaysTextInComparisonAndHistory(t *testing.T) {
	for what, poison := range hostile {
		run := poisoned(poison)
		run.Role, run.Asked = "worker", result.Selection{}
		other := run
		other.Results = run.Results[1:]
		var b bytes.Buffer
		require.NoError(t, report.ComparisonHTML(&b, comparison(t, run, other)), what)
		sound(t, what, b.Bytes())
		for name, write := range map[string]func(io.Writer, ...report.Comparison) error{"text": report.ComparisonText, "Markdown": report.ComparisonMarkdown} {
			var b bytes.Buffer
			require.NoError(t, write(&b, comparison(t, run, other)), what)
			require.False(t, unfit.Match(b.Bytes()), "%s in %s", what, name)
		}
	}
}
