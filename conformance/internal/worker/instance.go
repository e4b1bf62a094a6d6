package worker

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

// socketVariable is the environment variable that has the path of the worker's socket [WRK-1].
const socketVariable = "PYPROC_SOCKET_PATH"

// lifelineVariable is the environment variable that has the number of the descriptor of the lifeline, whose end says that the
// suite is gone: see "The lifeline" in SPEC.md.
const lifelineVariable = "PYPROC_LIFELINE_FD"

// lifelineDescriptor is the first one behind the standard streams.
const lifelineDescriptor = 3

// instance is one run of the worker's program. It leads a process group of its own.
type instance struct {
	cmd    *exec.Cmd
	dir    string
	socket string
	exited chan struct{} // closed when the process has ended and is reaped
	served int           // cases that have used it

	stdout, stderr *stream
	lifeline       *os.File // the end that the suite holds
	discarded      sync.Once

	mu      sync.Mutex
	current *suite.T                     // the case that uses it, whose timeline notes its output and its end; nil between cases
	noted   struct{ stdout, stderr int } // bytes of output in that timeline
}

// launch says how to start the worker in a case that is about starting it. The zero value is the usual way.
type launch struct {
	socket  string   // the socket path; empty for one in a new directory
	noPath  bool     // leave the socket path out of the environment [WRK-3]
	unaided bool     // hand over no lifeline [WRK-19]
	wrapper []string // a command that starts the worker, whose command line follows as arguments
}

func newInstance(command Command, l launch) (*instance, error) {
	dir, err := suite.SocketDir()
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
	stdout, outEnd, err := newStream(func(lines string) { in.noteOutput("standard output", &in.noted.stdout, lines) })
	if err != nil {
		return err
	}
	defer func() { _ = outEnd.Close() }()
	stderr, errEnd, err := newStream(func(lines string) { in.noteOutput("standard error", &in.noted.stderr, lines) })
	if err != nil {
		stdout.close()
		return err
	}
	defer func() { _ = errEnd.Close() }()
	in.stdout, in.stderr = stdout, stderr
	lifeEnd, lifeline, err := os.Pipe()
	if err != nil {
		in.closeStreams()
		return err
	}
	defer func() { _ = lifeEnd.Close() }()
	in.lifeline = lifeline

	line := slices.Concat(l.wrapper, []string{command.Path}, command.Args)
	in.cmd = exec.Command(line[0], line[1:]...)
	in.cmd.Dir = command.Dir
	in.cmd.Env = in.environment(command, l)
	in.cmd.Stdout, in.cmd.Stderr = outEnd, errEnd
	if !l.unaided {
		in.cmd.ExtraFiles = []*os.File{lifeEnd} // becomes lifelineDescriptor
	}
	in.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Standard input is a pipe that stays open, because a worker may take its end to mean that the process that started it
	// has died [WRK-19].
	if _, err := in.cmd.StdinPipe(); err != nil {
		in.closeStreams()
		return err
	}
	if err := in.cmd.Start(); err != nil {
		in.closeStreams()
		return err
	}
	go in.reap()
	return nil
}

// closeStreams closes what the suite holds of the streams and the lifeline of the instance.
func (in *instance) closeStreams() {
	in.stdout.close()
	in.stderr.close()
	if in.lifeline != nil {
		_ = in.lifeline.Close()
	}
}

// environment is that of the suite and the command, with the socket path and the lifeline of this instance or none.
func (in *instance) environment(command Command, l launch) []string {
	var env []string
	for _, v := range append(os.Environ(), command.Env...) {
		if !strings.HasPrefix(v, socketVariable+"=") && !strings.HasPrefix(v, lifelineVariable+"=") {
			env = append(env, v)
		}
	}
	if !l.noPath {
		env = append(env, socketVariable+"="+in.socket)
	}
	if !l.unaided {
		env = append(env, fmt.Sprintf("%s=%d", lifelineVariable, lifelineDescriptor))
	}
	return env
}

// reap waits for the process to end and notes that in the case that uses it.
func (in *instance) reap() {
	defer close(in.exited)
	err := in.cmd.Wait()
	in.stdout.flush() // before its end
	in.stderr.flush()
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
}

// setCase names the case that uses the instance from now on, nil for none. What the worker has written until then belongs to
// the case before.
func (in *instance) setCase(t *suite.T) {
	in.stdout.flush()
	in.stderr.flush()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.current = t
	in.noted.stdout, in.noted.stderr = 0, 0
}

// ended reports whether the process has ended.
func (in *instance) ended() bool { return isClosed(in.exited) }

// discard kills what is left of the process group, waits until the process is reaped and removes the directory. It is
// idempotent.
func (in *instance) discard() {
	in.discarded.Do(func() {
		in.kill()
		<-in.exited
		in.closeStreams()
		_ = os.RemoveAll(in.dir)
	})
}

func (in *instance) kill() { _ = syscall.Kill(-in.cmd.Process.Pid, syscall.SIGKILL) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// instances are the instances of one run. Those that a case has left in good order are kept for the next case, because a
// worker that loads a model takes long to start and would otherwise be started a hundred times.
type instances struct {
	starting sync.RWMutex // read-locked while an instance is being started
	closed   bool         // guarded by starting

	mu    sync.Mutex
	alive map[*instance]bool // all that are not discarded yet
	idle  []*instance        // those that no case uses
}

// start starts a new instance. After close it returns an error.
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

// take returns an idle instance whose process runs, or nil when there is none.
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

// put makes an instance available to the next case.
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

// close ends every instance, also those that cases still use, and lets no other start. When it returns, no process of the
// run is left.
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
