package worker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func unreadableCases() []testCase {
	return []testCase{
		{
			Name: "id-is-an-integer-of-64-bits", Clauses: []string{"MSG-10"}, Framings: suite.BothFramings,
			Cause: "The ID is converted instead of checked: int(\"1\"), int(1.0) and int(True) are all 1.",
			Run:   idIsAnIntegerOf64Bits,
		},
		{
			Name: "malformed-json-gets-an-error-answer", Clauses: []string{"MSG-11"}, Framings: suite.BothFramings,
			Cause: unreadableCause,
			Run:   malformedJSONGetsAnErrorAnswer,
		},
		{
			Name: "malformed-utf8-gets-an-error-answer", Clauses: []string{"MSG-11"}, Framings: suite.BothFramings,
			Cause: "Text is decoded with replacement characters, or its decoding fails outside of the code that answers.",
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
			Cause: "Answers that wait to be sent are kept by ID, and those under no ID of a request replace one another.",
			Run:   whatCannotBeReadIsAnsweredAmongRequests,
		},
		{
			Name: "unknown-envelope-type-gets-an-error-answer", Clauses: []string{"MSG-12"}, Framings: suite.BothFramings,
			Cause: "Messages of a type that is not known are dropped, and the caller waits for ever.",
			Run:   unknownEnvelopeTypeGetsAnErrorAnswer,
		},
	}
}

func malformedJSONGetsAnErrorAnswer(t *T) { t.sendUnreadable(malformed) }

func malformedUTF8GetsAnErrorAnswer(t *T) { t.sendUnreadable(malformedUTF8) }

func whatIsNoObjectGetsAnErrorAnswer(t *T) { t.sendUnreadable(notObjects) }

func methodThatIsNoStringGetsAnErrorAnswer(t *T) { t.sendUnreadable(badMethods) }

const unreadableCause = "The request is read outside of the code that turns exceptions into error answers, or the error goes out under no ID."

// unreadable is a payload that is no request. Its %d is the ID of the header.
type unreadable struct {
	payload string
	what    string
	hasID   bool // the ID can be read all the same, so that the basic framing has one to answer under
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

// unreadable sends what is no request, one after the other on one connection, and demands of [MSG-11]
// for each: one error answer, under the right ID, and a connection that goes on.
func (t *T) sendUnreadable(table []unreadable) {
	q := t.start().connect(setUp, t.Framing)
	q.call(setUp, "echo", `"before"`)
	for i, u := range table {
		id := uint64(100 + i)
		payload := withID(u.payload, id)
		if u.utf16 {
			payload = inUTF16(payload)
		}
		q.sendMessage(id, payload)
		under := []uint64{id}
		switch {
		case u.hasID:
		case strings.Contains(u.payload, "%d"): // may be read or not: the text is broken elsewhere
			under = []uint64{0, id}
		default:
			under = []uint64{0}
		}
		q.mustBeErrorAnswer("MSG-11", u.what, id, under...)
		q.call("MSG-11", "echo", `"the connection goes on"`)
	}
	q.nothingElse("MSG-1", "exactly one answer to each")
}

// inUTF16 is ASCII text in little-endian UTF-16 with its mark in front.
func inUTF16(text []byte) []byte {
	wide := []byte{0xff, 0xfe}
	for _, c := range text {
		wide = append(wide, c, 0)
	}
	return wide
}

func withID(payload string, id uint64) []byte {
	return []byte(strings.ReplaceAll(payload, "%d", strconv.FormatUint(id, 10)))
}

// mustRefuse takes what comes next and fails the clause where it is no error answer. [MSG-11] says
// under which ID it goes out: in the enhanced framing that of the header, in the basic framing one of
// those given.
func (q *peer) mustBeErrorAnswer(clause, what string, header uint64, under ...uint64) {
	want := "an error answer to " + what
	r := q.next(clause, want)
	if r.saysOK() { // under whatever ID
		q.t.Found(result.Finding{Clause: clause, Want: want, Got: text.Excerpt(r.Payload), Dump: q.dump(r)})
		return
	}
	q.mustBeAnswer(clause, r)
	if q.framing == spec.Enhanced && r.answer.ID != header {
		q.t.Found(result.Finding{
			Clause: "MSG-11", Want: fmt.Sprintf("%s, under the header's ID %d", want, header),
			Got: fmt.Sprintf("ID %d in the message, %d in the header", r.answer.ID, r.ID), Dump: q.dump(r),
		})
	} else {
		q.mustMatchHeader(r)
	}
	if q.framing == spec.Basic && !slices.Contains(under, r.answer.ID) {
		q.t.Found(result.Finding{
			Clause: "MSG-11", Want: fmt.Sprintf("%s, under ID %s", want, strings.Trim(strings.ReplaceAll(fmt.Sprint(under), " ", " or "), "[]")),
			Got: fmt.Sprintf("ID %d", r.answer.ID), Dump: q.dump(r),
		})
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
			q.sendMessage(next, payload)
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
		q.sendMessage(id, sent)
		q.mustBeErrorAnswer("MSG-12", string(sent), id, 0, id)
		q.call("MSG-12", "echo", `"the connection goes on"`)
	}
	q.nothingElse("MSG-1", "exactly one answer to each")
}

// whatCannotBeReadIsAnsweredAmongRequests has requests and what is none come in one write. The IDs of the requests
// are the least there are.
func whatCannotBeReadIsAnsweredAmongRequests(t *T) {
	q := t.start().connect(setUp, t.Framing)
	const n = 40
	var joined []byte
	for i := range uint64(n) {
		id, payload := i/2+1, wire.Request(i/2+1, "echo", "1")
		if i%2 == 0 {
			id, payload = 1000+i, []byte("{")
		}
		q.expect(id)
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
