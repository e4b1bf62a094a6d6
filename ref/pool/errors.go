package pool

import (
	"errors"
	"fmt"
	"strings"
)

// Errors to test for with errors.Is. A call that failed may have had an effect only if its error is ErrMayHaveRun too.
// Any other call that failed never reached a worker, and is safe to repeat [HLT-5].
var (
	// ErrNotStarted is the error of a call before Start, or after a Start that failed [STA-8].
	ErrNotStarted = errors.New("pool: not started")

	// ErrStarted is the error of a second Start.
	ErrStarted = errors.New("pool: already started")

	// ErrClosed is the error of Call and Start after Shutdown was called [SHD-1].
	ErrClosed = errors.New("pool: closed")

	// ErrBusy is the error of a call if PoolOptions.Queue callers wait already [BPR-6].
	ErrBusy = errors.New("pool: busy: every slot is taken and the queue is full")

	// ErrUnavailable is the error of a call if no worker is up and the latest restart of each failed. The pool goes
	// on restarting workers, so a later call may succeed.
	ErrUnavailable = errors.New("pool: no worker is up")

	// ErrWorkerDied is the error of the calls that were on a worker when its process ended [HLT-4].
	ErrWorkerDied = errors.New("worker died")

	// ErrMayHaveRun is the error of a call that failed after a part of its request was sent. The worker may have run
	// it, may still run it, or may never have read it [HLT-5].
	ErrMayHaveRun = errors.New("the request may have run")

	// ErrNilContext is the error of Start, Call and Shutdown if their context is nil. They do nothing then.
	ErrNilContext = errors.New("the context is nil; pass context.Background() for a call without a limit")
)

// RemoteError is an answer with "ok": false. The worker has run the request, or refused it [MSG-16].
type RemoteError struct {
	Message string // text of the worker
}

func (e *RemoteError) Error() string { return "pool: the worker answered: " + e.Message }

// StartError reports which worker did not start, and why [STA-6].
type StartError struct {
	Worker int    // its index, from 0
	Err    error  // the cause: an *ExitError if the process ended before it was ready
	Output string // the end of the output of the process, at most 4 KB
}

func (e *StartError) Error() string {
	return fmt.Sprintf("pool: worker %d did not start: %v%s", e.Worker, e.Err, printed(e.Output))
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// ExitError reports how the process of a worker ended. It matches ErrWorkerDied if the worker had become ready.
type ExitError struct {
	Worker int    // its index, from 0
	PID    int    // of the process
	Status string // such as "exit status 3" or "signal: killed"
	Output string // the end of the output of the process, at most 4 KB; empty inside of a StartError, which has it

	ready bool
}

func (e *ExitError) Error() string {
	if !e.ready {
		return fmt.Sprintf("its process (%d) ended before it accepted connections: %s", e.PID, e.Status)
	}
	return fmt.Sprintf("worker %d died: process %d: %s%s", e.Worker, e.PID, e.Status, printed(e.Output))
}

// Is reports whether target is ErrWorkerDied and the worker had become ready.
func (e *ExitError) Is(target error) bool { return target == ErrWorkerDied && e.ready }

// OptionsError reports an invalid field of PoolOptions, and what to do about it.
type OptionsError struct {
	Field   string
	Problem string
}

func (e *OptionsError) Error() string {
	return fmt.Sprintf("pool: PoolOptions.%s %s", e.Field, e.Problem)
}

func printed(output string) string {
	output = strings.TrimSpace(output)
	if output == "" {
		return "; it had no output"
	}
	return "; the end of its output:\n" + output
}

// errUnsent is the error of a call on a connection that broke before any byte of the request was sent. The request
// may be sent on another connection [HLT-8].
var errUnsent = errors.New("pool: the connection broke before the request was sent")
