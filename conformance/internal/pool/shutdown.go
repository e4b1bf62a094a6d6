package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func shutdownCases() []testCase {
	return []testCase{
		{
			Name: "calls-after-shutdown-are-refused", Clauses: []string{"SHD-1"},
			Cause: "A call waits for a worker that has exited, or it gets the error of a closed connection.",
			Run:   callsAfterShutdownAreRefused,
		},
		{
			Name: "calls-are-refused-after-the-shutdown-of-a-pool-without-workers", Clauses: []string{"SHD-1"},
			Cause: "Shutdown returns at once where nothing was started, or where Start has failed, and leaves the pool as it was.",
			Run:   callsAreRefusedAfterTheShutdownOfAPoolWithoutWorkers,
		},
		{
			Name: "calls-are-refused-while-others-finish", Clauses: []string{"SHD-1"}, Framings: suite.BothFramings,
			Cause: "The pool is marked as closed only at the end of Shutdown.",
			Run:   callsAreRefusedWhileOthersFinish,
		},
		{
			Name: "running-calls-finish", Clauses: []string{"SHD-2"}, Framings: suite.BothFramings,
			Cause: "The pool closes connections or stops workers before the calls on them are done.",
			Run:   runningCallsFinish,
		},
		{
			Name: "shutdown-ends-with-its-context", Clauses: []string{"SHD-2"}, Framings: suite.BothFramings,
			Cause: "Shutdown ignores its context while it waits for calls.",
			Run:   shutdownEndsWithItsContext,
		},
		{
			Name: "workers-get-sigterm-first", Clauses: []string{"SHD-3"},
			Cause: "The pool sends SIGKILL at once, for instance by the context of exec.CommandContext.",
			Run:   workersGetSIGTERMFirst,
		},
		{
			Name: "a-worker-that-ignores-sigterm-is-killed", Clauses: []string{"SHD-3"},
			Cause: "Shutdown waits for a worker for ever, or it leaves the worker running.",
			Run:   aWorkerThatIgnoresSIGTERMIsKilled,
		},
		{
			Name: "a-worker-that-reads-nothing-is-stopped", Clauses: []string{"SHD-3"}, Framings: suite.BothFramings,
			Cause: "Shutdown first waits for the connections of a worker that hangs.",
			Run:   aWorkerThatReadsNothingIsStopped,
		},
		{
			Name: "shutdown-leaves-no-process-and-no-socket", Clauses: []string{"SHD-4"},
			Cause: "Shutdown does not wait for the processes that it stops, or it relies on them to remove their sockets.",
			Run:   shutdownLeavesNoProcessAndNoSocket,
		},
		{
			Name: "shutdown-with-an-ended-context-leaves-nothing-either", Clauses: []string{"SHD-4"},
			Cause: "Shutdown returns as soon as its context has ended.",
			Run:   shutdownWithAnEndedContextLeavesNothingEither,
		},
	}
}

func callsAfterShutdownAreRefused(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.start()
	s.call().succeeds("SHD-1")
	_ = s.shutdown("SHD-1")
	s.call().fails("SHD-1", spec.Closed)
}

func callsAreRefusedAfterTheShutdownOfAPoolWithoutWorkers(t *T) {
	t.Note("case", "a pool that was never started")
	s := t.stage()
	s.open()
	_ = s.shutdown("SHD-1")
	s.call().fails("SHD-1", spec.Closed)
	s.clear()
	afterFailedStarts(t, "SHD-1", func(s *stage) {
		_ = s.shutdown("SHD-1")
		s.call().fails("SHD-1", spec.Closed)
	})
}

func callsAreRefusedWhileOthersFinish(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	running := s.holdCalls("SHD-1", 2)
	done := s.beginShutdown(t.Context(), "SHD-1")
	s.untilRefused("SHD-1")
	for _, h := range running {
		h.req.answer(h.body)
	}
	s.awaitShutdown(done, "SHD-1")
}

