package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

func poolShutdownCases() []poolCase {
	return []poolCase{
		{
			Case: Case{
				Name: "calls-after-shutdown-are-refused", Clauses: []string{"SHD-1"},
				Cause: "a call waits for a worker that is gone, or gets the error of a closed connection",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 2
				s.start()
				s.call().succeeds("SHD-1")
				_ = s.shutdown("SHD-1")
				s.call().fails("SHD-1", Closed)
			},
		},
		{
			Case: Case{
				Name: "calls-are-refused-while-others-finish", Clauses: []string{"SHD-1"}, Framings: bothFramings,
				Cause: "the pool is marked as closed only at the end of its shutdown",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.hold()
				s.start()
				running := s.fill("SHD-1", 2)
				done := s.shuttingDown(t.ctx, "SHD-1")
				s.untilRefused("SHD-1")
				for _, h := range running {
					h.at.answer(h.body)
				}
				s.shutdownEnds(done, "SHD-1")
			},
		},
		{
			Case: Case{
				Name: "running-calls-finish", Clauses: []string{"SHD-2"}, Framings: bothFramings,
				Cause: "connections are closed or workers stopped before the calls on them are done",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 2
				s.hold()
				s.start()
				running := s.fill("SHD-2", 4)
				done := s.shuttingDown(t.ctx, "SHD-2")
				s.untilRefused("SHD-1")
				returned := func() bool {
					select {
					case <-done:
						return true
					default:
						return false
					}
				}
				s.lingers(returned)
				if returned() {
					t.FailNow("SHD-2", "Shutdown waits for the calls that run", "it returned while 4 were at the workers; %s", s.scene())
				}
				s.release("SHD-2", running)
				s.shutdownEnds(done, "SHD-2")
			},
		},
		{
			Case: Case{
				Name: "shutdown-ends-with-its-context", Clauses: []string{"SHD-2"}, Framings: bothFramings,
				Cause: "Shutdown waits for calls whatever its context says",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.hold()
				s.start()
				running := s.fill("SHD-2", 2)
				ctx, cancel := context.WithTimeout(t.ctx, 100*time.Millisecond)
				defer cancel()
				_ = s.shutdownWith(ctx, "SHD-2")
				for _, h := range running {
					h.fails("SHD-2")
				}
			},
		},
		{
			Case: Case{
				Name: "workers-get-sigterm-first", Clauses: []string{"SHD-3"},
				Cause: "workers are killed with SIGKILL at once, for instance by the context of exec.CommandContext",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 2
				s.start()
				_ = s.shutdown("SHD-3")
				s.sawSIGTERM()
			},
		},
		{
			Case: Case{
				Name: "a-worker-that-ignores-sigterm-is-killed", Clauses: []string{"SHD-3"},
				Cause: "Shutdown waits for a worker for ever, or leaves it behind",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 2
				s.options.StopTimeout = 100 * time.Millisecond
				s.terminated = func(w *scriptedWorker) {
					if w.number == 2 {
						w.exit(0)
					}
				}
				s.start()
				_ = s.shutdown("SHD-3")
				if allGone(s, "SHD-3", "Shutdown has returned") {
					s.sawSIGTERM()
				}
			},
		},
		{
			Case: Case{
				Name: "a-worker-that-reads-nothing-is-stopped", Clauses: []string{"SHD-3"}, Framings: bothFramings,
				Cause: "Shutdown first waits for the connections of a worker that hangs",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.start()
				s.call().succeeds("SHD-3")
				s.worker("SHD-3", 1).readOnly(0)
				c := s.call()
				c.parks()
				c.cancel()
				c.wait("CAN-1")
				ctx, cancel := context.WithTimeout(t.ctx, 100*time.Millisecond)
				defer cancel()
				_ = s.shutdownWith(ctx, "SHD-3")
				allGone(s, "SHD-3", "Shutdown has returned")
			},
		},
		{
			Case: Case{
				Name: "shutdown-leaves-no-process-and-no-socket", Clauses: []string{"SHD-4"},
				Cause: "Shutdown does not wait for the processes it stopped, or counts on them to remove their sockets",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 3
				s.start()
				s.worker("SHD-4", 1).die() // which leaves its socket file
				for range 3 {
					s.call().wait("SHD-4")
				}
				_ = s.shutdown("SHD-4")
				allGone(s, "SHD-4", "Shutdown has returned")
				noSockets(s, "SHD-4", "Shutdown has returned")
			},
		},
		{
			Case: Case{
				Name: "shutdown-with-an-ended-context-leaves-nothing-either", Clauses: []string{"SHD-4"},
				Cause: "Shutdown returns as soon as its context has ended",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 2
				s.hold()
				s.start()
				s.fill("SHD-4", 2)
				ctx, cancel := context.WithCancel(t.ctx)
				cancel()
				_ = s.shutdownWith(ctx, "SHD-4")
				allGone(s, "SHD-4", "Shutdown has returned")
				noSockets(s, "SHD-4", "Shutdown has returned")
			},
		},
		{
			Case: Case{
				Name: "shutdown-may-be-called-again", Clauses: []string{"SHD-5"},
				Cause: "a channel is closed twice",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.start()
				for range 3 {
					_ = s.shutdown("SHD-5")
				}
				s.health("SHD-5")
			},
		},
		{
			Case: Case{
				Name: "shutdown-may-be-called-many-times-at-once", Clauses: []string{"SHD-5"},
				Cause: "whether the pool is closed is read and written in two steps",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 2
				s.start()
				s.atOnce(4)
				allGone(s, "SHD-4", "every Shutdown has returned")
			},
		},
		{
			Case: Case{
				Name: "shutdown-before-start", Clauses: []string{"SHD-5"},
				Cause: "what Start makes is taken for granted",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.open()
				s.health("SHD-5")
				_ = s.shutdown("SHD-5")
				s.call().fails("SHD-5")
				_ = s.shutdown("SHD-5")
			},
		},
		{
			Case: Case{
				Name: "shutdown-after-a-failed-start", Clauses: []string{"SHD-5"},
				Cause: "what the rollback has given back is given back once more",
			},
			run: func(t *poolT) {
				s := failedStart(t, "SHD-5", exitsFirst, 8*t.patience)
				_ = s.shutdown("SHD-5")
				_ = s.shutdown("SHD-5")
			},
		},
		{
			Case: Case{
				Name: "shutdown-during-start", Clauses: []string{"SHD-5"},
				Cause: "Start and Shutdown wait for each other, or what the one has started the other does not know",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 2
				s.options.StartTimeout = min(time.Second, t.patience/4)
				s.appears = neverListens
				s.open()
				started := s.starting(t.ctx, "SHD-5")
				s.worker("SHD-5", 1)
				_ = s.shutdown("SHD-5")
				_ = s.startEnds(started, "SHD-5", "Start returns when Shutdown is called meanwhile")
				_ = s.shutdown("SHD-5")
				allGone(s, "SHD-4", "Start and Shutdown have returned")
			},
		},
		{
			Case: Case{
				Name: "shutdown-beside-calls-that-run-and-wait", Clauses: []string{"SHD-5"}, Framings: bothFramings,
				Cause: "a channel that a call still sends on is closed, or a call that waits finds nothing where its worker was",
			},
			run: besideCalls,
		},
		{
			Case: Case{
				Name: "shutdown-while-calls-keep-coming", Clauses: []string{"SHD-5"}, Framings: bothFramings,
				Cause: "a call that has looked whether the pool is open goes on with what Shutdown is closing",
			},
			run: callsKeepComing,
		},
		{
			Case: Case{
				Name: "shutdown-gives-everything-back", Clauses: []string{"SHD-6"}, Framings: bothFramings, Serial: true,
				Cause: "a goroutine that checks health, reads a connection or waits for a process stays, or a connection is never closed",
			},
			run: func(t *poolT) {
				// The first round warms up what a program makes once and keeps.
				fullLife(t.stage())
				s := t.stage()
				then := takeHoldings()
				fullLife(s)
				t.givenBack("SHD-6", then)
			},
		},
	}
}

