package pool

import (
	"math"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func brokenAnswerCases() []testCase {
	all := []testCase{
		{
			Name: "an-answer-whose-ids-differ-reaches-nobody", Clauses: []string{"MSG-13"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: "The pool matches answers by the header's ID or by the message's alone and never compares the two.",
			Run:   anAnswerWhoseIDsDifferReachesNobody,
		},
		{
			Name: "an-answer-under-header-id-0-reaches-nobody", Clauses: []string{"MSG-13"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: "The pool takes the ID 0 in a header for an ID that is absent.",
			Run:   anAnswerUnderHeaderID0ReachesNobody,
		},
	}
	for _, b := range []struct {
		name     string
		framings []spec.Framing
		cause    string
		breaking func(a *request, message []byte) []byte
	}{
		{"bad-magic", []spec.Framing{spec.Enhanced}, "the magic is not compared", func(a *request, m []byte) []byte {
			return wire.EncodeWith(a.id, m, func(h *wire.Header) { h.Magic[1] = 'Z' })
		}},
		{"length-17", []spec.Framing{spec.Enhanced}, "18 is subtracted from the length before it is looked at", func(a *request, m []byte) []byte {
			return wire.EncodeWith(a.id, nil, func(h *wire.Header) { h.Length = 17 })
		}},
		{"length-0", []spec.Framing{spec.Enhanced}, "18 is subtracted from the length before it is looked at", func(a *request, m []byte) []byte {
			return wire.EncodeWith(a.id, nil, func(h *wire.Header) { h.Length = 0 })
		}},
		{"a-payload-over-the-limit", suite.BothFramings, "the length is not compared with the limit, so the call waits for bytes that never come", func(a *request, m []byte) []byte {
			return wire.Claim(a.worker.s.options.Framing, a.id, 1<<16+1)
		}},
		{"the-greatest-length", suite.BothFramings, "the length is not compared with the limit, or turns negative", func(a *request, m []byte) []byte {
			return wire.Claim(a.worker.s.options.Framing, a.id, math.MaxUint32-spec.EnhancedHeader)
		}},
		{"a-wrong-checksum", []spec.Framing{spec.Enhanced}, "the checksum is not compared", func(a *request, m []byte) []byte {
			return wire.EncodeWith(a.id, m, func(h *wire.Header) { h.CRC ^= 1 })
		}},
		{"malformed-json", suite.BothFramings, "an answer that cannot be decoded is dropped, and its caller waits for ever", func(a *request, m []byte) []byte {
			return a.frame(m[:len(m)-1])
		}},
		{"a-json-array", suite.BothFramings, "an answer that cannot be decoded is dropped, and its caller waits for ever", func(a *request, m []byte) []byte {
			return a.frame(slices.Concat([]byte("["), m, []byte("]")))
		}},
	} {
		all = append(all, testCase{
			Name: b.name + "-fails-the-calls-on-its-connection-alone", Clauses: []string{"RID-7"}, Framings: b.framings,
			Cause: b.cause + "; or the broken connection is used again",
			Run: func(t *T) {
				brokenAnswer(t, "RID-7", func(a, _ *request) []byte {
					return b.breaking(a, wire.OKAnswer(a.id, `"an answer in a broken frame"`))
				})
			},
		})
	}
	return append(all, testCase{
		Name: "a-frame-cut-off-fails-the-calls-on-its-connection-alone", Clauses: []string{"RID-7"}, Framings: suite.BothFramings,
		Cause: "The calls that wait for an answer on a connection are not woken when it ends.",
		Run:   answerCutOff,
	})
}

func anAnswerWhoseIDsDifferReachesNobody(t *T) {
	brokenAnswer(t, "MSG-13", func(a, b *request) []byte {
		return wire.Encode(spec.Enhanced, a.id, wire.OKAnswer(b.id, `"for nobody"`))
	})
}

func anAnswerUnderHeaderID0ReachesNobody(t *T) {
	brokenAnswer(t, "MSG-13", func(a, _ *request) []byte {
		return wire.Encode(spec.Enhanced, 0, wire.OKAnswer(a.id, `"for nobody"`))
	})
}

// brokenInterval is the time between health checks in cases that break connections: a pool may keep calls from a
// worker until a check has shown that it goes on.
const brokenInterval = 100 * time.Millisecond

// brokenAnswer has two calls at a worker and breaks the connection of the first one with the bytes that
// breaking makes of the requests. A right answer to each call follows at once. The calls that were on
// that connection must fail nevertheless, and later calls must not notice.
func brokenAnswer(t *T, clause string, breaking func(a, b *request) []byte) {
	s := t.stage()
	s.options.MaxPayload = 1 << 16
	s.options.HealthInterval = brokenInterval
	s.holdRequests()
	s.start()
	calls := s.holdCalls(clause, 2)
	a, b := calls[0], calls[1]
	data := breaking(a.req, b.req)
	for _, h := range calls {
		if h.req.conn == a.req.conn {
			data = append(data, h.req.frame(wire.OKAnswer(h.req.id, string(h.body)))...)
			h.req.markAnswered()
		}
	}
	a.req.write(data)
	for _, h := range calls {
		if h.req.conn != a.req.conn {
			h.req.answer(h.body)
			h.succeeds(clause)
			continue
		}
		h.reason = ", because the answer before its own broke its connection"
		if h == a {
			h.reason = ", because its answer broke its connection"
		}
		h.fails(clause)
	}
	s.laterCallsSucceed(clause)
}

func answerCutOff(t *T) {
	s := t.stage()
	s.options.HealthInterval = brokenInterval
	s.holdRequests()
	s.start()
	for _, at := range []int{3, 30} {
		calls := s.holdCalls("RID-7", 2)
		a := calls[0]
		a.req.write(a.req.frame(wire.OKAnswer(a.req.id, `"an answer that is cut off"`))[:at])
		a.req.closeConnection()
		for _, h := range calls {
			if h.req.conn == a.req.conn {
				h.reason = ", because its connection has ended"
				h.fails("RID-7")
				continue
			}
			h.req.answer(h.body)
			h.succeeds("RID-7")
		}
		s.laterCallsSucceed("RID-7")
	}
}
