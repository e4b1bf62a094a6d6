package pool

import (
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

func healthIDCases() []testCase {
	return []testCase{
		{
			Name: "health-calls-have-ids-of-their-own", Clauses: []string{"RID-9"}, Framings: suite.BothFramings,
			Cause: "Health calls are written beside the code for other calls, with an ID that is always the same, or 0, or from a counter of their own.",
			Run:   healthCallsHaveIDsOfTheirOwn,
		},
		{
			Name: "health-calls-to-a-worker-that-hangs-have-ids-of-their-own", Clauses: []string{"RID-9", "RID-3", "CAN-2"}, Framings: suite.BothFramings,
			Cause: "The next health call takes the ID of one that was never answered, or a health call that is given up is cancelled under another ID.",
			Run:   healthCallsToAHungWorkerHaveIDsOfTheirOwn,
		},
	}
}

// healthCallsHaveIDsOfTheirOwn holds health calls of several workers beside other calls. A pool that checks its workers
// one after the other has one health call outstanding at a time.
func healthCallsHaveIDsOfTheirOwn(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 3, 2
	s.options.HealthInterval = 20 * time.Millisecond
	s.holdRequests()
	s.start()
	for range 2 {
		calls := s.holdCalls("RID-9", s.options.Workers*s.options.MaxInFlight)
		held := s.holdHealthCalls()
		for _, h := range held {
			h.answerHealth()
		}
		s.checksGoOn("each worker gets health calls again and again", s.workersSoFar()...)
		s.release("RID-9", calls)
	}
	s.audit.wait()
}

// holdHealthCalls holds the next health call of each worker, and returns those that are there after a short time. Later
// ones are answered.
func (s *stage) holdHealthCalls() []*request {
	var held []*request
	s.withLock(func() {
		s.onHealth = func(r *request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			held = append(held, r)
			s.notifyLocked()
		}
	})
	s.eventuallyWithin(s.t.Patience()/4, func() bool { return len(held) > 0 })
	s.watchBriefly(func() bool { return len(held) >= s.options.Workers })
	var there []*request
	s.withLock(func() {
		s.onHealth = (*request).answerHealth
		there = slices.Clone(held)
	})
	return there
}

// healthCallsToAHungWorkerHaveIDsOfTheirOwn makes calls beside a worker that leaves health calls unanswered.
func healthCallsToAHungWorkerHaveIDsOfTheirOwn(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval, s.options.HealthTimeout = 20*time.Millisecond, shortHealthTimeout(t)
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	hung := s.worker("RID-9", 1)
	hung.hang()
	if !t.Settle(func() bool { return s.health("RID-9").Healthy < 2 }) {
		t.Blocked("a worker that hangs does not count as unhealthy, see HLT-2")
	}
	for range 20 {
		c := s.call()
		if !s.eventually(c.ended) {
			t.Blocked("%s has not returned though a worker is healthy, see SEL-3", c.method)
		}
	}
	s.awaitUnansweredChecks(hung)
	s.audit.wait()
}

// awaitUnansweredChecks waits until two more health calls have arrived at a worker that does not answer them, or the pool
// has given it up. Either may never happen.
func (s *stage) awaitUnansweredChecks(w *scriptedWorker) {
	var before int
	s.withLock(func() { before = w.healthCalls })
	s.eventuallyWithin(min(3*s.options.HealthTimeout, s.t.Patience()/2), func() bool {
		return w.exited || len(w.signals) > 0 || w.healthCalls >= before+2
	})
}
