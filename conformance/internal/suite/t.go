package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Concludes fixes how the case ends where an error says that nothing is known or offered.
func (t *T) Concludes(err error) bool {
	switch {
	case errors.Is(err, Unreachable):
		t.Conclude(result.StatusBlocked, err.Error())
	case errors.Is(err, spec.Unsupported):
		t.Conclude(result.StatusUnsupported, err.Error())
	default:
		return false
	}
	return true
}

// T is what a case tells its story to: what passed on the wire, and what does not hold.
type T struct {
	// Framing is the one that this run of the case is about; empty where it plays no part.
	Framing spec.Framing
	// Alone is set where the case runs again and must use a subject that has served no other case.
	Alone bool

	ctx      context.Context
	run      context.Context // the whole run's
	patience time.Duration
	began    time.Time

	mu       sync.Mutex
	findings []result.Finding
	timeline []result.Event
	status   result.Status // set by Blocked and Unsupported
	reason   string
	cleanups []func()
	ended    bool
	settled  bool   // conclude was called
	giveUp   func() // ends ctx

	shared       atomic.Bool // the subject has served other cases
	subjectEnded atomic.Bool // its process has ended meanwhile
}

// NewT makes a T for a test of the suite's own parts, which runs no case.
func NewT(ctx context.Context, patience time.Duration) *T {
	return &T{ctx: ctx, run: ctx, patience: patience, began: time.Now(), giveUp: func() {}}
}

// Began is when the case began.
func (t *T) Began() time.Time { return t.began }

// WholeRun ends with the whole run, also where the case is given up before.
func (t *T) WholeRun() context.Context { return t.run }

// Lengthen multiplies the patience of the case.
func (t *T) Lengthen(times int) { t.patience *= time.Duration(times) }

// Good reports whether the case has found nothing wrong so far.
func (t *T) Good() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.findings) == 0 && t.status == ""
}

// Context ends when the case has to give up.
func (t *T) Context() context.Context { return t.ctx }

// Patience is how long to wait for what must happen. It is generous, because machines are slow and
// shared: only a broken implementation ever makes the suite wait that long.
func (t *T) Patience() time.Duration { return t.patience }

// Within returns a context that ends after the patience of the run.
func (t *T) Within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.ctx, t.patience)
}

// Fail records that a clause does not hold; the case goes on.
func (t *T) Fail(clause, want, got string, args ...any) {
	t.Found(result.Finding{Clause: clause, Want: want, Got: fmt.Sprintf(got, args...)})
}

// FailNow records that a clause does not hold and ends the case. Only the case's own goroutine may
// call it.
func (t *T) FailNow(clause, want, got string, args ...any) {
	t.Fail(clause, want, got, args...)
	runtime.Goexit()
}

// Found records a finding; the case goes on.
func (t *T) Found(f result.Finding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended && !t.settled && t.run.Err() == nil { // what is seen after its end, the end has caused
		t.findings = append(t.findings, f)
	}
}

// Failed reports whether the case has recorded a finding.
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.findings) > 0
}

// Blocked ends the case because it could not be run: nothing is known, and the run is not green.
func (t *T) Blocked(reason string, args ...any) {
	t.end(result.StatusBlocked, fmt.Sprintf(reason, args...))
	runtime.Goexit()
}

// Unsupported ends the case because an optional thing is not offered.
func (t *T) Unsupported(reason string, args ...any) {
	t.end(result.StatusUnsupported, fmt.Sprintf(reason, args...))
	runtime.Goexit()
}

func (t *T) end(status result.Status, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status == "" && !t.settled {
		t.status, t.reason = status, reason
	}
}

// Conclude fixes how the case ends, whatever it still sees, and ends its context, so that it waits for nothing
// more. What it has found before stays found. It may be called from any goroutine.
func (t *T) Conclude(status result.Status, reason string, findings ...result.Finding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.settled && !t.ended {
		t.settled = true
		t.status, t.reason, t.findings = status, reason, append(t.findings, findings...)
		t.giveUp()
	}
}

// Concluded reports whether it is fixed how the case ends.
func (t *T) Concluded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settled
}

// Note adds something that happened to the story of the case.
func (t *T) Note(where, note string, args ...any) {
	t.event(result.Event{Where: where, Note: fmt.Sprintf(note, args...)})
}

const KeptBytes = 4096 // of one event

// Saw adds bytes that passed to the story of the case.
func (t *T) Saw(where string, framing spec.Framing, data []byte) {
	kept := append([]byte(nil), data[:min(len(data), KeptBytes)]...)
	t.event(result.Event{Where: where, Bytes: kept, Total: len(data), Framing: framing})
}

const keptEvents = 400 // of one case: the first half and the last

func (t *T) event(e result.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	e.At = time.Since(t.began)
	if len(t.timeline) >= keptEvents {
		t.timeline = append(t.timeline[:keptEvents/2], t.timeline[keptEvents/2+1:]...)
	}
	t.timeline = append(t.timeline, e)
}

