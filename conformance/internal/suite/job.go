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
// with a subject of its own, so that the verdict does not depend on what went before. Neither does it rest on a trial in
// which the suite itself was held up: see again.
func RunJob(ctx context.Context, j Job, o *Options) result.Result {
	if j.Known != nil {
		return *j.Known
	}
	began := time.Now()
	r, trials := judge(ctx, j, o)
	r = again(ctx, j, o, r, trials...)
	r.Elapsed = time.Since(began)
	return r
}

// judge runs one case, and a second time if it does not pass with a subject that has served other cases. It returns what
// the trials worked with as well.
func judge(ctx context.Context, j Job, o *Options) (result.Result, []*T) {
	first := startOnce(ctx, j, o, newT(j, o))
	idle := o.idleMeter()
	look, late := time.NewTimer(o.Patience/10), time.NewTimer(o.Patience/3)
	defer look.Stop()
	defer late.Stop()
	var r result.Result
	var second trial
	// What takes so long has probably failed. The second trial need not wait until that is certain, and least of all where
	// the processors have nothing else to do.
	begin := func() {
		if second.result == nil && first.t.shared.Load() {
			second = startAlone(ctx, j, o)
		}
	}
	for ended := false; !ended; {
		select {
		case r = <-first.result:
			ended = true
		case <-look.C:
			if idle() {
				begin()
			} else {
				look.Reset(lookEvery)
			}
		case <-late.C:
			begin()
		}
	}
	if r.Status == result.StatusPass || !first.t.shared.Load() || o.Run.Err() != nil {
		second.abandon()
		return r, []*T{first.t}
	}
	if second.result == nil {
		second = startAlone(ctx, j, o)
	}
	return afterBoth(r, <-second.result, first.t), []*T{first.t, second.t}
}

// afterBoth returns the result of a case that did not pass with a subject that had served other cases, t, and was run again.
func afterBoth(first, second result.Result, t *T) result.Result {
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
	return r
}

// trial is a run of a case that has begun.
type trial struct {
	t      *T
	result chan result.Result
	cancel context.CancelFunc
}

// startOnce starts a case. Its result comes when it has ended.
func startOnce(ctx context.Context, j Job, o *Options, t *T) trial {
	ctx, cancel := context.WithCancel(ctx)
	end := trial{t, make(chan result.Result, 1), cancel}
	go func() {
		defer cancel()
		end.result <- runOnce(ctx, j, o, t)
	}()
	return end
}

// startAlone starts a case with a subject of its own.
func startAlone(ctx context.Context, j Job, o *Options) trial {
	t := newT(j, o)
	t.Alone = true
	return startOnce(ctx, j, o, t)
}

// abandon ends a trial whose result does not matter, if there is one, and waits for it to clean up.
func (s trial) abandon() {
	if s.result != nil {
		s.cancel()
		<-s.result
	}
}

// A case gives up after so many times the patience of the run, and is left behind after one more.
const caseBound, longCaseBound = 8, 64

// bound returns after how many times the patience of the run the case gives up.
func (c Info) bound() time.Duration {
	if c.Long {
		return longCaseBound
	}
	return caseBound
}

// newT returns what a case works with.
func newT(j Job, o *Options) *T {
	return &T{Framing: j.Framing, run: o.Run, spec: o.Spec, patience: o.Patience, began: time.Now()}
}

// runOnce runs a case and returns its result. It does not wait for ever for a case that does not give up.
func runOnce(ctx context.Context, j Job, o *Options, t *T) result.Result {
	ctx, cancel := context.WithTimeout(ctx, j.bound()*o.Patience)
	defer cancel()
	t.ctx, t.cancel = ctx, cancel
	done := make(chan struct{})
	held, end := o.heldUp.during()
	defer end()
	t.held = held
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
			t.end(result.StatusBlocked, fmt.Sprintf("the case did not end within %v", (j.bound()+1)*o.Patience))
		}
		timer.Stop()
	}
	return t.result(j)
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
	case t.ctx.Err() != nil: // what it saw since then did not count
		r.Status, r.Reason = result.StatusBlocked, fmt.Sprintf("the case was not done after %v", time.Since(t.began).Round(time.Second))
	}
	if r.Status != result.StatusPass {
		r.Timeline = t.timeline
	}
	return r
}