// shuttingDown calls Shutdown beside the case. The channel is closed when it has returned.
func (s *stage) shuttingDown(ctx context.Context, clause string) <-chan struct{} {
	done := make(chan struct{})
	s.t.Note("case", "Shutdown")
	go func() {
		defer s.touch()
		defer close(done)
		s.t.Protect(clause, "Shutdown", func() { _ = s.pool.Shutdown(ctx) })
	}()
	return done
}

func (s *stage) shutdownEnds(done <-chan struct{}, clause string) {
	timer := time.NewTimer(s.t.patience)
	defer timer.Stop()
	select {
	case <-done:
		s.t.Note("case", "Shutdown returned")
	case <-timer.C:
		s.t.FailNow(clause, "Shutdown returns", "it has not after %v; %s", s.t.patience, s.scene())
	}
}

// untilRefused makes calls until one is refused, which shows that Shutdown has begun.
func (s *stage) untilRefused(clause string) {
	s.set(func() { s.called = func(r *poolRequest) { r.answer(r.body) } })
	last := "none was made"
	if !s.t.Settle(func() bool {
		c := s.call()
		c.wait(clause)
		last = c.outcome()
		return errors.Is(c.err, Closed)
	}) {
		s.t.FailNow(clause, fmt.Sprintf("calls after Shutdown began fail with an error in which errors.Is finds %q", Closed), "the last call: %s", last)
	}
}

