package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
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

// manyCallers has 8 times as many callers as the bound allows, answered one by one.
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
	s.checksGoOn("health checks go on beside the calls", s.workersSoFar()...) // which leaves time for calls over the bound
	for answered := range calls {
		var next *request
		s.requireEventually("BPR-4", "another call comes to the workers when one has left", func() bool {
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

// slotsOfOneWorker has one of two full workers answer while calls wait: twice as many as it answers, so that there are
// enough for it where each worker has waiters of its own.
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
		t.Note("case", "not as many waiting calls came to the workers as have left, which BPR-4 has cases for")
	}
	s.audit.wait()
}

// callersAtRandomTimes has 8 times as many callers as the bound allows call again and again, and get answers, error
// answers and ends of their contexts at random times.
func callersAtRandomTimes(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 4
	bound := s.options.Workers * s.options.MaxInFlight
	seed := rand.Uint64()
	t.Note("case", "the seed of the random times is %d", seed)
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	upTo := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	s.onRequest = func(r *request) {
		reply := func() { r.answer(r.body) }
		if strings.HasPrefix(r.method, "refuse") {
			reply = func() { r.refuse("refused") }
		}
		if wait := upTo(4); wait > 0 {
			time.AfterFunc(time.Duration(wait*500)*time.Microsecond, reply)
			return
		}
		reply()
	}
	s.start()
	const rounds = 6
	var callers sync.WaitGroup
	for caller := range 8 * bound {
		callers.Go(func() {
			for round := range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				kind := []string{"echo", "echo", "echo", "refuse", "leave"}[upTo(5)]
				if kind == "leave" {
					time.AfterFunc(time.Duration(upTo(6)*500)*time.Microsecond, cancel)
				}
				c := s.callWith(ctx, fmt.Sprintf("%s-%d-%d", kind, caller, round), "")
				select {
				case <-c.done:
				case <-s.storyEnded:
				}
				cancel()
				if !c.ended() {
					return
				}
				switch {
				case c.err == nil && (kind == "refuse" || wire.DiffBody(string(c.body), c.answer) != ""):
					t.Fail("RID-4", fmt.Sprintf("%s gets its own answer", c.method), "%s instead of %s", c.outcome(), c.body)
				case c.err == nil:
				case kind == "refuse" && errors.Is(c.err, spec.ErrorAnswer):
				case kind == "leave" && errors.Is(c.err, context.Canceled):
				case s.clearing.Load():
					return // the case has failed, and has ended its calls
				default:
					t.Fail("RID-4", fmt.Sprintf("%s gets its own answer", c.method), "%s", c.outcome())
				}
			}
		})
	}
	// However slow the machine is, some call returns before the patience is over.
	for returned := 0; returned < 8*bound*rounds; {
		before := returned
		s.requireEventually("BPR-4", "slots come back, so that calls go on", func() bool {
			returned = 0
			for _, c := range s.calls {
				if c.ended() {
					returned++
				}
			}
			return returned > before
		})
	}
	callers.Wait()
	if t.Failed() {
		return
	}
	s.audit.wait()
	s.holdRequests()
	s.release("BPR-4", s.holdCalls("BPR-4", bound))
}
