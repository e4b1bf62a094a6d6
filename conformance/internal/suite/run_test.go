package suite_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func job(name string, run func(*suite.T), clauses ...string) suite.Job {
	return suite.Job{Info: suite.Info{Name: name, Clauses: clauses}, Run: run}
}

func passes(*suite.T) {}

func clause(t *testing.T, rep result.Report, name string) result.ClauseResult {
	t.Helper()
	for _, c := range rep.ByClause() {
		if c.Name == name {
			return c
		}
	}
	require.Fail(t, "the report has no clause "+name)
	return result.ClauseResult{}
}

func TestAClauseOfWhichACaseDidNotRunDoesNotHold(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	o := suite.NewOptions(ctx, nil)
	o.Parallel = 1
	rep := suite.Check(ctx, spec.RoleFramer, o, []suite.Job{
		job("a", passes, "FRM-7"),
		job("b", func(*suite.T) { end() }, "FRM-8"),
		job("c", passes, "FRM-9", "FRM-7"),
	}, nil)
	require.True(t, rep.Interrupted)
	require.Equal(t, []result.Missed{{ID: "FRM-8/b", Clauses: []string{"FRM-8"}}, {ID: "FRM-9/c", Clauses: []string{"FRM-9", "FRM-7"}}}, rep.Missed)
	for _, name := range []string{"FRM-7", "FRM-8", "FRM-9"} {
		require.Equal(t, result.StatusBlocked, clause(t, rep, name).Status, name)
	}
	require.Empty(t, clause(t, rep, "FRM-1").Status)
}

// The serial ones of both parts stay alone: no case of another part runs beside them.
func TestCasesThatComeFirstEndBeforeAllOthersBegin(t *testing.T) {
	t.Parallel()
	var events []string
	o := suite.NewOptions(t.Context(), []suite.Option{func(o *suite.Options) { o.First = []string{"FRM-9/c", "FRM-7/none", "FRM-8/b"} }})
	o.OnCase(func(id string) { events = append(events, "begins "+id) })
	o.OnResult(func(r result.Result) { events = append(events, "ended "+r.ID) })
	serial := job("s", passes, "FRM-6")
	serial.Serial = true
	rep := suite.Check(t.Context(), spec.RoleFramer, o, []suite.Job{
		job("a", passes, "FRM-7"), job("b", passes, "FRM-8"), job("c", passes, "FRM-9"), serial,
	}, nil)
	require.Len(t, rep.Results, 4)
	require.ElementsMatch(t, []string{"begins FRM-8/b", "ended FRM-8/b", "begins FRM-9/c", "ended FRM-9/c"}, events[:4])
	require.Equal(t, []string{"begins FRM-6/s", "ended FRM-6/s", "begins FRM-7/a", "ended FRM-7/a"}, events[4:])
}

func TestClausesThatNobodyAskedForAreMarked(t *testing.T) {
	t.Parallel()
	o := suite.NewOptions(t.Context(), []suite.Option{func(o *suite.Options) { o.Asked.Only = []string{"FRM-7"} }})
	rep := suite.Check(t.Context(), spec.RoleFramer, o, []suite.Job{job("a", passes, "FRM-7", "FRM-9")}, nil)
	require.True(t, clause(t, rep, "FRM-7").Asked)
	require.False(t, clause(t, rep, "FRM-9").Asked, "other cases of it were not run")
	require.False(t, clause(t, rep, "FRM-1").Asked)
}

func TestAnOlderVersionHasNoNewerClauses(t *testing.T) {
	t.Parallel()
	o := suite.NewOptions(t.Context(), []suite.Option{func(o *suite.Options) { o.Spec = "2" }})
	require.Empty(t, suite.Jobs(suite.Info{Name: "a", Clauses: []string{"STR-8"}}, o, passes), "STR-8 came with version 3")
	require.Len(t, suite.Jobs(suite.Info{Name: "a", Clauses: []string{"STR-5"}}, o, passes), 1)
	rep := suite.Check(t.Context(), spec.RoleFramer, o, []suite.Job{
		job("goes-on", func(t *suite.T) { t.Fail("STR-8", "a write goes on", "it waits") }, "STR-5"),
		job("ends", func(t *suite.T) { t.FailNow("STR-8", "a write goes on", "it waits") }, "STR-6"),
	}, nil)
	require.Equal(t, "2", rep.Spec)
	require.Equal(t, result.StatusPass, clause(t, rep, "STR-5").Status)
	require.Equal(t, result.StatusBlocked, clause(t, rep, "STR-6").Status)
	for _, c := range rep.ByClause() {
		require.LessOrEqual(t, c.Since, 2, c.Name)
	}
}

