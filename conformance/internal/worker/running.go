package worker

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Running is a worker's process that no case uses. Package explore plays histories on it.
type Running struct{ in *instance }

// Launch starts the worker and waits until it accepts connections. It returns an error if the worker cannot be started, ends
// before that, or has not accepted one when ctx ends.
func Launch(ctx context.Context, c Command) (*Running, error) {
	in, err := newInstance(c, launch{})
	if err != nil {
		return nil, err
	}
	r := &Running{in}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: in.socket, Net: "unix"})
		if err == nil {
			return r, conn.Close()
		}
		select {
		case <-tick.C:
		case <-in.exited:
			defer r.Discard()
			return nil, fmt.Errorf("the worker ended before it accepted connections: %s", r.HowItEnded())
		case <-ctx.Done():
			defer r.Discard()
			return nil, fmt.Errorf("the worker accepted no connection at its path: %w; %s", context.Cause(ctx), r.Output())
		}
	}
}

// Socket returns the path of the worker's socket.
func (r *Running) Socket() string { return r.in.socket }

// PID returns the ID of the process that was started. The worker may be one of its descendants.
func (r *Running) PID() int { return r.in.cmd.Process.Pid }

// Exited returns a channel that is closed when the process has ended and is reaped.
func (r *Running) Exited() <-chan struct{} { return r.in.exited }

// Status returns the exit status of a process that has ended, -1 if a signal ended it.
func (r *Running) Status() int { return r.in.cmd.ProcessState.ExitCode() }

// HowItEnded says how a process that has ended did so, and the end of what it wrote.
func (r *Running) HowItEnded() string {
	return fmt.Sprintf("%v; %s", r.in.cmd.ProcessState, r.Output())
}

// Output returns the end of what the worker wrote to standard error.
func (r *Running) Output() string {
	p := process{instance: r.in}
	return p.outputTail()
}

// Signal sends a signal to the process that was started.
func (r *Running) Signal(s syscall.Signal) error { return r.in.cmd.Process.Signal(s) }

// Discard kills what is left of the worker, and returns when nothing is. It is idempotent.
func (r *Running) Discard() { r.in.discard() }

// Grace returns the grace period that the worker is set to [WRK-17].
func (c Command) GracePeriod() time.Duration { return c.grace() }

// Startable reports whether the program can be found, with an error that says so if it cannot.
func (c Command) Startable() error {
	if strings.ContainsRune(c.Path, '/') {
		return nil
	}
	_, err := exec.LookPath(c.Path)
	return err
}
