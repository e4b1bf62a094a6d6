package pool

import (
	"context"
	"errors"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// Outcome is the class of what came of a call. There are only those named here.
type Outcome string

const (
	Answered         Outcome = "answered"          // by the worker, with "ok": true
	RemoteFailed     Outcome = "remote_error"      // the worker answered with an error: a *RemoteError
	TimedOut         Outcome = "timeout"           // the deadline of its context passed
	Cancelled        Outcome = "cancelled"         // its context ended otherwise
	WorkerLost       Outcome = "worker_died"       // ErrWorkerDied
	ConnectionFailed Outcome = "connection_failed" // the worker broke the protocol or closed the connection, and lives
	Busy             Outcome = "busy"              // ErrBusy
	Unavailable      Outcome = "unavailable"       // ErrUnavailable
	Closed           Outcome = "closed"            // ErrClosed
	NotStarted       Outcome = "not_started"       // ErrNotStarted
	TooLarge         Outcome = "too_large"         // the request, which was not sent: frame.ErrTooLarge
	NotEncodable     Outcome = "not_encodable"     // the body
	Panicked         Outcome = "panicked"          // the encoding of the body, or a hook; Call does not return
)

// fate is what became of a call, for the hooks. Errors alone do not tell it: that of a context may wrap any cause, with
// which it was cancelled, and that of a body any error of its encoding.
type fate struct {
	outcome Outcome
	worker  int
	waited  time.Duration
}

// unsent is the fate of a call that held no slot when it ended.
func unsent(o Outcome) fate { return fate{outcome: o, worker: NoWorker} }

// fateWithoutSlot is that of a call that scheduler.acquire or await gave err.
func (c *pendingCall) fateWithoutSlot(ctx context.Context, err error) fate {
	f := fate{worker: NoWorker, waited: c.waited}
	switch {
	case c.left:
		f.outcome = outcomeOf(ctx)
	case errors.Is(err, ErrNotStarted):
		f.outcome = NotStarted
	case errors.Is(err, ErrClosed):
		f.outcome = Closed
	case errors.Is(err, ErrBusy):
		f.outcome = Busy
	default:
		f.outcome = Unavailable
	}
	return f
}

// fateAtWorker is that of a call that link.call gave err.
func (c *pendingCall) fateAtWorker(ctx context.Context, err error) fate {
	f := fate{worker: c.slot.worker, waited: c.waited}
	switch {
	case c.left:
		f.outcome = outcomeOf(ctx)
	case c.err == nil && errors.Is(err, frame.ErrTooLarge): // else it is the answer, and the connection has failed
		f.outcome = TooLarge
	case errors.Is(err, ErrClosed):
		f.outcome = Closed
	case errors.Is(err, ErrWorkerDied):
		f.outcome = WorkerLost
	default:
		f.outcome = ConnectionFailed
	}
	return f
}

// fateAnswered is that of a call that has its answer.
func (c *pendingCall) fateAnswered() fate {
	f := fate{Answered, c.slot.worker, c.waited}
	if !c.answer.OK {
		f.outcome = RemoteFailed
	}
	return f
}

// outcomeOf is that of a call whose context has ended.
func outcomeOf(ctx context.Context) Outcome {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return TimedOut
	}
	return Cancelled
}
