package pool

import (
	"bytes"
	"hash/crc32"
	"math"
	"math/bits"
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
	for _, b := range brokenFrames {
		all = append(all, testCase{
			Name: b.name + "-fails-the-calls-on-its-connection-alone", Clauses: []string{"RID-7"}, Framings: b.framings,
			Cause: b.cause + " Or it uses the broken connection again.",
			Run:   b.failsTheCallsOnItsConnectionAlone,
		})
	}
	return append(all, testCase{
		Name: "a-frame-cut-off-fails-the-calls-on-its-connection-alone", Clauses: []string{"RID-7"}, Framings: suite.BothFramings,
		Cause: "The calls that wait for an answer on a connection are not woken when it ends, or what came of an answer is taken for all of it.",
		Run:   answerCutOff,
	})
}

// brokenFrame is one way to break the frame of an answer.
type brokenFrame struct {
	name     string
	framings []spec.Framing
	cause    string
	// encode returns a broken frame for the answer to r.
	encode func(r *request, answer []byte) []byte
	// also are more ways to break it in the same place.
	also []func(r *request, answer []byte) []byte
}

var brokenFrames = []brokenFrame{
	{
		name: "bad-magic", framings: []spec.Framing{spec.Enhanced},
		cause:  "The pool does not compare the magic.",
		encode: badMagic,
	},
	{
		name: "length-17", framings: []spec.Framing{spec.Enhanced},
		cause:  "The pool subtracts 18 from the length before it checks the length.",
		encode: length17,
	},
	{
		name: "length-0", framings: []spec.Framing{spec.Enhanced},
		cause:  "The pool subtracts 18 from the length before it checks the length.",
		encode: length0,
	},
	{
		name: "a-payload-over-the-limit", framings: suite.BothFramings,
		cause:  "The pool does not compare the length with its limit, so the call waits for bytes that never come.",
		encode: aPayloadOverTheLimit,
	},
	{
		name: "the-greatest-length", framings: suite.BothFramings,
		cause:  "The pool does not compare the length with its limit, or the length becomes negative.",
		encode: theGreatestLength,
	},
	{
		name: "a-wrong-checksum", framings: []spec.Framing{spec.Enhanced},
		cause:  "The pool does not compare the checksum, or takes one that is 0 for none, or computes another one than CRC32C.",
		encode: aWrongChecksum,
		also:   otherWrongChecksums(),
	},
	{
		name: "malformed-json", framings: suite.BothFramings,
		cause:  "The pool drops an answer that it cannot decode, and its caller waits for ever.",
		encode: malformedJSON,
	},
	{
		name: "a-json-array", framings: suite.BothFramings,
		cause:  "The pool drops an answer that it cannot decode, and its caller waits for ever.",
		encode: aJSONArray,
	},
}

func badMagic(r *request, answer []byte) []byte {
	return wire.EncodeWith(r.id, answer, func(h *wire.Header) { h.Magic[1] = 'Z' })
}

func length17(r *request, _ []byte) []byte {
	return wire.EncodeWith(r.id, nil, func(h *wire.Header) { h.Length = 17 })
}

func length0(r *request, _ []byte) []byte {
	return wire.EncodeWith(r.id, nil, func(h *wire.Header) { h.Length = 0 })
}

func aPayloadOverTheLimit(r *request, _ []byte) []byte {
	o := r.worker.s.options
	return wire.Claim(o.Framing, r.id, uint32(o.MaxPayload)+1)
}

func theGreatestLength(r *request, _ []byte) []byte {
	return wire.Claim(r.worker.s.options.Framing, r.id, math.MaxUint32-spec.EnhancedHeader)
}

func aWrongChecksum(r *request, answer []byte) []byte {
	return wire.EncodeWith(r.id, answer, func(h *wire.Header) { h.CRC ^= 1 })
}

// otherWrongChecksums are those that a pool may take for right: none, all bits, the right one in another order of bytes or
// with its bits turned over, and that of another polynomial.
func otherWrongChecksums() (all []func(*request, []byte) []byte) {
	for _, checksum := range []func(right uint32, payload []byte) uint32{
		func(uint32, []byte) uint32 { return 0 },
		func(uint32, []byte) uint32 { return math.MaxUint32 },
		func(right uint32, _ []byte) uint32 { return bits.ReverseBytes32(right) },
		func(right uint32, _ []byte) uint32 { return ^right },
		func(_ uint32, payload []byte) uint32 { return crc32.ChecksumIEEE(payload) },
	} {
		all = append(all, func(r *request, answer []byte) []byte {
			return wire.EncodeWith(r.id, answer, func(h *wire.Header) {
				right := h.CRC
				if h.CRC = checksum(right, answer); h.CRC == right { // by chance
					h.CRC ^= 1
				}
			})
		})
	}
	return all
}

func malformedJSON(r *request, answer []byte) []byte { return r.frame(answer[:len(answer)-1]) }

func aJSONArray(r *request, answer []byte) []byte {
	return r.frame(slices.Concat([]byte("["), answer, []byte("]")))
}

func (b brokenFrame) failsTheCallsOnItsConnectionAlone(t *T) {
	var breakings []func(a, _ *request) []byte
	for _, encode := range slices.Concat([]func(*request, []byte) []byte{b.encode}, b.also) {
		breakings = append(breakings, func(a, _ *request) []byte {
			return encode(a, wire.OKAnswer(a.id, `"an answer in a broken frame"`))
		})
	}
	brokenAnswer(t, "RID-7", breakings...)
}

func anAnswerWhoseIDsDifferReachesNobody(t *T) {
	brokenAnswer(t, "MSG-13", func(a, b *request) []byte {
		return wire.Encode(spec.Enhanced, a.id, wire.OKAnswer(b.id, `"for nobody"`))
	})
}

func anAnswerUnderHeaderID0ReachesNobody(t *T) {
	brokenAnswer(t, "MSG-13", func(a, _ *request) []byte {
		if a.id == 0 {
			t.Blocked("the request itself has the ID 0, see RID-1")
		}
		return wire.Encode(spec.Enhanced, 0, wire.OKAnswer(a.id, `"for nobody"`))
	})
}

// brokenInterval is the time between health checks in cases that break connections. It is short because a pool may give a
// worker no calls until a check has shown that the worker goes on.
const brokenInterval = 100 * time.Millisecond

// brokenAnswer breaks an answer in each of these ways, one after the other.
func brokenAnswer(t *T, clause string, breakings ...func(a, b *request) []byte) {
	s := t.stage()
	s.options.MaxPayload = 1 << 16
	s.checkOften()
	s.holdRequests()
	s.start()
	for _, breaking := range breakings {
		s.breakAnswer(clause, breaking)
	}
}

// breakAnswer has two calls at a worker, and writes the bytes that breaking returns on the connection of the first. A
// right answer to each call follows at once. The calls on that connection must fail nevertheless, and later calls must
// succeed.
func (s *stage) breakAnswer(clause string, breaking func(a, b *request) []byte) {
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
	s.checkOften()
	s.holdRequests()
	s.start()
	const padding = 64
	for _, part := range []func(frame []byte) []byte{
		func(frame []byte) []byte { return frame[:3] },
		func(frame []byte) []byte { return frame[:30] },
		func(frame []byte) []byte { return frame[:len(frame)-padding/2] }, // what came is a whole message in JSON
	} {
		calls := s.holdCalls("RID-7", 2)
		a := calls[0]
		answer := wire.OKAnswer(a.req.id, `"an answer that is cut off"`)
		a.req.write(part(a.req.frame(append(answer, bytes.Repeat([]byte(" "), padding)...))))
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