// Cleanup has f called when the case has ended, last one first.
func (t *T) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// Dir returns a new directory whose path is short enough for Unix sockets, removed with the case.
func (t *T) Dir() string {
	dir, err := os.MkdirTemp("", "pp")
	if err != nil {
		t.Blocked("no temporary directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Protect runs f and turns a panic in it into a finding of the clause. It tells whether f returned.
func (t *T) Protect(clause, doing string, f func()) (returned bool) {
	defer func() {
		if r := recover(); r != nil {
			t.Fail(clause, doing+" without a panic", "panic: %v\n%s", r, debug.Stack())
		}
	}()
	f()
	return true
}

// Await runs f beside the case and waits for it as long as the patience lasts. A panic and a hang
// are findings of the clause, and end the case.
func (t *T) Await(clause, doing string, f func()) { t.AwaitFor(t.patience, clause, doing, f) }

// AwaitFor is Await with a patience of its own.
func (t *T) AwaitFor(patience time.Duration, clause, doing string, f func()) {
	done := make(chan struct{})
	returned := false
	go func() {
		defer close(done)
		returned = t.Protect(clause, doing, f)
	}()
	if !t.WaitFor(patience, done) {
		t.FailNow(clause, doing+" comes back", "nothing after %v", patience)
	}
	if !returned {
		runtime.Goexit()
	}
}

// WaitFor waits until done is closed, for as long as the patience at most, and reports whether it was. It ends the case
// when the whole run is over.
func (t *T) WaitFor(patience time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-t.Stopped():
		t.Stop()
		return false
	case <-timer.C:
		return false
	}
}

// Settle waits until ok holds, looking again at each event and at short intervals, and reports
// whether it came to hold within the patience of the run.
func (t *T) Settle(ok func() bool) bool {
	ctx, cancel := t.Within()
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ok()
		case <-tick.C:
		}
	}
	return true
}

// RunJob runs one case to its end. Where it finds something wrong with a subject that has served other cases, it runs
// the case once more with a subject of its own, so that the verdict does not rest on what went before.
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
			Note: "so it was with a worker that had served other cases; with one of its own the case passes"})
	}
	r.Elapsed = first.Elapsed + second.Elapsed
	return r
}

// runOnce runs a case. A panic of the suite itself blocks the case and no other.
func runOnce(ctx context.Context, j Job, o *Options, alone bool) (result.Result, *T) {
	ctx, cancel := context.WithTimeout(ctx, 8*o.Patience)
	defer cancel()
	t := &T{
		Framing: j.Framing, Alone: alone,
		ctx: ctx, run: o.Run, patience: o.Patience, began: time.Now(), giveUp: cancel,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.Clean()
		defer func() {
			if r := recover(); r != nil {
				t.end(result.StatusBlocked, fmt.Sprintf("the case itself panicked, which is a bug of the suite: %v\n%s", r, debug.Stack()))
			}
		}()
		j.Run(t)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		timer := time.NewTimer(t.ToEnd(o.Patience))
		select {
		case <-done:
		case <-timer.C:
			t.end(result.StatusBlocked, fmt.Sprintf("the case did not end within %v", 9*o.Patience))
		}
		timer.Stop()
	}
	return t.result(j), t
}

// SharesSubject says that the subject of the case has served other cases.
func (t *T) SharesSubject() { t.shared.Store(true) }

// SubjectEnded says that the process of the subject has ended during the case.
func (t *T) SubjectEnded() { t.subjectEnded.Store(true) }

// Stopped is closed when the whole run is over, and with it what the case waits for.
func (t *T) Stopped() <-chan struct{} { return t.run.Done() }

// Stop ends the case because the whole run is over.
func (t *T) Stop() { t.Blocked(runEnded) }

// runEnded is the reason of a case that was running when the whole run was ended.
const runEnded = "the run was ended while this case was running"

// ToEnd is how long to wait for what must come to its end when the case has.
func (t *T) ToEnd(patience time.Duration) time.Duration {
	if t.run.Err() != nil {
		return 400 * time.Millisecond // whoever ended the run does not want to wait
	}
	return patience
}

func (t *T) Clean() {
	for {
		t.mu.Lock()
		n := len(t.cleanups)
		if n == 0 {
			t.mu.Unlock()
			return
		}
		f := t.cleanups[n-1]
		t.cleanups = t.cleanups[:n-1]
		t.mu.Unlock()
		f()
	}
}

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

// A framer or a pool may live in another process, behind a program that package adapter speaks with. What
// stands for it here offers more than Framer or Pool, and its errors may be of these kinds. They are no
// outcome of the implementation, so that no case takes them for a refusal.
const (
	// Crashed says that the process of the implementation ended over what was asked: a finding, as a panic
	// is one.
	Crashed spec.ErrorKind = "crashed"
	// Unreachable says that nothing is known of what was asked: the case could not be run.
	Unreachable spec.ErrorKind = "unreachable"
)
