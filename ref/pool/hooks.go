package pool

import (
	"context"
	"time"
)

// Hooks are functions that are told what happens in a pool, for metrics, traces and logs. The packages poolprometheus
// and poolotel have ready ones, JoinHooks makes one of several, and PoolOptions.Hooks takes them.
//
// They are a struct of functions, as net/http/httptrace.ClientTrace is, and no interface. So you set those that you
// need, a pool does no work for the others, and a hook that a later version adds breaks nobody. The hook for the begin
// of a call returns a context for the later ones, as the tracers of database drivers do, so that a span finds its way
// from one to the other.
//
// What you can rely on:
//
//   - Each call for which CallBegan was called has one CallEnded, with one outcome, before Call returns. This holds
//     for calls that were refused, cancelled or cut off, too. The order is CallBegan, any number of CallQueued,
//     CallEnded, all in the goroutine of the caller. A call with a nil context is no call.
//   - Each WorkerStarted has one WorkerEnded, before the next WorkerStarted of that worker and before PoolStopped.
//   - PoolStarted is called before Start lets the first call in. PoolStopped is called before Shutdown returns, and
//     after all hooks of workers. Calls whose goroutines were not yet woken may end after it.
//
// What is expected of a hook:
//
//   - It may be called from many goroutines at once.
//   - It is called where things happen, and not beside them: while a hook of a call runs, that call waits, perhaps
//     with a slot, and while a hook of a worker runs, its restart waits, and so does Shutdown. So it should be quick.
//   - No lock of the pool is held. It may call Health, Workers and Call. A hook of a worker gives Call a deadline: the
//     call may wait for a worker whose restart waits for the hook. No hook waits for Start or Shutdown, which may wait
//     for it.
//   - It cannot change what it is told of. In particular, a call goes by the context of its caller, and not by the one
//     that CallBegan returns.
//   - If it panics, the pool does not recover, any more than it does for PoolOptions.Logger: a pool that hid this would
//     hide the bug. The panic of a hook of a call comes out of Call. The pool stays whole, and the call takes no slot
//     along; if CallBegan panicked, CallEnded is not called. All other hooks run in goroutines of the pool, but
//     PoolStarted, which runs in that of Start; their panic ends the program, and the workers notice [WRK-19].
type Hooks struct {
	PoolStarted func(*Pool)
	PoolStopped func(*Pool)

	// CallBegan is called when Call is. The context that it returns is passed to CallQueued and CallEnded of this
	// call. It is made from ctx, which is that of the caller; nil stands for ctx.
	CallBegan func(ctx context.Context, e CallBegan) context.Context

	// CallQueued is called when a call has found no free slot, and waits for one. How long it waited is in CallEnded.
	// A call whose connection breaks before anything of it was sent may wait once more.
	CallQueued func(ctx context.Context, e CallQueued)

	CallEnded func(ctx context.Context, e CallEnded)

	WorkerStarted func(WorkerStarted)
	WorkerEnded   func(WorkerEnded)

	// RestartFailed is called when a process that replaces one that has ended did not become ready. Another attempt
	// follows. It is not called for the first start of a worker, whose error is that of Start.
	RestartFailed func(RestartFailed)

	HealthChecked func(HealthChecked)
}

// CallBegan tells of a call that begins.
type CallBegan struct {
	// Method is what Call was given. Beware of it as a label of metrics if it comes from outside of the program: there
	// may be any number of them.
	Method string
}

// CallQueued tells of a call that waits for a slot.
type CallQueued struct {
	Method string
}

// CallEnded tells of a call that has ended.
type CallEnded struct {
	Method   string
	Outcome  Outcome
	Err      error         // what Call returns
	Worker   int           // the index of the worker that its slot was at; NoWorker if it ended without one
	Duration time.Duration // between the hooks, Waited included
	Waited   time.Duration // for a slot
}

// NoWorker stands for the index of a worker where there is none.
const NoWorker = -1

// WorkerStarted tells of a process that has become ready.
type WorkerStarted struct {
	Worker   int // its index
	PID      int
	Restart  bool          // it replaces a process that has ended
	Duration time.Duration // from its start until it accepted connections
}

