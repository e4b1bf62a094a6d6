package pool

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// SocketPathVariable is the environment variable with a worker's socket path [WRK-1]. The pool sets it.
const SocketPathVariable = "PYPROC_SOCKET_PATH"

// LifelineVariable is the environment variable with the number of a worker's lifeline, in decimal. The lifeline is
// a descriptor that has nothing to read until the pool's process has ended, however it did. Then a read returns the
// end of the file, and the worker should stop [WRK-19].
const LifelineVariable = "PYPROC_LIFELINE_FD"

// ProcessSpec describes a process that PoolOptions.Spawn starts.
type ProcessSpec struct {
	Worker     int // index of the worker, from 0
	Command    []string
	Env        []string // the whole environment. SocketPathVariable is set, LifelineVariable is not
	Dir        string
	SocketPath string

	// Output takes standard output and standard error of the process. It may be written to from many goroutines.
	// A write never blocks and never fails.
	Output io.Writer
}

// Process is a process that PoolOptions.Spawn started. Its methods may be called from many goroutines.
type Process interface {
	PID() int

	// Signal sends SIGTERM or SIGKILL. It may be called after the process has ended, and then does nothing.
	Signal(syscall.Signal) error

	// Exited returns a channel that is closed once the process has ended and was reaped, and all its output was
	// written to ProcessSpec.Output.
	Exited() <-chan struct{}

	// Status returns how the process ended, such as "exit status 3". It is called after Exited only.
	Status() string
}

const (
	// groupTime is how long the processes that a worker has left behind may take to end after SIGTERM. Then they
	// get SIGKILL. With killTime and outputTime it is less than exitTime, or a call would not see that its worker
	// has died.
	groupTime = 250 * time.Millisecond

	// killTime bounds the wait after SIGKILL. A process that nobody reaps stays in its group for ever.
	killTime = 50 * time.Millisecond

	// outputTime is how long output is still read after a worker and its group have ended: a process outside of
	// the group may hold the pipe open.
	outputTime = 500 * time.Millisecond
)

// osProcess is a process with a process group of its own, a pipe for its output and a lifeline.
type osProcess struct {
	cmd      *exec.Cmd
	lifeline *os.File // never written to. Its end, with this process or by Close, is all that the worker notices
	exited   chan struct{}

	mu     sync.Mutex
	reaped bool
}

func startProcess(spec ProcessSpec) (_ Process, err error) {
	var files []*os.File
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe() // close-on-exec: no other worker inherits an end of it
			files = append(files, r, w)
		}
		return r, w
	}
	lifelineEnd, lifeline := pipe()
	output, outputEnd := pipe()
	defer func() {
		for _, f := range files {
			_ = f.Close() // nil is an error too, and does nothing
		}
	}()
	if err != nil {
		return nil, err
	}

	cmd := exec.Command(spec.Command[0], spec.Command[1:]...)
	cmd.Dir = spec.Dir
	cmd.Stdout, cmd.Stderr = outputEnd, outputEnd
	cmd.ExtraFiles = []*os.File{lifelineEnd}
	const firstExtra = 3 // after standard input, output and error
	cmd.Env = setVariable(spec.Env, LifelineVariable, strconv.Itoa(firstExtra))
	// A process group of its own: an interrupt from the terminal goes to this process only, which then stops its
	// workers in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	files = []*os.File{lifelineEnd, outputEnd}
	p := &osProcess{cmd: cmd, lifeline: lifeline, exited: make(chan struct{})}
	go p.wait(output, spec.Output)
	return p, nil
}

// wait reaps the process, and ends what it has left behind.
func (p *osProcess) wait(from *os.File, to io.Writer) {
	defer close(p.exited)
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(to, from)
	}()
	_ = p.cmd.Wait() // its error is in ProcessState too
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	_ = p.lifeline.Close()
	endGroup(p.PID())

	timer := time.NewTimer(outputTime)
	defer timer.Stop()
	select {
	case <-copied:
	case <-timer.C:
	}
	_ = from.Close() // ends the copy too
	<-copied
}

// endGroup ends the processes of a group whose leader has ended. The number of the group stays theirs while any of
// them lives. The system offers no event for the end of a group, so this asks.
func endGroup(group int) {
	const step = 2 * time.Millisecond
	for _, end := range []struct {
		sig  syscall.Signal
		time time.Duration
	}{{syscall.SIGTERM, groupTime}, {syscall.SIGKILL, killTime}} {
		if syscall.Kill(-group, end.sig) != nil {
			return
		}
		for began := time.Now(); time.Since(began) < end.time; time.Sleep(step) {
			if syscall.Kill(-group, 0) != nil {
				return
			}
		}
	}
}

func (p *osProcess) PID() int                { return p.cmd.Process.Pid }
func (p *osProcess) Exited() <-chan struct{} { return p.exited }
func (p *osProcess) Status() string          { return p.cmd.ProcessState.String() }

// Signal sends SIGKILL to the whole group. SIGTERM goes to the worker only, which may need its own processes to
// finish its work.
func (p *osProcess) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone // another process may have the number by now
	}
	if sig == syscall.SIGKILL {
		_ = syscall.Kill(-p.PID(), sig)
	}
	return p.cmd.Process.Signal(sig)
}

// stopProcess ends a process and waits until it has ended: by SIGTERM, and after timeout by SIGKILL.
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
