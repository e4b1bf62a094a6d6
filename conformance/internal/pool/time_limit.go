package pool

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

func timeLimitCases() []testCase {
	return []testCase{
		{
			Name: "a-call-outlasts-the-limits-for-other-things", Clauses: []string{"CAN-12"}, Framings: suite.BothFramings,
			Cause: "The limit for something else, such as a health check or the stop of a worker, also ends calls; or a deadline for reading stays on their connection.",
			Run:   aCallOutlastsTheLimitsForOtherThings,
		},
		{
			Name: "a-call-outlasts-health-checks", Clauses: []string{"CAN-12"}, Framings: suite.BothFramings,
			Cause: "A health check takes a worker that answers it for hung because a call has made no progress, or the deadline of the check stays on the connection of calls.",
			Run:   aCallOutlastsHealthChecks,
		},
		{
			Name: "a-call-outlasts-checks-that-fail", Clauses: []string{"CAN-12", "HLT-8"}, Framings: suite.BothFramings,
			Cause: "The pool fails the calls at a worker, or sends them to another one, because the worker does not answer its checks.",
			Run:   aCallOutlastsChecksThatFail,
		},
	}
}

func aCallOutlastsTheLimitsForOtherThings(t *T) {
	outlasts(t, func(s *stage, limit time.Duration) *mismatch {
		s.options.HealthTimeout, s.options.StopTimeout = limit, limit
		s.prefer("HealthTimeout", "StopTimeout")
		return s.outlastsInSilence(5 * limit)
	})
}

func aCallOutlastsHealthChecks(t *T) {
	outlasts(t, func(s *stage, limit time.Duration) *mismatch {
		s.options.HealthInterval, s.options.HealthTimeout = limit/4, limit
		s.prefer("HealthInterval", "HealthTimeout")
		return s.outlastsChecks(2 * limit)
	})
}

// aCallOutlastsChecksThatFail has calls at a worker that does not answer its checks. A pool may end such a worker or close
// its connections, and calls then end with them.
func aCallOutlastsChecksThatFail(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 2
	s.options.HealthInterval, s.options.HealthTimeout = 50*time.Millisecond, shortHealthTimeout(t)
	s.holdRequests()
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	calls := s.holdCalls("CAN-12", s.options.Workers*s.options.MaxInFlight)
	hung := calls[0].req.worker
	hung.hang()
	if !t.Settle(func() bool { return s.health("CAN-12").Healthy < s.options.Workers }) {
		t.Blocked("a worker that hangs does not count as unhealthy, see HLT-2")
	}
	s.awaitUnansweredChecks(hung)
	hung.resume()
	for _, h := range calls {
		if h.ended() && h.req.lost() {
			t.Note("case", "%s ended, because the pool gave up %s", h.method, h.req.worker.name())
			continue
		}
		if h.ended() {
			t.FailNow("CAN-12", h.method+" waits for its answer, since nothing but checks of its worker has failed", "%s; %s", h.outcome(), s.scene())
		}
		h.req.answer(h.body)
		if h.wait("CAN-12"); h.err == nil || !h.req.lost() {
			h.succeeds("CAN-12")
		}
	}
}

// lost waits until the worker of the request has ended, or got a signal, or the connection of the request has ended. It
// returns false if none of that happens within the patience of the run.
func (r *request) lost() bool {
	return r.worker.s.eventually(func() bool { return r.worker.exited || len(r.worker.signals) > 0 || r.conn.ended })
}

// outlasts plays with a short limit. On a slow machine a right worker may miss it, and the pool then ends calls on that
// worker with reason. So a call that ends early counts only if it also does with a limit that is many times as long.
func outlasts(t *T, play func(s *stage, limit time.Duration) *mismatch) {
	for limit := min(200*time.Millisecond, t.Patience()/20); ; limit *= 5 {
		s := t.stage()
		early := play(s, limit)
		if early == nil {
			return
		}
		if 5*limit > t.Patience()/4 {
			t.FailNow("CAN-12", early.want, "%s", early.got)
		}
		t.Note("case", "%s; once more, with longer limits", early.got)
		s.clear()
	}
}

// outlastsInSilence answers calls after that time. Half of one answer comes at once, and nothing else until then.
func (s *stage) outlastsInSilence(within time.Duration) *mismatch {
	s.holdRequests()
	s.start()
	calls := s.holdCalls("CAN-12", s.options.MaxInFlight)
	h := calls[len(calls)-1]
	answer := h.req.frame(wire.OKAnswer(h.req.id, string(h.body)))
	h.req.write(answer[:len(answer)/2])
	if early := s.endsEarly(calls, within); early != nil {
		return early
	}
	h.req.send(answer[len(answer)/2:])
	return s.answeredLate(calls)
}

// outlastsChecks answers calls after that time, while health checks go on.
func (s *stage) outlastsChecks(within time.Duration) *mismatch {
	s.holdRequests()
	s.start()
	calls := s.holdCalls("CAN-12", s.options.MaxInFlight)
	if early := s.endsEarly(calls, within); early != nil {
		return early
	}
	return s.answeredLate(calls)
}

// answeredLate answers the calls and says which of them did not get its answer. A request that was answered is not
// answered again.
func (s *stage) answeredLate(calls []heldCall) *mismatch {
	for _, h := range calls {
		if h.req.answered == 0 {
			h.req.answer(h.body)
		}
	}
	for _, h := range calls {
		if h.wait("CAN-12"); h.err != nil {
			return &mismatch{h.method + " gets its answer, which comes late", h.outcome() + "; " + s.scene()}
		}
		h.succeeds("CAN-12")
	}
	return nil
}

// endsEarly waits for one of the calls to end, which none should do within that time, and says which one did.
func (s *stage) endsEarly(calls []heldCall, within time.Duration) *mismatch {
	began := time.Now()
	var early *call
	s.eventuallyWithin(within, func() bool {
		for _, h := range calls {
			if h.ended() {
				early = h.call
				return true
			}
		}
		return false
	})
	if early == nil {
		return nil
	}
	return &mismatch{
		want: early.method + " waits for its answer, since nothing else has ended it",
		got:  fmt.Sprintf("it ended after %v; %s; %s", time.Since(began).Round(time.Millisecond), early.outcome(), s.scene()),
	}
}
