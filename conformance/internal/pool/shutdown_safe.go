package pool

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func safeShutdownCases() []testCase {
	return []testCase{
		{
			Name: "shutdown-may-be-called-again", Clauses: []string{"SHD-5"},
			Cause: "Shutdown closes a channel that it has closed before.",
			Run:   shutdownMayBeCalledAgain,
		},
		{
			Name: "shutdown-may-be-called-many-times-at-once", Clauses: []string{"SHD-5"},
			Cause: "Shutdown checks and marks the pool as closed in two steps.",
			Run:   shutdownMayBeCalledManyTimesAtOnce,
		},
		{
			Name: "shutdown-before-start", Clauses: []string{"SHD-5"},
			Cause: "Shutdown uses what only Start makes.",
			Run:   shutdownBeforeStart,
		},
		{
			Name: "shutdown-after-a-failed-start", Clauses: []string{"SHD-5"},
			Cause: "Shutdown gives back once more what the rollback has given back.",
			Run:   shutdownAfterAFailedStart,
		},
		{
			Name: "shutdown-during-start", Clauses: []string{"SHD-5"},
			Cause: "Start and Shutdown wait for each other, or one does not know what the other has started.",
			Run:   shutdownDuringStart,
		},
		{
			Name: "shutdown-while-a-restart-is-delayed", Clauses: []string{"SHD-5"},
			Cause: "Shutdown waits for what restarts a worker, which sleeps until the delay is over.",
			Run:   shutdownWhileARestartIsDelayed,
		},
		{
			Name: "shutdown-beside-calls-that-run-and-wait", Clauses: []string{"SHD-5"}, Framings: suite.BothFramings,
			Cause: "Shutdown closes a channel on which a call still sends, or a call that waits finds nothing where its worker was.",
			Run:   besideCalls,
		},
		{
			Name: "shutdown-while-calls-keep-coming", Clauses: []string{"SHD-5"}, Framings: suite.BothFramings,
			Cause: "A call that has seen the pool open goes on with what Shutdown is closing.",
			Run:   callsKeepComing,
		},
		{
			Name: "shutdown-gives-everything-back", Clauses: []string{"SHD-6"}, Framings: suite.BothFramings, Serial: true,
			Cause: "A goroutine that checks health, reads a connection or waits for a process stays, or a connection is never closed.",
			Run:   shutdownGivesEverythingBack,
		},
	}
}

func shutdownMayBeCalledAgain(t *T) {
	s := t.stage()
	s.start()
	for range 3 {
		_ = s.shutdown("SHD-5")
	}
	s.health("SHD-5")
}

func shutdownMayBeCalledManyTimesAtOnce(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.start()
	s.shutDownConcurrently(4)
	noProcessIsLeft(s, "SHD-4", "every Shutdown has returned")
}

func shutdownBeforeStart(t *T) {
	s := t.stage()
	s.open()
	s.health("SHD-5")
	_ = s.shutdown("SHD-5")
	s.call().fails("SHD-5")
	_ = s.shutdown("SHD-5")
}

func shutdownAfterAFailedStart(t *T) {
	afterFailedStarts(t, "SHD-5", func(s *stage) {
		_ = s.shutdown("SHD-5")
		_ = s.shutdown("SHD-5")
	})
}

func shutdownDuringStart(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.StartTimeout = min(time.Second, t.Patience()/4)
	s.onAppear = neverListens
	s.open()
	started := s.beginStart(t.Context(), "SHD-5")
	s.worker("SHD-5", 1)
	_ = s.shutdown("SHD-5")
	_ = s.awaitStart(started, "SHD-5", "Start returns when Shutdown is called meanwhile")
	_ = s.shutdown("SHD-5")
	noProcessIsLeft(s, "SHD-4", "Start and Shutdown have returned")
}

func shutdownGivesEverythingBack(t *T) {
	// The first round makes what a program makes once and keeps.
	first := t.stage()
	fullLife(first)
	s := first.again()
	then := s.holdings()
	fullLife(s)
	s.everythingIsGivenBack("SHD-6", then)
}

