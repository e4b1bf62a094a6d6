package conformance

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// T is what a case tells its story to: what passed on the wire, and what does not hold.
type T struct {
	// Framing is the one that this run of the case is about; empty where it plays no part.
	Framing Framing

	ctx      context.Context
	run      context.Context // the whole run's
	patience time.Duration
	began    time.Time

	mu       sync.Mutex
	findings []Finding
	timeline []Event
	status   Status // set by Blocked and Unsupported
	reason   string
	cleanups []func()
	ended    bool
	settled  bool   // conclude was called
	giveUp   func() // ends ctx
}

// newT makes a T for a test of the suite's own parts, which runs no case.
func newT(ctx context.Context, patience time.Duration) *T {
	return &T{ctx: ctx, run: ctx, patience: patience, began: time.Now(), giveUp: func() {}}
}

// Began is when the case began.
func (t *T) Began() time.Time { return t.began }

// wholeRun ends with the whole run, also where the case is given up before.
func (t *T) wholeRun() context.Context { return t.run }

// lengthen multiplies the patience of the case.
func (t *T) lengthen(times int) { t.patience *= time.Duration(times) }

// good reports whether the case has found nothing wrong so far.
func (t *T) good() bool {
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
	t.Found(Finding{Clause: clause, Want: want, Got: fmt.Sprintf(got, args...)})
}

// FailNow records that a clause does not hold and ends the case. Only the case's own goroutine may
// call it.
func (t *T) FailNow(clause, want, got string, args ...any) {
	t.Fail(clause, want, got, args...)
	runtime.Goexit()
}

// Found records a finding; the case goes on.
func (t *T) Found(f Finding) {
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
	t.end(StatusBlocked, fmt.Sprintf(reason, args...))
	runtime.Goexit()
}

// Unsupported ends the case because an optional thing is not offered.
func (t *T) Unsupported(reason string, args ...any) {
	t.end(StatusUnsupported, fmt.Sprintf(reason, args...))
	runtime.Goexit()
}

func (t *T) end(status Status, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status == "" && !t.settled {
		t.status, t.reason = status, reason
	}
}

// conclude fixes how the case ends, whatever it still sees, and ends its context, so that it waits for nothing
// more. What it has found before stays found. It may be called from any goroutine.
func (t *T) conclude(status Status, reason string, findings ...Finding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.settled && !t.ended {
		t.settled = true
		t.status, t.reason, t.findings = status, reason, append(t.findings, findings...)
		t.giveUp()
	}
}

// concluded reports whether it is fixed how the case ends.
func (t *T) concluded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settled
}

// Note adds something that happened to the story of the case.
func (t *T) Note(where, note string, args ...any) {
	t.event(Event{Where: where, Note: fmt.Sprintf(note, args...)})
}

const keptBytes = 4096 // of one event

// Saw adds bytes that passed to the story of the case.
func (t *T) Saw(where string, framing Framing, data []byte) {
	kept := append([]byte(nil), data[:min(len(data), keptBytes)]...)
	t.event(Event{Where: where, Bytes: kept, Total: len(data), Framing: framing})
}

const keptEvents = 400 // of one case: the first half and the last

func (t *T) event(e Event) {
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
func (t *T) Await(clause, doing string, f func()) { t.awaitFor(t.patience, clause, doing, f) }

func (t *T) awaitFor(patience time.Duration, clause, doing string, f func()) {
	done := make(chan bool, 1)
	go func() {
		returned := false
		defer func() { done <- returned }()
		returned = t.Protect(clause, doing, f)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case returned := <-done:
		if !returned {
			runtime.Goexit()
		}
	case <-t.stopped():
		t.stop()
	case <-timer.C:
		t.FailNow(clause, doing+" comes back", "nothing after %v", patience)
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

// runJob runs one case to its end. A panic of the suite itself blocks the case and no other.
func runJob(ctx context.Context, j job, o *options) Result {
	ctx, cancel := context.WithTimeout(ctx, 8*o.patience)
	defer cancel()
	t := &T{Framing: j.framing, ctx: ctx, run: o.run, patience: o.patience, began: time.Now(), giveUp: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.clean()
		defer func() {
			if r := recover(); r != nil {
				t.end(StatusBlocked, fmt.Sprintf("the case itself panicked, which is a bug of the suite: %v\n%s", r, debug.Stack()))
			}
		}()
		j.run(t)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		timer := time.NewTimer(t.toEnd(o.patience))
		select {
		case <-done:
		case <-timer.C:
			t.end(StatusBlocked, fmt.Sprintf("the case did not end within %v", 9*o.patience))
		}
		timer.Stop()
	}
	return t.result(j)
}

// stopped is closed when the whole run is over, and with it what the case waits for.
func (t *T) stopped() <-chan struct{} { return t.run.Done() }

// stop ends the case because the whole run is over.
func (t *T) stop() { t.Blocked(runEnded) }

// runEnded is the reason of a case that was running when the whole run was ended.
const runEnded = "the run was ended while this case was running"

// toEnd is how long to wait for what must come to its end when the case has.
func (t *T) toEnd(patience time.Duration) time.Duration {
	if t.run.Err() != nil {
		return 400 * time.Millisecond // whoever ended the run does not want to wait
	}
	return patience
}

func (t *T) clean() {
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

func (t *T) result(j job) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	r := Result{
		ID: j.ID(j.framing), Clauses: j.Clauses, Cause: j.Cause, Reason: t.reason,
		Findings: t.findings, Elapsed: time.Since(t.began), Status: StatusPass,
	}
	switch {
	case len(t.findings) > 0:
		r.Status = StatusShould
		for _, f := range t.findings {
			if c, _ := LookUp(f.Clause); c.Level != Should {
				r.Status = StatusFail
			}
		}
	case t.run.Err() != nil:
		r.Status, r.Reason = StatusBlocked, runEnded
	case t.status != "":
		r.Status = t.status
	}
	if r.Status != StatusPass {
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
	Crashed ErrorKind = "crashed"
	// Unreachable says that nothing is known of what was asked: the case could not be run.
	Unreachable ErrorKind = "unreachable"
)
