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
