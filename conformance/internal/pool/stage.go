package pool

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
)

// stage brings the pool under test together with workers that the case scripts. All that the workers
// see arrives here in one order.
//
// Unless the case says otherwise, a worker is a right one: it listens as soon as it appears, answers
// health calls, gives every request its own body back, and leaves when it is told to with SIGTERM.
type stage struct {
	t        *T
	options  Options
	pool     Pool
	previous Pool // one of the same process, which may be another one than the suite's
	control  net.Listener
	sockets  string // the directory where the pool puts its sockets
	serving  sync.WaitGroup

	clearing   atomic.Bool   // the story has ended
	storyEnded chan struct{} // closed then

	mu            sync.Mutex
	changed       chan struct{} // closed and renewed at each event
	seq           int           // of the last event
	workers       []*scriptedWorker
	requests      []*request // all but health calls, in order of arrival
	unreadable    string     // what a pool sent that is no request, if it did [MSG-17]
	calls         []*call
	opened        bool
	cleared       bool  // by all: processes that appear now are ended
	poolProcesses []int // of the pool, where it has some of its own
	mostHeld      int   // how many calls the case has had at the workers at once
	started       bool  // the last Start came to a good end
	audit         audit

	// The script. appears runs beside all else; the others must not wait, as nothing more is heard from
	// the worker until they return.
	onAppear, onSIGTERM func(*scriptedWorker)
	onRequest           func(*request)
}

// stage sets the stage for one pool, and clears it away when the case ends.
func (t *T) stage() *stage {
	dir := t.Dir()
	s := &stage{t: t, sockets: filepath.Join(dir, "s"), changed: make(chan struct{}), storyEnded: make(chan struct{})}
	s.audit.s = s
	s.onAppear = func(w *scriptedWorker) { w.listen() }
	s.onRequest = func(r *request) { r.answer(r.body) }
	s.onSIGTERM = func(w *scriptedWorker) { w.exit(0) }
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
		// Only a case that is about health checks has them often, so that a pool which takes a broken
		// connection for a worker's ill health does not do so by chance.
		HealthInterval: time.Minute, HealthTimeout: t.Patience(),
		RestartBackoff: 10 * time.Millisecond, RestartBackoffMax: 100 * time.Millisecond,
	}
	s.serving.Go(s.admit)
	t.Cleanup(s.closeRemote)
	t.Cleanup(s.clear)
	return s
}

// again sets the stage for another pool in the same process, once the first is shut down.
func (s *stage) again() *stage {
	next := s.t.stage()
	next.previous = s.pool
	return next
}

// closeRemote ends the process of a pool that has one of its own.
func (s *stage) closeRemote() {
	if p, ok := s.pool.(guarded); ok && p.remote() != nil {
		_ = p.remote().Close()
	}
}

// admit lets worker processes in as the pool starts them.
func (s *stage) admit() {
	for {
		conn, err := s.control.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.serve(conn) })
	}
}

// withLock changes the script under the lock, for a stage that is already in use.
func (s *stage) withLock(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// holdRequests has requests wait at their workers until the case answers them.
func (s *stage) holdRequests() { s.withLock(func() { s.onRequest = func(*request) {} }) }

// notify wakes all who wait for a change.
func (s *stage) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notifyLocked()
}

func (s *stage) notifyLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// eventually waits until ok holds, looking at each event, and reports whether it came to hold within the
// patience of the run. ok is called under the lock.
func (s *stage) eventually(ok func() bool) bool { return s.eventuallyWithin(s.t.Patience(), ok) }

func (s *stage) eventuallyWithin(patience time.Duration, ok func() bool) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		s.mu.Lock()
		holds, changed, unreadable := ok(), s.changed, s.unreadable
		s.mu.Unlock()
		if holds {
			return true
		}
		if unreadable != "" && !s.t.covers("MSG-17") && !s.t.covers("CAN-2") {
			s.t.Blocked("the pool sent what is no request, see MSG-17: %s", unreadable)
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-s.storyEnded:
			return false
		case <-s.t.Context().Done():
			s.t.blockIfLate()
			return false
		}
	}
}

// requireEventually waits for what the clause demands.
func (s *stage) requireEventually(clause, want string, ok func() bool) {
	if !s.eventually(ok) {
		s.t.FailNow(clause, want, "not so after %v; %s", s.t.Patience(), s.scene())
	}
}

// watchBriefly waits a while for what a right pool does not do, so that a wrong one has the time to show it.
// That it did not come proves nothing.
func (s *stage) watchBriefly(shown func() bool) {
	s.eventuallyWithin(min(200*time.Millisecond, s.t.Patience()/8), shown)
}

// scene tells in one line how things stand.
func (s *stage) scene() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	for _, w := range s.workers {
		parts = append(parts, w.sceneLocked())
	}
	if len(parts) == 0 {
		parts = append(parts, "no worker process has appeared")
	}
	waiting := 0
	for _, c := range s.calls {
		if !c.ended() {
			waiting++
		}
	}
	return fmt.Sprintf("%s; %d of %d calls have not returned", strings.Join(parts, "; "), waiting, len(s.calls))
}

// worker waits for the n-th worker process to appear, counted from 1.
func (s *stage) worker(clause string, n int) *scriptedWorker {
	s.requireEventually(clause, fmt.Sprintf("worker process %d is started", n), func() bool { return len(s.workers) >= n })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers[n-1]
}

// workersSoFar returns the worker processes that there have been so far.
func (s *stage) workersSoFar() []*scriptedWorker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.workers)
}

// requestsSoFar are the requests that have come so far.
func (s *stage) requestsSoFar() []*request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[:len(s.requests):len(s.requests)]
}

// clear ends the pool, whatever became of it, and then every process that is left.
func (s *stage) clear() {
	if s.clearing.Swap(true) {
		return
	}
	close(s.storyEnded)
	s.withLock(func() {
		for _, w := range s.workers {
			w.readOnlyLocked(scripted.ReadAll)
		}
	})
	s.mu.Lock()
	calls := slices.Clone(s.calls)
	s.mu.Unlock()
	for _, c := range calls {
		c.cancel()
	}
	if s.opened {
		done := make(chan struct{})
		go func() {
			defer close(done)
			ctx, cancel := context.WithTimeout(s.t.WholeRun(), s.t.Patience()/4)
			defer cancel()
			defer func() {
				if r := recover(); r != nil {
					s.audit.report("SHD-5", "Shutdown without a panic", fmt.Sprintf("panic: %v", r))
				}
			}()
			_ = s.pool.Shutdown(ctx)
		}()
		timer := time.NewTimer(s.t.ToEnd(s.t.Patience()))
		select {
		case <-done:
			s.nothingIsLeft()
		case <-timer.C:
			s.t.Note("case", "Shutdown, called to clear the stage, has not come back after %v", s.t.Patience())
		}
		timer.Stop()
	}
	_ = s.control.Close()
	s.withLock(func() {
		s.cleared = true
		for _, w := range s.workers {
			_ = w.control.Close()
		}
	})
	s.serving.Wait()
}
