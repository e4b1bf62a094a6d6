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
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// PoolOptions configure a pool. Only Command must be set. The zero value of any other field means its default.
type PoolOptions struct {
	// Command is the program of a worker, looked up as by os/exec, and its arguments.
	Command []string

	// Env is added to the environment of this process, as "KEY=value". Later values win. The pool sets
	// PYPROC_SOCKET_PATH and PYPROC_LIFELINE_FD itself, whatever the environment or Env have for them [STA-1].
	Env []string

	// Dir is the working directory of the workers. Default: that of this process.
	Dir string

	// Output receives standard output and standard error of all workers, one Write at a time. Default: their output
	// is dropped. The end of it is in errors either way.
	//
	// A Write that blocks holds up neither a worker nor the pool. Up to 1 MB of output waits for it. What exceeds
	// that is dropped, and a line says how much. Start, if it fails, and Shutdown wait up to 500 ms for a Write.
	Output io.Writer

	// SocketDir is the directory in which the pool makes a directory of its own for sockets, mode 0700. The pool
	// removes that in Shutdown. If its process is killed before, the next pool with the same SocketDir removes it,
	// in Start. Default: the system's directory for temporary files. A socket path may have at most 107 bytes (103
	// on macOS), so SocketDir must be short.
	SocketDir string

	// Workers is the number of worker processes. Default: GOMAXPROCS.
	Workers int

	// MaxInFlight is the largest number of requests at one worker [BPR-2]. Default: 16.
	MaxInFlight int

	// Queue is the largest number of callers that wait for a slot. One more fails with ErrBusy [BPR-6]. Default: no
	// limit. With NoQueue, no caller waits.
	Queue int

	// Framing is Enhanced, which is the default, or Basic. Either way there is one connection to each worker, for all its requests. A worker
	// that does one request of a connection after the other runs no two at once, whatever MaxInFlight is.
	Framing frame.Framing

	// MaxPayload is the largest payload of one frame in bytes. A call with a larger request fails with
	// frame.ErrTooLarge. Default: 10485760 [FRM-13].
	MaxPayload int

	// StartTimeout bounds the time from the start of a process until it accepts connections [STA-2]. Default: 30 s,
	// for workers that import large libraries.
	StartTimeout time.Duration

	// HealthInterval is the time between two checks of a worker [HLT-1]. Default: 5 s.
	HealthInterval time.Duration

	// HealthTimeout is the deadline of a check. A worker that has answered nothing for that time is unhealthy
	// [HLT-2]. A worker that runs one handler at a time answers nothing meanwhile, so HealthTimeout must be longer
	// than any handler takes. Default: 30 s.
	HealthTimeout time.Duration

	// HungTimeout is the time after which an unhealthy worker is killed and restarted. Default: no limit, because a
	// pool cannot tell a hung worker from one with much work.
	HungTimeout time.Duration

	// RestartMin and RestartMax bound the wait before a dead worker is restarted. The first restart is at once. From
	// the second on the wait doubles, less a random part of up to a half. It begins anew after a worker has lived
	// for RestartMax [HLT-7]. The same waits are between two connections to a worker whose connections fail; after
	// six failures in a row it is restarted. Defaults: 100 ms and 30 s.
	RestartMin, RestartMax time.Duration

	// StopTimeout is the time from SIGTERM to SIGKILL [SHD-3]. Default: 6 s, a little more than the 5 s that a
	// worker gives its handlers [WRK-17].
	StopTimeout time.Duration

	// Logger receives what happens to workers and connections. It must not block. Default: nothing is logged.
	Logger *slog.Logger

	// Hooks are told what happens to calls and workers. Default: nobody is, which costs nothing.
	Hooks *Hooks

	// Dial connects to the socket of a worker. Default: as net.Dialer does.
	Dial func(ctx context.Context, socketPath string) (net.Conn, error)

	// Spawn starts the process of a worker. Default: by os/exec, in a process group of its own, with a lifeline.
	Spawn func(ProcessSpec) (Process, error)
}

// NoQueue as PoolOptions.Queue makes a call without a free slot fail with ErrBusy at once.
const NoQueue = -1

func invalid(field, format string, args ...any) error {
	return &OptionsError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// withDefaults checks the options and sets the defaults.
func (o PoolOptions) withDefaults() (PoolOptions, error) {
	if o.Spawn == nil {
		if len(o.Command) == 0 || o.Command[0] == "" {
			return o, invalid("Command", "is empty; set it to the program of a worker and its arguments")
		}
		o.Spawn = startProcess
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dial == nil {
		o.Dial = dialUnix
	}
	for _, set := range []func(*PoolOptions) error{
		(*PoolOptions).setNumbers, (*PoolOptions).setTimes, (*PoolOptions).setSocketDir,
	} {
		if err := set(&o); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *PoolOptions) setNumbers() error {
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
			return invalid(n.field, "is %d; set it to a positive number, or 0 for the default", *n.value)
		}
		if *n.value == 0 {
			*n.value = n.zero
		}
	}
	switch {
	case o.Queue < NoQueue:
		return invalid("Queue", "is %d; set it to the number of callers that may wait, 0 for no limit, or NoQueue", o.Queue)
	case o.Framing > frame.Basic:
		return invalid("Framing", "is %d; set it to frame.Enhanced or frame.Basic", o.Framing)
	case o.MaxPayload >= frame.MaxPayloadLimit:
		return invalid("MaxPayload", "is %d; it must be below %d, or the two framings could be confused [FRM-14]",
			o.MaxPayload, frame.MaxPayloadLimit)
	}
	return nil
}

func (o *PoolOptions) setTimes() error {
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
			return invalid(d.field, "is %v; set it to a positive duration, or 0 for the default", *d.value)
		}
		if *d.value == 0 {
			*d.value = d.zero
		}
	}
	if o.RestartMin > o.RestartMax {
		return invalid("RestartMin", "is %v, above RestartMax, %v; lower it or raise the other", o.RestartMin, o.RestartMax)
	}
	return nil
}

func (o *PoolOptions) setSocketDir() error {
	if o.SocketDir == "" {
		o.SocketDir = os.TempDir()
	}
	if o.Dir != "" {
		// A relative path would be another directory for the workers. Without Dir it stays as it is, for those who
		// want a short path.
		dir, err := filepath.Abs(o.SocketDir)
		if err != nil {
			return invalid("SocketDir", "cannot be made absolute: %v; set it to an absolute path", err)
		}
		o.SocketDir = dir
	}
	longest := filepath.Join(o.SocketDir, longestSocketDir, socketName(o.Workers-1))
	if len(longest) > maxSocketPath() {
		return invalid("SocketDir", "is too long: %s has %d bytes, and a socket path may have %d; choose a shorter one",
			longest, len(longest), maxSocketPath())
	}
	return nil
}

// maxSocketPath returns the size of sun_path in bytes, less its final zero.
func maxSocketPath() int {
	if runtime.GOOS == "darwin" {
		return 103
	}
	return 107
}
