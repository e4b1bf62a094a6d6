package pool

import (
	"fmt"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func tooLargeCases() []testCase {
	return []testCase{
		{
			Name: "a-request-over-the-limit-is-refused-and-not-sent", Clauses: []string{"MSG-18"}, Framings: suite.BothFramings,
			Cause: "The pool compares the body with its limit and not the whole payload, or it leaves the check to the worker, which closes the connection.",
			Run:   aRequestOverTheLimitIsRefusedAndNotSent,
		},
		{
			Name: "a-method-counts-towards-the-limit", Clauses: []string{"MSG-18"}, Framings: suite.BothFramings,
			Cause: "The pool compares the body with its limit, or adds a fixed number of bytes for all that is around it, or measures the method before it is quoted.",
			Run:   aMethodCountsTowardsTheLimit,
		},
		{
			Name: "a-refused-request-leaves-the-calls-beside-it-alone", Clauses: []string{"MSG-18"}, Framings: suite.BothFramings,
			Cause: "The pool treats the refusal of its framer as a broken connection and closes it, with every other call on it.",
			Run:   aRefusedRequestLeavesTheCallsBesideItAlone,
		},
	}
}

// limit returns the limit for a payload that the pool has.
func (s *stage) limit() int {
	if s.options.MaxPayload == 0 {
		return spec.DefaultMaxPayload
	}
	return s.options.MaxPayload
}

// callOfSize makes a call whose body has that many bytes.
func (s *stage) callOfSize(size int) *call {
	return s.callBody(wire.Quote(strings.Repeat("x", size-2)))
}

// aRequestOverTheLimitIsRefusedAndNotSent makes calls whose requests have about as many bytes as the limit, and more. How
// many bytes the pool puts around a body is known from a first request, but for a digit or two.
func aRequestOverTheLimitIsRefusedAndNotSent(t *T) {
	s := t.stage()
	s.options.MaxPayload = 1 << 16
	s.onRequest = func(r *request) { r.answer([]byte("null")) }
	s.start()
	first := s.callOfSize(1000)
	first.succeedsWith("MSG-18", "null")
	around := first.request("MSG-18").size - len(first.body)
	fits := s.limit() - around
	for _, size := range []int{fits - 3, fits - 1, fits, fits + 1, fits + 2, fits + 3, s.limit() - 1, s.limit(), s.limit() + 1, 2 * s.limit()} {
		s.callOfSize(size).isRefusedOrFits()
	}
	s.callOfSize(1000).succeedsWith("MSG-18", "null")
}

// aMethodCountsTowardsTheLimit makes calls that are over the limit by their methods: alone, together with their bodies, and
// as JSON has to write them.
func aMethodCountsTowardsTheLimit(t *T) {
	s := t.stage()
	s.options.MaxPayload = 1 << 16
	s.onRequest = func(r *request) { r.answer([]byte("null")) }
	s.start()
	for _, c := range []struct {
		method string
		body   int
	}{
		{strings.Repeat("m", s.limit()), 4},
		{strings.Repeat("m", 2*s.limit()), 4},
		{strings.Repeat("m", s.limit()/2), s.limit() / 2},
		{strings.Repeat("m", 200), s.limit() - 200},
		{strings.Repeat(`"`, s.limit()*3/4), 4},
		{strings.Repeat("\n", s.limit()*3/4), 4},
	} {
		over := s.callWith(t.Context(), c.method, wire.Quote(strings.Repeat("x", c.body-2)))
		over.reason = fmt.Sprintf(", because its method has %d bytes, its body has %d and the limit is %d", len(c.method), c.body, s.limit())
		over.fails("MSG-18", spec.TooLarge)
	}
	s.callOfSize(1000).succeedsWith("MSG-18", "null")
}

// isRefusedOrFits requires the call to fail with too_large, or its request to be within the limit. A pool may refuse a
// request that would just fit.
func (c *call) isRefusedOrFits() {
	c.wait("MSG-18")
	s := c.s
	size := 0
	s.withLock(func() {
		for _, r := range s.requests {
			if r.method == c.method {
				size = r.size
			}
		}
	})
	c.reason = fmt.Sprintf(", because its body has %d bytes and the limit is %d", len(c.body), s.limit())
	switch {
	case size > s.limit():
		s.t.FailNow("MSG-18", c.method+" is not sent"+c.reason, "its request arrived with a payload of %d bytes", size)
	case size == 0:
		c.fails("MSG-18", spec.TooLarge)
	case c.err != nil:
		s.t.FailNow("MSG-18", fmt.Sprintf("%s, whose request has %d of %d bytes, gets its answer", c.method, size, s.limit()), "%s", c.outcome())
	}
}

// aRefusedRequestLeavesTheCallsBesideItAlone has calls at a worker while others are refused.
func aRefusedRequestLeavesTheCallsBesideItAlone(t *T) {
	s := t.stage()
	s.options.MaxPayload = 1 << 16
	s.holdRequests()
	s.start()
	for range 3 {
		held := s.holdCalls("MSG-18", s.options.MaxInFlight-1)
		for _, size := range []int{s.limit() - 1, s.limit() + 1, 3 * s.limit()} {
			c := s.callOfSize(size)
			c.reason = fmt.Sprintf(", because its body has %d bytes and the limit is %d", size, s.limit())
			c.fails("MSG-18", spec.TooLarge)
		}
		s.release("MSG-18", held)
		s.release("MSG-18", s.holdCalls("MSG-18", s.options.MaxInFlight))
	}
}
