package conformance

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// Pool starts workers and calls them. Its methods may be called at the same time from several goroutines.
type Pool interface {
	// Start starts the workers and returns when all of them accept connections. ctx bounds the start alone [STA-7].
	Start(ctx context.Context) error
	// Call calls a method in one of the workers and returns the body of the answer.
	//
	// If ctx ends first, errors.Is finds context.Canceled or context.DeadlineExceeded in the error. Otherwise it finds
	// Busy, Closed, NotStarted, ErrorAnswer (the error's text then contains the worker's text) or WorkerDied. It finds
	// MayHaveRun beside any of these if the request may have reached a handler [HLT-5].
	Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error)
	// Health returns what is known of the workers, without waiting for a check [HLT-3].
	Health() Health
	// Shutdown lets running calls finish until ctx ends, then stops the workers. It is idempotent [SHD-5].
	Shutdown(ctx context.Context) error
}

// LimitedPool is implemented by a [Pool] that does not obey every option. A case that needs an option which the pool
// ignores does not run, so its clauses are not known.
type LimitedPool interface {
	Pool
	// IgnoredOptions returns the names of the fields of PoolOptions that the pool ignores, such as "RestartBackoff".
	IgnoredOptions() []string
	// FixedMaxPayload returns the limit for a payload in bytes if it cannot be set, or 0. The pool is judged with it.
	FixedMaxPayload() int
}

// PoolOptions say which pool a case needs. A field that is 0 asks for the implementation's default.
//
// Workers, MaxInFlight, Program, Argument, Env, SocketDir, Framing and Queue must be obeyed, or the pool must return an
// error that wraps [Unsupported]. The others may be ignored by a [LimitedPool]; "Options" in ADAPTERS.md lists the clauses
// that are then not known, or known in part only.
type PoolOptions struct {
	Workers     int
	MaxInFlight int // requests at one worker at the same time [BPR-2]
	// Program, with Argument as its only argument, is what the pool must start as each worker. Argument is the path of
	// a file. Env is added to the environment, beside PYPROC_SOCKET_PATH.
	Program, Argument string
	Env               []string
	SocketDir         string // the directory for the sockets
	Framing           Framing
	MaxPayload        int           // bytes; may be fixed, see [LimitedPool]
	StartTimeout      time.Duration // may be ignored: without it, STA-2 is known in part only
	HealthInterval    time.Duration // may be ignored: without it, little is known of HLT and SEL
	HealthTimeout     time.Duration // may be ignored: without it, nothing is known of hung workers
	RestartBackoff    time.Duration // the first delay before a restart; may be ignored: without it, HLT-7 is not known
	RestartBackoffMax time.Duration // may be ignored: without it, HLT-7 is not known
	StopTimeout       time.Duration // from SIGTERM to SIGKILL; may be ignored: without it, SHD-3 is known in part only
	// Queue bounds how many calls may wait for a slot; 0 sets no bound. A pool without such a bound returns an error
	// that wraps Unsupported [BPR-6].
	Queue int
	// Output, if it is not nil, receives what the workers print. A pool that takes no writer for that returns an error
	// that wraps Unsupported [OUT-2].
	Output io.Writer
}
