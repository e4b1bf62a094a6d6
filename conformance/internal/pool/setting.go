package pool

import (
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
)

// stage sets the stage for one pool. The stage is cleared when the case ends.
func (t *T) stage() *stage {
	dir := t.Dir()
	s := &stage{t: t, sockets: filepath.Join(dir, "s"), changed: make(chan struct{}), storyEnded: make(chan struct{})}
	s.audit.s = s
	s.onAppear = func(w *scriptedWorker) { w.listen() }
	s.onRequest = func(r *request) { r.answer(r.body) }
	s.onHealth = (*request).answerHealth
	s.onStop = func(w *scriptedWorker) { w.exit(0) }
	control := filepath.Join(dir, "c")
	program, err := os.Executable()
	if err == nil {
		err = os.Mkdir(s.sockets, 0o700)
	}
	argument := filepath.Join(dir, scripted.Argument)
	if err == nil {
		err = os.WriteFile(argument, []byte("# The pool under test starts this as its worker.\n"), 0o600)
	}
	if err == nil {
		s.control, err = net.Listen("unix", control)
	}
	if err != nil {
		t.Blocked("the stage could not be set: %v", err)
	}
	s.options = Options{
		Workers: 1, MaxInFlight: 4,
		Program: program, Argument: argument, Env: []string{scripted.ControlVariable + "=" + control},
		SocketDir: s.sockets, Framing: t.framing,
		StartTimeout: t.Patience() * 3 / 4, StopTimeout: t.Patience() / 4,
		// Health checks are rare, so that their results do not depend on chance where a pool counts a worker as
		// unhealthy when a connection breaks. Cases about health checks set a shorter interval.
		HealthInterval: time.Minute, HealthTimeout: t.Patience(),
		RestartBackoff: 10 * time.Millisecond, RestartBackoffMax: 100 * time.Millisecond,
	}
	s.usual = s.options
	s.serving.Go(s.admit)
	t.Cleanup(s.closeRemote)
	t.Cleanup(s.clear)
	return s
}

// again sets a second stage, whose pool will live in the same process. The first pool must be shut down.
func (s *stage) again() *stage {
	next := s.t.stage()
	next.previous = s.pool
	return next
}

// admit accepts the control connections of worker processes as the pool starts them.
func (s *stage) admit() {
	for {
		conn, err := s.control.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.serve(conn) })
	}
}
