package worker

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Test runs every case as a subtest.
func Test(t *testing.T, command Command, opts ...suite.Option) {
	t.Helper()
	o := suite.NewOptions(t.Context(), opts)
	r := &run{command: command}
	t.Cleanup(r.instances.close)
	pre := r.preflight(t.Context(), o)
	if len(pre.framings) == 0 {
		rep := pre.report(o)
		for _, f := range o.OnReport {
			f(rep)
		}
		t.Fatal(pre.result.Text() + strings.Join(pre.notRun, "\n"))
	}
	suite.Test(t, spec.RoleWorker, o, r.jobs(o, pre), pre.notRun)
}

// Check runs every case without a testing.T.
func Check(ctx context.Context, command Command, opts ...suite.Option) result.Report {
	o := suite.NewOptions(ctx, opts)
	r := &run{command: command}
	defer r.instances.close()
	defer context.AfterFunc(ctx, r.instances.close)()
	pre := r.preflight(ctx, o)
	if len(pre.framings) == 0 {
		rep := suite.Check(ctx, spec.RoleWorker, o, []suite.Job{pre.job()}, pre.notRun)
		if !rep.Interrupted {
			rep.SetUp = firstLine(pre.result)
		}
		return rep
	}
	return suite.Check(ctx, spec.RoleWorker, o, r.jobs(o, pre), pre.notRun)
}

// run is one run of the cases against one worker.
type run struct {
	command   Command
	instances instances
}

// jobs are the cases that can be run in the framings that the worker speaks. What the preflight found is
// told among them, in place of the case that it belongs to.
func (r *run) jobs(o *suite.Options, pre preflightResult) []suite.Job {
	spoken := *o
	spoken.Framings = pre.framings
	var all []suite.Job
	if pre.result.Status != result.StatusPass {
		all = append(all, pre.job())
	}
	for _, c := range Cases() {
		if c.bothFramings && len(pre.framings) < len(suite.BothFramings) {
			continue
		}
		for _, j := range suite.Jobs(c.Case, &spoken, nil) {
			j.Run = func(t *suite.T) { r.run(t, j, c, &spoken) }
			all = append(all, j)
		}
	}
	return all
}

// run runs a case. Where it finds something wrong with a worker that had served other cases before, it is
// run once more with a worker of its own, so that its story does not rest on what went before.
func (r *run) run(t *suite.T, j suite.Job, c testCase, o *suite.Options) {
	once := func(alone bool) (last result.Result, borrowed, died bool) {
		w := &T{command: r.command, speaks: o.Framings, instances: &r.instances, alone: alone}
		j.Run = func(t *suite.T) {
			w.T = t
			c.run(w)
		}
		last = suite.RunJob(t.Context(), j, o)
		return last, w.borrowed.Load(), w.died.Load()
	}
	last, borrowed, died := once(false)
	if last.Status != result.StatusPass && borrowed && o.Run.Err() == nil {
		switch second, _, _ := once(true); {
		case slices.Contains([]result.Status{result.StatusFail, result.StatusShould, result.StatusBlocked}, second.Status):
			last = second
		case died: // perhaps of what an earlier case did to it, so nothing is known of this one's clause
			last.Status, last.Findings = result.StatusBlocked, nil
			last.Reason = "a worker that had served other cases ended in the middle of this one, which passes with one of its own: see WRK-16"
		default:
			last.Timeline = append(last.Timeline, result.Event{At: last.Elapsed, Where: "suite",
				Note: "so it was with a worker that had served other cases; with one of its own the case passes"})
		}
	}
	t.Retell(last)
}

type testCase struct {
	suite.Case
	bothFramings bool // the case needs a worker that speaks both framings
	run          func(*T)
}

func Cases() []testCase {
	return slices.Concat(
		framingCases(),
		messageCases(),
		bodyCases(),
		unreadableCases(),
		violationCases(),
		manyCases(),
		startCases(),
		methodCases(),
		framingErrorCases(),
		blockingCases(),
		stopCases(),
		orphanCases(),
		memoryCases(),
		cancellationCases(),
	)
}
