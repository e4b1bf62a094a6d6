package pool

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Pool is what the suite asks of a pool.
type Pool interface {
	// Start starts the workers; its context bounds the start alone [STA-7].
	Start(ctx context.Context) error
	// Call calls a method in some worker and returns the body of the answer. Its error lets errors.Is
	// find context.Canceled or context.DeadlineExceeded where its context ended, and otherwise Busy,
	// Closed, NotStarted, ErrorAnswer (with the worker's text in the error's text), WorkerDied, and
	// beside any of these MayHaveRun where the request may have reached a handler [HLT-5].
	Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error)
	Health() spec.Health
	Shutdown(ctx context.Context) error
}

// Options say what kind of pool a case needs. A field that is 0 asks for the implementation's
// default.
type Options struct {
	Workers     int
	MaxInFlight int // requests at one worker at once [BPR-2]
	// Program and Argument are what the pool must start as each worker: the program with this one
	// argument, which is the path of a file, and Env added to the environment, beside
	// PYPROC_SOCKET_PATH.
	Program, Argument string
	Env               []string
	SocketDir         string // where the sockets go
	Framing           spec.Framing
	MaxPayload        int // bytes
	StartTimeout      time.Duration
	HealthInterval    time.Duration
	HealthTimeout     time.Duration
	RestartBackoff    time.Duration // the first delay before a restart
	RestartBackoffMax time.Duration
	StopTimeout       time.Duration // from SIGTERM to SIGKILL
	// Queue bounds how many calls may wait for a slot; 0 sets no bound. A pool that has no such
	// bound returns an error that wraps Unsupported [BPR-6].
	Queue int
}

// Open makes the pool under test, not started yet.
type Open func(o Options) (Pool, error)

// T is a case's view of the pool under test.
type T struct {
	*suite.T
	*shared
	open    Open
	framing spec.Framing // to run in, also where it plays no part
	clauses []string     // the clauses of the case
}

// blockIfLate ends a case that took so long that its context has ended: what it sees from then on says nothing
// of the pool.
func (t *T) blockIfLate() {
	if t.Context().Err() != nil {
		t.Blocked("the case was not done after %v", time.Since(t.Began()).Round(time.Second))
	}
}

// covers reports whether the case covers the clause.
func (t *T) covers(clause string) bool { return slices.Contains(t.clauses, clause) }
