package pool

import (
	"context"
	"errors"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// open makes the pool under test, and does not start it.
func (s *stage) open() {
	open := s.t.open
	if before, _ := s.previous.(guarded); before.remote() != nil {
		open = before.remote().Another
	}
	var made Pool
	var err error
	// Longer than usual: it may take a process that a virtual machine has to be started for.
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
}

// start makes the pool and starts it with workers that are right, so that it must come up.
func (s *stage) start() {
	if s.pool == nil {
		s.open()
	}
	if err := s.startWith(s.t.Context(), s.t.clauses[0]); err != nil {
		s.t.Blocked("Start failed with workers that are right: %v (%s)", err, s.scene())
	}
}

// startWith calls Start, as the clause of the case has it.
func (s *stage) startWith(ctx context.Context, clause string) (err error) {
	s.t.Note("case", "Start")
	s.t.Await(clause, "Start", func() { err = s.pool.Start(ctx) })
	s.started = err == nil
	s.t.Note("case", "Start returned: %s", text.OneLine(err))
	return err
}

// pendingStart is a Start that was called beside the case.
type pendingStart struct {
	goroutine string // its goroutine; under the lock of the stage
	done      chan error
}

// beginStart calls Start beside the case.
func (s *stage) beginStart(ctx context.Context, clause string) *pendingStart {
	st := &pendingStart{done: make(chan error, 1)}
	s.t.Note("case", "Start")
	go func() {
		defer s.notify()
		s.withLock(func() { st.goroutine = proc.OwnGoroutine() })
		if !s.t.Protect(clause, "Start", func() { st.done <- s.pool.Start(ctx) }) {
			close(st.done)
		}
	}()
	return st
}

// awaitStart waits for a Start that was called beside the case.
func (s *stage) awaitStart(st *pendingStart, clause, want string) error {
	timer := time.NewTimer(s.t.Patience())
	defer timer.Stop()
	select {
	case err, returned := <-st.done:
		if !returned {
			s.t.FailNow(clause, want, "it panicked")
		}
		s.started = err == nil
		s.t.Note("case", "Start returned: %s", text.OneLine(err))
		return err
	case <-s.t.Stopped():
		s.t.Stop()
		return nil
	case <-timer.C:
		s.t.FailNow(clause, want, "it has not after %v; %s", s.t.Patience(), s.scene())
		return nil
	}
}

// shutdown calls Shutdown with a context that lasts long enough for any call to finish.
func (s *stage) shutdown(clause string) (err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), s.t.Patience()/2)
	defer cancel()
	return s.shutdownWith(ctx, clause)
}

func (s *stage) shutdownWith(ctx context.Context, clause string) (err error) {
	s.t.Note("case", "Shutdown")
	s.t.Await(clause, "Shutdown", func() { err = s.pool.Shutdown(ctx) })
	s.t.Note("case", "Shutdown returned: %s", text.OneLine(err))
	return err
}

// beginShutdown calls Shutdown beside the case. The channel is closed when it has returned.
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

func (s *stage) awaitShutdown(done <-chan struct{}, clause string) {
	timer := time.NewTimer(s.t.Patience())
	defer timer.Stop()
	select {
	case <-done:
		s.t.Note("case", "Shutdown returned")
	case <-s.t.Stopped():
		s.t.Stop()
	case <-timer.C:
		s.t.FailNow(clause, "Shutdown returns", "it has not after %v; %s", s.t.Patience(), s.scene())
	}
}

// health asks the pool for its health.
func (s *stage) health(clause string) (h spec.Health) {
	s.t.Await(clause, "Health", func() { h = s.pool.Health() })
	return h
}

// healthBecomes waits until the pool tells of such a health.
func (s *stage) healthBecomes(clause, want string, ok func(spec.Health) bool) spec.Health {
	var h spec.Health
	if !s.t.Settle(func() bool { h = s.health(clause); return ok(h) }) {
		s.t.blockIfLate()
		s.t.FailNow(clause, want, "after %v Health still says %d workers, %d healthy, %d restarts, last check %s; %s",
			s.t.Patience(), h.Total, h.Healthy, h.Restarts, ago(h.LastCheck), s.scene())
	}
	return h
}

func ago(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return time.Since(at).Round(time.Millisecond).String() + " ago"
}
