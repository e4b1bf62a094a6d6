package pool

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func messageCases() []testCase {
	return []testCase{
		{
			Name: "unknown-fields-of-an-answer-are-ignored", Clauses: []string{"MSG-4"}, Framings: suite.BothFramings,
			Cause: "The decoder refuses unknown fields, or it takes every object with a field named type for an envelope.",
			Run:   unknownFieldsOfAnAnswerAreIgnored,
		},
		{
			Name: "field-names-are-exact", Clauses: []string{"MSG-4"}, Framings: suite.BothFramings,
			Cause: "The JSON library ignores case when it looks for a field, as encoding/json does, so the last of id and ID counts.",
			Run:   fieldNamesAreExact,
		},
		{
			Name: "an-answer-whose-id-is-no-integer-reaches-nobody", Clauses: []string{"MSG-10"}, Framings: suite.BothFramings,
			Cause: "The pool converts the ID instead of checking it, so 7.0, 7e0 and \"7\" all become 7.",
			Run:   idsAreIntegers,
		},
		{
			Name: "an-answer-whose-id-differs-beyond-32-or-53-bits-reaches-nobody", Clauses: []string{"MSG-5"}, Framings: suite.BothFramings,
			Cause: "IDs pass through a 32-bit or a signed integer or a double on their way out of the header or the message.",
			Run:   idsAreWhole,
		},
		{
			Name: "bodies-arrive-equal-both-ways", Clauses: []string{"MSG-7"}, Framings: suite.BothFramings,
			Cause: "The pool decodes bodies into interface values on the way, where integers become doubles, or it takes an empty body for none.",
			Run:   bodiesArrive,
		},
		{
			Name: "bodies-of-1-mb-arrive-equal-both-ways", Clauses: []string{"MSG-7"}, Framings: suite.BothFramings,
			Cause: "The pool takes a read or a write for complete after its first part.",
			Run:   bodiesOf1MbArriveEqualBothWays,
		},
		{
			Name: "answers-are-taken-alone-and-in-envelopes", Clauses: []string{"MSG-15"}, Framings: suite.BothFramings,
			Cause: "The pool accepts only the form that it sends itself.",
			Run:   answersAreTakenAloneAndInEnvelopes,
		},
		{
			Name: "an-absent-body-of-an-answer-is-null", Clauses: []string{"MSG-15"}, Framings: suite.BothFramings,
			Cause: "The pool takes an answer without a body for malformed, or it waits for more.",
			Run:   anAbsentBodyOfAnAnswerIsNull,
		},
		{
			Name: "an-error-answer-reaches-its-caller-with-its-text", Clauses: []string{"MSG-16"}, Framings: suite.BothFramings,
			Cause: "The pool drops the text, or it takes an error answer for a failure of the connection.",
			Run:   errorAnswers,
		},
		{
			Name: "requests-are-well-formed", Clauses: []string{"MSG-17"}, Framings: suite.BothFramings,
			Cause: "The pool puts a method or a body into the JSON without quoting it, or it uses escapes that JSON does not have.",
			Run:   requestsAreWellFormed,
		},
	}
}

func unknownFieldsOfAnAnswerAreIgnored(t *T) {
	answers(t, "MSG-4",
		`{"took_ms":3,"id":%d,"ok":true,"trace":{"id":0,"ok":false},"body":%s}`,
		`{"id":%d,"ok":true,"type":"note","body":%s}`,
		`{"id":%d,"ok":true,"payload":7,"note":null,"body":%s}`,
		`{"type":"response","version":2,"payload":{"id":%d,"ok":true,"body":%s,"extra":[]}}`,
	)
}

func fieldNamesAreExact(t *T) {
	answers(t, "MSG-4",
		`{"id":%d,"ok":true,"body":%s,"ID":1099511627783,"OK":false,"Ok":0,"BODY":"of another name"}`,
		`{"type":"response","payload":{"id":%d,"ok":true,"body":%s,"Id":1099511627783},"Type":"request","Payload":{}}`,
	)
}

func bodiesOf1MbArriveEqualBothWays(t *T) {
	s := t.stage()
	s.leastPayload = 2 << 20
	s.holdRequests()
	s.start()
	out := wire.Quote(strings.Repeat("0123456789abcdé ", 1<<16))
	back := wire.Quote(strings.Repeat("answer 9876543210", 1<<16))
	c := s.callBody(out)
	arrivesEqual(c.request("MSG-7"), out)
	c.request("MSG-7").answer([]byte(back))
	c.succeedsWith("MSG-7", back)
}

func answersAreTakenAloneAndInEnvelopes(t *T) {
	answers(t, "MSG-15",
		`{"id":%d,"ok":true,"body":%s}`,
		`{"type":"response","payload":{"id":%d,"ok":true,"body":%s}}`,
		` { "payload" : { "ok" : true , "id" : %d , "body" : %s } , "type" : "response" } `,
	)
}

func anAbsentBodyOfAnAnswerIsNull(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for _, form := range []string{`{"id":%d,"ok":true}`, `{"type":"response","payload":{"id":%d,"ok":true}}`} {
		c := s.call()
		r := c.request("MSG-15")
		r.send(r.frame(fmt.Appendf(nil, form, r.id)))
		c.succeedsWith("MSG-15", "null")
	}
}

