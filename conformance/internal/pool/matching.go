package pool

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func matchingCases() []testCase {
	return []testCase{
		{
			Name: "no-request-id-is-0", Clauses: []string{"RID-1"}, Framings: suite.BothFramings,
			Cause: "The counter of request IDs begins at 0.",
			Run:   noRequestIDIs0,
		},
		{
			Name: "outstanding-ids-are-unique-in-the-whole-pool", Clauses: []string{"RID-2"}, Framings: suite.BothFramings,
			Cause: "The pool has one counter for each worker or each connection, so IDs repeat, or it reads and raises the counter in two steps.",
			Run:   outstandingIDsAreUniqueInTheWholePool,
		},
		{
			Name: "the-header-bears-the-id-of-the-message", Clauses: []string{"RID-3"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: "The header's ID stays 0, or it comes from another counter than the message's.",
			Run:   theHeaderBearsTheIDOfTheMessage,
		},
		{
			Name: "answers-in-reverse-order-reach-their-callers", Clauses: []string{"RID-4"}, Framings: suite.BothFramings,
			Cause: "The pool gives the next answer to the next caller, whatever ID it bears.",
			Run:   answersInReverseOrderReachTheirCallers,
		},
		{
			Name: "answers-in-any-order-reach-their-callers", Clauses: []string{"RID-4"}, Framings: suite.BothFramings,
			Cause: "The pool gives the next answer to the next caller, whatever ID it bears.",
			Run:   answersInAnyOrderReachTheirCallers,
		},
		{
			Name: "an-answer-that-comes-after-those-to-many-later-calls-reaches-its-caller", Clauses: []string{"RID-4"}, Framings: suite.BothFramings,
			Cause: "The pool keeps waiting calls in a table of fixed size, and a later call takes the place of one that still waits.",
			Run:   longAwaitedAnswer,
		},
		{
			Name: "an-answer-that-comes-byte-by-byte-reaches-its-caller", Clauses: []string{"RID-4"}, Framings: suite.BothFramings,
			Cause: "The pool takes what one read returns for one whole answer.",
			Run:   answerByteByByte,
		},
		{
			Name: "answers-joined-and-cut-reach-their-callers", Clauses: []string{"RID-4"}, Framings: suite.BothFramings,
			Cause: "The pool takes what one read returns for one answer, and loses what comes behind it.",
			Run:   answersJoinedAndCut,
		},
		{
			Name: "an-answer-with-an-unknown-id-reaches-nobody", Clauses: []string{"RID-5"}, Framings: suite.BothFramings,
			Cause: "The pool gives an answer to any caller that waits, or an unknown ID brings the pool down.",
			Run:   unknownID,
		},
		{
			Name: "an-answer-that-comes-before-its-request-reaches-nobody", Clauses: []string{"RID-5"}, Framings: suite.BothFramings,
			Cause: "The pool keeps answers that nobody waits for by their IDs, and a later call with such an ID finds one.",
			Run:   earlyAnswers,
		},
		{
			Name: "an-answer-that-comes-twice-reaches-its-caller-once", Clauses: []string{"RID-5"}, Framings: suite.BothFramings,
			Cause: "The second answer stays in a channel or a buffer and goes to the next call.",
			Run:   repeatedAnswer,
		},
		{
			Name: "a-late-answer-does-not-reach-the-next-call", Clauses: []string{"RID-6"}, Framings: suite.BothFramings,
			Cause: "The connection of a cancelled call goes back into the pool, and the next caller takes what arrives on it for its own answer.",
			Run:   aLateAnswerDoesNotReachTheNextCall,
		},
		{
			Name: "the-rest-of-a-late-answer-does-not-reach-the-next-call", Clauses: []string{"RID-6"}, Framings: suite.BothFramings,
			Cause: "The caller that left had read half of its answer, and the next one reads on in the middle of a frame.",
			Run:   theRestOfALateAnswerDoesNotReachTheNextCall,
		},
	}
}

func noRequestIDIs0(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.start()
	for range 8 {
		s.call().succeeds("RID-1")
	}
}

func outstandingIDsAreUniqueInTheWholePool(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 3, 4
	s.holdRequests()
	s.start()
	for range 3 {
		s.release("RID-2", s.holdCalls("RID-2", 12))
	}
	s.audit.wait()
}

func theHeaderBearsTheIDOfTheMessage(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.holdRequests()
	s.start()
	s.release("RID-3", s.holdCalls("RID-3", 8))
	left := s.holdCalls("RID-3", 1)[0]
	left.cancel()
	if !s.eventually(func() bool { return left.req.withdrawn > 0 }) {
		t.Blocked("no cancellation arrived whose header could be checked, see CAN-2")
	}
}

func answersInReverseOrderReachTheirCallers(t *T) { outOfOrder(t, slices.Reverse[[]heldCall]) }

func answersInAnyOrderReachTheirCallers(t *T) {
	seed := rand.Uint64()
	t.Note("case", "the seed of the order is %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	outOfOrder(t, func(calls []heldCall) {
		r.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	})
}

func aLateAnswerDoesNotReachTheNextCall(t *T) { lateAnswer(t, 0) }

func theRestOfALateAnswerDoesNotReachTheNextCall(t *T) { lateAnswer(t, 25) }

// longAwaitedAnswer lets more than 256 calls pass while one waits.
func longAwaitedAnswer(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	held := s.holdCalls("RID-4", 2) // which shows that calls run at once
	s.release("RID-4", held[1:])
	s.echoRequests()
	for range t.Rounds(150) {
		for _, c := range []*call{s.call(), s.call(), s.call()} {
			c.succeeds("RID-4")
		}
	}
	s.release("RID-4", held[:1])
}

