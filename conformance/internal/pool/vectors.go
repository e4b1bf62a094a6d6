package pool

import (
	"fmt"
	"hash/crc32"
	"math/big"
	"math/bits"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// The vectors of messages.json are sent as answers, under the ID of a call in the place of theirs. Of the damaged frames
// in enhanced.json the damage is done to an answer.

func vectorCases() []testCase {
	var all []testCase
	for _, c := range []struct{ clause, cause string }{
		{"MSG-4", "The pool takes a field that it does not know, or one whose name differs in case, for one that it knows."},
		{"MSG-7", "The pool decodes bodies on the way, where integers become doubles or strings change, or it takes an empty body for none."},
		{"MSG-10", "The pool converts the ID instead of checking it, so 7.0, 7e0 and \"7\" all become 7."},
		{"MSG-13", "The pool does not compare the two IDs of an answer, or it compares only some of their bits."},
		{"MSG-15", "The pool knows one form of an answer only, or it takes an answer without a body for malformed."},
		{"MSG-16", "The pool drops or changes the text of an error answer."},
		{"RID-4", "The pool reads answers only as its own worker writes them."},
		{"RID-7", "The JSON library takes what is not JSON or not UTF-8, or the pool drops an answer that it cannot read."},
	} {
		framings := suite.BothFramings
		if c.clause == "MSG-13" {
			framings = []spec.Framing{spec.Enhanced}
		}
		all = append(all, testCase{
			Name: "answers-of-the-vectors", Clauses: []string{c.clause}, Framings: framings, Cause: c.cause,
			Run: func(t *T) { answersOfTheVectors(t, c.clause) },
		})
	}
	return append(all, testCase{
		Name: "answers-of-the-vectors-in-pieces", Clauses: []string{"RID-4"}, Framings: suite.BothFramings,
		Cause: "The pool takes what one read returns for one whole answer.",
		Run:   answersInPieces,
	}, testCase{
		Name: "an-answer-of-exactly-the-limit-reaches-its-caller", Clauses: []string{"RID-4"}, Framings: suite.BothFramings,
		Cause: "The pool compares the length with its limit by < instead of <=, or it counts the header.",
		Run:   anAnswerOfExactlyTheLimitReachesItsCaller,
	}, testCase{
		Name: "damage-of-the-vectors-fails-the-calls-on-its-connection", Clauses: []string{"RID-7"}, Framings: []spec.Framing{spec.Enhanced},
		Cause: "The pool checks the header of an answer only in part, or it looks for the next magic.",
		Run:   damageOfTheVectors,
	}, testCase{
		Name: "a-checksum-wrong-in-any-bit-fails-the-calls-on-its-connection", Clauses: []string{"RID-7"}, Framings: []spec.Framing{spec.Enhanced},
		Cause: "The pool compares some bits of the checksum only, or it leaves the check out for a payload that is empty or large.",
		Run:   checksumWrongInAnyBit,
	}, testCase{
		Name: "what-is-in-an-envelope-of-another-type-is-not-an-answer", Clauses: []string{"MSG-15", "MSG-3"}, Framings: suite.BothFramings,
		Cause: "The pool takes what is in any envelope for an answer.",
		Run:   envelopesOfAnotherType,
	})
}

// sharperClause names the clause of a vector whose own clause, RID-7, says less of what is wrong with it.
var sharperClause = map[string]string{
	"pool-id-string": "MSG-10", "pool-id-negative": "MSG-10", "pool-id-2-64": "MSG-10", "pool-id-2-64-plus-7": "MSG-10",
	"pool-id-fraction": "MSG-10", "pool-id-exponent": "MSG-10", "pool-id-null": "MSG-10",
	"pool-id-in-other-case": "MSG-4", "pool-shape-ok-in-other-case": "MSG-4",
}

// answersFor returns the vectors for pools that the clause is judged by, in the framing. A vector of MSG-5 is about an ID
// that only the pool could choose.
func answersFor(t *T, clause string) []vectors.MessageVector {
	set, err := vectors.Load()
	if err != nil {
		t.Blocked("the vectors cannot be read: %v", err)
	}
	return slices.DeleteFunc(set.Messages, func(v vectors.MessageVector) bool {
		of := v.Clause
		if sharper, ok := sharperClause[v.TcID]; ok {
			of = sharper
		}
		return v.Receiver != vectors.Pool || of != clause || !slices.Contains(v.Framings, vectors.Framing(t.framing))
	})
}

// vectorID is the ID that the vectors for pools give to the call which is answered.
const vectorID = 7

// idInText finds the value of a field id that is written as a number, alone or in a string.
var idInText = regexp.MustCompile(`("(?:[iI]|\\u0069)[dD]"\s*:\s*"?-?)(\d+)`)

// forCall returns the frame of the vector as an answer to the request: IDs that are made from vectorID are made from the
// request's.
func forCall(v vectors.MessageVector, r *request) []byte {
	payload := string(v.Bytes)
	wide := len(v.Bytes) > 1 && v.Bytes[0] == '{' && v.Bytes[1] == 0 // UTF-16 without a mark
	if wide {
		payload = strings.ReplaceAll(payload, "\x00", "")
	}
	payload = idInText.ReplaceAllStringFunc(payload, func(field string) string {
		parts := idInText.FindStringSubmatch(field)
		return parts[1] + idForCall(parts[2], r.id)
	})
	if wide {
		var b []byte
		for _, u := range utf16.Encode([]rune(payload)) {
			b = append(b, byte(u), byte(u>>8))
		}
		payload = string(b)
	}
	header, _ := new(big.Int).SetString(idForCall(fmt.Sprint(v.HeaderID), r.id), 10)
	return wire.Encode(r.worker.s.options.Framing, header.Uint64(), []byte(payload))
}

// idForCall returns the ID that stands to id as that of the vector stands to vectorID.
func idForCall(text string, id uint64) string {
	const swapped = vectorID << 56
	switch text {
	case fmt.Sprint(vectorID):
		return fmt.Sprint(id)
	case fmt.Sprint(vectorID + 1):
		return fmt.Sprint(id + 1)
	case fmt.Sprint(uint64(vectorID + 1<<32)):
		return fmt.Sprint(id ^ 1<<32)
	case fmt.Sprint(uint64(swapped)):
		return fmt.Sprint(bits.ReverseBytes64(id))
	}
	beyond := new(big.Int).Lsh(big.NewInt(1), 64)
	if text == new(big.Int).Add(beyond, big.NewInt(vectorID)).String() {
		return beyond.Add(beyond, new(big.Int).SetUint64(id)).String()
	}
	return text
}

// answersOfTheVectors sends each vector of the clause as the answer to a call, and requires of the call what the vector
// says. Calls are made in groups, one at each worker.
func answersOfTheVectors(t *T, clause string) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 4, 1 // so that each worker has one call
	s.checkOften()
	s.holdRequests()
	s.start()
	for group := range slices.Chunk(answersFor(t, clause), s.options.Workers) {
		calls := s.holdCalls(clause, len(group))
		strays := false
		for i, v := range group {
			h := calls[i]
			h.reason = fmt.Sprintf(", as vector %s demands (%s)", v.TcID, v.Comment)
			data := forCall(v, h.req)
			if v.Outcome != vectors.OutcomeResponse {
				strays = true
				data = append(data, h.req.frame(wire.OKAnswer(h.req.id, string(h.body)))...) // which comes too late
			}
			h.req.send(data)
		}
		for i, v := range group {
			calls[i].endsAs(v, clause)
		}
		if strays {
			s.laterCallsSucceedAfterStrays(clause)
		}
	}
}

