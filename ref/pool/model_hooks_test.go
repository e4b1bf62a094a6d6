package pool_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// told is what hooks were told of a pool. Each hook asks for the pool's health, which would hang if a lock were held.
type told struct {
	mu      sync.Mutex
	pool    *pool.Pool
	calls   map[int]*toldCall // by number
	workers map[int]int       // processes that were told to have started and not to have ended
	started int               // pools
	stopped int
	wrong   []string
}

type toldCall struct {
	begun, queued int
	ends          []pool.CallEnded
}

// callNumber is the key of a call's number in its context, and numberTold that in the context of its hooks.
type (
	callNumber struct{}
	numberTold struct{}
)

func newTold() *told { return &told{calls: map[int]*toldCall{}, workers: map[int]int{}} }

func (o *told) blame(format string, args ...any) {
	o.wrong = append(o.wrong, fmt.Sprintf("[hooks] "+format, args...))
}

// lock is for hooks.
func (o *told) lock() (unlock func()) {
	if o.pool != nil {
		o.pool.Health()
	}
	o.mu.Lock()
	return o.mu.Unlock
}

func (o *told) hooks() *pool.Hooks {
	call := func(ctx context.Context, method string) *toldCall {
		n, ok := ctx.Value(numberTold{}).(int)
		if !ok || method != "hold" {
			o.blame("a hook of a call of %q has not the context that CallBegan returned", method)
			return &toldCall{}
		}
		return o.calls[n]
	}
	return &pool.Hooks{
		PoolStarted: func(p *pool.Pool) {
			defer o.lock()()
			o.started++
		},
		PoolStopped: func(p *pool.Pool) {
			defer o.lock()()
			o.stopped++
		},
		CallBegan: func(ctx context.Context, e pool.CallBegan) context.Context {
			defer o.lock()()
			n := ctx.Value(callNumber{}).(int)
			if o.calls[n] == nil {
				o.calls[n] = &toldCall{}
			}
			o.calls[n].begun++
			return context.WithValue(ctx, numberTold{}, n)
		},
		CallQueued: func(ctx context.Context, e pool.CallQueued) {
			defer o.lock()()
			c := call(ctx, e.Method)
			c.queued++
			if len(c.ends) > 0 {
				o.blame("a call is queued after its end")
			}
		},
		CallEnded: func(ctx context.Context, e pool.CallEnded) {
			defer o.lock()()
			c := call(ctx, e.Method)
			c.ends = append(c.ends, e)
		},
		WorkerStarted: func(e pool.WorkerStarted) {
			defer o.lock()()
			o.workers[e.Worker]++
		},
		WorkerEnded: func(e pool.WorkerEnded) {
			defer o.lock()()
			o.workers[e.Worker]--
		},
		HealthChecked: func(e pool.HealthChecked) {
			defer o.lock()()
			if (e.Err == nil) != (e.Result == pool.CheckHealthy) {
				o.blame("a check is %s with the error %v", e.Result, e.Err)
			}
		},
	}
}

// outcomes are the words of hooks for the ends of calls.
var outcomes = map[end]pool.Outcome{
	answered: pool.Answered, refusedByIt: pool.RemoteFailed, canceled: pool.Cancelled, busy: pool.Busy,
	notStarted: pool.NotStarted, shut: pool.Closed, died: pool.WorkerLost, broken: pool.ConnectionFailed,
}

// differences returns how what hooks were told differs from the model. sentTo is the worker that read the request of a
// call, or nobody.
func (o *told) differences(m model, sentTo func(n int) int) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := len(o.wrong)
	defer func() { o.wrong = o.wrong[:before] }() // those of this moment
	waiting := func(n int) bool { return slices.Contains(m.waiting, n) }
	for _, n := range slices.Sorted(maps.Keys(m.calls)) {
		want, got := m.calls[n], o.calls[n]
		switch {
		case got == nil || got.begun != 1:
			o.blame("call %d: not exactly one begin: %+v", n, got)
		case want.ended == "" && len(got.ends) > 0, want.ended != "" && len(got.ends) != 1:
			o.blame("call %d comes to %s: its ends are %+v", n, whatOf(want.ended), got.ends)
		case want.ended == "":
			if waiting(n) && got.queued == 0 {
				o.blame("call %d waits, and no hook was told", n)
			}
		default:
			e := got.ends[0]
			if e.Outcome != outcomes[want.ended] {
				o.blame("call %d comes to %s, told as %s", n, want.ended, e.Outcome)
			}
			if (e.Err == nil) != (want.ended == answered) || e.Worker != sentTo(n) {
				o.blame("call %d, sent to worker %d, told as one at worker %d, with the error %v", n, sentTo(n), e.Worker, e.Err)
			}
			if e.Waited > e.Duration || e.Waited > 0 && got.queued == 0 {
				o.blame("call %d was queued %d times and waited %v of %v", n, got.queued, e.Waited, e.Duration)
			}
		}
	}
	for w, seat := range m.seats {
		want := 0
		if (m.phase == running || m.phase == closing) && !seat.dead {
			want = 1
		}
		if o.workers[w] != want {
			o.blame("worker %d has %d processes for the hooks, expected %d", w, o.workers[w], want)
		}
	}
	if o.started > 1 || (o.started == 1) != (m.phase == running || m.phase == closing || o.stopped == 1) {
		o.blame("%d starts were told", o.started)
	}
	if o.stopped > 1 || (o.stopped == 1) != (m.phase == closed && o.started == 1) {
		o.blame("%d stops were told", o.stopped)
	}
	return slices.Clone(o.wrong)
}

// leftover returns what has begun and not ended, when everything has.
func (o *told) leftover() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, c := range o.calls {
		if c.begun != 1 || len(c.ends) != 1 {
			o.blame("call %d has begun %d times and ended %d times", n, c.begun, len(c.ends))
		}
	}
	for w, n := range o.workers {
		if n != 0 {
			o.blame("worker %d has %d processes at the end", w, n)
		}
	}
	if o.started != o.stopped {
		o.blame("%d starts and %d stops", o.started, o.stopped)
	}
	return o.wrong
}
