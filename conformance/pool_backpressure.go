package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

func poolBackpressureCases() []poolCase {
	all := []poolCase{
		{
			Case: Case{
				Name: "many-callers-never-exceed-the-bound", Clauses: []string{"BPR-1", "BPR-2"}, Framings: bothFramings,
				Cause: "the bound counts calls of the whole pool and not of each worker, or is compared and taken in two steps",
			},
			run: manyCallers,
		},
		{
			Case: Case{
				Name: "callers-at-random-times-never-exceed-the-bound", Clauses: []string{"BPR-2", "BPR-1", "BPR-4", "RID-4", "RID-2"}, Framings: bothFramings,
				Cause: "a slot is given back before the answer or the cancellation has passed, or twice",
			},
			run: storm,
		},
		{
			Case: Case{
				Name: "a-waiting-caller-leaves-when-its-context-ends", Clauses: []string{"BPR-3"}, Framings: bothFramings,
				Cause: "the wait for a slot does not look at the context, or what the caller waited with still takes the slot",
			},
			run: waitersLeave,
		},
		{
			Case: Case{
				Name: "a-slot-that-comes-as-its-caller-leaves-is-not-lost", Clauses: []string{"BPR-3"}, Framings: bothFramings,
				Cause: "a slot is handed to a waiter that has just left, and nobody hands it on",
			},
			run: waitersRace,
		},
		{
			Case: Case{
				Name: "waiters-are-served-in-order-of-arrival", Clauses: []string{"BPR-5"},
				Cause: "waiters wait on a condition variable or try again by chance",
			},
			run: waitersInOrder,
		},
		{
			Case: Case{
				Name: "a-full-queue-answers-busy-at-once", Clauses: []string{"BPR-6"},
				Cause: "the queue is not bounded, counts the calls that run, or never gets a place back",
			},
			run: fullQueue,
		},
		{
			Case: Case{
				Name: "as-many-calls-as-the-bound-run-at-once", Clauses: []string{"BPR-7"}, Framings: bothFramings,
				Cause: "one lock or one connection for one call at a time",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers, s.options.MaxInFlight = 2, 4
				s.hold()
				s.start()
				for range 2 {
					s.release("BPR-7", s.fill("BPR-7", 8))
				}
			},
		},
	}
	for _, w := range []struct {
		name, cause string
		leave       func(s *stage, calls []held)
	}{
		{"an-answer", "the slot is given back on errors alone", func(s *stage, calls []held) { s.release("BPR-4", calls) }},
		{"an-error-answer", "the way out with an error forgets the slot", func(s *stage, calls []held) {
			for _, h := range calls {
				h.at.refuse("no")
				h.fails("BPR-4")
			}
		}},
		{"a-cancellation", "the slot comes back with an answer that the worker need not send", func(s *stage, calls []held) {
			for _, h := range calls {
				h.cancel()
			}
			for _, h := range calls {
				h.fails("BPR-4")
			}
		}},
		{"a-violation", "the way out over a broken connection forgets the slots of the calls on it", func(s *stage, calls []held) {
			for _, h := range calls {
				h.at.send(h.at.frame([]byte(`{"id":`)))
			}
			for _, h := range calls {
				h.fails("BPR-4")
			}
		}},
		{"a-closed-connection", "the way out over a closed connection forgets the slots of the calls on it", func(s *stage, calls []held) {
			for _, h := range calls {
				h.at.closeConnection()
			}
			for _, h := range calls {
				h.fails("BPR-4")
			}
		}},
		{"a-body-that-cannot-be-sent", "the way out before anything was sent forgets the slot", func(s *stage, calls []held) {
			s.release("BPR-4", calls)
			s.set(func() { s.called = func(r *poolRequest) { r.answer([]byte("null")) } })
			for range calls {
				c := s.callBody(quote(strings.Repeat("x", s.options.MaxPayload)))
				if c.wait("BPR-4"); c.err == nil {
					s.t.Blocked("the pool sent a body over PoolOptions.MaxPayload, so nothing kept it from being sent")
				}
			}
		}},
	} {
		all = append(all, poolCase{
			Case: Case{
				Name: "slots-come-back-after-" + w.name, Clauses: []string{"BPR-4"}, Framings: bothFramings, Cause: w.cause,
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.MaxInFlight, s.options.MaxPayload = 3, 1<<16
				s.hold()
				s.start()
				w.leave(s, s.fill("BPR-4", s.options.MaxInFlight))
				s.laterCalls("BPR-4")
				s.release("BPR-4", s.fill("BPR-4", s.options.MaxInFlight))
			},
		})
	}
	return append(all, poolCase{
		Case: Case{
			Name: "slots-come-back-after-a-crash", Clauses: []string{"BPR-4"}, Framings: bothFramings,
			Cause: "the slots of the calls that were on a worker die with it",
		},
		run: slotsAfterCrash,
	})
}

