package pool

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// SocketPathVariable is the environment variable that tells a worker its socket path [WRK-1].
const SocketPathVariable = "PYPROC_SOCKET_PATH"

// ProcessSpec is what PoolOptions.Spawn is to start.
type ProcessSpec struct {
	Worker     int // index of the worker, from 0
	Command    []string
	Env        []string // whole, with SocketPathVariable in it
	Dir        string
	SocketPath string
	Output     io.Writer // for standard output and standard error; safe for concurrent use
}

// Process is a process that PoolOptions.Spawn started.
type Process interface {
	PID() int

	// Signal sends SIGTERM or SIGKILL. What it does to a process that has ended is of no matter.
	Signal(syscall.Signal) error

	// Exited is closed once the process has ended, was reaped, and all its output was passed on.
	Exited() <-chan struct{}

	// Status says how it ended, such as "exit status 3". It is asked after Exited alone.
	Status() string
}

// outputDelay is how long output is awaited after a process ended: something it started may hold
// the pipe open.
const outputDelay = 500 * time.Millisecond

type osProcess struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

func startProcess(spec ProcessSpec) (Process, error) {
	cmd := exec.Command(spec.Command[0], spec.Command[1:]...)
	cmd.Env = spec.Env
	cmd.Dir = spec.Dir
	cmd.Stdout = spec.Output
	cmd.Stderr = spec.Output
	cmd.WaitDelay = outputDelay
	// A process group of its own: an interrupt from the terminal is for this process to handle,
	// which then ends its workers in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &osProcess{cmd: cmd, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // what it says is in ProcessState
	}()
	return p, nil
}

func (p *osProcess) PID() int                { return p.cmd.Process.Pid }
func (p *osProcess) Exited() <-chan struct{} { return p.exited }
func (p *osProcess) Status() string          { return p.cmd.ProcessState.String() }

func (p *osProcess) Signal(sig syscall.Signal) error {
	if sig == syscall.SIGKILL {
		// With it goes what it started, which nobody would ever stop. SIGTERM is for the worker
		// alone: it may need its own processes to finish what it does.
		_ = syscall.Kill(-p.PID(), sig)
	}
	return p.cmd.Process.Signal(sig)
}

// stopProcess ends a process and waits until it was reaped: SIGTERM, and after timeout SIGKILL.
func stopProcess(p Process, timeout time.Duration) {
	_ = p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.Exited():
	case <-timer.C:
		killProcess(p)
	}
}

func killProcess(p Process) {
	_ = p.Signal(syscall.SIGKILL)
	<-p.Exited()
}

// outputTail passes what a worker prints on, and keeps the end of it for errors.
type outputTail struct {
	to io.Writer

	mu  sync.Mutex
	end []byte
}

const outputTailSize = 4 << 10

func (t *outputTail) Write(b []byte) (int, error) {
	t.mu.Lock()
	t.end = append(t.end, b[max(0, len(b)-outputTailSize):]...)
	if extra := len(t.end) - outputTailSize; extra > 0 {
		t.end = append(t.end[:0], t.end[extra:]...)
	}
	t.mu.Unlock()
	if t.to != nil {
		_, _ = t.to.Write(b) // a reader that fails is no reason to let the worker's output run full
	}
	return len(b), nil
}

func (t *outputTail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}

// oneAtATime makes a writer safe for the output of many workers.
type oneAtATime struct {
	mu sync.Mutex
	to io.Writer
}

func (w *oneAtATime) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}

func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		conn, err := dialer.DialContext(ctx, "unix", path)
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		// The worker listens, but so many connections wait to be accepted that the kernel takes
		// no more, and it does not tell when it would.
		if pause(ctx, wait) != nil {
			return nil, err
		}
	}
}

// pause waits for d, or until ctx ends, whose error it returns.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
