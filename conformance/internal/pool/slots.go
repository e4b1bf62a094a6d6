package pool

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

func slotCases() []testCase {
	var all []testCase
	for _, w := range waysOut {
		all = append(all, testCase{
			Name: "slots-come-back-after-" + w.name, Clauses: []string{"BPR-4"}, Framings: suite.BothFramings,
			Cause: w.cause,
			Run:   w.givesSlotsBack,
		})
	}
	return append(all, testCase{
		Name: "slots-come-back-after-a-crash", Clauses: []string{"BPR-4"}, Framings: suite.BothFramings,
		Cause: "The slots of the calls that were on a worker are lost when it dies.",
		Run:   slotsAfterCrash,
	}, testCase{
		Name: "slots-come-back-after-no-connection-can-be-made", Clauses: []string{"BPR-4"}, Framings: suite.BothFramings,
		Cause: "A call that cannot connect to its worker does not give its slot back.",
		Run:   slotsAfterNoConnection,
	}, testCase{
		Name: "slots-come-back-after-a-cancellation-that-never-goes-out", Clauses: []string{"BPR-4"}, Framings: suite.BothFramings,
		Cause: "The slot comes back when the cancellation is written, and the connection ends before.",
		Run:   slotsAfterUnwrittenCancellations,
	})
}

// wayOut is one way for calls to end, each of which must give their slots back.
type wayOut struct {
	name, cause string
	// end ends the held calls.
	end func(s *stage, calls []heldCall)
}

var waysOut = []wayOut{
	{
		name:  "an-answer",
		cause: "The pool gives the slot back only when a call fails.",
		end:   endWithAnswers,
	},
	{
		name:  "an-error-answer",
		cause: "The pool does not give the slot back when a call fails.",
		end:   endWithErrorAnswers,
	},
	{
		name:  "a-cancellation",
		cause: "The slot comes back with the answer, which the worker need not send.",
		end:   endWithCancellations,
	},
	{
		name:  "a-violation",
		cause: "The pool loses the slots of the calls on a connection that it fails.",
		end:   endWithViolations,
	},
	{
		name:  "a-closed-connection",
		cause: "The pool loses the slots of the calls on a connection that the worker closes.",
		end:   endWithClosedConnections,
	},
	{
		name:  "a-body-that-cannot-be-sent",
		cause: "The pool does not give the slot back when a call fails before anything was sent.",
		end:   endWithBodiesThatCannotBeSent,
	},
}

func endWithAnswers(s *stage, calls []heldCall) { s.release("BPR-4", calls) }

func endWithErrorAnswers(_ *stage, calls []heldCall) {
	for _, h := range calls {
		h.req.refuse("no")
		h.fails("BPR-4")
	}
}

func endWithCancellations(_ *stage, calls []heldCall) {
	for _, h := range calls {
		h.cancel()
	}
	allFail(calls)
}

func endWithViolations(_ *stage, calls []heldCall) {
	for _, h := range calls {
		h.req.send(h.req.frame([]byte(`{"id":`)))
	}
	allFail(calls)
}

func endWithClosedConnections(_ *stage, calls []heldCall) {
	for _, h := range calls {
		h.req.closeConnection()
	}
	allFail(calls)
}

func allFail(calls []heldCall) {
	for _, h := range calls {
		h.fails("BPR-4")
	}
}

func endWithBodiesThatCannotBeSent(s *stage, calls []heldCall) {
	s.release("BPR-4", calls)
	s.withLock(func() { s.onRequest = func(r *request) { r.answer([]byte("null")) } })
	for i := range calls {
		size := s.options.MaxPayload
		if i%2 == 0 {
			size -= 8 // within the limit; the message around it is not
		}
		c := s.callBody(wire.Quote(strings.Repeat("x", size)))
		if c.wait("BPR-4"); c.err == nil {
			s.t.Blocked("the pool sent a body over PoolOptions.MaxPayload, so nothing kept it from being sent")
		}
	}
}

func (w wayOut) givesSlotsBack(t *T) {
	s := t.stage()
	s.options.MaxInFlight, s.options.MaxPayload = 3, 1<<16
	s.checkOften()
	s.holdRequests()
	s.start()
	w.end(s, s.holdCalls("BPR-4", s.options.MaxInFlight))
	s.laterCallsSucceed("BPR-4")
	s.release("BPR-4", s.holdCalls("BPR-4", s.options.MaxInFlight))
}

