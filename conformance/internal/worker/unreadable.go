package worker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func unreadableCases() []testCase {
	return []testCase{
		{
			Name: "id-is-an-integer-of-64-bits", Clauses: []string{"MSG-10"}, Framings: suite.BothFramings,
			Cause: "The worker converts the ID instead of checking it: int(\"1\"), int(1.0) and int(True) are all 1.",
			Run:   idIsAnIntegerOf64Bits,
		},
		{
			Name: "malformed-json-gets-an-error-answer", Clauses: []string{"MSG-11"}, Framings: suite.BothFramings,
			Cause: unreadableCause,
			Run:   malformedJSONGetsAnErrorAnswer,
		},
		{
			Name: "malformed-utf8-gets-an-error-answer", Clauses: []string{"MSG-11"}, Framings: suite.BothFramings,
			Cause: "The worker decodes text with replacement characters, or decoding fails outside the code that turns exceptions into error answers.",
			Run:   malformedUTF8GetsAnErrorAnswer,
		},
		{
			Name: "what-is-no-object-gets-an-error-answer", Clauses: []string{"MSG-11"}, Framings: suite.BothFramings,
			Cause: unreadableCause,
			Run:   whatIsNoObjectGetsAnErrorAnswer,
		},
		{
			Name: "method-that-is-no-string-gets-an-error-answer", Clauses: []string{"MSG-11"}, Framings: suite.BothFramings,
			Cause: unreadableCause,
			Run:   methodThatIsNoStringGetsAnErrorAnswer,
		},
		{
			Name: "what-cannot-be-read-is-answered-among-requests", Clauses: []string{"MSG-11"}, Framings: suite.BothFramings,
			Cause: "The worker keeps waiting answers by ID, so those that are not under the ID of a request replace one another.",
			Run:   whatCannotBeReadIsAnsweredAmongRequests,
		},
		{
			Name: "unknown-envelope-type-gets-an-error-answer", Clauses: []string{"MSG-12"}, Framings: suite.BothFramings,
			Cause: "The worker drops messages of an unknown type, so the caller waits for ever.",
			Run:   unknownEnvelopeTypeGetsAnErrorAnswer,
		},
	}
}

func malformedJSONGetsAnErrorAnswer(t *T) { t.sendUnreadable(malformed) }

func malformedUTF8GetsAnErrorAnswer(t *T) { t.sendUnreadable(malformedUTF8) }

func whatIsNoObjectGetsAnErrorAnswer(t *T) { t.sendUnreadable(notObjects) }

func methodThatIsNoStringGetsAnErrorAnswer(t *T) { t.sendUnreadable(badMethods) }

const unreadableCause = "The worker reads the request outside the code that turns exceptions into error answers, or its error answer has no ID."

// unreadable is a payload that is no request. Its %d stands for the ID in the header.
type unreadable struct {
	payload string
	what    string
	hasID   bool // the ID can be read, so that the error answer goes out under it in basic framing too
	utf16   bool // the payload is sent as UTF-16
}

var malformed = []unreadable{
	{payload: "", what: "an empty payload"},
	{payload: " \n", what: "white space alone"},
	{payload: "{", what: "JSON cut off after one byte"},
	{payload: `{"id":%d,"method":"echo","body":"cut o`, what: "JSON cut off in a string"},
	{payload: `{"id":%d,"method":"echo","body":[1,2]`, what: "JSON without its last brace"},
	{payload: `{"id":%d,"method":"echo"} {"id":5}`, what: "two JSON values"},
	{payload: `{"id":%d,"method":"echo"}x`, what: "JSON with a letter behind it"},
	{payload: `{"id":%d,"method":"echo","body":1,}`, what: "JSON with a comma too many"},
	{payload: `{'id':%d,'method':'echo'}`, what: "single quotes"},
	{payload: `{id:%d,method:"echo"}`, what: "names without quotes"},
	{payload: `{"id":%d,"method":"echo","body":01}`, what: "a number that begins with 0"},
	{payload: `{"id":%d,"method":"echo","body":.5}`, what: "a number that begins with a dot"},
	{payload: `{"id":%d,"method":"echo","body":+1}`, what: "a number that begins with +"},
	{payload: `{"id":%d,"method":"echo","body":True}`, what: "True instead of true"},
	{payload: "{\"id\":%d,\"method\":\"echo\",\"body\":\"a\nb\"}", what: "a line break inside a string"},
	{payload: `{"id":%d,"method":"echo","body":"\x41"}`, what: "an unknown escape"},
	{payload: `{"id":%d,"method":"echo" /* why */}`, what: "a comment"},
	{payload: "\x00\x01\x02\x03", what: "bytes that are no text"},
}