// A case that finds something wrong with a subject that has served others runs again, with one of its own.
func TestAVerdictDoesNotRestOnASubjectThatServedOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		alone func(*suite.T)
		ended bool
		want  result.Status
	}{
		{"fails alone too", func(t *suite.T) { t.Fail("WRK-7", "want", "alone") }, false, result.StatusFail},
		{"passes alone", passes, false, result.StatusFail},
		{"passes alone, and the shared subject ended", passes, true, result.StatusBlocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			r := suite.RunJob(t.Context(), job("a", func(t *suite.T) {
				runs++
				if t.Alone {
					c.alone(t)
					return
				}
				t.SharesSubject()
				if c.ended {
					t.SubjectEnded()
				}
				t.Fail("WRK-7", "want", "shared")
			}, "WRK-7"), suite.NewOptions(t.Context(), nil))
			require.Equal(t, 2, runs)
			require.Equal(t, c.want, r.Status)
		})
	}
}

func TestACaseThatDoesNotEndIsLeft(t *testing.T) {
	t.Parallel()
	o := suite.NewOptions(t.Context(), nil)
	o.Patience = 20 * time.Millisecond
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	r := suite.RunJob(t.Context(), job("a", func(*suite.T) { <-never }, "WRK-7"), o)
	require.Equal(t, result.StatusBlocked, r.Status)
	require.Contains(t, r.Reason, "did not end within 180ms")
}

// What a subject does because the case itself has ended its contexts is not the subject's fault.
func TestWhatACaseFindsWhenItMustGiveUpDoesNotCount(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]func(*suite.T){
		"a finding": func(t *suite.T) { t.Fail("WRK-7", "an answer", "the context has ended") },
		"nothing":   func(*suite.T) {},
	} {
		o := suite.NewOptions(t.Context(), nil)
		o.Patience = 20 * time.Millisecond
		r := suite.RunJob(t.Context(), job("a", func(t *suite.T) {
			<-t.Context().Done()
			late(t)
		}, "WRK-7"), o)
		require.Equal(t, result.StatusBlocked, r.Status, name)
		require.Empty(t, r.Findings, name)
		require.Contains(t, r.Reason, "the case was not done after", name)
	}
}

func TestALongCaseMayTakeEightTimesAsLongAsAnother(t *testing.T) {
	t.Parallel()
	bound := func(long bool) (d time.Duration) {
		j := job("a", func(t *suite.T) {
			deadline, _ := t.Context().Deadline()
			d = deadline.Sub(t.Began()).Round(time.Second)
		}, "RID-2")
		j.Long = long
		suite.RunJob(t.Context(), j, suite.NewOptions(t.Context(), nil))
		return d
	}
	require.Equal(t, 80*time.Second, bound(false))
	require.Equal(t, 640*time.Second, bound(true))
}

// A CI runner takes no command from what a subject says.
func TestTheTextOfACaseHoldsNoCommandsToCIRunners(t *testing.T) {
	t.Parallel()
	r := suite.RunJob(t.Context(), job("a", func(t *suite.T) {
		t.Fail("WRK-7", "no commands", "an error\n::add-mask::x\n##vso[task.setvariable]")
	}, "WRK-7"), suite.NewOptions(t.Context(), nil))
	require.NotContains(t, r.Text(), "##vso[")
	require.NotRegexp(t, `(?m)^\s*::add-mask::`, r.Text())
	require.Contains(t, r.Text(), "add-mask")
}

func TestACaseThatIsNotAskedCountsForNobody(t *testing.T) {
	t.Parallel()
	rep := suite.Check(t.Context(), spec.RoleFramer, suite.NewOptions(t.Context(), nil), []suite.Job{
		job("a", func(t *suite.T) { t.NotAsked("lines do not show it") }, "STR-9"),
	}, nil)
	require.Equal(t, result.StatusNotAsked, clause(t, rep, "STR-9").Status)
}