// answers answers a call in each of the forms, and requires it to get its own body. A form has a verb for the ID and one
// for the body.
func answers(t *T, clause string, forms ...string) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for _, form := range forms {
		c := s.call()
		r := c.request(clause)
		r.send(r.frame(fmt.Appendf(nil, form, r.id, c.body)))
		c.succeeds(clause)
	}
}

// nearIDs returns IDs that a wrong conversion takes for id.
func nearIDs(id uint64) []uint64 {
	near := []uint64{id + 1<<32, id ^ 1<<63, id + 1<<53, id & math.MaxUint32, 1<<53 + 1, math.MaxUint64}
	if id > 1<<53 {
		near = append(near, uint64(float64(id)), id-1, id+1)
	}
	near = slices.DeleteFunc(near, func(n uint64) bool { return n == id })
	slices.Sort(near)
	return slices.Compact(near)
}

// idsAreIntegers answers calls under something that looks like their ID and is not an integer. A pool may drop such an
// answer and take the right one behind it, or fail the calls on the connection.
func idsAreIntegers(t *T) {
	s := t.stage()
	s.checkOften()
	s.holdRequests()
	s.start()
	for _, id := range []string{`"%d"`, `%d.0`, `%de0`, `-%d`, `[%d]`, `true`, `null`} {
		c := s.call()
		if r := c.requestUnlessFailed("MSG-10"); r != nil {
			if strings.Contains(id, "%d") {
				id = fmt.Sprintf(id, r.id)
			}
			r.write(r.frame(fmt.Appendf(nil, `{"id":%s,"ok":true,"body":"the answer to something that is not an ID"}`, id)))
			r.answer(c.body)
		}
		c.getsOwnAnswerOrFails("MSG-10")
		s.laterCallsSucceedAfterStrays("MSG-10")
		s.holdRequests()
	}
}

// idsAreWhole writes answers under near IDs beside calls.
func idsAreWhole(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for range 3 {
		s.call().isAnsweredAfter("MSG-5", func(r *request) {
			for _, id := range nearIDs(r.id) {
				r.write(wire.Encode(s.options.Framing, id, wire.OKAnswer(id, fmt.Sprintf(`"the answer to %d"`, id))))
			}
		})
	}
	s.laterCallsSucceedAfterStrays("MSG-5")
}

// callerBodies has JSON values of every kind.
var callerBodies = []string{
	`null`, `false`, `true`, `0`, `""`, `[]`, `{}`,
	`18446744073709551615`, `-9223372036854775808`, `9007199254740993`, `-9007199254740993`,
	`0.1`, `-1.5e-7`, `1e300`, `12345678.25`,
	`"\" \" a"`, `{"a": "\"b c\" d", "\\": [ 1 , " \\\" , : " ] }`, `" two  blanks "`, " [ 1 ,\n\t2 ] ",
	`"plain"`, `"\u0000\u001f\u007f\"\\/\b\f\n\r\t"`, `"\u2028\u2029<>&'"`, `"naïve 日本語 😀"`, `"\ud83d\ude00"`,
	`{"id":9007199254740993,"ok":false,"type":"response","payload":{"id":1},"":[null,{"a":[[]]}]}`,
}

// bodiesArrive sends each of callerBodies both ways.
func bodiesArrive(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for _, out := range callerBodies {
		c := s.callBody(out)
		r := c.request("MSG-7")
		arrivesEqual(r, out)
		r.answer([]byte(out))
		c.succeedsWith("MSG-7", out)
	}
}

// arrivesEqual requires the request's body to equal the caller's.
func arrivesEqual(r *request, body string) {
	if d := wire.DiffBody(body, r.body); d != "" {
		r.worker.s.t.FailNow("MSG-7", "the worker gets the caller's body "+text.Clip(body, 120), "%s", d)
	}
}

// errorAnswers refuses calls with different texts, standing alone and in envelopes.
func errorAnswers(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for _, said := range []string{"ValueError: no such thing", "two\nlines and \"quotes\"", "日本語 😀", strings.Repeat("long ", 400) + "end"} {
		for _, enveloped := range []bool{false, true} {
			c := s.call()
			r := c.request("MSG-16")
			message := wire.ErrorAnswer(r.id, said)
			if enveloped {
				message = wire.Envelope("response", message)
			}
			r.send(r.frame(message))
			c.fails("MSG-16", spec.ErrorAnswer)
			if !strings.Contains(c.err.Error(), said) {
				t.FailNow("MSG-16", fmt.Sprintf("an error that contains the worker's text %q", text.Clip(said, 80)), "%s", text.Clip(c.outcome(), 200))
			}
			after := s.call()
			after.request("MSG-16").answer(after.body)
			after.succeeds("MSG-16")
		}
	}
}

func requestsAreWellFormed(t *T) {
	s := t.stage()
	s.holdRequests()
	s.start()
	for i, body := range []string{`null`, `false`, `0`, `""`, `"日本語 \"😀\""`, `{"a":[1,{"b":"c"}]}`, `[]`, `"\u0000"`, `{"id":1,"method":"m"}`, `1.5`} {
		method := []string{"plain", `quotes " and \`, "日本語 😀 \ufffd", "a line\nbreak\tand\x00\x1fmore", "a.b/c d"}[i%5] + fmt.Sprint(i)
		c := s.callWith(t.Context(), method, body)
		r := c.request("MSG-17")
		if d := wire.DiffBody(body, r.body); d != "" {
			t.Fail("MSG-17", "the caller's body "+body, "%s", d)
		}
		r.answer(c.body)
		c.wait("MSG-17")
	}
}
