package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func cancellationCases() []testCase {
	return []testCase{
		{
			Name: "a-cancelled-call-returns-though-the-worker-does-not-react", Clauses: []string{"CAN-1"}, Framings: suite.BothFramings,
			Cause: "The call waits for an answer to its cancellation.",
			Run:   aCancelledCallReturnsThoughTheWorkerDoesNotReact,
		},
		{
			Name: "a-call-returns-the-error-of-its-context-and-not-the-cause-alone", Clauses: []string{"CAN-1", "BPR-3"}, Framings: suite.BothFramings,
			Cause: "The pool returns context.Cause of the context, in which errors.Is does not find the context's error.",
			Run:   contextsWithCauses,
		},
		{
			Name: "a-call-returns-at-its-deadline-though-the-worker-does-not-react", Clauses: []string{"CAN-1"}, Framings: suite.BothFramings,
			Cause: "Call returns the error of the connection instead of the context's, or it ignores the deadline.",
			Run:   aCallReturnsAtItsDeadlineThoughTheWorkerDoesNotReact,
		},
		{
			Name: "a-cancelled-call-sends-a-cancellation", Clauses: []string{"CAN-2"}, Framings: suite.BothFramings,
			Cause: "Call returns and sends nothing to the worker, or the cancellation has an ID of its own.",
			Run:   sendsCancellation,
		},
		{
			Name: "the-late-answer-to-a-cancelled-call-is-dropped", Clauses: []string{"CAN-3"}, Framings: suite.BothFramings,
			Cause: "The pool takes a late answer for a violation, which fails the calls beside it, or gives it to the next caller.",
			Run:   lateAnswerIsDropped,
		},
		{
			Name: "a-cancellation-that-crosses-the-answer-harms-nobody", Clauses: []string{"CAN-3"}, Framings: suite.BothFramings,
			Cause: "A call that is cancelled as it returns leaves something behind: a deadline on the connection, or an answer in a channel.",
			Run:   cancellationCrosses,
		},
		{
			Name: "cancelled-calls-are-never-waited-for", Clauses: []string{"CAN-4"}, Framings: suite.BothFramings,
			Cause: "The slot, the connection or Shutdown waits for an answer that the worker need not send.",
			Run:   neverAnswered,
		},
		{
			Name: "a-call-cancelled-while-shutdown-waits-sends-a-cancellation", Clauses: []string{"CAN-2"}, Framings: suite.BothFramings,
			Cause: "Shutdown ends what sends cancellations before the calls have ended, or a cancellation is a call, which is refused.",
			Run:   cancelledWhileShutdownWaits,
		},
		{
			Name: "a-call-cancelled-while-its-request-is-being-written-returns", Clauses: []string{"CAN-10"}, Framings: suite.BothFramings,
			Cause: "The caller itself writes, and nothing interrupts a write to a worker that does not read; or it waits for a place in a queue of writes.",
			Run:   cancelledWrite,
		},
	}
}

func aCancelledCallReturnsThoughTheWorkerDoesNotReact(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	c := s.call()
	c.request("CAN-1")
	c.cancel()
	c.fails("CAN-1", context.Canceled)
}

func aCallReturnsAtItsDeadlineThoughTheWorkerDoesNotReact(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	s.release("CAN-1", s.holdCalls("CAN-1", 1)) // so the connection is open
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	s.callContext(ctx).fails("CAN-1", context.DeadlineExceeded)
}

// contextsWithCauses ends calls by contexts that have a cause of their own: one that is at a worker, and one that waits for
// its slot.
func contextsWithCauses(t *T) {
	s := t.stage()
	s.options.MaxInFlight = 1
	s.holdRequests()
	s.start()
	cause := errors.New("the cause that the caller gave")
	for _, end := range []struct {
		begin func() (context.Context, context.CancelFunc)
		want  error
	}{
		{func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(t.Context())
			return ctx, func() { cancel(cause) }
		}, context.Canceled},
		{func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, cause)
			t.Cleanup(cancel)
			return ctx, func() { <-ctx.Done() }
		}, context.DeadlineExceeded},
	} {
		ctx, finish := end.begin()
		runs := s.callContext(ctx)
		runs.requestUnlessFailed("CAN-1") // the deadline may be over before
		waits := s.callContext(ctx)
		waits.waitUntilParked()
		finish()
		runs.fails("CAN-1", end.want)
		waits.fails("BPR-3", end.want)
	}
}

// sendsCancellation cancels a call, and then lets one reach its deadline after its request has arrived.
func sendsCancellation(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	c := s.call()
	c.request("CAN-2")
	c.cancel()
	c.sendsCancellation()
	for limit := 100 * time.Millisecond; limit < t.Patience(); limit *= 3 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		c := s.callContext(ctx)
		if c.requestUnlessFailed("CAN-2") != nil {
			c.sendsCancellation()
			return
		}
		t.Note("case", "the deadline was over before the request arrived; next: a later one")
	}
}