// manyCallers has 8 times as many callers as the bound allows, answered one by one.
func manyCallers(t *poolT) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 3
	s.options.HealthInterval = 20 * time.Millisecond
	s.hold()
	s.start()
	var calls []*poolCall
	for range 8 * 6 {
		calls = append(calls, s.call())
	}
	s.until("BPR-7", "6 calls are at the workers at once", func() bool { return len(s.requests) >= 6 })
	s.checksGoOn("health checks go on beside the calls") // which leaves time for calls over the bound
	for answered := range calls {
		var next *poolRequest
		s.until("BPR-4", "another call comes to the workers when one has left", func() bool {
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
	s.audit.settled()
}

// storm has 8 times as many callers as the bound allows call again and again, and get answers, error
// answers and ends of their contexts at random times.
func storm(t *poolT) {
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
	s.called = func(r *poolRequest) {
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
				ctx, cancel := context.WithCancel(t.ctx)
				kind := []string{"echo", "echo", "echo", "refuse", "leave"}[upTo(5)]
				if kind == "leave" {
					time.AfterFunc(time.Duration(upTo(6)*500)*time.Microsecond, cancel)
				}
				c := s.callWith(ctx, fmt.Sprintf("%s-%d-%d", kind, caller, round), "")
				select {
				case <-c.done:
				case <-s.over:
				}
				cancel()
				if !c.ended() {
					return
				}
				switch {
				case c.err == nil && (kind == "refuse" || differBody(string(c.body), c.answer) != ""):
					t.Fail("RID-4", fmt.Sprintf("%s gets its own answer", c.method), "%s instead of %s", c.outcome(), c.body)
				case c.err == nil:
				case kind == "refuse" && errors.Is(c.err, ErrorAnswer):
				case kind == "leave" && errors.Is(c.err, context.Canceled):
				default:
					t.Fail("RID-4", fmt.Sprintf("%s gets its own answer", c.method), "%s", c.outcome())
				}
			}
		})
	}
	// However slow the machine is, some call returns before the patience is over.
	for returned := 0; returned < 8*bound*rounds; {
		before := returned
		s.until("BPR-4", "slots come back, so that calls go on", func() bool {
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
	s.audit.settled()
	s.hold()
	s.release("BPR-4", s.fill("BPR-4", bound))
}

func waitersLeave(t *poolT) {
	s := t.stage()
	s.options.MaxInFlight = 2
	s.hold()
	s.start()
	held := s.fill("BPR-3", 2)
	ctx, cancel := context.WithTimeout(t.ctx, 50*time.Millisecond)
	defer cancel()
	leaves, late, stays := s.call(), s.callWith(ctx, "", ""), s.call()
	leaves.parks()
	stays.parks()
	leaves.cancel()
	leaves.fails("BPR-3", context.Canceled)
	late.fails("BPR-3", context.DeadlineExceeded)
	s.release("BPR-3", held)
	r := stays.request("BPR-3")
	r.answer(stays.body)
	stays.succeeds("BPR-3")
	s.release("BPR-3", s.fill("BPR-3", 2))
	s.set(func() {
		for _, r := range s.requests {
			if r.method == leaves.method || r.method == late.method {
				t.Fail("BPR-3", "a caller that left while it waited takes no slot", "its request %s came to %s", r.method, r.worker.name())
			}
		}
	})
}

// waitersRace has a waiter leave at about the moment when its slot comes, again and again: with the answer
// to the call that has the slot, or with the end of that call's own context.
func waitersRace(t *poolT) {
	s := t.stage()
	s.options.MaxInFlight = 1
	s.hold()
	s.start()
	for round := range 90 {
		first := s.fill("BPR-3", 1)[0]
		s.set(func() { s.called = func(r *poolRequest) { r.answer(r.body) } })
		waiter := s.call()
		waiter.parks()
		var both sync.WaitGroup
		if round%3 == 0 {
			both.Go(first.cancel)
			both.Go(waiter.cancel)
		} else { // the answer takes some 100 µs
			first.at.answer(first.body)
			both.Go(func() {
				<-time.After(time.Duration(round) * 4 * time.Microsecond)
				waiter.cancel()
			})
		}
		both.Wait()
		first.wait("BPR-3")
		waiter.wait("BPR-3")
		if waiter.err != nil && !errors.Is(waiter.err, context.Canceled) {
			t.FailNow("BPR-3", "a caller that leaves gets the error of its context", "%s", waiter.outcome())
		}
		s.hold()
	}
	s.release("BPR-3", s.fill("BPR-3", 1))
}

func waitersInOrder(t *poolT) {
	s := t.stage()
	s.options.MaxInFlight = 1
	s.hold()
	s.start()
	for tries := 3; ; tries-- {
		began := len(s.arrivals())
		calls := []*poolCall{s.fill("BPR-5", 1)[0].poolCall}
		for range 6 {
			c := s.call()
			c.parks() // the next one comes after it
			calls = append(calls, c)
		}
		var came, want []string
		for i, c := range calls {
			s.until("BPR-5", "another waiter is served when a slot comes back", func() bool { return len(s.requests) > began+i })
			r := s.arrivals()[began+i]
			r.answer(r.body)
			came, want = append(came, r.method), append(want, c.method)
		}
		for _, c := range calls {
			c.succeeds("BPR-5")
		}
		if strings.Join(came, " ") == strings.Join(want, " ") {
			return
		}
		if tries == 1 {
			t.FailNow("BPR-5", "waiters are served in order of arrival: "+strings.Join(want, ", "), "%s", strings.Join(came, ", "))
		}
	}
}

// arrivals are the requests that have come so far.
func (s *stage) arrivals() []*poolRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[:len(s.requests):len(s.requests)]
}

func fullQueue(t *poolT) {
	s := t.stage()
	s.options.MaxInFlight, s.options.Queue = 1, 2
	s.hold()
	s.start()
	for range 2 {
		running := s.fill("BPR-6", 1)
		waiting := []*poolCall{s.call(), s.call(), s.call()} // one too many, whichever comes last
		var refused *poolCall
		s.until("BPR-6", "one of 3 calls is over a queue of 2 and fails at once", func() bool {
			for _, c := range waiting {
				if c.ended() {
					refused = c
				}
			}
			return refused != nil
		})
		refused.fails("BPR-6", Busy)
		// A place comes back when a waiter leaves.
		var stays []*poolCall
		for _, c := range waiting {
			if c != refused {
				stays = append(stays, c)
			}
		}
		stays[0].cancel()
		stays[0].fails("BPR-6", context.Canceled)
		stays[0] = s.call()
		s.set(func() { s.called = func(r *poolRequest) { r.answer(r.body) } })
		running[0].at.answer(running[0].body)
		for _, c := range append(stays, running[0].poolCall) {
			c.succeeds("BPR-6")
		}
		s.hold()
	}
}

func slotsAfterCrash(t *poolT) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 3
	s.options.HealthInterval = 50 * time.Millisecond
	s.hold()
	s.start()
	calls := s.fill("BPR-4", 6)
	victim := calls[0].at.worker
	victim.die()
	for _, h := range calls {
		if h.at.worker == victim {
			h.fails("BPR-4")
			continue
		}
		h.at.answer(h.body)
		h.succeeds("BPR-4")
	}
	s.deathIsKnown("BPR-4", victim)
	if s.replaced() {
		s.release("BPR-4", s.fill("BPR-4", 6))
		return
	}
	t.Note("case", "the worker was not restarted, see HLT-6; so the slots of the other one alone are looked at")
	s.release("BPR-4", s.fill("BPR-4", 3))
}