// endsAs requires the call to end as the vector says that was its answer.
func (c *call) endsAs(v vectors.MessageVector, clause string) {
	switch {
	case v.Outcome == vectors.OutcomeResponse && v.OK:
		c.succeedsWith(clause, string(v.Body))
	case v.Outcome == vectors.OutcomeResponse:
		if c.wait(clause); c.err != nil {
			c.fails(clause, spec.ErrorAnswer)
		}
		if c.err == nil || !strings.Contains(c.err.Error(), v.ErrorText) {
			c.s.t.FailNow("MSG-16", fmt.Sprintf("an error that contains the worker's text %q%s", v.ErrorText, c.reason), "%s", c.outcome())
		}
	case clause == "RID-7" || clause == "MSG-13":
		c.fails(clause)
	default: // the pool may drop it, and take the right answer behind it
		c.getsOwnAnswerOrFails(clause)
	}
}

// answersInPieces sends responses of the vectors in two pieces, cut at another place each time. They are those which a
// pool that reads frames whole gets wrong under no other clause than MSG-7.
func answersInPieces(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	n := 0
	for _, clause := range []string{"RID-4", "MSG-7"} {
		for _, v := range answersFor(t, clause) {
			if v.Outcome != vectors.OutcomeResponse {
				continue
			}
			c := s.call()
			r := c.request("RID-4")
			c.reason = fmt.Sprintf(", as vector %s demands (%s)", v.TcID, v.Comment)
			data := forCall(v, r)
			n++
			cut := 1 + n*7%(len(data)-1)
			if err := r.writeAndWait(data[:cut]); err != nil {
				t.FailNow("RID-4", "the connection stays while an answer comes in two pieces", "after the first %d of %d bytes: %v", cut, len(data), err)
			}
			r.send(data[cut:])
			c.endsAs(v, "RID-4")
		}
	}
}