var malformedUTF8 = []unreadable{
	{payload: "{\"id\":%d,\"method\":\"echo\",\"body\":\"\xff\"}", what: "a byte FF in a string"},
	{payload: "{\"id\":%d,\"method\":\"echo\",\"body\":\"\xc3\"}", what: "a character cut off in a string"},
	{payload: "{\"id\":%d,\"method\":\"echo\",\"body\":\"\xc0\xaf\"}", what: "an overlong form of a character"},
	{payload: "{\"id\":%d,\"method\":\"echo\",\"body\":\"\xed\xa0\x80\"}", what: "a surrogate written as UTF-8"},
	{payload: "{\"id\":%d,\"method\":\"echo\",\"\x80\":1}", what: "a byte 80 in the name of a field"},
	{payload: `{"id":%d,"method":"echo","body":1}`, what: "a request in UTF-16", utf16: true},
}

var notObjects = []unreadable{
	{payload: `[]`, what: "an empty array"},
	{payload: `[{"id":%d,"method":"echo","body":1}]`, what: "an array that holds a request"},
	{payload: `"text"`, what: "a string"},
	{payload: `5`, what: "a number"},
	{payload: `null`, what: "null"},
	{payload: `true`, what: "true"},
	{payload: `{}`, what: "an empty object"},
	{payload: `{"method":"echo","body":1}`, what: "a request without an ID"},
	{payload: `{"type":"request","payload":[]}`, what: "an envelope that holds an array"},
	{payload: `{"type":"request","payload":"text"}`, what: "an envelope that holds a string"},
	{payload: `{"type":"request","payload":{"method":"echo","body":1}}`, what: "an enveloped request without an ID"},
}

var badMethods = []unreadable{
	{payload: `{"id":%d}`, what: "a request without a method", hasID: true},
	{payload: `{"id":%d,"method":null,"body":1}`, what: "a method that is null", hasID: true},
	{payload: `{"id":%d,"method":5,"body":1}`, what: "a method that is a number", hasID: true},
	{payload: `{"id":%d,"method":["echo"],"body":1}`, what: "a method that is an array", hasID: true},
	{payload: `{"id":%d,"method":{"echo":1},"body":1}`, what: "a method that is an object", hasID: true},
	{payload: `{"id":%d,"method":true,"body":1}`, what: "a method that is true", hasID: true},
	{payload: `{"type":"request","payload":{"id":%d,"method":7}}`, what: "an enveloped request whose method is a number", hasID: true},
}

// sendUnreadable sends the payloads one after the other on one connection. The worker must send one error answer for
// each, under the right ID, and the connection must go on [MSG-11].
func (t *T) sendUnreadable(table []unreadable) {
	q := t.start().connect(setUp, t.Framing)
	q.call(setUp, "echo", `"before"`)
	for i, u := range table {
		id := uint64(100 + i)
		payload := withID(u.payload, id)
		if u.utf16 {
			payload = inUTF16(payload)
		}
		q.sendUnreadable(id, payload)
		under := []uint64{id}
		switch {
		case u.hasID:
		case strings.Contains(u.payload, "%d"): // the text is broken elsewhere, so the worker may be able to read the ID or not
			under = []uint64{0, id}
		default:
			under = []uint64{0}
		}
		q.mustBeErrorAnswer("MSG-11", u.what, id, under...)
		q.call("MSG-11", "echo", `"the connection goes on"`)
	}
	q.nothingElse("MSG-1", "exactly one answer to each")
}

// inUTF16 encodes ASCII text as little-endian UTF-16 with a byte order mark.
func inUTF16(text []byte) []byte {
	wide := []byte{0xff, 0xfe}
	for _, c := range text {
		wide = append(wide, c, 0)
	}
	return wide
}

// notAround matches every reply but the answers to the right requests around a vector.
func notAround(r reply) bool {
	return r.err != nil || r.answer.ID != idBefore && r.answer.ID != idBehind
}