func (s *stage) sawSIGTERM() {
	for _, w := range s.appeared() {
		// The process is gone, and with the end of its control socket all that it saw is known.
		var signals []string
		s.until("SHD-4", "every worker has ended when Shutdown has returned", func() bool {
			signals = w.signals
			return w.gone
		})
		if !slices.Contains(signals, syscall.SIGTERM.String()) {
			s.t.Fail("SHD-3", "SIGTERM for every worker before anything else", "%s got the signals %q and then ended", w.name(), signals)
		}
	}
}

// atOnce calls Shutdown so many times at once and waits for all.
func (s *stage) atOnce(n int) {
	var all []<-chan struct{}
	for range n {
		all = append(all, s.shuttingDown(s.t.ctx, "SHD-5"))
	}
	for _, done := range all {
		s.shutdownEnds(done, "SHD-5")
	}
}

func besideCalls(t *poolT) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 2
	s.hold()
	s.start()
	running := s.fill("SHD-5", 4)
	var waiting []*poolCall
	for range 4 {
		c := s.call()
		c.parks()
		waiting = append(waiting, c)
	}
	ctx, cancel := context.WithTimeout(t.ctx, 100*time.Millisecond)
	defer cancel()
	_ = s.shutdownWith(ctx, "SHD-5")
	for _, h := range running {
		h.wait("SHD-5")
	}
	for _, c := range waiting {
		c.wait("SHD-5")
	}
}

func callsKeepComing(t *poolT) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 4
	s.start()
	var callers sync.WaitGroup
	var calls []*poolCall
	for range 16 {
		callers.Go(func() {
			for {
				c := s.call()
				c.wait("SHD-5")
				s.set(func() { calls = append(calls, c) })
				if c.err != nil {
					return
				}
			}
		})
	}
	s.until("SHD-5", "calls are answered", func() bool { return len(calls) >= 32 })
	s.atOnce(2)
	callers.Wait()
	for _, c := range calls {
		if c.err != nil && !errors.Is(c.err, Closed) {
			t.Fail("SHD-1", fmt.Sprintf("calls after Shutdown began fail with an error in which errors.Is finds %q, and those before it finish", Closed), "%s: %s", c.method, c.outcome())
			return
		}
		if c.err == nil {
			c.succeeds("SHD-5")
		}
	}
}

// fullLife takes a pool through all that it has to do, from Start to Shutdown.
func fullLife(s *stage) {
	s.options.Workers = 2
	s.options.HealthInterval = 20 * time.Millisecond
	s.hold()
	s.start()
	calls := s.fill("SHD-6", 6)
	s.release("SHD-6", calls[:4])
	calls[4].cancel()
	calls[5].cancel()
	calls[4].wait("SHD-6")
	calls[5].wait("SHD-6")
	s.checksGoOn("health checks go on")
	s.worker("SHD-6", 1).die()
	s.deathIsKnown("SHD-6", s.worker("SHD-6", 1))
	_ = s.shutdown("SHD-6")
	for _, w := range s.appeared() {
		s.until("SHD-4", "every worker has ended when Shutdown has returned", func() bool { return w.gone })
	}
}