func anAnswerOfExactlyTheLimitReachesItsCaller(t *T) {
	s := t.stage()
	s.options.MaxPayload = 1 << 16
	s.holdRequests()
	s.start()
	for _, under := range []int{1, 0} {
		c := s.call()
		r := c.request("RID-4")
		around := len(wire.OKAnswer(r.id, `""`))
		body := wire.Quote(strings.Repeat("z", s.limit()-under-around))
		r.answerAlone(body)
		c.reason = fmt.Sprintf(", because its payload has %d bytes and the limit is %d", s.limit()-under, s.limit())
		c.succeedsWith("RID-4", body)
	}
}

// answerAlone answers without an envelope, also if the request came in one.
func (r *request) answerAlone(body string) { r.send(r.frame(wire.OKAnswer(r.id, body))) }

// damageOfTheVectors does to answers what is wrong with the frames of enhanced.json.
func damageOfTheVectors(t *T) {
	set, err := vectors.Load()
	if err != nil {
		t.Blocked("the vectors cannot be read: %v", err)
	}
	var all []damage
	seen := map[string]bool{}
	for _, v := range set.Enhanced {
		change := changeOf(v, 1<<16)
		if change == nil {
			continue
		}
		kind := string(wire.EncodeWith(vectorID, []byte("a payload"), change))
		if !seen[kind] { // many vectors differ in what follows only
			seen[kind] = true
			all = append(all, damage{v.TcID + " (" + v.Comment + ")", func(r *request, answer []byte) []byte { return wire.EncodeWith(r.id, answer, change) }})
		}
	}
	damaged(t, 100, all)
}

// changeOf returns what is wrong with the header of the vector's first frame, or nil if that is right or depends on the
// vector's own limit.
func changeOf(v vectors.FrameVector, limit uint64) func(*wire.Header) {
	if len(v.Bytes) < spec.EnhancedHeader || len(v.Frames) > 0 {
		return nil
	}
	h := wire.ReadHeader(v.Bytes)
	switch payload := v.Bytes[spec.EnhancedHeader:]; {
	case v.Error == vectors.BadMagic:
		return func(right *wire.Header) { right.Magic = h.Magic }
	case v.Error == vectors.BadLength, v.Error == vectors.TooLarge && uint64(h.Length) > limit+spec.EnhancedHeader:
		return func(right *wire.Header) { right.Length = h.Length }
	case v.Error == vectors.BadCRC && int(h.Length) == len(v.Bytes):
		wrong := h.CRC ^ crc32.Checksum(payload, wire.Castagnoli)
		return func(right *wire.Header) { right.CRC ^= wrong }
	}
	return nil
}

