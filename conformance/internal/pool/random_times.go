package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// callersAtRandomTimes has 8 times as many callers as the bound allows. They call again and again, and get answers, error
// answers and ends of their contexts at random times.
func callersAtRandomTimes(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 4
	bound := s.options.Workers * s.options.MaxInFlight
	random := newRandomTimes(t)
	s.onRequest = random.replyLater
	s.start()
	const rounds = 6
	var callers sync.WaitGroup
	for caller := range 8 * bound {
		callers.Go(func() {
			for round := range rounds {
				if !random.callOnce(s, caller, round) {
					return
				}
			}
		})
	}
	s.awaitReturns(8 * bound * rounds)
	callers.Wait()
	if t.Failed() {
		return
	}
	s.audit.wait()
	s.holdRequests()
	s.release("BPR-4", s.holdCalls("BPR-4", bound))
}

// awaitReturns waits until n calls have returned. However slow the machine is, at least one call must return within the
// patience of the run.
func (s *stage) awaitReturns(n int) {
	for returned := 0; returned < n; {
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
}

// randomTimes makes the random choices of callersAtRandomTimes.
type randomTimes struct {
	mu     sync.Mutex
	random *rand.Rand
}

// newRandomTimes notes its seed in the story of the case.
func newRandomTimes(t *T) *randomTimes {
	seed := rand.Uint64()
	t.Note("case", "the seed of the random times is %d", seed)
	return &randomTimes{random: rand.New(rand.NewPCG(seed, 0))}
}

// below returns a number from 0 to n-1.
func (rt *randomTimes) below(n int) int {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.random.IntN(n)
}

// replyLater answers a request, or refuses it if its method says so, now or up to 1.5 ms later.
func (rt *randomTimes) replyLater(r *request) {
	reply := func() { r.answer(r.body) }
	if strings.HasPrefix(r.method, "refuse") {
		reply = func() { r.refuse("refused") }
	}
	if wait := rt.below(4); wait > 0 {
		time.AfterFunc(time.Duration(wait*500)*time.Microsecond, reply)
		return
	}
	reply()
}

// callOnce makes a call of a random kind, waits for it and checks how it ended. It returns false if the caller must stop.
func (rt *randomTimes) callOnce(s *stage, caller, round int) (goOn bool) {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	kind := []string{"echo", "echo", "echo", "refuse", "leave"}[rt.below(5)]
	if kind == "leave" {
		time.AfterFunc(time.Duration(rt.below(6)*500)*time.Microsecond, cancel)
	}
	c := s.callWith(ctx, fmt.Sprintf("%s-%d-%d", kind, caller, round), "")
	select {
	case <-c.done:
	case <-s.storyEnded:
		if !c.ended() {
			return false
		}
	}
	want := fmt.Sprintf("%s gets its own answer", c.method)
	switch {
	case c.err == nil && (kind == "refuse" || wire.DiffBody(string(c.body), c.answer) != ""):
		s.t.Fail("RID-4", want, "%s instead of %s", c.outcome(), c.body)
	case c.err == nil:
	case kind == "refuse" && errors.Is(c.err, spec.ErrorAnswer):
	case kind == "leave" && errors.Is(c.err, context.Canceled):
	case s.clearing.Load():
		return false // clearing the stage cancels the calls
	default:
		s.t.Fail("RID-4", want, "%s", c.outcome())
	}
	return true
}