// WorkerEnded tells of a process that has ended after it had become ready.
type WorkerEnded struct {
	Worker int // its index
	PID    int
	Reason EndReason
	Status string        // such as "exit status 3" or "signal: killed"
	Lived  time.Duration // since it became ready
}

// EndReason is why the process of a worker has ended.
type EndReason string

const (
	WorkerStopped     EndReason = "stopped"     // by Shutdown
	WorkerDied        EndReason = "died"        // by itself, or somebody else has killed it
	WorkerHung        EndReason = "hung"        // the pool has killed it, as PoolOptions.HungTimeout says
	WorkerUnreachable EndReason = "unreachable" // the pool has stopped it, because no connection to it could be used
)

// RestartFailed tells of a process that did not become ready.
type RestartFailed struct {
	Worker   int           // its index
	Err      error         // a *StartError
	Duration time.Duration // from its start
}

// HealthChecked tells of a health check that has ended. One that the end of the process has cut off is not told.
type HealthChecked struct {
	Worker   int // its index
	Result   CheckResult
	Err      error // why the worker is not healthy; nil if it is
	Duration time.Duration
}

// CheckResult is what came of a health check.
type CheckResult string

const (
	CheckHealthy   CheckResult = "healthy"
	CheckBusy      CheckResult = "busy"      // it missed the deadline, but the worker has answered a call meanwhile
	CheckUnhealthy CheckResult = "unhealthy" // the worker gets no calls until a check is well
)

// JoinHooks returns hooks that call all given ones, in their order. Each CallBegan gets the context that the one before
// has returned. nil is left out.
func JoinHooks(hooks ...*Hooks) *Hooks {
	return &Hooks{
		PoolStarted:   joined(hooks, func(h *Hooks) func(*Pool) { return h.PoolStarted }),
		PoolStopped:   joined(hooks, func(h *Hooks) func(*Pool) { return h.PoolStopped }),
		CallBegan:     joinedBegins(hooks),
		CallQueued:    joinedOfCalls(hooks, func(h *Hooks) func(context.Context, CallQueued) { return h.CallQueued }),
		CallEnded:     joinedOfCalls(hooks, func(h *Hooks) func(context.Context, CallEnded) { return h.CallEnded }),
		WorkerStarted: joined(hooks, func(h *Hooks) func(WorkerStarted) { return h.WorkerStarted }),
		WorkerEnded:   joined(hooks, func(h *Hooks) func(WorkerEnded) { return h.WorkerEnded }),
		RestartFailed: joined(hooks, func(h *Hooks) func(RestartFailed) { return h.RestartFailed }),
		HealthChecked: joined(hooks, func(h *Hooks) func(HealthChecked) { return h.HealthChecked }),
	}
}

func joined[E any](hooks []*Hooks, of func(*Hooks) func(E)) func(E) {
	all := set(hooks, of, func(f func(E)) bool { return f != nil })
	if len(all) == 0 {
		return nil
	}
	return func(e E) {
		for _, f := range all {
			f(e)
		}
	}
}

func joinedOfCalls[E any](hooks []*Hooks, of func(*Hooks) func(context.Context, E)) func(context.Context, E) {
	all := set(hooks, of, func(f func(context.Context, E)) bool { return f != nil })
	if len(all) == 0 {
		return nil
	}
	return func(ctx context.Context, e E) {
		for _, f := range all {
			f(ctx, e)
		}
	}
}

func joinedBegins(hooks []*Hooks) func(context.Context, CallBegan) context.Context {
	type begin = func(context.Context, CallBegan) context.Context
	all := set(hooks, func(h *Hooks) begin { return h.CallBegan }, func(f begin) bool { return f != nil })
	if len(all) == 0 {
		return nil
	}
	return func(ctx context.Context, e CallBegan) context.Context {
		for _, f := range all {
			if next := f(ctx, e); next != nil {
				ctx = next
			}
		}
		return ctx
	}
}

// set returns one hook of each that has it.
func set[F any](hooks []*Hooks, of func(*Hooks) F, is func(F) bool) []F {
	var all []F
	for _, h := range hooks {
		if h != nil && is(of(h)) {
			all = append(all, of(h))
		}
	}
	return all
}
