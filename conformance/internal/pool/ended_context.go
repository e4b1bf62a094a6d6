package pool

import (
	"context"
	"errors"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

func endedContextCases() []testCase {
	return []testCase{
		{
			Name: "a-call-whose-context-was-cancelled-before-sends-nothing", Clauses: []string{"CAN-11"}, Framings: suite.BothFramings,
			Cause: "Call looks at its context only while it waits for the answer, when the request is already on its way.",
			Run:   aCallWhoseContextWasCancelledBeforeSendsNothing,
		},
		{
			Name: "a-call-whose-deadline-is-over-before-sends-nothing", Clauses: []string{"CAN-11"}, Framings: suite.BothFramings,
			Cause: "Call looks at its context only while it waits for the answer, or it waits for a timer of the time that is left.",
			Run:   aCallWhoseDeadlineIsOverBeforeSendsNothing,
		},
	}
}

func aCallWhoseContextWasCancelledBeforeSendsNothing(t *T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the cause that the caller gave"))
	endedBefore(t, ctx, context.Canceled)
}

func aCallWhoseDeadlineIsOverBeforeSendsNothing(t *T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	endedBefore(t, ctx, context.DeadlineExceeded)
}

// endedBefore makes calls whose context has ended, while slots are free and while none is.
func endedBefore(t *T, ctx context.Context, want error) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 2
	s.open()
	if r := s.pool.(guarded).remote(); r != nil && !r.KnowsEnded() {
		t.NotAsked("the adapter does not say in its answer to open that it knows the field ended")
	}
	s.holdRequests()
	s.start()
	slots := s.options.Workers * s.options.MaxInFlight
	s.release("CAN-11", s.holdCalls("CAN-11", slots)) // so the connections are open
	var ended []*call
	refuse := func() {
		for range 3 {
			c := s.callContext(ctx)
			c.reason = ", because its context ended before"
			c.fails("CAN-11", want)
			ended = append(ended, c)
		}
	}
	refuse()
	calls := s.holdCalls("CAN-11", slots) // behind whatever was sent, and no slot is lost
	refuse()
	s.release("CAN-11", calls)
	s.release("CAN-11", s.holdCalls("CAN-11", slots))
	for _, w := range s.workersSoFar() {
		w.sync()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.countArrivedLocked(ended); n > 0 {
		t.Fail("CAN-11", "no request of a call whose context ended before it was made", "%d of %d such calls arrived at a worker", n, len(ended))
	}
}
