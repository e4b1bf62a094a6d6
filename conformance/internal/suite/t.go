package suite

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// T is what a case works with. It collects what the case finds (findings.go) and what happens meanwhile (timeline.go),
// and waits on its behalf (wait.go). Its methods may be called from any goroutine, but for those that end the case.
type T struct {
	// Framing is the one that the case runs in; empty if the framing plays no part.
	Framing spec.Framing
	// Alone is set when the case runs again and must use a subject that has served no other case.
	Alone bool

	ctx      context.Context
	cancel   func()          // ends ctx
	run      context.Context // of the whole run
	patience time.Duration
	spec     string // the version of the clauses to judge by
	began    time.Time

	mu        sync.Mutex
	findings  []result.Finding
	timeline  []result.Event
	status    result.Status // set by Blocked, Unsupported and Conclude
	reason    string
	cleanups  []func()
	ended     bool
	concluded bool // Conclude was called

	held         func() time.Duration // for how long this process was held up while the case ran
	limits       atomic.Bool          // the case gives its subject limits of time
	shared       atomic.Bool          // the subject has served other cases
	subjectEnded atomic.Bool          // the subject's process has ended during the case
}

// NewT returns a T for a test of the suite's own parts, which runs no case.
func NewT(ctx context.Context, patience time.Duration) *T {
	return &T{ctx: ctx, cancel: func() {}, run: ctx, patience: patience, began: time.Now()}
}

// Context returns a context that ends when the case must give up.
func (t *T) Context() context.Context { return t.ctx }

// WholeRun returns a context that ends with the whole run. It goes on when the case gives up earlier.
func (t *T) WholeRun() context.Context { return t.run }

// Began returns when the case began.
func (t *T) Began() time.Time { return t.began }

// Patience returns how long to wait for what must happen. It is generous, because machines are slow and shared: only a
// broken implementation makes the suite wait that long.
func (t *T) Patience() time.Duration { return t.patience }

// Lengthen multiplies the patience of the case.
func (t *T) Lengthen(times int) { t.patience *= time.Duration(times) }

// Within returns a context that ends after the patience of the run.
func (t *T) Within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.ctx, t.patience)
}

// SetsLimits records that the case gives its subject limits of time, such as a pool's StartTimeout, or must itself answer
// within the subject's. A right subject can fail it where the suite is held up.
func (t *T) SetsLimits() { t.limits.Store(true) }

// SharesSubject records that the subject of the case has served other cases.
func (t *T) SharesSubject() { t.shared.Store(true) }

// SubjectEnded records that the process of the subject has ended during the case.
func (t *T) SubjectEnded() { t.subjectEnded.Store(true) }

// Dir returns a new directory whose path is short enough for Unix sockets. It is removed when the case has ended.
func (t *T) Dir() string {
	dir, err := SocketDir()
	if err != nil {
		t.Blocked("%v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Cleanup calls f when the case has ended. The function that was added last is called first.
func (t *T) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// Clean calls the functions that were given to Cleanup, also those that are added meanwhile.
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