// shutdownWhileARestartIsDelayed lets a worker die until it is not restarted soon, since the delay is longer than the case.
func shutdownWhileARestartIsDelayed(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.RestartBackoff, s.options.RestartBackoffMax = 8*t.Patience(), 8*t.Patience()
	s.checkOften()
	s.start()
	victim := s.worker("SHD-5", 1)
	for range 3 {
		n := len(s.workersSoFar())
		victim.die()
		s.callUntil(t.Patience()/8, func() bool { return len(s.workers) > n && s.workers[n].listening })
		if len(s.workersSoFar()) == n {
			break
		}
		victim = s.nthWorker(n)
	}
	_ = s.shutdown("SHD-5")
	noProcessIsLeft(s, "SHD-4", "Shutdown has returned")
}

// shutDownConcurrently calls Shutdown n times at once and waits until all of them return.
func (s *stage) shutDownConcurrently(n int) {
	var all []<-chan struct{}
	for range n {
		all = append(all, s.beginShutdown(s.t.Context(), "SHD-5"))
	}
	for _, done := range all {
		s.awaitShutdown(done, "SHD-5")
	}
}

// besideCalls shuts a full pool down while more calls wait for slots.
func besideCalls(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 2
	s.holdRequests()
	s.start()
	running := s.holdCalls("SHD-5", 4)
	var waiting []*call
	for range 4 {
		c := s.call()
		c.waitUntilParked()
		waiting = append(waiting, c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = s.shutdownWith(ctx, "SHD-5")
	for _, h := range running {
		h.wait("SHD-5")
	}
	for _, c := range waiting {
		c.wait("SHD-5")
	}
}

// callsKeepComing has callers that call again and again until a call fails, and shuts the pool down meanwhile.
func callsKeepComing(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 4
	s.start()
	var callers sync.WaitGroup
	var calls []*call
	for range 16 {
		callers.Go(func() {
			for {
				c := s.call()
				c.wait("SHD-5")
				s.withLock(func() { calls = append(calls, c) })
				if c.err != nil {
					return
				}
			}
		})
	}
	s.requireEventually("SHD-5", "calls are answered", func() bool { return len(calls) >= 32 })
	s.shutDownConcurrently(2)
	callers.Wait()
	for _, c := range calls {
		if c.err != nil && !errors.Is(c.err, spec.Closed) {
			arrived := 0
			s.withLock(func() { arrived = s.countArrivedLocked([]*call{c}) })
			if arrived == 0 {
				continue // it may have waited for a slot when Shutdown began, and how such a call ends is left open
			}
			t.Fail("SHD-2", "a call that is at a worker when Shutdown begins finishes", "%s: %s", c.method, c.outcome())
			return
		}
		if c.err == nil {
			c.succeeds("SHD-5")
		}
	}
}

// fullLife takes a pool through everything that it does, from Start to Shutdown.
func fullLife(s *stage) {
	s.options.Workers = 2
	s.options.HealthInterval = 20 * time.Millisecond
	s.holdRequests()
	s.start()
	calls := s.holdCalls("SHD-6", 6)
	s.release("SHD-6", calls[:4])
	calls[4].cancel()
	calls[5].cancel()
	calls[4].wait("SHD-6")
	calls[5].wait("SHD-6")
	s.checksGoOn("health checks go on", s.workersSoFar()...)
	if again := s.replace(s.worker("SHD-6", 1)); again != nil {
		for range 2 * s.options.Workers {
			s.call().wait("SHD-6")
		}
		s.checksGoOn("health checks go on after a restart", again)
	}
	restarts, processes := s.health("SHD-6").Restarts, len(s.workersSoFar())
	s.worker("SHD-6", 2).die()
	s.healthBecomes("SHD-6", "Health shows another death", func(h spec.Health) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return h.Healthy < s.options.Workers || h.Restarts > restarts || len(s.workers) > processes
	})
	_ = s.shutdown("SHD-6")
	for _, w := range s.workersSoFar() {
		s.requireEventually("SHD-4", "every worker has ended when Shutdown has returned", func() bool { return w.exited })
	}
}
