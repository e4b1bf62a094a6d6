package pool

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func waiterCases() []testCase {
	return []testCase{
		{
			Name: "a-waiting-caller-leaves-when-its-context-ends", Clauses: []string{"BPR-3"}, Framings: suite.BothFramings,
			Cause: "The wait for a slot ignores the context, or the place of a caller that left still takes the slot.",
			Run:   waitersLeave,
		},
		{
			Name: "a-slot-that-comes-as-its-caller-leaves-is-not-lost", Clauses: []string{"BPR-3"}, Framings: suite.BothFramings,
			Cause: "The pool hands a slot to a waiter that has just left, and nobody hands it on.",
			Run:   waitersRace,
		},
		{
			Name: "waiters-are-served-in-order-of-arrival", Clauses: []string{"BPR-5"},
			Cause: "Waiters wait on a condition variable, or they try again at random.",
			Run:   waitersInOrder,
		},
		{
			Name: "a-full-queue-answers-busy-at-once", Clauses: []string{"BPR-6"},
			Cause: "The queue is not bounded, counts the calls that run, or never gets a place back.",
			Run:   fullQueue,
		},
	}
}

// waitersLeave lets waiting callers leave by a cancellation and by a deadline.
func waitersLeave(t *T) {
	s := t.stage()
	s.options.MaxInFlight = 2
	s.holdRequests()
	s.start()
	held := s.holdCalls("BPR-3", 2)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	leaves, late, stays := s.call(), s.callContext(ctx), s.call()
	leaves.waitUntilParked()
	stays.waitUntilParked()
	leaves.cancel()
	leaves.fails("BPR-3", context.Canceled)
	late.fails("BPR-3", context.DeadlineExceeded)
	s.release("BPR-3", held)
	r := stays.request("BPR-3")
	r.answer(stays.body)
	stays.succeeds("BPR-3")
	s.release("BPR-3", s.holdCalls("BPR-3", 2))
	s.withLock(func() {
		for _, r := range s.requests {
			if r.method == leaves.method || r.method == late.method {
				t.Fail("BPR-3", "a caller that left while it waited takes no slot", "its request %s arrived at %s", r.method, r.worker.name())
			}
		}
	})
}

// waitersRace lets waiters leave, one right after another, at about the moment when the slot comes to the first of those that
// are there, many times. The slot comes with the answer to the call that has it, or with the end of that call's context.
func waitersRace(t *T) {
	s := t.stage()
	s.options.MaxInFlight = 1
	s.holdRequests()
	s.start()
	answered, left := crossing{}, crossing{}
	for round := range t.Rounds(60) {
		first := s.holdCalls("BPR-3", 1)[0]
		s.echoRequests()
		var waiters []*call
		for range 32 {
			waiters = append(waiters, s.call())
		}
		waiters[len(waiters)-1].waitUntilParked()
		comes, meet := func() { first.req.answer(first.body) }, &answered
		if round%4 == 0 {
			comes, meet = first.cancel, &left
		}
		meet.begin(comes, func() {
			for _, w := range waiters {
				w.cancel()
			}
		})
		first.wait("BPR-3")
		allLeft := true
		for _, w := range waiters {
			w.wait("BPR-3")
			if w.err != nil && !errors.Is(w.err, context.Canceled) {
				t.FailNow("BPR-3", "a caller that leaves gets the error of its context", "%s", w.outcome())
			}
			allLeft = allLeft && w.err != nil
		}
		meet.adjust(allLeft)
		s.holdRequests()
	}
	s.release("BPR-3", s.holdCalls("BPR-3", 1))
}

// waitersInOrder answers calls one by one. The order of arrival can be wrong by chance, so a case fails at the third try.
func waitersInOrder(t *T) {
	s := t.stage()
	s.options.MaxInFlight = 1
	s.holdRequests()
	s.start()
	for tries := 3; ; tries-- {
		began := len(s.requestsSoFar())
		calls := []*call{s.holdCalls("BPR-5", 1)[0].call}
		for range 6 {
			c := s.call()
			c.waitUntilParked() // so that the next one comes after it
			// A pool in another process may have threads that all wait because the call has not come to it yet. Where the
			// order was wrong, each call gets more time.
			s.eventuallyWithin(time.Duration(3-tries)*t.Patience()/40, c.ended)
			calls = append(calls, c)
		}
		var order, want []string
		for i, c := range calls {
			s.requireEventually("BPR-5", "another waiter is served when a slot comes back", func() bool { return len(s.requests) > began+i })
			r := s.requestsSoFar()[began+i]
			r.answer(r.body)
			order, want = append(order, r.method), append(want, c.method)
		}
		for _, c := range calls {
			c.succeeds("BPR-5")
		}
		if slices.Equal(order, want) {
			return
		}
		if tries == 1 {
			if s.audit.wait(); s.audit.hasReported("BPR-1") {
				t.Blocked("more than one request is at the worker at once, see BPR-1; so some calls that had to wait did not")
			}
			t.FailNow("BPR-5", "waiters are served in order of arrival: "+strings.Join(want, ", "), "%s", strings.Join(order, ", "))
		}
	}
}

// fullQueue makes one call too many for the queue, and then lets a waiter leave, in pools of one worker and of three.
func fullQueue(t *T) {
	for _, workers := range []int{1, 3} {
		fullQueueOf(t, workers)
	}
}

func fullQueueOf(t *T, workers int) {
	s := t.stage()
	defer s.clear()
	s.options.Workers, s.options.MaxInFlight, s.options.Queue = workers, 1, 2
	s.holdRequests()
	s.start()
	for range 2 {
		running := s.holdCalls("BPR-6", workers)
		waiting := []*call{s.call(), s.call(), s.call()} // one too many, whichever comes last
		var refused *call
		s.requireEventually("BPR-6", "one of 3 calls is over a queue of 2 and fails at once", func() bool {
			for _, c := range waiting {
				if c.ended() {
					refused = c
				}
			}
			return refused != nil
		})
		refused.fails("BPR-6", spec.Busy)
		// A place comes back when a waiter leaves.
		var stays []*call
		for _, c := range waiting {
			if c != refused {
				stays = append(stays, c)
			}
		}
		stays[0].cancel()
		stays[0].fails("BPR-6", context.Canceled)
		stays[0] = s.call()
		s.echoRequests()
		for _, h := range running {
			h.req.answer(h.body)
			h.succeeds("BPR-6")
		}
		for _, c := range stays {
			c.succeeds("BPR-6")
		}
		s.holdRequests()
	}
}
