package pool

import (
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func boundAfterEventCases() []testCase {
	var all []testCase
	for _, e := range events() {
		all = append(all, testCase{
			Name: "the-bound-holds-after-" + e.name, Clauses: []string{"BPR-8", "RID-4"}, Framings: suite.BothFramings,
			Cause: e.cause,
			Run:   e.keepsTheBound,
		})
	}
	return all
}

// event is something after which the bounds must still hold.
type event struct {
	name, cause string
	// happen ends the held calls, which are as many as the bounds allow.
	happen func(s *stage, calls []heldCall)
	// checksFail asks for a short deadline of health checks.
	checksFail bool
}

func events() []event {
	all := []event{
		{
			name:  "a-death",
			cause: "The slots of a worker that died come back with its calls and once more with its new process.",
			happen: func(s *stage, calls []heldCall) {
				s.endsWithCalls(calls, (*scriptedWorker).die)
			},
		},
		{
			name:  "an-exit",
			cause: "The slots of a worker that ended come back with its calls and once more with its new process.",
			happen: func(s *stage, calls []heldCall) {
				s.endsWithCalls(calls, func(w *scriptedWorker) { w.exit(0) })
			},
		},
		{
			name:   "a-restart-that-fails",
			cause:  "Each try to restart a worker gives its slots back, or makes them anew.",
			happen: restartFailsTwice,
		},
		{
			name:   "an-unhealthy-worker-recovers",
			cause:  "A worker gets new slots when it becomes healthy again, although calls hold the old ones.",
			happen: unhealthyRecovers, checksFail: true,
		},
	}
	for _, w := range waysOut {
		all = append(all, event{name: w.name, cause: "This way out gives a slot back twice.", happen: w.end})
	}
	return all
}

// stage starts a pool on which the event can happen, and returns how many calls its bounds allow.
func (e event) stage(t *T) (s *stage, bound int) {
	s = t.stage()
	s.options.Workers, s.options.MaxInFlight, s.options.MaxPayload = 2, 2, 1<<16
	s.options.HealthInterval = brokenInterval
	if e.checksFail {
		s.options.HealthTimeout = shortHealthTimeout(t)
	}
	s.holdRequests()
	s.start()
	return s, s.options.Workers * s.options.MaxInFlight
}

// awaitAllHealthy waits until the pool counts every worker as healthy.
func (s *stage) awaitAllHealthy() {
	if !s.t.Settle(func() bool { return s.health("HLT-3").Healthy == s.options.Workers }) {
		s.t.Blocked("not every worker is healthy again, see HLT-6 and HLT-13; %s", s.scene())
	}
}

// keepsTheBound fills the pool, lets the event happen, and offers the pool more calls than the bounds allow.
func (e event) keepsTheBound(t *T) {
	s, bound := e.stage(t)
	for round := range 2 {
		calls := s.holdCalls("BPR-7", bound)
		s.audit.wait()
		if round == 0 && (s.audit.hasReported("BPR-1") || s.audit.hasReported("BPR-2")) {
			t.Blocked("the bound does not hold from the start, see BPR-1 and BPR-2")
		}
		s.withLock(func() { s.audit.afterEvent = true })
		e.happen(s, calls)
		s.awaitAllHealthy()
		s.offerMoreThanTheBound(bound)
	}
}

// offerMoreThanTheBound makes three times as many calls as the bounds allow, which wait at the workers, and gives those
// that are too many time to arrive. Then it answers all.
func (s *stage) offerMoreThanTheBound(bound int) {
	s.holdRequests()
	before := len(s.requestsSoFar())
	var calls []*call
	for range 3 * bound {
		calls = append(calls, s.call())
	}
	// That slots come back is the matter of BPR-4.
	s.eventuallyWithin(s.t.Patience()/4, func() bool { return len(s.requests) >= before+bound })
	s.watchBriefly(func() bool { return len(s.requests) > before+bound })
	s.audit.wait()
	s.echoRequests()
	arrived := slices.Clone(s.requestsSoFar()[before:])
	slices.Reverse(arrived) // so that answers come in another order than the calls
	for _, r := range arrived {
		var outstanding bool
		s.withLock(func() { outstanding = r.outstandingLocked() })
		if outstanding {
			r.answer(r.body)
		}
	}
	for _, c := range calls {
		c.getsOwnAnswerOrFails("RID-4")
	}
	s.holdRequests()
}

// endsWithCalls lets the worker of the first call end, answers the calls at the other one, and waits for a new process.
func (s *stage) endsWithCalls(calls []heldCall, end func(*scriptedWorker)) {
	victim, processes := calls[0].req.worker, len(s.workersSoFar())
	end(victim)
	for _, h := range calls {
		if h.req.worker != victim {
			h.req.answer(h.body)
		}
		h.wait("HLT-4")
	}
	s.awaitProcesses(processes + 1)
}

// awaitProcesses waits until n processes have appeared and the last of them listens. It makes calls meanwhile, because a
// pool may delay a restart until it is called.
func (s *stage) awaitProcesses(n int) {
	s.echoRequests()
	s.callUntil(s.t.Patience(), func() bool { return len(s.workers) >= n && s.workers[len(s.workers)-1].listening })
	s.holdRequests()
	if len(s.workersSoFar()) < n {
		s.t.Blocked("the worker was not restarted, see HLT-6")
	}
}

func restartFailsTwice(s *stage, calls []heldCall) {
	processes, fails := len(s.workersSoFar()), 2
	s.withLock(func() {
		s.onAppear = func(w *scriptedWorker) {
			if w.number <= processes+fails {
				w.exit(1)
				return
			}
			w.listen()
		}
	})
	s.endsWithCalls(calls, (*scriptedWorker).die)
	s.awaitProcesses(processes + fails + 1)
}

// unhealthyRecovers lets a worker hang that has calls, until the pool counts it as unhealthy.
func unhealthyRecovers(s *stage, calls []heldCall) {
	hung := calls[0].req.worker
	hung.hang()
	s.healthBecomes("HLT-2", "a worker that hangs counts as unhealthy", func(h spec.Health) bool { return h.Healthy < s.options.Workers })
	hung.resume()
	if !s.t.Settle(func() bool { return s.health("BPR-8").Healthy == s.options.Workers || hung.hasExited() }) {
		s.t.Blocked("the worker does not become healthy again, see HLT-13")
	}
	if hung.hasExited() {
		for _, h := range calls {
			if h.req.worker != hung {
				h.req.answer(h.body)
			}
			h.wait("HLT-4")
		}
		return
	}
	// The calls are still at their workers, so none of these may arrive.
	var more []*call
	before := len(s.requestsSoFar())
	for range len(calls) {
		more = append(more, s.call())
	}
	s.watchBriefly(func() bool { return len(s.requests) > before })
	s.audit.wait()
	s.echoRequests()
	for _, h := range calls {
		h.req.answer(h.body)
		h.wait("HLT-4")
	}
	for _, r := range s.requestsSoFar()[before:] {
		r.answer(r.body)
	}
	for _, c := range more {
		c.wait("BPR-4")
	}
}
