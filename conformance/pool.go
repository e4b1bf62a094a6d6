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

// PoolOptions say which pool a case needs. A field that is 0 asks for the implementation's default.
type PoolOptions struct {
	Workers     int
	MaxInFlight int // requests at one worker at the same time [BPR-2]
	// Program, with Argument as its only argument, is what the pool must start as each worker. Argument is the path of
	// a file. Env is added to the environment, beside PYPROC_SOCKET_PATH.
	Program, Argument string
	Env               []string
	SocketDir         string // the directory for the sockets
	Framing           Framing
	MaxPayload        int // bytes
	StartTimeout      time.Duration
	HealthInterval    time.Duration
	HealthTimeout     time.Duration
	RestartBackoff    time.Duration // the first delay before a restart
	RestartBackoffMax time.Duration
	StopTimeout       time.Duration // from SIGTERM to SIGKILL
	// Queue bounds how many calls may wait for a slot; 0 sets no bound. A pool without such a bound returns an error
	// that wraps Unsupported [BPR-6].
	Queue int
	// Output, if it is not nil, receives what the workers print. A pool that takes no writer for that returns an error
	// that wraps Unsupported [OUT-2].
	Output io.Writer
}
