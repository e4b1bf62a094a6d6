package pool

import (
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

func boundCases() []testCase {
	return []testCase{
		{
			Name: "many-callers-never-exceed-the-bound", Clauses: []string{"BPR-1", "BPR-2"}, Framings: suite.BothFramings,
			Cause: "The pool counts calls in total and not for each worker, or it compares the count with the bound and raises it in two steps.",
			Run:   manyCallers,
		},
		{
			Name: "callers-at-random-times-never-exceed-the-bound", Clauses: []string{"BPR-2", "BPR-1", "BPR-4", "RID-4", "RID-2"}, Framings: suite.BothFramings,
			Cause: "The pool gives a slot back twice, or before the answer has arrived or the cancellation has gone out.",
			Run:   callersAtRandomTimes,
		},
		{
			Name: "slots-that-come-back-at-one-worker-are-none-at-another", Clauses: []string{"BPR-2", "BPR-4"}, Framings: suite.BothFramings,
			Cause: "The pool counts calls in total and not for each worker.",
			Run:   slotsOfOneWorker,
		},
		{
			Name: "as-many-calls-as-the-bound-run-at-once", Clauses: []string{"BPR-7"}, Framings: suite.BothFramings,
			Cause: "One lock or one connection lets only one call run at a time.",
			Run:   asManyCallsAsTheBoundRunAtOnce,
		},
		{
			Name: "as-many-calls-as-the-bound-run-beside-checks", Clauses: []string{"BPR-7"}, Framings: suite.BothFramings,
			Cause: "A health check takes a slot, so that one call less runs while it is unanswered (erratum E10).",
			Run:   asManyCallsRunBesideChecks,
		},
	}
}

func asManyCallsAsTheBoundRunAtOnce(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 4
	s.holdRequests()
	s.start()
	for range 2 {
		s.release("BPR-7", s.holdCalls("BPR-7", 8))
	}
}

// asManyCallsRunBesideChecks leaves checks unanswered while as many calls as the bound are made.
func asManyCallsRunBesideChecks(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 2
	s.options.HealthInterval, s.options.HealthTimeout = 20*time.Millisecond, checksNeverEnd(t)
	s.holdRequests()
	s.start()
	for range 2 {
		checks := s.holdHealthCalls()
		if len(checks) == 0 {
			t.Blocked("no health call arrives, see HLT-1; %s", s.scene())
		}
		s.release("BPR-7", s.holdCalls("BPR-7", s.options.Workers*s.options.MaxInFlight))
		for _, c := range checks {
			c.answerHealth()
		}
	}
}

// manyCallers makes 8 times as many calls as the bound allows and answers them one by one.
func manyCallers(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 3
	s.options.HealthInterval = 20 * time.Millisecond
	s.holdRequests()
	s.start()
	var calls []*call
	for range 8 * 6 {
		calls = append(calls, s.call())
	}
	s.requireEventually("BPR-7", "6 calls are at the workers at once", func() bool { return len(s.requests) >= 6 })
	s.checksGoOn("health checks go on beside the calls", s.workersSoFar()...) // which gives calls over the bound time to arrive
	for answered := range calls {
		var next *request
		s.requireEventually("BPR-4", "another call arrives at a worker when one has left", func() bool {
			if len(s.requests) <= answered {
				return false
			}
			next = s.requests[answered]
			return true
		})
		next.answer(next.body)
	}
	for _, c := range calls {
		c.succeeds("BPR-4")
	}
	s.audit.wait()
}

// slotsOfOneWorker lets one of two full workers answer while calls wait. Twice as many wait as it answers, so that it has
// enough of them also if each worker has waiters of its own.
func slotsOfOneWorker(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 3
	s.holdRequests()
	s.start()
	calls := s.holdCalls("BPR-2", 2*s.options.MaxInFlight)
	for range 2 * s.options.MaxInFlight {
		s.call()
	}
	for _, h := range calls {
		if h.req.worker == calls[0].req.worker {
			h.req.answer(h.body)
			h.succeeds("BPR-4")
		}
	}
	if !s.eventually(func() bool { return len(s.requests) >= len(calls)+s.options.MaxInFlight }) {
		t.Note("case", "fewer waiting calls arrived at the workers than have left, see BPR-4")
	}
	s.audit.wait()
}
