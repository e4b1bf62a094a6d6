package worker

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

	discarded sync.Once

	mu      sync.Mutex
	current *T // whose story its end belongs to, nil between cases
}

// launch says how to start the worker where a case is about starting it.
type launch struct {
	socket string   // a path in a new directory where empty
	unset  bool     // leave the socket path out of the environment [WRK-3]
	within []string // a command that starts the worker as its arguments
}

func newInstance(command Command, l launch) (*instance, error) {
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

func (in *instance) start(command Command, l launch) error {
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
		if in.current == nil {
			return
		}
		var status *exec.ExitError
		if err != nil && !errors.As(err, &status) {
			in.current.Note("worker", "cannot be waited for: %v", err)
			return
		}
		in.current.Note("worker", "ended: %v", in.cmd.ProcessState)
	}()
	return nil
}

func (in *instance) setCase(t *T) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.current = t
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
	in.discarded.Do(func() {
		in.kill()
		<-in.exited
		_ = os.RemoveAll(in.dir)
	})
}

func (in *instance) kill() { _ = syscall.Kill(-in.cmd.Process.Pid, syscall.SIGKILL) }

// instances are those of one run. Those that a case has left in good order are held for the next case: a
// worker takes a while to start and a moment to serve, and one that loads a model would else be started a
// hundred times.
type instances struct {
	starting sync.RWMutex // read-locked while an instance is being started
	closed   bool         // under starting

	mu    sync.Mutex
	alive map[*instance]bool // until they have been discarded
	idle  []*instance
}

// start starts the worker once more.
func (s *instances) start(command Command, l launch) (*instance, error) {
	s.starting.RLock()
	defer s.starting.RUnlock()
	if s.closed {
		return nil, errors.New("the run is over")
	}
	in, err := newInstance(command, l)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive == nil {
		s.alive = map[*instance]bool{}
	}
	s.alive[in] = true
	return in, nil
}

// take returns an instance that is alive, nil where there is none.
func (s *instances) take() *instance {
	for {
		s.mu.Lock()
		n := len(s.idle)
		if n == 0 {
			s.mu.Unlock()
			return nil
		}
		in := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		if !in.ended() {
			return in
		}
		s.discard(in)
	}
}

func (s *instances) put(in *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, in)
}

// discard ends an instance.
func (s *instances) discard(in *instance) {
	in.discard()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.alive, in)
}

// close ends every instance, also those that cases still use or are about to end, and lets none be started.
// When it has returned, none is left.
func (s *instances) close() {
	s.starting.Lock()
	defer s.starting.Unlock()
	s.closed = true
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.alive))
	s.alive, s.idle = nil, nil
	s.mu.Unlock()
	for _, in := range all {
		in.kill()
	}
	for _, in := range all {
		in.discard()
	}
}
