package pool

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Test runs every selected case as a subtest of t.
func Test(t *testing.T, open Open, opts ...suite.Option) {
	t.Helper()
	o := suite.NewOptions(t.Context(), opts)
	all, notRun, _ := jobs(t.Context(), open, o)
	suite.Test(t, spec.RolePool, o, all, notRun)
}

// Check runs every selected case without a testing.T and returns the report. When ctx ends, it returns what has run so
// far.
func Check(ctx context.Context, open Open, opts ...suite.Option) result.Report {
	o := suite.NewOptions(ctx, opts)
	all, notRun, usable := jobs(ctx, open, o)
	rep := suite.Check(ctx, spec.RolePool, o, all, notRun)
	if !usable && !rep.Interrupted {
		rep.SetUp = strings.Join(notRun, "; ")
	}
	return rep
}

// Cases returns the cases for pools, the first case first.
func Cases() []testCase {
	return slices.Concat(
		[]testCase{firstCase()},
		startCases(),
		failedStartCases(),
		messageCases(),
		matchingCases(),
		brokenAnswerCases(),
		unreadableCases(),
		fullConnectionCases(),
		selectionCases(),
		boundCases(),
		waiterCases(),
		slotCases(),
		cancellationCases(),
		healthCases(),
		deathCases(),
		restartCases(),
		shutdownCases(),
		safeShutdownCases(),

		tooLargeCases(),
		changedBodyCases(),
		healthIDCases(),
		endedContextCases(),
		timeLimitCases(),
		vectorCases(),
		atOnceCases(),
		stopTimeoutCases(),
		severalShutdownCases(),
		boundAfterEventCases(),
		waiterAtDeathCases(),
		hangingCheckCases(),
		inheritanceCases(),
		outputCases(),
		stepCases(),
		manyCallCases(),
		afterRestartCases(),
	)
}

// jobs makes the cases ready to run. It runs the first case in each framing at once: where a right worker cannot be
// started and called in a framing, every other case would fail for that reason, so only the first case is reported.
// anyFraming is false if that is so in every framing.
func jobs(ctx context.Context, open Open, o *suite.Options) (all []suite.Job, notRun []string, anyFraming bool) {
	run := &shared{leftByFirstCase: map[leftover]bool{}}
	ready := func(c testCase, o *suite.Options) []suite.Job {
		return suite.Jobs(c.Info(), o, func(t *suite.T) {
			t.SetsLimits()
			framing := t.Framing
			if framing == "" {
				framing = o.Framings[0]
			}
			p := &T{T: t, shared: run, open: open, framing: framing, clauses: c.Clauses}
			c.Run(p)
			p.blockIfLate()
		})
	}
	usable := *o
	usable.Framings = nil
	run.firstCaseRuns = true
	for _, f := range o.Framings {
		one := suite.Options{Framings: []spec.Framing{f}}
		first := ready(firstCase(), &one)[0]
		switch r := suite.RunJob(ctx, first, o); r.Status {
		case result.StatusPass:
			usable.Framings = append(usable.Framings, f)
		case result.StatusUnsupported:
			notRun = append(notRun, fmt.Sprintf("the %s framing: %s", f, r.Reason))
		default:
			first.Known = &r // not run again: if it passed by chance, the report would not say why nothing else ran
			all = append(all, first)
			notRun = append(notRun, fmt.Sprintf("every other case in the %s framing, because one right worker could not be started and called", f))
		}
	}
	run.firstCaseRuns = false
	if len(usable.Framings) == 0 {
		return all, notRun, false
	}
	for _, c := range Cases() {
		all = append(all, ready(c, &usable)...)
	}
	return all, notRun, true
}
