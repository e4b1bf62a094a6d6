package conformance

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

const socketVariable = "PYPROC_SOCKET_PATH"

// The files in the folder of an instance that its output goes to: no goroutine has to read it, and what a
// process left behind wrote is there too.
const stdoutName, stderrName = "stdout", "stderr"

// instance is one run of the worker's program. It leads a process group of its own.
type instance struct {
	cmd    *exec.Cmd
	dir    string
	socket string
	exited chan struct{} // closed when it has ended and is reaped
	served int           // cases that it has served

	mu     sync.Mutex
	holder *workerT // whose story its end belongs to, nil between cases
}

// launch says how to start the worker where a case is about starting it.
type launch struct {
	socket string   // a path in a new directory where empty
	unset  bool     // leave the socket path out of the environment [WRK-3]
	within []string // a command that starts the worker as its arguments
}

func newInstance(command WorkerCommand, l launch) (*instance, error) {
	dir, err := os.MkdirTemp("", "pp")
	if err != nil {
		return nil, err
	}
	in := &instance{dir: dir, socket: l.socket, exited: make(chan struct{})}
	if in.socket == "" {
		in.socket = filepath.Join(dir, "w.sock")
	}
	if err := in.start(command, l); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return in, nil
}

func (in *instance) start(command WorkerCommand, l launch) error {
	stdout, err := os.Create(filepath.Join(in.dir, stdoutName))
	if err != nil {
		return err
	}
	defer func() { _ = stdout.Close() }()
	stderr, err := os.Create(filepath.Join(in.dir, stderrName))
	if err != nil {
		return err
	}
	defer func() { _ = stderr.Close() }()

	line := append(append(append([]string(nil), l.within...), command.Path), command.Args...)
	in.cmd = exec.Command(line[0], line[1:]...)
	in.cmd.Dir = command.Dir
	in.cmd.Stdout, in.cmd.Stderr = stdout, stderr
	in.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for _, v := range append(os.Environ(), command.Env...) {
		if !strings.HasPrefix(v, socketVariable+"=") {
			in.cmd.Env = append(in.cmd.Env, v)
		}
	}
	if !l.unset {
		in.cmd.Env = append(in.cmd.Env, socketVariable+"="+in.socket)
	}
	// A pipe that stays open: a worker may take its end for the death of whoever started it [WRK-19].
	if _, err := in.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := in.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(in.exited)
		err := in.cmd.Wait()
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.holder == nil {
			return
		}
		var status *exec.ExitError
		if err != nil && !errors.As(err, &status) {
			in.holder.Note("worker", "cannot be waited for: %v", err)
			return
		}
		in.holder.Note("worker", "ended: %v", in.cmd.ProcessState)
	}()
	return nil
}

func (in *instance) hold(t *workerT) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.holder = t
}

// ended reports whether the process has ended.
func (in *instance) ended() bool {
	select {
	case <-in.exited:
		return true
	default:
		return false
	}
}

// discard kills what is left of the process group and waits until its leader is reaped.
func (in *instance) discard() {
	_ = syscall.Kill(-in.cmd.Process.Pid, syscall.SIGKILL)
	<-in.exited
	_ = os.RemoveAll(in.dir)
}

// reserve holds instances that a case has left in good order, for the next case. A worker takes a while to
// start and a moment to serve: one that loads a model would else be started a hundred times.
type reserve struct {
	mu   sync.Mutex
	idle []*instance
}

// take returns an instance that is alive, nil where there is none.
func (r *reserve) take() *instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := len(r.idle); n > 0; n = len(r.idle) {
		in := r.idle[n-1]
		r.idle = r.idle[:n-1]
		if !in.ended() {
			return in
		}
		in.discard()
	}
	return nil
}

func (r *reserve) put(in *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, in)
}

func (r *reserve) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, in := range r.idle {
		in.discard()
	}
	r.idle = nil
}
