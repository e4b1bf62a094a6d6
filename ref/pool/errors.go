package pool

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of a call, for errors.Is. Only a call whose error is also ErrMayHaveRun may have had an
// effect: any other that failed was never at a worker and may be made again [HLT-5].
var (
	// ErrNotStarted refuses calls before Start, and after a Start that failed [STA-8].
	ErrNotStarted = errors.New("pool: not started")

	// ErrStarted refuses a second Start.
	ErrStarted = errors.New("pool: already started")

	// ErrClosed refuses calls, and Start, once Shutdown began [SHD-1].
	ErrClosed = errors.New("pool: closed")

	// ErrBusy refuses a call because PoolOptions.Queue callers wait already [BPR-6].
	ErrBusy = errors.New("pool: busy: every slot is taken and the queue is full")

	// ErrUnavailable refuses a call because no worker is up and the latest restart of each failed.
	// Restarts go on, so a later call may succeed.
	ErrUnavailable = errors.New("pool: no worker is up")

	// ErrWorkerDied marks the calls that were on a worker when its process ended [HLT-4].
	ErrWorkerDied = errors.New("worker died")

	// ErrMayHaveRun marks a call that failed after some of its request had gone out: it may have
	// run, be running still, or never have been read [HLT-5].
	ErrMayHaveRun = errors.New("the request may have run")
)

// RemoteError is an "ok": false answer: the worker ran the request, or refused it, and says why
// [MSG-16].
type RemoteError struct {
	Message string // the worker's text
}

func (e *RemoteError) Error() string { return "pool: the worker answered: " + e.Message }

// StartError says which worker kept a pool from starting, and why [STA-6].
type StartError struct {
	Worker int    // its index, from 0
	Err    error  // the cause: an *ExitError where the process ended first
	Output string // the end of what the process printed
}

func (e *StartError) Error() string {
	return fmt.Sprintf("pool: worker %d did not start: %v%s", e.Worker, e.Err, printed(e.Output))
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// ExitError says how the process of a worker ended. Of a worker that had become ready it is
// ErrWorkerDied.
type ExitError struct {
	Worker int    // its index, from 0
	PID    int    // of the process
	Status string // such as "exit status 3" or "signal: killed"
	Output string // the end of what the process printed; empty inside a StartError, which has it

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

// OptionsError says which field of PoolOptions cannot be used, and what to do about it.
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
		return "; it printed nothing"
	}
	return "; the end of what it printed:\n" + output
}

// errUnsent is the end of a call on a connection that broke before any of the request went out:
// it may be sent elsewhere, since it was never sent [HLT-8].
var errUnsent = errors.New("pool: the connection broke before the request went out")
