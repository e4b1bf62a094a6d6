package pool

import (
	"context"
	"errors"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// open makes the pool under test and does not start it.
func (s *stage) open() {
	open := s.t.open
	if before, _ := s.previous.(guarded); before.remote() != nil {
		open = before.remote().Another
	}
	var made Pool
	var err error
	// Longer than usual, because a process may have to start, perhaps with a virtual machine.
	s.t.AwaitFor(3*s.t.Patience(), s.t.clauses[0], "making the pool", func() { made, err = open(s.options) })
	s.pool = guarded{made, s.t}
	switch {
	case errors.Is(err, spec.Unsupported):
		s.t.Unsupported("the pool does not offer it: %v", err)
	case err != nil:
		s.t.Blocked("the pool could not be made: %v", err)
	}
	var processes []int
	if r := s.pool.(guarded).remote(); r != nil {
		processes = proc.Within(r.PID())
	}
	s.withLock(func() { s.opened, s.poolProcesses = true, processes })
	s.respectLimits(made)
}

// start makes the pool if there is none yet, and starts it with right workers. It blocks the case if Start fails.
func (s *stage) start() {
	if s.pool == nil {
		s.open()
	}
	if err := s.startWith(s.t.Context(), s.t.clauses[0]); err != nil {
		s.t.Blocked("Start failed with right workers: %v (%s)", err, s.scene())
	}
}

// startWith calls Start with ctx and returns its error. It ends the case with a finding of the clause if Start panics or
// does not return.
func (s *stage) startWith(ctx context.Context, clause string) (err error) {
	s.t.Note("case", "Start")
	s.t.Await(clause, "Start", func() { err = s.pool.Start(ctx) })
	s.started = err == nil
	s.t.Note("case", "Start returned: %s", text.OneLine(err))
	return err
}

// pendingStart is a Start that runs beside the case.
type pendingStart struct {
	goroutine string        // ID of the one that runs Start; under the lock of the stage
	done      chan struct{} // closed when Start has returned or panicked
	err       error
	panicked  bool // which is recorded as a finding
}

// beginStart calls Start beside the case.
func (s *stage) beginStart(ctx context.Context, clause string) *pendingStart {
	st := &pendingStart{done: make(chan struct{})}
	s.t.Note("case", "Start")
	go func() {
		defer s.notify()
		defer close(st.done)
		s.withLock(func() { st.goroutine = proc.OwnGoroutine() })
		st.panicked = !s.t.Protect(clause, "Start", func() { st.err = s.pool.Start(ctx) })
	}()
	return st
}

// awaitStart waits until a Start that runs beside the case returns, and returns its error. It ends the case with a
// finding of the clause if Start panics or does not return within the patience of the run.
func (s *stage) awaitStart(st *pendingStart, clause, want string) error {
	if !s.t.WaitFor(s.t.Patience(), st.done) {
		s.t.FailNow(clause, want, "it has not after %v; %s", s.t.Patience(), s.scene())
	}
	if st.panicked {
		s.t.FailNow(clause, want, "it panicked")
	}
	s.started = st.err == nil
	s.t.Note("case", "Start returned: %s", text.OneLine(st.err))
	return st.err
}

// shutdown calls Shutdown with a context that gives running calls half the patience of the run to finish.
func (s *stage) shutdown(clause string) (err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), s.t.Patience()/2)
	defer cancel()
	return s.shutdownWith(ctx, clause)
}

// shutdownWith calls Shutdown with ctx and returns its error. It ends the case with a finding of the clause if Shutdown
// panics or does not return.
func (s *stage) shutdownWith(ctx context.Context, clause string) (err error) {
	s.t.Note("case", "Shutdown")
	s.t.Await(clause, "Shutdown", func() { err = s.pool.Shutdown(ctx) })
	s.t.Note("case", "Shutdown returned: %s", text.OneLine(err))
	return err
}

// beginShutdown calls Shutdown beside the case. The channel is closed when Shutdown has returned or panicked.
func (s *stage) beginShutdown(ctx context.Context, clause string) <-chan struct{} {
	done := make(chan struct{})
	s.t.Note("case", "Shutdown")
	go func() {
		defer s.notify()
		defer close(done)
		s.t.Protect(clause, "Shutdown", func() { _ = s.pool.Shutdown(ctx) })
	}()
	return done
}

// awaitShutdown waits until a Shutdown that runs beside the case returns. It ends the case with a finding of the clause
// if that does not happen within the patience of the run.
func (s *stage) awaitShutdown(done <-chan struct{}, clause string) {
	if !s.t.WaitFor(s.t.Patience(), done) {
		s.t.FailNow(clause, "Shutdown returns", "it has not after %v; %s", s.t.Patience(), s.scene())
	}
	s.t.Note("case", "Shutdown returned")
}

// health returns what the pool's Health returns.
func (s *stage) health(clause string) (h spec.Health) {
	s.t.Await(clause, "Health", func() { h = s.pool.Health() })
	return h
}

// healthBecomes waits until ok returns true for the pool's health, and returns that health. It ends the case with a
// finding of the clause after the patience of the run.
func (s *stage) healthBecomes(clause, want string, ok func(spec.Health) bool) spec.Health {
	var h spec.Health
	if !s.t.Settle(func() bool { h = s.health(clause); return ok(h) }) {
		s.t.blockIfLate()
		s.t.FailNow(clause, want, "after %v Health still says %d workers, %d healthy, %d restarts, last check %s; %s",
			s.t.Patience(), h.Total, h.Healthy, h.Restarts, ago(h.LastCheck), s.scene())
	}
	return h
}

// ago says how long ago a time was.
func ago(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return time.Since(at).Round(time.Millisecond).String() + " ago"
}
