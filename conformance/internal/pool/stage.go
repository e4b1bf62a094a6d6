package pool

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

// stage brings the pool under test together with workers that the case scripts. All that the workers see arrives here
// in one order.
//
// Unless the case changes the script, workers are right: each listens as soon as it appears, answers health calls,
// answers every request with the request's own body, and exits with status 0 at SIGTERM and SIGINT [WRK-17].
type stage struct {
	t        *T
	options  Options
	usual    Options // those that every case begins with
	pool     Pool
	previous Pool // the pool of an earlier stage, when this one's pool must live in the same process
	control  net.Listener
	sockets  string // the directory where the pool puts its sockets
	serving  sync.WaitGroup

	clearing   atomic.Bool   // clear was called
	storyEnded chan struct{} // closed by clear

	mu            sync.Mutex
	changed       chan struct{} // closed and renewed at each event
	seq           int           // number of the last event
	workers       []*scriptedWorker
	requests      []*request // all but health calls, in order of arrival
	healthCalls   []*request // health calls that were outstanding when the last one arrived
	unreadable    string     // the problem with the first message that could not be read [MSG-17]; empty if there was none
	calls         []*call
	opened        bool
	cleared       bool  // everything has been ended, so processes that appear now are sent away
	poolProcesses []int // IDs of the pool's processes, if it does not live in this one
	mostHeld      int   // the most calls that the case has had at the workers at once
	started       bool  // the last Start succeeded
	audit         audit
	leastPayload  int      // bytes of a payload that the case needs at least
	preferred     []string // options that the case sets and can do without
	ignored       []string // options that the pool ignores

	// The script. onAppear runs in a goroutine of its own. The others must not wait, because no more events of the
	// worker are read until they return.
	onHealth  func(*request)
	onAppear  func(*scriptedWorker)
	onStop    func(*scriptedWorker) // at SIGTERM and SIGINT
	onRequest func(*request)
}

// withLock calls f with the stage locked.
func (s *stage) withLock(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// holdRequests lets requests wait at their workers until the case answers them.
func (s *stage) holdRequests() { s.withLock(func() { s.onRequest = func(*request) {} }) }

// echoRequests answers every request that comes from now on with its own body.
func (s *stage) echoRequests() {
	s.withLock(func() { s.onRequest = func(r *request) { r.answer(r.body) } })
}

// notify wakes all goroutines that wait for an event.
func (s *stage) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notifyLocked()
}

func (s *stage) notifyLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// eventually waits until ok returns true, and reports whether it did within the patience of the run. ok is called with
// the stage locked, at once and after each event.
func (s *stage) eventually(ok func() bool) bool { return s.eventuallyWithin(s.t.Patience(), ok) }

// eventuallyWithin is like eventually, with a time limit of its own. It blocks the case if the pool has sent a message
// that cannot be read, unless the case is about such messages.
func (s *stage) eventuallyWithin(patience time.Duration, ok func() bool) bool {
	var timer *suite.Timer
	for {
		s.mu.Lock()
		holds, changed, unreadable := ok(), s.changed, s.unreadable
		s.mu.Unlock()
		if holds {
			return true
		}
		if timer == nil {
			timer = suite.NewTimer(patience)
			defer timer.Stop()
		}
		if unreadable != "" && !s.t.covers("MSG-17") && !s.t.covers("CAN-2") {
			s.t.Blocked("the pool sent a message that is not a request, see MSG-17: %s", unreadable)
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

// requireEventually is like eventually, and ends the case with a finding of the clause if ok does not become true.
func (s *stage) requireEventually(clause, want string, ok func() bool) {
	if !s.eventually(ok) {
		s.t.FailNow(clause, want, "not so after %v; %s", s.t.Patience(), s.scene())
	}
}

// watchBriefly waits a short time for something that a right pool does not do, so that a wrong pool can show it. Nothing
// follows if it does not happen.
func (s *stage) watchBriefly(shown func() bool) {
	s.eventuallyWithin(min(200*time.Millisecond, s.t.Patience()/8), shown)
}

// scene describes the workers and the calls in one line.
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
	if len(s.calls) > 0 {
		parts = append(parts, fmt.Sprintf("%s made, %d not returned", text.Plural(len(s.calls), "call"), waiting))
	}
	return strings.Join(parts, "; ")
}

// worker waits until the n-th worker process appears, counted from 1, and returns it.
func (s *stage) worker(clause string, n int) *scriptedWorker {
	s.requireEventually(clause, fmt.Sprintf("worker process %d is started", n), func() bool { return len(s.workers) >= n })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers[n-1]
}

// workersSoFar returns all worker processes that have appeared, those that have exited included.
func (s *stage) workersSoFar() []*scriptedWorker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.workers)
}

// nthWorker returns the worker process that appeared as the nth, from 0. It blocks the case if there were fewer: then another
// clause is broken, such as STA-1.
func (s *stage) nthWorker(n int) *scriptedWorker {
	all := s.workersSoFar()
	if n >= len(all) {
		s.t.Blocked("the pool has started %d workers, and the case needs %d", len(all), n+1)
	}
	return all[n]
}

// requestsSoFar returns the requests that have arrived, health calls left out.
func (s *stage) requestsSoFar() []*request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[:len(s.requests):len(s.requests)]
}