func slotsAfterCrash(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 3
	s.options.HealthInterval = 50 * time.Millisecond
	s.holdRequests()
	s.start()
	calls := s.holdCalls("BPR-4", 6)
	victim := calls[0].req.worker
	victim.die()
	for _, h := range calls {
		if h.req.worker == victim {
			h.fails("BPR-4")
			continue
		}
		h.req.answer(h.body)
		h.succeeds("BPR-4")
	}
	s.awaitDeathNoticed("BPR-4", victim)
	if s.awaitReplacement() {
		s.release("BPR-4", s.holdCalls("BPR-4", 6))
		return
	}
	t.Note("case", "the worker was not restarted, see HLT-6; so only the slots of the other one are checked")
	s.release("BPR-4", s.holdCalls("BPR-4", 3))
}

// slotsAfterNoConnection lets a worker close its connections between two calls while nobody can connect to it. The calls
// that meet it then may fail or wait. The pool may connect when the worker listens again, or replace the worker.
func slotsAfterNoConnection(t *T) {
	s := t.stage()
	s.options.MaxInFlight = 3
	s.options.HealthInterval = 500 * time.Millisecond // so that calls notice it before a health call does
	s.holdRequests()
	s.start()
	calls := s.holdCalls("BPR-4", s.options.MaxInFlight)
	s.release("BPR-4", calls)
	w := calls[0].req.worker
	if err := os.Remove(w.path); err != nil {
		t.Blocked("the worker's socket cannot be taken away: %v", err)
	}
	for _, h := range calls {
		h.req.hangUp()
	}

	s.echoRequests()
	var affected []*call
	for range 2 * s.options.MaxInFlight {
		affected = append(affected, s.call())
	}
	if !s.eventuallyWithin(t.Patience()/4, func() bool {
		return len(s.workers) > 1 || !slices.ContainsFunc(affected, func(c *call) bool { return !c.ended() })
	}) {
		t.Note("case", "calls wait for the worker to listen again")
	}
	if len(s.workersSoFar()) == 1 && !w.hasExited() {
		w.listen()
	}
	for _, c := range affected {
		c.reason = " once a worker listens again"
		c.getsOwnAnswerOrFails("BPR-4")
	}
	if !t.Settle(func() bool {
		c := s.call()
		c.getsOwnAnswerOrFails("BPR-4")
		return c.err == nil
	}) {
		t.Blocked("calls still fail %v after the worker listens again, see RID-7; so the slots cannot be checked", t.Patience())
	}
	s.holdRequests()
	s.release("BPR-4", s.holdCalls("BPR-4", s.options.MaxInFlight))
}

// slotsAfterUnwrittenCancellations cancels calls while the worker does not read and a large request is on its way to it,
// so that their cancellations wait behind that, and has the connection end.
func slotsAfterUnwrittenCancellations(t *T) {
	s := t.stage()
	s.leastPayload = 2 << 20
	s.options.MaxInFlight = 3
	s.checkOften()
	s.holdRequests()
	s.start()
	all := s.holdCalls("BPR-4", s.options.MaxInFlight) // which shows that so many run at once
	s.release("BPR-4", all[:1])
	calls := all[1:]
	w := calls[0].req.worker
	w.readOnly(64 << 10)
	var before int
	s.withLock(func() { before = w.bytesReceived })
	big := s.callBody(wire.Quote(strings.Repeat("y", 1<<20)))
	if !s.eventually(func() bool { return w.bytesReceived >= before+32<<10 }) {
		t.Blocked("a request does not begin to arrive at a worker that has a free slot, see BPR-7; %s", s.scene())
	}
	for _, h := range calls {
		h.cancel()
		h.waitUntilParked()
	}
	for _, h := range calls {
		h.req.hangUp()
	}
	allFail(calls)
	w.readOnly(scripted.ReadAll) // for a pool in which each call has a connection of its own
	s.echoRequests()
	big.getsOwnAnswerOrFails("BPR-4")
	s.laterCallsSucceed("BPR-4")
	s.holdRequests()
	s.release("BPR-4", s.holdCalls("BPR-4", s.options.MaxInFlight))
}
