package pool

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// PoolOptions are the settings of a pool. Command is all that must be set; a zero means the
// default.
type PoolOptions struct {
	// Command is the program of a worker, looked up as by os/exec, and its arguments.
	Command []string

	// Env is added to this process's environment, as "KEY=value"; later values win. The pool adds
	// PYPROC_SOCKET_PATH itself [STA-1].
	Env []string

	// Dir is the working directory of the workers. Default: this process's own.
	Dir string

	// Output receives what the workers print, standard output and standard error alike, one write
	// at a time. Default: nothing is passed on. Errors show the end of it either way.
	Output io.Writer

	// SocketDir is where the pool makes its own directory for sockets, mode 0700, and removes it
	// again. Default: the system's directory for temporary files. It must be short: a socket path
	// has at most 107 bytes (103 on macOS).
	SocketDir string

	// Workers is the number of worker processes. Default: GOMAXPROCS.
	Workers int

	// MaxInFlight bounds the requests at one worker [BPR-2]. Default: 16.
	MaxInFlight int

	// Queue bounds the callers that wait for a slot; one more fails with ErrBusy [BPR-6].
	// Default: no bound. NoQueue: none may wait.
	Queue int

	// Framing is Enhanced, which is one connection a worker with many requests outstanding on it,
	// or Basic, which is a connection for each request outstanding. Default: Enhanced.
	Framing frame.Framing

	// MaxPayload bounds the payload of one frame in bytes. Default: 10485760 [FRM-13].
	MaxPayload int

	// StartTimeout bounds the time from starting a process until it accepts connections [STA-2].
	// Default: 30 s, for workers that import large libraries.
	StartTimeout time.Duration

	// HealthInterval is the time between two checks of a worker [HLT-1]. Default: 5 s.
	HealthInterval time.Duration

	// HealthTimeout is the deadline of a check. A worker that gave no answer to anything for that
	// long is unhealthy [HLT-2]. It belongs far above the time of a handler, for a worker that
	// runs handlers inline is silent meanwhile. Default: 30 s.
	HealthTimeout time.Duration

	// HungTimeout is how long a worker may be unhealthy before it is killed and restarted.
	// Default: for ever, because from outside a hung worker looks the same as one at long work,
	// and only the caller knows how long its handlers take.
	HungTimeout time.Duration

	// RestartMin and RestartMax bound the wait before a dead worker is restarted once more. The
	// first restart comes at once; from the second on the wait doubles, by a random half less.
	// After a worker has lived for RestartMax all this begins anew [HLT-7]. Defaults: 100 ms and
	// 30 s.
	RestartMin, RestartMax time.Duration

	// StopTimeout is the time from SIGTERM to SIGKILL [SHD-3]. Default: 6 s, just over the 5 s of
	// grace a worker gives its handlers [WRK-17].
	StopTimeout time.Duration

	// Logger receives what happens to workers and connections. Default: nothing is logged.
	Logger *slog.Logger

	// Dial connects to a worker's socket. Default: a Unix socket.
	Dial func(ctx context.Context, socketPath string) (net.Conn, error)

	// Spawn starts the process of a worker. Default: os/exec.
	Spawn func(ProcessSpec) (Process, error)
}

// NoQueue as PoolOptions.Queue lets no caller wait: without a free slot it fails with ErrBusy.
const NoQueue = -1

func (o PoolOptions) withDefaults() (PoolOptions, error) {
	problem := func(field, format string, args ...any) (PoolOptions, error) {
		return o, &OptionsError{Field: field, Problem: fmt.Sprintf(format, args...)}
	}
	if o.Spawn == nil {
		if len(o.Command) == 0 || o.Command[0] == "" {
			return problem("Command", "is empty; set it to the program of a worker and its arguments")
		}
		o.Spawn = startProcess
	}
	for _, e := range o.Env {
		if strings.HasPrefix(e, SocketPathVariable+"=") {
			return problem("Env", "sets %s, which the pool sets for each worker; remove it", SocketPathVariable)
		}
	}
	for _, n := range []struct {
		field string
		value *int
		zero  int
	}{
		{"Workers", &o.Workers, runtime.GOMAXPROCS(0)},
		{"MaxInFlight", &o.MaxInFlight, 16},
		{"MaxPayload", &o.MaxPayload, frame.DefaultMaxPayload},
	} {
		if *n.value < 0 {
			return problem(n.field, "is %d; set it to a positive number, or 0 for the default", *n.value)
		}
		if *n.value == 0 {
			*n.value = n.zero
		}
	}
	for _, d := range []struct {
		field string
		value *time.Duration
		zero  time.Duration
	}{
		{"StartTimeout", &o.StartTimeout, 30 * time.Second},
		{"HealthInterval", &o.HealthInterval, 5 * time.Second},
		{"HealthTimeout", &o.HealthTimeout, 30 * time.Second},
		{"HungTimeout", &o.HungTimeout, 0},
		{"RestartMin", &o.RestartMin, 100 * time.Millisecond},
		{"RestartMax", &o.RestartMax, max(30*time.Second, o.RestartMin)},
		{"StopTimeout", &o.StopTimeout, 6 * time.Second},
	} {
		if *d.value < 0 {
			return problem(d.field, "is %v; set it to a positive duration, or 0 for the default", *d.value)
		}
		if *d.value == 0 {
			*d.value = d.zero
		}
	}
	if o.RestartMin > o.RestartMax {
		return problem("RestartMin", "is %v, above RestartMax, %v; lower it or raise the other", o.RestartMin, o.RestartMax)
	}
	if o.Queue < NoQueue {
		return problem("Queue", "is %d; set it to the number of callers that may wait, 0 for no bound, or NoQueue", o.Queue)
	}
	if o.Framing > frame.Basic {
		return problem("Framing", "is %d; set it to frame.Enhanced or frame.Basic", o.Framing)
	}
	if o.MaxPayload >= frame.MaxPayloadLimit {
		return problem("MaxPayload", "is %d; it must be below %d, or the framings could be confused [FRM-14]",
			o.MaxPayload, frame.MaxPayloadLimit)
	}
	if o.SocketDir == "" {
		o.SocketDir = os.TempDir()
	}
	longest := filepath.Join(o.SocketDir, longestSocketDir, socketName(o.Workers-1))
	if len(longest) > maxSocketPath() {
		return problem("SocketDir", "is too long: %s would have up to %d bytes, and a socket path may have %d; choose a shorter one",
			longest, len(longest), maxSocketPath())
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = dialUnix
	}
	return o, nil
}

// longestSocketDir has the most digits that os.MkdirTemp puts in the place of the star.
const (
	socketDirPattern = "pp*"
	longestSocketDir = "pp4294967295"
)

func socketName(worker int) string { return fmt.Sprintf("%d.sock", worker) }

// maxSocketPath is the size of sun_path in bytes less its final zero.
func maxSocketPath() int {
	if runtime.GOOS == "darwin" {
		return 103
	}
	return 107
}