// damage breaks the frame of an answer.
type damage struct {
	what  string
	frame func(r *request, answer []byte) []byte
}

// checksumWrongInAnyBit flips each bit of the checksum of a small answer, and some of one that is empty or large.
func checksumWrongInAnyBit(t *T) {
	flipped := func(bit int) func(*request, []byte) []byte {
		return func(r *request, answer []byte) []byte {
			return wire.EncodeWith(r.id, answer, func(h *wire.Header) { h.CRC ^= 1 << bit })
		}
	}
	var small, large []damage
	for bit := range 32 {
		d := damage{fmt.Sprintf("bit %d of its checksum is flipped", bit), flipped(bit)}
		small = append(small, d)
		if bit%8 == 0 || bit%8 == 7 {
			large = append(large, d)
			small = append(small, damage{d.what + ", and its payload is empty", func(r *request, _ []byte) []byte { return d.frame(r, nil) }})
		}
	}
	for _, from := range []int{1, 1000} { // from the end, in the text of the body
		large = append(large, damage{fmt.Sprintf("byte %d from the end was changed on the way", from+3), func(r *request, answer []byte) []byte {
			frame := r.frame(answer)
			frame[len(frame)-3-from] ^= 1
			return frame
		}})
	}
	damaged(t, 100, small)
	damaged(t, 200<<10, large)
}

// damaged answers calls with broken frames around bodies of that size, one call at each worker. A right answer follows
// each of them and comes too late.
func damaged(t *T, size int, all []damage) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 4, 1
	s.options.MaxPayload = max(1<<16, 2*size)
	s.checkOften()
	s.holdRequests()
	s.start()
	body := wire.Quote("an answer in a broken frame " + strings.Repeat("q", size))
	for group := range slices.Chunk(all, s.options.Workers) {
		calls := s.holdCalls("RID-7", len(group))
		for i, d := range group {
			h := calls[i]
			h.reason = ", because of its answer: " + d.what
			h.req.send(append(d.frame(h.req, wire.OKAnswer(h.req.id, body)), h.req.frame(wire.OKAnswer(h.req.id, string(h.body)))...))
		}
		for _, h := range calls {
			h.fails("RID-7")
		}
		s.laterCallsSucceed("RID-7")
	}
	s.clear()
}

// envelopesOfAnotherType answers calls with what could be an answer, in envelopes of other types, and with a cancellation
// and a request under the call's ID.
func envelopesOfAnotherType(t *T) {
	s := t.stage()
	s.checkOften()
	s.holdRequests()
	s.start()
	for _, f := range []struct{ clause, form string }{
		{"MSG-15", `{"type":"request","payload":{"id":%d,"ok":true,"body":"not an answer"}}`},
		{"MSG-15", `{"type":"cancellation","payload":{"id":%d,"ok":true,"body":"not an answer"}}`},
		{"MSG-15", `{"type":"Response","payload":{"id":%d,"ok":true,"body":"not an answer"}}`},
		{"MSG-15", `{"type":"","payload":{"id":%d,"ok":true,"body":"not an answer"}}`},
		{"MSG-15", `{"type":"cancellation","payload":{"id":%d,"reason":"not an answer"}}`},
		{"MSG-15", `{"type":"request","payload":{"id":%d,"method":"echo","body":"not an answer"}}`},
		{"MSG-15", `{"id":%d,"method":"echo","body":"not an answer"}`},
		{"MSG-3", `{"type":"note","payload":{},"id":%d,"ok":true,"body":"not an answer"}`},
		{"MSG-3", `{"id":%d,"ok":true,"body":"not an answer","type":"Response","payload":{}}`},
	} {
		c := s.call()
		if r := c.requestUnlessFailed(f.clause); r != nil {
			r.write(r.frame(fmt.Appendf(nil, f.form, r.id)))
			r.answer(c.body)
		}
		c.reason = ", because " + f.form + " is not an answer"
		c.getsOwnAnswerOrFails(f.clause)
		s.laterCallsSucceedAfterStrays(f.clause)
		s.holdRequests()
	}
}
