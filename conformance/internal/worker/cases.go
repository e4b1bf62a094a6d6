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

// Cases returns the cases for workers.
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
		leavingCases(),
		vectorCases(),
	)
}

// Test runs every case as a subtest.
func Test(t *testing.T, command Command, opts ...suite.Option) {
	t.Helper()
	o := suite.NewOptions(t.Context(), opts)
	r := &run{command: command}
	t.Cleanup(r.instances.close)
	pre := r.preflight(t.Context(), o)
	if len(pre.framings)+len(pre.wireOnly) == 0 {
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
	rep := suite.Check(ctx, spec.RoleWorker, o, r.jobs(o, pre), pre.notRun)
	if len(pre.framings) == 0 && !rep.Interrupted {
		rep.SetUp = firstLine(pre.result)
	}
	return rep
}

// jobs returns the cases that can run in the framings that the worker speaks. When the preflight found something wrong, its
// result is among them, under the ID of the case that it belongs to.
func (r *run) jobs(o *suite.Options, pre preflightResult) []suite.Job {
	var all []suite.Job
	if pre.result.Status != result.StatusPass {
		all = append(all, pre.job())
	}
	cases := Cases()
	if len(pre.wireOnly) > 0 {
		cases = []testCase{startsCase(), healthCase()}
		pre.framings = pre.wireOnly
	}
	if len(pre.framings) == 0 {
		return all
	}
	spoken := *o
	spoken.Framings = pre.framings
	for _, c := range cases {
		if c.NeedsBoth && len(pre.framings) < len(suite.BothFramings) {
			continue
		}
		all = append(all, suite.Jobs(c.Info(), &spoken, func(t *suite.T) { c.Run(r.newT(t, pre)) })...)
	}
	return all
}