func runningCallsFinish(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.holdRequests()
	s.start()
	running := s.holdCalls("SHD-2", 4)
	done := s.beginShutdown(t.Context(), "SHD-2")
	s.untilRefused("SHD-1")
	returned := func() bool { return isClosed(done) }
	s.watchBriefly(returned)
	if returned() {
		t.FailNow("SHD-2", "Shutdown waits for the calls that run", "it returned while 4 were at the workers; %s", s.scene())
	}
	s.release("SHD-2", running)
	s.awaitShutdown(done, "SHD-2")
}

func shutdownEndsWithItsContext(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	running := s.holdCalls("SHD-2", 2)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = s.shutdownWith(ctx, "SHD-2")
	for _, h := range running {
		h.fails("SHD-2")
	}
}

func workersGetSIGTERMFirst(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.StopTimeout = 8 * t.Patience() // so that SIGKILL does not end a worker before it has reported SIGTERM
	s.start()
	_ = s.shutdown("SHD-3")
	s.everyWorkerGotSIGTERM()
}

func aWorkerThatIgnoresSIGTERMIsKilled(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.StopTimeout = 100 * time.Millisecond
	s.onStop = func(w *scriptedWorker) {
		if w.number == 2 {
			w.exit(0)
		}
	}
	s.start()
	_ = s.shutdown("SHD-3")
	noProcessIsLeft(s, "SHD-3", "Shutdown has returned")
}

func aWorkerThatReadsNothingIsStopped(t *T) {
	s := t.stage()
	s.start()
	s.call().succeeds("SHD-3")
	s.worker("SHD-3", 1).readOnly(0)
	c := s.call()
	c.waitUntilParked()
	c.cancel()
	c.wait("CAN-1")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = s.shutdownWith(ctx, "SHD-3")
	noProcessIsLeft(s, "SHD-3", "Shutdown has returned")
}

func shutdownLeavesNoProcessAndNoSocket(t *T) {
	s := t.stage()
	s.options.Workers = 3
	s.start()
	s.worker("SHD-4", 1).die() // which leaves its socket file
	for range 3 {
		s.call().wait("SHD-4")
	}
	_ = s.shutdown("SHD-4")
	noProcessIsLeft(s, "SHD-4", "Shutdown has returned")
	noSocketIsLeft(s, "SHD-4", "Shutdown has returned")
}

func shutdownWithAnEndedContextLeavesNothingEither(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.holdRequests()
	s.start()
	s.holdCalls("SHD-4", 2)
	_ = s.shutdownWith(endedContext(t), "SHD-4")
	noProcessIsLeft(s, "SHD-4", "Shutdown has returned")
	noSocketIsLeft(s, "SHD-4", "Shutdown has returned")
}

// endedContext returns a context that was cancelled.
func endedContext(t *T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// untilRefused makes calls until one is refused, which shows that Shutdown has begun.
func (s *stage) untilRefused(clause string) {
	s.echoRequests()
	last := "none was made"
	if !s.t.Settle(func() bool {
		c := s.call()
		if !s.eventuallyWithin(s.t.Patience()/8, c.ended) { // it may be at a worker that hangs
			c.cancel()
		}
		c.wait(clause)
		last = c.outcome()
		return errors.Is(c.err, spec.Closed)
	}) {
		s.t.FailNow(clause, fmt.Sprintf("calls after Shutdown began fail with an error in which errors.Is finds %q", spec.Closed), "the last call: %s", last)
	}
}

// everyWorkerGotSIGTERM requires every worker to have got SIGTERM and to have ended [SHD-3].
func (s *stage) everyWorkerGotSIGTERM() {
	for _, w := range s.workersSoFar() {
		// When the control socket of a process has ended, every signal that it got is recorded.
		var signals []string
		s.requireEventually("SHD-4", "every worker has ended when Shutdown has returned", func() bool {
			signals = w.signals
			return w.exited
		})
		if !slices.Contains(signals, syscall.SIGTERM.String()) {
			s.t.Fail("SHD-3", "SIGTERM for every worker before anything else", "%s got the signals %q and then ended", w.name(), signals)
		}
	}
}
