package suite

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Job is a case in one framing, ready to run against one implementation.
type Job struct {
	Info
	Framing spec.Framing
	Run     func(*T)
	// Known replaces Run for a case that has run already. Its outcome is reported as it is.
	Known *result.Result
}

// Jobs returns a job for each framing that the case runs in and that the options select.
func Jobs(c Info, o *Options, run func(*T)) []Job {
	if first, _ := spec.LookUp(c.Clauses[0]); !first.In(o.Spec) {
		return nil
	}
	if len(c.Framings) == 0 && selects(o.Asked, c, "") {
		return []Job{{Info: c, Run: run}}
	}
	var all []Job
	for _, f := range c.Framings {
		if slices.Contains(o.Framings, f) && selects(o.Asked, c, f) {
			all = append(all, Job{Info: c, Framing: f, Run: run})
		}
	}
	return all
}

// RunJob runs one case to its end. If it does not pass with a subject that has served other cases, RunJob runs it again
// with a subject of its own, so that the verdict does not depend on what went before.
func RunJob(ctx context.Context, j Job, o *Options) result.Result {
	if j.Known != nil {
		return *j.Known
	}
	first, t := runOnce(ctx, j, o, false)
	if first.Status == result.StatusPass || !t.shared.Load() || o.Run.Err() != nil {
		return first
	}
	second, _ := runOnce(ctx, j, o, true)
	r := first
	switch {
	case slices.Contains([]result.Status{result.StatusFail, result.StatusShould, result.StatusBlocked}, second.Status):
		r = second
	case t.subjectEnded.Load(): // perhaps because of an earlier case, so nothing is known of this one's clause
		r.Status, r.Findings = result.StatusBlocked, nil
		r.Reason = "a worker that had served other cases ended in the middle of this one, which passes with one of its own: see WRK-16"
	default:
		r.Timeline = append(r.Timeline, result.Event{At: first.Elapsed, Where: "suite",
			Note: "this happened with a worker that had served other cases; with one of its own the case passes"})
	}
	r.Elapsed = first.Elapsed + second.Elapsed
	return r
}

// A case gives up after so many times the patience of the run, and is left behind after one more.
const caseBound = 8

// runOnce runs a case and returns its result. It does not wait for ever for a case that does not give up.
func runOnce(ctx context.Context, j Job, o *Options, alone bool) (result.Result, *T) {
	ctx, cancel := context.WithTimeout(ctx, caseBound*o.Patience)
	defer cancel()
	t := &T{
		Framing: j.Framing, Alone: alone,
		ctx: ctx, cancel: cancel, run: o.Run, spec: o.Spec, patience: o.Patience, began: time.Now(),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.runToEnd(j.Run)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		timer := time.NewTimer(t.ToEnd(o.Patience))
		select {
		case <-done:
		case <-timer.C:
			t.end(result.StatusBlocked, fmt.Sprintf("the case did not end within %v", (caseBound+1)*o.Patience))
		}
		timer.Stop()
	}
	return t.result(j), t
}

// runToEnd runs a case and then its cleanups. A panic of the suite itself blocks the case and no other.
func (t *T) runToEnd(run func(*T)) {
	defer t.Clean()
	defer func() {
		if r := recover(); r != nil {
			t.end(result.StatusBlocked, fmt.Sprintf("the case itself panicked, which is a bug of the suite: %v\n%s", r, debug.Stack()))
		}
	}()
	run(t)
}

// result ends the case: nothing that is seen later counts.
func (t *T) result(j Job) result.Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	r := result.Result{
		ID: j.ID(j.Framing), Clauses: j.Clauses, Cause: j.Cause, Reason: t.reason,
		Findings: t.findings, Elapsed: time.Since(t.began), Status: result.StatusPass,
	}
	switch {
	case len(t.findings) > 0:
		r.Status = result.StatusShould
		for _, f := range t.findings {
			if c, _ := spec.LookUp(f.Clause); c.Level != spec.Should {
				r.Status = result.StatusFail
			}
		}
	case t.run.Err() != nil:
		r.Status, r.Reason = result.StatusBlocked, runEnded
	case t.status != "":
		r.Status = t.status
	}
	if r.Status != result.StatusPass {
		r.Timeline = t.timeline
	}
	return r
}