// cancelledWhileShutdownWaits cancels a call while Shutdown waits for it and for another at the same worker.
func cancelledWhileShutdownWaits(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	running := s.holdCalls("CAN-2", 2)
	done := s.beginShutdown(t.Context(), "CAN-2")
	s.untilRefused("SHD-1")
	running[0].cancel()
	running[0].sendsCancellation()
	running[1].req.answer(running[1].body)
	running[1].isAnswered("SHD-2")
	if !t.WaitFor(t.Patience(), done) {
		t.Blocked("Shutdown does not return, see SHD-5; %s", s.scene())
	}
}

// sendsCancellation requires the cancellation of a call whose request is at a worker [CAN-2].
func (c *call) sendsCancellation() {
	s, r := c.s, c.request("CAN-2")
	c.wait("CAN-2")
	want := fmt.Sprintf("a cancellation with the ID %d, in its envelope, on the connection of %s, whose context has ended", r.id, c.method)
	s.requireEventually("CAN-2", want, func() bool { return r.withdrawn > 0 || s.unreadable != "" })
	var cancelled bool
	var instead string
	s.withLock(func() { cancelled, instead = r.cancelled, s.unreadable })
	switch {
	case cancelled:
	case instead != "":
		s.t.FailNow("CAN-2", want, "something else: %s", instead)
	default:
		s.t.FailNow("CAN-2", want, "the connection ended without one")
	}
}

func lateAnswerIsDropped(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for _, late := range []func(r *request){
		func(r *request) { r.answer([]byte(`"a late answer"`)) },
		func(r *request) { r.refuse("cancelled") },
	} {
		calls := s.holdCalls("CAN-3", 3)
		leaves, beside := calls[0], calls[1:]
		leaves.cancel()
		leaves.wait("CAN-3")
		after := s.call()
		r := after.request("CAN-3")
		late(leaves.req)
		r.answer(after.body)
		after.succeeds("CAN-3")
		s.release("CAN-3", beside)
	}
}

func cancellationCrosses(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	var meet crossing
	for range t.Rounds(40) {
		c := s.holdCalls("CAN-3", 1)[0]
		meet.begin(func() { c.req.answer(c.body) }, c.cancel)
		c.wait("CAN-3")
		meet.adjust(c.err != nil)
		if c.err != nil && !errors.Is(c.err, context.Canceled) {
			t.FailNow("CAN-3", c.method+" gets its own answer or the error of its context", "%s", c.outcome())
		}
		c.getsOwnAnswerOrFails("CAN-3")
		s.release("CAN-3", s.holdCalls("CAN-3", 1))
	}
}

func neverAnswered(t *T) {
	s := t.stage()
	s.options.MaxInFlight = 2
	s.holdRequests()
	s.start()
	for range 5 {
		calls := s.holdCalls("CAN-4", 2)
		for _, h := range calls {
			h.cancel()
		}
		for _, h := range calls {
			h.wait("CAN-4")
		}
	}
	s.release("CAN-4", s.holdCalls("CAN-4", 2))
	h := s.holdCalls("CAN-4", 1)[0]
	h.cancel()
	h.wait("CAN-4")
	_ = s.shutdownWith(t.Context(), "CAN-4") // its context ends later than the patience of the run
}

// cancelledWrite cancels a call whose request is half written, and more calls behind it than a queue of writes may hold.
// Where each call has a connection of its own, none is behind another.
func cancelledWrite(t *T) {
	s := t.stage()
	s.leastPayload = 2 << 20
	calls := 300
	if t.framing == spec.Basic {
		calls = 20
	}
	s.options.MaxInFlight = calls + 1
	s.start()
	s.call().succeeds("CAN-10")
	s.holdRequests()
	w := s.worker("CAN-10", 1)
	// A socket holds a few hundred KB at most, so 1 MB cannot be written whole. More would only take longer.
	w.readOnly(64 << 10)
	var before int
	s.withLock(func() { before = w.bytesReceived })
	big := s.callBody(wire.Quote(strings.Repeat("y", 1<<20)))
	s.requireEventually("CAN-10", "the request begins to arrive", func() bool { return w.bytesReceived >= before+32<<10 })
	var behind []*call
	for n := range calls {
		c := s.call()
		if n == 0 || n == calls-1 {
			c.waitUntilParked()
		}
		behind = append(behind, c)
	}
	big.cancel()
	big.fails("CAN-10", context.Canceled)
	for _, c := range behind {
		c.cancel()
	}
	for _, c := range behind {
		c.reason = ", because its context has ended while its request cannot be written"
		c.fails("CAN-10", context.Canceled)
	}
	t.Note("case", "the worker reads again")
	w.readOnly(scripted.ReadAll)
	s.laterCallsSucceed("CAN-10")
}
