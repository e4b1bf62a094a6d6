package worker

import (
	"fmt"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func messageCases() []testCase {
	return []testCase{
		{
			Name: "each-request-gets-one-answer", Clauses: []string{"MSG-1"}, Framings: suite.BothFramings,
			Cause: "The worker leaves a null body out of its answer, or an error path sends a second answer or none.",
			Run:   eachRequestGetsOneAnswer,
		},
		{
			Name: "request-is-read-as-json-however-it-is-written", Clauses: []string{"MSG-1"}, Framings: suite.BothFramings,
			Cause: "The worker searches the request for text patterns, or expects its fields in one order.",
			Run:   requestIsReadAsJSONHoweverItIsWritten,
		},
		{
			Name: "request-byte-by-byte-is-answered", Clauses: []string{"MSG-1"}, Framings: suite.BothFramings,
			Cause: "The worker assumes that one read returns a whole header or a whole frame.",
			Run:   requestByteByByteIsAnswered,
		},
		{
			Name: "request-of-max-payload-is-answered", Clauses: []string{"MSG-1"}, Framings: suite.BothFramings,
			Cause: "The worker compares the whole frame with the limit, header included, or its limit is below 10485760, or its reading takes quadratic time.",
			Run:   requestOfMaxPayloadIsAnswered,
		},
		{
			Name: "request-is-answered-the-way-it-came", Clauses: []string{"MSG-2"}, Framings: suite.BothFramings,
			Cause: "The worker reads only one of the two forms, or always answers in the same form, or sends error answers without the envelope.",
			Run:   requestIsAnsweredTheWayItCame,
		},
		{
			Name: "envelope-needs-a-string-type-and-a-payload", Clauses: []string{"MSG-3"}, Framings: suite.BothFramings,
			Cause: "The worker takes any object with a \"type\" for an envelope, but a plain request may have an unknown field of that name.",
			Run:   envelopeNeedsAStringTypeAndAPayload,
		},
		{
			Name: "unknown-fields-are-ignored", Clauses: []string{"MSG-4"}, Framings: suite.BothFramings,
			Cause: "The worker reads the message into a type that forbids other fields, or its JSON library ignores case when it looks for a field.",
			Run:   unknownFieldsAreIgnored,
		},
		{
			Name: "ids-of-64-bits-come-back", Clauses: []string{"MSG-5"}, Framings: suite.BothFramings,
			Cause: "The worker reads IDs as doubles, which change 2^53+1, or as signed integers, which end at 2^63-1.",
			Run:   idsOf64BitsComeBack,
		},
		{
			Name: "cancellation-tells-ids-of-64-bits-apart", Clauses: []string{"MSG-5"}, Framings: suite.BothFramings,
			Cause: "The worker keeps outstanding requests under doubles, where 2^53 and 2^53+1 are the same.",
			Run:   cancellationTellsIDsOf64BitsApart,
		},
	}
}

func eachRequestGetsOneAnswer(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for _, c := range []struct{ method, body string }{
		{"echo", `{"a":[1,2]}`}, {"echo", "null"}, {"echo", "false"}, {"health", "null"}, {"pid", "null"},
		{"fail", `{"message":"on purpose"}`}, {"no_such_method", "1"}, {"unserializable", "null"},
	} {
		q.call("MSG-1", c.method, c.body)
	}
	q.nothingElse("MSG-1", "exactly one answer to each request")
}

func requestIsReadAsJSONHoweverItIsWritten(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for i, c := range []struct{ text, body string }{
		{"  {\"id\" : %d ,\r\n\t\"method\":\"echo\",\n\"body\":\"here\" } \n", `"here"`},
		{`{"body":"here","method":"echo","id":%d}`, `"here"`},
		{`{"\u0069d":%d,"meth\u006fd":"ec\u0068o","body":"he\u0072e"}`, `"here"`},
		{`{"body":{"id":99,"method":"exit"},"id":%d,"method":"echo"}`, `{"id":99,"method":"exit"}`},
		{`{"id":%d,"method":"echo","body":"\"type\":\"cancellation\",\"payload\":{}"}`, `"\"type\":\"cancellation\",\"payload\":{}"`},
		{`{"type":"request","payload":{"body":"here","id":%d,"method":"echo"}}`, `"here"`},
		{`{"payload":{"id":%d,"method":"echo","body":"here"},"type":"re\u0071uest"}`, `"here"`},
	} {
		id := uint64(i + 1)
		q.sendMessage(id, fmt.Appendf(nil, c.text, id))
		got := q.await("MSG-1", id)
		if d := wire.DiffJSON([]byte(c.body), got.Body); !got.OK || d != "" {
			t.Fail("MSG-1", fmt.Sprintf("the echo of %s from %s", c.body, fmt.Sprintf(c.text, id)), "%s%s", got.Error, d)
		}
	}
}

func requestByteByByteIsAnswered(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for id := uint64(1); id <= 2; id++ {
		q.expect(id)
		for _, b := range wire.Encode(t.Framing, id, wire.Request(id, "echo", `"slowly"`)) {
			q.send([]byte{b})
		}
		q.await("MSG-1", id)
	}
}

func requestOfMaxPayloadIsAnswered(t *T) {
	t.allowForLargePayloads()
	q := t.start().connect(setUp, t.Framing)
	around := len(wire.Request(1, "pid", `""`))
	payload := wire.Request(1, "pid", `"`+strings.Repeat("x", spec.DefaultMaxPayload-around)+`"`)
	t.Note("suite", "the payload has %d bytes, the default of max_payload", len(payload))
	q.sendMessage(1, payload)
	if got := q.await("MSG-1", 1); !got.OK {
		t.Fail("MSG-1", fmt.Sprintf("the answer of `pid` to a request of exactly %d bytes [FRM-8, FRM-13]", spec.DefaultMaxPayload), "the error %q", got.Error)
	}
}

func requestIsAnsweredTheWayItCame(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for i, c := range []struct {
		method, body string
		enveloped    bool
	}{
		{"echo", `"hi"`, true}, {"echo", `"hi"`, false}, {"fail", `{"message":"on purpose"}`, true},
		{"fail", `{"message":"on purpose"}`, false}, {"no_such_method", "null", true},
		{"health", "null", true}, {"echo", "null", false}, {"echo", `{"type":"request","payload":{}}`, false},
	} {
		id := uint64(i + 1)
		how, payload := "standing alone", wire.Request(id, c.method, c.body)
		if c.enveloped {
			how, payload = "in an envelope", wire.Envelope("request", payload)
		}
		q.sendMessage(id, payload)
		r := q.awaitReply("MSG-2", id)
		if r.answer.Enveloped != c.enveloped {
			q.fail("MSG-2", "an answer "+how+", as the request of `"+c.method+"` came", text.Excerpt(r.Payload), r)
		}
	}
}

func envelopeNeedsAStringTypeAndAPayload(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for i, c := range []struct{ payload, what string }{
		{`{"id":%d,"method":"echo","body":1,"type":"cancellation"}`, "a request with an unknown field `type` and no `payload` is a plain request"},
		{`{"id":%d,"method":"echo","body":1,"type":"greeting"}`, "a request with an unknown field `type` and no `payload` is a plain request"},
		{`{"id":%d,"method":"echo","body":1,"type":7,"payload":{"id":77,"method":"fail"}}`, "a request whose `type` is no string is a plain request"},
		{`{"id":%d,"method":"echo","body":1,"type":null,"payload":{}}`, "a request whose `type` is null is a plain request"},
		{`{"id":%d,"method":"echo","body":1,"payload":{"id":77,"method":"fail"}}`, "a request with an unknown field `payload` and no `type` is a plain request"},
	} {
		id := uint64(i + 1)
		q.sendMessage(id, fmt.Appendf(nil, c.payload, id))
		r := q.awaitReply("MSG-3", id)
		if !r.answer.OK || r.answer.Enveloped {
			q.fail("MSG-3", c.what+", and is echoed standing alone", text.Excerpt(r.Payload), r)
		}
	}
	// With both a string type and a payload it is an envelope, whatever other fields it has.
	q.sendMessage(50, []byte(`{"id":51,"method":"fail","body":{},"type":"request","payload":{"id":50,"method":"echo","body":1}}`))
	if got := q.await("MSG-3", 50); !got.OK {
		t.Fail("MSG-3", "an object with a string `type` and a `payload` is an envelope: the echo of its inner request", "the error %q", got.Error)
	}
}

func unknownFieldsAreIgnored(t *T) {
	p := t.start()
	q := p.connectServed(t.Framing)
	for i, text := range []string{
		`{"id":%d,"method":"echo","body":1,"deadline":5,"meta":{"a":[1]},"ok":false,"error":"x","reason":"y"}`,
		`{"jsonrpc":"2.0","id":%d,"params":[1],"method":"echo","body":1,"":null}`,
		`{"type":"request","version":2,"trace":{"id":9},"payload":{"id":%d,"method":"echo","body":1,"meta":7}}`,
		`{"id":%d,"method":"echo","body":1,"ID":5,"METHOD":"fail","Body":2,"Type":"cancellation","payload":{"id":5}}`,
	} {
		id := uint64(i + 101)
		q.sendMessage(id, fmt.Appendf(nil, text, id))
		if got := q.await("MSG-4", id); !got.OK || wire.DiffJSON([]byte("1"), got.Body) != "" {
			t.Fail("MSG-4", "the echo of the body of "+fmt.Sprintf(text, id), "%s %s", got.Error, got.Body)
		}
	}
	p.mustCancel(setUp, q, 7000, wire.Cancellation(7000, "no more than needed"))
	p.mustCancel("MSG-4", q, 7001, withID(`{"type":"cancellation","version":2,"payload":{"id":%d,"reason":"test","by":{"id":10}}}`, 7001))
}

func idsOf64BitsComeBack(t *T) {
	q := t.start().connectServed(t.Framing)
	q.request(9, "sleep", sleepFor(shortSleep)) // outstanding beside another that agrees with it in 32 bits
	q.request(1<<32+9, "echo", `"agrees in 32 bits"`)
	q.mustEcho("MSG-5", 1<<32+9, `"agrees in 32 bits"`)
	q.await("MSG-5", 9)
	for _, id := range []uint64{ // an ID that a double rounds to another ID comes before that one
		1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<53 + 1, 1 << 53, 1<<63 - 1, 1<<63 + 1, 1 << 63, 1<<64 - 2, 1<<64 - 1,
	} {
		body := fmt.Sprintf(`"body of %d"`, id)
		q.request(id, "echo", body)
		want := fmt.Sprintf("the answer to request %d under its ID", id)
		r := q.awaitNext("MSG-5", want)
		q.mustBeAnswer("MSG-5", r)
		if r.answer.ID != id || wire.DiffJSON([]byte(body), r.answer.Body) != "" {
			q.fail("MSG-5", want, text.Excerpt(r.Payload), r)
			return // the next answer could count as a second one to this request
		}
		q.mustMatchHeader(r)
	}
}

func cancellationTellsIDsOf64BitsApart(t *T) {
	p := t.start()
	q := p.connectServed(t.Framing)
	p.mustCancelOnly(setUp, q, 1001, q, 1002)
	p.mustCancelOnly("MSG-5", q, 1<<53+1, q, 1<<53)
	p.mustCancelOnly("MSG-5", q, 1<<64-2, q, 1<<64-1)
	p.mustCancelOnly("MSG-5", q, 1<<32+1003, q, 1003)
	p.mustCancelOnly("MSG-5", q, 1004, q, 1<<63+1004)
}