// mustBeErrorAnswer takes the next reply, but for those to requests around a vector, and fails the clause if it is no error answer. The answer must have the ID of
// the header in enhanced framing, and one of the IDs in under in basic framing [MSG-11].
func (q *peer) mustBeErrorAnswer(clause, what string, header uint64, under ...uint64) {
	want := "an error answer to " + what
	r, ok := q.wait(q.t.Patience(), notAround)
	if !ok {
		q.noAnswer(purpose(clause), want)
	}
	if r.saysOK() { // whatever its ID is
		q.fail(clause, want, text.Excerpt(r.Payload), r)
		return
	}
	q.mustBeAnswer(purpose(clause), r)
	if q.framing == spec.Enhanced && r.answer.ID != header {
		q.fail("MSG-11", fmt.Sprintf("%s, under the header's ID %d", want, header), fmt.Sprintf("ID %d in the message, %d in the header", r.answer.ID, r.ID), r)
	} else {
		q.mustMatchHeader(r)
	}
	if q.framing == spec.Basic && !slices.Contains(under, r.answer.ID) {
		q.fail("MSG-11", fmt.Sprintf("%s, under ID %s", want, joinIDs(under, " or ")), fmt.Sprintf("ID %d", r.answer.ID), r)
	}
}

func idIsAnIntegerOf64Bits(t *T) {
	q := t.start().connect(setUp, t.Framing)
	next := uint64(100)
	for _, id := range []string{
		`"%d"`, `%d.0`, `%d.5`, `%de0`, `1E3`, `-1`, `18446744073709551616`, `1e400`, `true`, `null`, `[%d]`, `{"id":%d}`, `""`,
	} {
		for _, around := range []string{
			`{"id":` + id + `,"method":"echo","body":1}`,
			`{"type":"request","payload":{"id":` + id + `,"method":"echo","body":1}}`,
		} {
			next++
			payload := withID(around, next)
			q.sendUnreadable(next, payload)
			q.mustBeErrorAnswer("MSG-10", string(payload)+", whose ID is no integer of 64 bits", next, 0)
		}
	}
	q.call("MSG-10", "echo", `"the connection goes on"`)
}

func unknownEnvelopeTypeGetsAnErrorAnswer(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for i, payload := range []string{
		`{"type":"greeting","payload":{"id":%d,"method":"echo","body":1}}`, `{"type":"","payload":{"id":%d}}`,
		`{"type":"Request","payload":{"id":%d,"method":"echo"}}`, `{"type":"CANCELLATION","payload":{"id":%d}}`,
		`{"type":"request ","payload":{"id":%d,"method":"echo"}}`,
		`{"type":"ping","payload":null}`, `{"type":"ping","payload":{}}`, `{"type":"ping","payload":"text"}`,
	} {
		id := uint64(100 + i)
		sent := withID(payload, id)
		q.sendUnreadable(id, sent)
		q.mustBeErrorAnswer("MSG-12", string(sent), id, 0, id)
		q.call("MSG-12", "echo", `"the connection goes on"`)
	}
	q.nothingElse("MSG-1", "exactly one answer to each")
}

// whatCannotBeReadIsAnsweredAmongRequests sends requests and payloads that are none in one write. The requests have the
// lowest IDs.
func whatCannotBeReadIsAnsweredAmongRequests(t *T) {
	q := t.start().connect(setUp, t.Framing)
	const n = 40
	var joined []byte
	for i := range uint64(n) {
		id, payload := i/2+1, wire.Request(i/2+1, "echo", "1")
		if i%2 == 0 {
			id, payload = 1000+i, []byte("{")
			q.expectError(id)
		} else {
			q.expect(id)
		}
		joined = append(joined, wire.Encode(t.Framing, id, payload)...)
	}
	q.send(joined)
	for i := range uint64(n) {
		if i%2 == 1 {
			q.mustEcho("MSG-11", i/2+1, "1")
			continue
		}
		under := uint64(0)
		if t.Framing == spec.Enhanced {
			under = 1000 + i
		}
		if got := q.await("MSG-11", under); got.OK {
			t.Fail("MSG-11", "an error answer to JSON cut off after one byte, among requests", "a result")
		}
	}
}
