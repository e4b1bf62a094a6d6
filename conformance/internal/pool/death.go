package pool

import (
	"errors"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func deathCases() []testCase {
	var all []testCase
	for _, c := range crashes {
		all = append(all, testCase{
			Name: "a-worker-" + c.name + "-fails-them-alone", Clauses: []string{"HLT-4"}, Framings: suite.BothFramings,
			Cause: c.cause,
			Run:   c.failsItsCallsAlone,
		})
	}
	return append(all,
		testCase{
			Name: "a-caller-that-waits-outlasts-restarts-that-fail", Clauses: []string{"HLT-4"}, Framings: suite.BothFramings,
			Cause: "A restart that fails makes all waiting calls fail, although another worker is healthy.",
			Run:   waiterOutlastsFailedRestarts,
		},
		testCase{
			Name: "the-error-says-that-the-worker-died", Clauses: []string{"HLT-5"}, Framings: suite.BothFramings,
			Cause: "The pool returns the error of the read or the write as it is.",
			Run:   theErrorSaysThatTheWorkerDied,
		},
		testCase{
			Name: "the-error-says-that-the-request-may-have-run", Clauses: []string{"HLT-5"}, Framings: suite.BothFramings,
			Cause: "The error is the same whether the request was sent or not.",
			Run:   theErrorSaysThatTheRequestMayHaveRun,
		},
		testCase{
			Name: "a-call-that-was-never-sent-cannot-have-run", Clauses: []string{"HLT-5"}, Framings: suite.BothFramings,
			Cause: "The pool says of every failed call that it may have run.",
			Run:   neverSent,
		},
		testCase{
			Name: "no-call-is-sent-twice-while-it-waits", Clauses: []string{"HLT-8"}, Framings: suite.BothFramings,
			Cause: "The pool sends a call that is slow to another worker too, to take the answer that comes first.",
			Run:   noCallIsSentTwiceWhileItWaits,
		},
		testCase{
			Name: "no-call-is-sent-twice-after-a-crash", Clauses: []string{"HLT-8"}, Framings: suite.BothFramings,
			Cause: "The pool sends a call again to another worker when its own worker died, although its handler may have run.",
			Run:   noCallIsSentTwiceAfterACrash,
		},
		testCase{
			Name: "no-call-is-sent-twice-after-its-connection-broke", Clauses: []string{"HLT-8"}, Framings: suite.BothFramings,
			Cause: "The pool sends a call again on a new connection when its own connection broke, although its handler may have run.",
			Run:   noCallIsSentTwiceAfterItsConnectionBroke,
		},
	)
}

func (c crash) failsItsCallsAlone(t *T) {
	s := crashStage(t)
	after := c.die(s)
	s.echoRequests()
	for _, h := range after.onVictim {
		h.reason = ", because it was on the worker that died"
		if c.requestsRead {
			h.fails("HLT-4")
		} else {
			h.getsOwnAnswerOrFails("HLT-4")
		}
	}
	s.release("HLT-4", after.elsewhere)
	s.awaitDeathNoticed("HLT-4", after.victim)
	for range 6 { // the dead worker does not come back
		s.call().succeeds("HLT-4")
	}
}

func theErrorSaysThatTheWorkerDied(t *T) {
	for _, c := range crashes {
		t.Note("case", "next: a worker %s", c.name)
		s := crashStage(t)
		after := c.die(s)
		s.echoRequests()
		for _, h := range after.onVictim {
			if h.wait("HLT-5"); c.requestsRead || h.err != nil {
				h.fails("HLT-5", spec.WorkerDied)
			}
		}
		s.clear()
	}
}

func theErrorSaysThatTheRequestMayHaveRun(t *T) {
	for _, c := range crashes {
		if c.requestsRead {
			t.Note("case", "next: a worker %s", c.name)
			s := crashStage(t)
			for _, h := range c.die(s).onVictim {
				h.fails("HLT-5", spec.MayHaveRun)
			}
			s.clear()
		}
	}
}

// noCallIsSentTwiceWhileItWaits lets calls wait for as long as a case may take, while another worker is free. The audit
// looks at what arrives.
func noCallIsSentTwiceWhileItWaits(t *T) {
	s := t.stage()
	s.options.Workers = 3
	s.holdRequests()
	s.start()
	calls := s.holdCalls("HLT-8", 2)
	s.eventuallyWithin(min(1500*time.Millisecond, t.Patience()/4), func() bool { return len(s.requests) > len(calls) })
	s.release("HLT-8", calls)
	s.requireSentOnce(calls...)
}

func noCallIsSentTwiceAfterACrash(t *T) {
	for _, c := range crashes {
		if !c.requestsRead {
			continue
		}
		t.Note("case", "next: a worker %s", c.name)
		s := crashStage(t)
		after := c.die(s)
		s.callsEnd(after.onVictim...)
		for _, h := range after.elsewhere { // so that there are free slots for what is sent again
			h.req.answer(h.body)
		}
		s.requireSentOnce(after.onVictim...)
		s.clear()
	}
}

func noCallIsSentTwiceAfterItsConnectionBroke(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.checkOften()
	s.holdRequests()
	s.start()
	for _, breaking := range []func(r *request){
		(*request).closeConnection,
		func(r *request) { r.send(r.frame([]byte("no JSON"))) },
		func(r *request) { r.send(wire.Claim(s.options.Framing, r.id, 1<<31)) },
	} {
		h := s.holdCalls("HLT-8", 1)[0]
		breaking(h.req)
		s.callsEnd(h)
		s.requireSentOnce(h)
		s.laterCallsSucceed("HLT-8")
	}
}

// waiterOutlastsFailedRestarts has a caller wait for the slot of one worker while the other dies and every process that
// replaces it exits at once.
func waiterOutlastsFailedRestarts(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 1
	s.options.HealthInterval = brokenInterval // a pool may notice a death at its next check
	s.holdRequests()
	s.start()
	calls := s.holdCalls("HLT-4", 2)
	s.withLock(func() { s.onAppear = func(w *scriptedWorker) { w.exit(1) } })
	calls[0].req.worker.die()
	calls[0].reason = ", because it was on the worker that died"
	calls[0].fails("HLT-4")
	s.awaitDeathNoticed("HLT-4", calls[0].req.worker) // otherwise the pool may give the next call to it
	waiting := s.call()
	waiting.waitUntilParked()
	// A pool need not restart, see HLT-6.
	s.eventuallyWithin(min(2*time.Second, t.Patience()/4), func() bool { return waiting.ended() || len(s.workers) >= 5 })
	var arrived int
	s.withLock(func() {
		arrived = s.countArrivedLocked([]*call{waiting})
		s.onRequest = func(r *request) { r.answer(r.body) }
	})
	if arrived > 0 {
		t.Blocked("the pool has more requests at a worker than PoolOptions.MaxInFlight, see BPR-2; so no call waits")
	}
	s.release("HLT-4", calls[1:])
	waiting.succeeds("HLT-4")
}

// callsEnd waits until each call has failed or has arrived at a worker again: in a pool that sends calls again, they wait
// for the second answer.
func (s *stage) callsEnd(calls ...heldCall) {
	for _, h := range calls {
		if !s.eventually(func() bool { return h.ended() || s.timesReceivedLocked(h) > 1 }) {
			s.t.Blocked("%s has not returned, though its connection has ended, see RID-7 and HLT-4", h.method)
		}
	}
}

// requireSentOnce requires that no call was sent again, also after its caller has left.
func (s *stage) requireSentOnce(calls ...heldCall) {
	var again heldCall
	twice := func() bool {
		for _, h := range calls {
			if s.timesReceivedLocked(h) > 1 {
				again = h
				return true
			}
		}
		return false
	}
	s.watchBriefly(twice)
	if again.call != nil {
		s.t.FailNow("HLT-8", again.method+" arrives at a worker once", "it arrived more than once, and nobody asked for that; %s", s.scene())
	}
}

// timesReceivedLocked returns how often the call has arrived at a worker.
func (s *stage) timesReceivedLocked(h heldCall) int {
	times := 0
	for _, r := range s.requests {
		if r.method == h.method {
			times++
		}
	}
	return times
}

// neverSent makes a call while no worker is healthy. A pool may refuse it or let it wait.
func neverSent(t *T) {
	s := t.stage()
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	w := s.worker("HLT-5", 1)
	w.die()
	s.requireEventually("HLT-5", "the worker has ended", func() bool { return w.exited })
	s.healthBecomes("HLT-3", "no healthy worker", func(h spec.Health) bool { return h.Healthy == 0 })
	c := s.call()
	c.waitUntilParked() // not a deadline, which may be over before the pool looks for a worker
	s.watchBriefly(c.ended)
	c.cancel() // for a pool in which calls wait for a healthy worker
	c.fails("HLT-5")
	if errors.Is(c.err, spec.MayHaveRun) {
		t.Fail("HLT-5", "the error of a call that was made while no worker listened does not say that it may have run", "%s", c.outcome())
	}
}