// outOfOrder answers many calls in another order than that of their arrival.
func outOfOrder(t *T, order func([]heldCall)) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 8
	s.holdRequests()
	s.start()
	for range 2 {
		calls := s.holdCalls("RID-4", 16)
		slices.SortFunc(calls, func(a, b heldCall) int { return a.req.arrived - b.req.arrived })
		answered := slices.Clone(calls)
		order(answered)
		for _, h := range answered {
			h.req.answer(h.body)
		}
		for _, h := range calls {
			h.succeeds("RID-4")
		}
	}
}

// answerByteByByte writes the bytes of an answer one by one.
func answerByteByByte(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for range 2 {
		c := s.call()
		r := c.request("RID-4")
		answer := r.frame(wire.OKAnswer(r.id, string(c.body)))
		last := len(answer) - 1
		for i := range last {
			if err := r.writeAndWait(answer[i : i+1]); err != nil {
				t.FailNow("RID-4", "the connection stays while an answer comes byte by byte", "after %d of %d bytes: %v", i, len(answer), err)
			}
		}
		r.send(answer[last:])
		c.succeeds("RID-4")
	}
}

// answersJoinedAndCut writes the answers on each connection in two parts. The first part ends within the last answer. It
// does so several times, because a pool that reads late finds both parts at once.
func answersJoinedAndCut(t *T) {
	s := t.stage()
	s.options.MaxInFlight = 4
	s.holdRequests()
	s.start()
	for range 8 {
		calls := s.holdCalls("RID-4", s.options.MaxInFlight)
		answers := map[*connection][]byte{}
		for _, h := range calls {
			answers[h.req.conn] = append(answers[h.req.conn], h.req.frame(wire.OKAnswer(h.req.id, string(h.body)))...)
			h.req.markAnswered()
		}
		const rest = 20 // bytes, fewer than an answer has
		for _, h := range calls {
			if all, ok := answers[h.req.conn]; ok {
				_ = h.req.writeAndWait(all[:len(all)-rest])
				h.req.write(all[len(all)-rest:])
				delete(answers, h.req.conn)
			}
		}
		for _, h := range calls {
			h.succeeds("RID-4")
		}
	}
}

// unknownID writes answers that no call waits for, while no call runs and beside calls.
func unknownID(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	before := s.holdCalls("RID-5", 1)
	s.release("RID-5", before)
	strays := []uint64{before[0].req.id, before[0].req.id + 1000, 1<<40 + 7, 0}
	stray := func(r *request, id uint64) {
		r.write(wire.Encode(s.options.Framing, id, wire.OKAnswer(id, fmt.Sprintf(`"a stray answer to %d"`, id))))
	}
	for _, id := range strays { // while no call runs
		stray(before[0].req, id)
	}
	for _, id := range strays { // beside a call
		s.call().isAnsweredAfter("RID-5", func(r *request) { stray(r, id) })
	}
	s.laterCallsSucceedAfterStrays("RID-5")
}

// earlyAnswers writes answers to the IDs that a pool which counts will use next. They come before the answer to a running
// call, so a pool that has read that answer has read them too, before any call waited for them.
func earlyAnswers(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	s.release("RID-5", s.holdCalls("RID-5", 1)) // now a health call made at the start, which may have such an ID, is over
	a := s.call()
	r := a.request("RID-5")
	var early []byte
	for next := r.id + 1; next != r.id+20; next++ {
		early = append(early, wire.Encode(s.options.Framing, next, wire.OKAnswer(next, `"an answer before its request"`))...)
	}
	r.send(append(early, r.frame(wire.OKAnswer(r.id, string(a.body)))...))
	a.getsOwnAnswerOrFails("RID-5")
	for range 4 {
		s.call().isAnsweredAfter("RID-5", func(*request) {})
	}
	s.laterCallsSucceedAfterStrays("RID-5")
}

// repeatedAnswer writes an answer twice at once, and a third time beside the next call.
func repeatedAnswer(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for range 3 {
		a := s.call()
		r := a.request("RID-5")
		again := r.frame(wire.OKAnswer(r.id, string(a.body)))
		r.send(slices.Concat(again, again))
		a.succeeds("RID-5")
		s.call().isAnsweredAfter("RID-5", func(*request) { r.write(again) })
		s.laterCallsSucceedAfterStrays("RID-5")
	}
}

// lateAnswer writes that many bytes of an answer, lets the caller leave, and writes the rest when the requests of the
// next calls have arrived.
func lateAnswer(t *T, early int) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for range 3 {
		a := s.call()
		r := a.request("RID-6")
		late := r.frame(wire.OKAnswer(r.id, `"an answer for a caller that has left"`))
		if early > 0 {
			r.write(late[:early])
		}
		a.cancel()
		a.wait("RID-6")
		s.eventuallyWithin(t.Patience()/8, func() bool { return r.withdrawn > 0 })
		// As many calls as there are slots, so that every connection that may be used again is used.
		next := []*call{s.call(), s.call(), s.call(), s.call()}
		var requests []*request
		if !s.eventually(func() bool { return s.countArrivedLocked(next) == len(next) }) {
			t.Blocked("not all of %d calls arrive at the worker, see BPR-7 and BPR-4; %s", len(next), s.scene())
		}
		for _, b := range next {
			requests = append(requests, b.request("RID-6"))
		}
		r.send(late[early:])
		for i, b := range next {
			requests[i].answer(b.body)
			b.getsOwnAnswerOrFails("RID-6")
		}
		s.laterCallsSucceedAfterStrays("RID-6")
	}
}
