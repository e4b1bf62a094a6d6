package pool

import (
	"fmt"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

func unreadableCases() []testCase {
	return []testCase{
		{
			Name: "answers-of-malformed-json-reach-nobody", Clauses: []string{"RID-7"}, Framings: suite.BothFramings,
			Cause: "The pool searches the text of an answer for its fields and does not read the rest.",
			Run:   answersOfMalformedJsonReachNobody,
		},
		{
			Name: "answers-of-malformed-utf8-reach-nobody", Clauses: []string{"RID-7"}, Framings: suite.BothFramings,
			Cause: "The JSON library puts U+FFFD in the place of bytes that are not UTF-8, as encoding/json does, so the caller gets another body than was sent.",
			Run:   answersOfMalformedUtf8ReachNobody,
		},
		{
			Name: "answers-of-another-shape-reach-nobody", Clauses: []string{"RID-7"}, Framings: suite.BothFramings,
			Cause: "The pool takes a field that is absent or of another type for false, empty or null.",
			Run:   answersOfAnotherShapeReachNobody,
		},
		{
			Name: "answers-are-taken-however-their-json-is-written", Clauses: []string{"RID-4"}, Framings: suite.BothFramings,
			Cause: "The pool reads answers only as its own worker writes them, so another order of fields, white space or an escape is enough to lose one.",
			Run:   answersAreTakenHoweverTheirJsonIsWritten,
		},
		{
			Name: "answers-are-in-envelopes-if-they-say-so", Clauses: []string{"MSG-3"}, Framings: suite.BothFramings,
			Cause: "The pool tells an answer from an envelope by its id or ok, or by a type or a payload alone.",
			Run:   answersAreInEnvelopesIfTheySaySo,
		},
		{
			Name: "method-that-is-no-utf8-goes-out-well-formed-or-not-at-all", Clauses: []string{"MSG-17"}, Framings: suite.BothFramings,
			Cause: "The pool puts the bytes of the method into the JSON as they are, or with escapes that JSON does not have, such as \\xff.",
			Run:   methodOfMalformedUTF8,
		},
	}
}

func answersOfMalformedJsonReachNobody(t *T) { unreadableAnswers(t, malformedAnswers) }

func answersOfMalformedUtf8ReachNobody(t *T) { unreadableAnswers(t, answersOfMalformedUTF8) }

func answersOfAnotherShapeReachNobody(t *T) { unreadableAnswers(t, answersOfAnotherShape) }

func answersAreTakenHoweverTheirJsonIsWritten(t *T) { answers(t, "RID-4", answersWrittenOtherwise...) }

func answersAreInEnvelopesIfTheySaySo(t *T) { answers(t, "MSG-3", answersInEnvelopes...) }

// malformedAnswers are not JSON. Each %d is the ID of a call, to which a reader that is not strict gives the answer.
var malformedAnswers = []string{
	`{"id":0%d,"ok":true,"body":1}`, // first, while IDs are short, so that 07 is among them
	`{`,
	``,
	" \n",
	`{"id":%d,"ok":true,"body":1`,
	`{"id":%d,"ok":true,"body":[1,2}`,
	`{"id":%d,"ok":true,"body":[1,2`,
	`{"id":%d,"ok":true,"body":[1 2]}`,
	`{"id":%d,"ok":true,"body":[1,]}`,
	`{"id":%d,"ok":true,"body":[,1]}`,
	`{"id":%d,"ok":true,"body":{"a":1]}`,
	`{"id":%d,"ok":true,"body":{"a" 1}}`,
	`{"id":%d,"ok":true,"body":{"a"=1}}`,
	`{"id":%d,"ok":true,"body":{"a":1 "b":2}}`,
	`{"id":%d,"ok":true,"body":{"a":}}`,
	`{"id":%d,"ok":true,"body":{"a":1,}}`,
	`{"id":%d,"ok":true,"body":{a:1}}`,
	`{"id":%d,"ok":true,"body":{1:1}}`,
	`{"id":%d,"ok":true,"body":{"a`,
	`{"id":%d,"ok":true,"body":}`,
	`{"id":%d,"ok":true,"body":1,}`,
	`{"id":%d,"ok":true,"body":1}}`,
	`{"id":%d,"ok":true,"body":1]`,
	`{"id":%d,"ok":true,"body":[`,
	`{"id":%d,"ok":true,"body":{`,
	`{"id":%d,"ok":true,"body":{xa":1}}`,
	`{"id":%d,"ok":true,"body":-`,
	`{"id":%d,"ok":true,"body":1} {"id":%d,"ok":true,"body":1}`,
	`{"id":%d,"ok":true,"body":1} end`,
	"{\"id\":%d,\"ok\":true,\"body\":1}\x00",
	"{\f\"id\":%d,\"ok\":true,\"body\":1}",
	"{\"id\":%d,\"ok\":true,\"body\":\v1}",
	`{'id':%d,'ok':true,'body':1}`,
	`{"id":%d "ok":true,"body":1}`,
	`{"ok":true,"id":%d,"body":NaN}`,
	`{"id":%d,"ok":true,"body":-Infinity}`,
	`{"id":%d,"ok":true,"body":nul}`,
	`{"id":%d,"ok":true,"body":trux}`,
	`{"id":%d,"ok":true,"body":fals}`,
	`{"id":%d,"ok":true,"body":True}`,
	`{"id":%d,"ok":true,"body":01}`,
	`{"id":%d,"ok":true,"body":-01}`,
	`{"id":%d,"ok":true,"body":+1}`,
	`{"id":%d,"ok":true,"body":-}`,
	`{"id":%d,"ok":true,"body":.5}`,
	`{"id":%d,"ok":true,"body":1.}`,
	`{"id":%d,"ok":true,"body":1.e5}`,
	`{"id":%d,"ok":true,"body":1e}`,
	`{"id":%d,"ok":true,"body":1e+}`,
	`{"id":%d,"ok":true,"body":0x10}`,
	`{"id":%d,"ok":true,"body":"open}`,
	"{\"id\":%d,\"ok\":true,\"body\":\"a\nb\"}",
	"{\"id\":%d,\"ok\":true,\"body\":\"a line\x1f of many words\"}",
	"{\"id\":%d,\"ok\":true,\"body\":\"a line of many words \x00\"}",
	`{"id":%d,"ok":true,"body":"\x41"}`,
	`{"id":%d,"ok":true,"body":"\`,
	`{"id":%d,"ok":true,"body":"\u004"}`,
	`{"id":%d,"ok":true,"body":"\u00G0"}`,
	`{"id":%d,"ok":true,"body":"\u00g0"}`,
	`{"id":%d,"ok":true,"body":"\u00:0"}`,
	`{"id":%d,"ok":true,"body":"\u00/0"}`,
	"{\"id\":%d,\"ok\":true,\"body\":\"\\u00`0\"}",
	`{"id":%d,"ok":true,"body":"\u00@0"}`,
	`{"id":%d,"ok":true,"body":"\u00`,
	`{"type":"response","payload":`,
	`{"type":"response","payload":{"id":%d,"ok":true,"body":1}`,
	`{"type":"response","payload":{"id":%d,"ok":true,"body":1},}`,
	`{"type":"response","payload":{"id":%d,"ok":true,"body":1,}}`,
}

// answersOfMalformedUTF8 are JSON but for bytes that are not UTF-8.
var answersOfMalformedUTF8 = []string{
	"{\"id\":%d,\"ok\":true,\"body\":\"\xff\"}",
	"{\"id\":%d,\"ok\":true,\"body\":\"a letter in Latin-1: caf\xe9\"}",
	"{\"id\":%d,\"ok\":true,\"body\":\"\x80 continues nothing, which comes early in a long text\"}",
	"{\"id\":%d,\"ok\":true,\"body\":\"cut short: \xe2\x82\"}",
	"{\"id\":%d,\"ok\":true,\"body\":\"before an escape \xc3\\n and behind it\"}",
	"{\"id\":%d,\"ok\":true,\"body\":\"behind an escape \\n\xc3\"}",
	"{\"id\":%d,\"ok\":true,\"body\":\"overlong \xc0\xaf\"}",
	"{\"id\":%d,\"ok\":true,\"body\":\"behind the last \xf4\x90\x80\x80\"}",
	"{\"id\":%d,\"ok\":true,\"body\":{\"a key \xff\":1}}",
	"{\"id\":%d,\"ok\":true,\"body\":1,\"\xff\":1}",
	"{\"id\":%d,\"ok\":false,\"error\":\"\xff\"}",
}

// answersOfAnotherShape are JSON and not answers. The caller gets an error from each of them, whether the pool fails its
// call alone or all calls on the connection.
var answersOfAnotherShape = []string{
	`7`,
	`-0.5`,
	`null`,
	`"hi"`,
	`{"id":%d,"body":"hi"}`,
	`{"id":%d,"ok":"true","body":"hi"}`,
	`{"id":%d,"ok":1,"body":"hi"}`,
	`{"id":%d,"ok":null,"body":"hi"}`,
	`{"id":%d,"ok":[true],"body":"hi"}`,
	`{"type":"response","payload":{"id":%d,"ok":{},"body":"hi"}}`,
	`{"id":%d,"ok":false}`,
	`{"id":%d,"ok":false,"error":7}`,
	`{"id":%d,"ok":false,"error":null}`,
	`{"type":"response","payload":{"id":%d,"ok":false,"error":["no"]}}`,
}

// answersWrittenOtherwise are right answers in unusual JSON, with a verb for the ID and one for the body.
var answersWrittenOtherwise = []string{
	`{"ok":true,"id":%d,"body":%s}`,
	`{"body":%[2]s,"ok":true,"id":%[1]d}`,
	"\r\n\t {\t\"id\" :\n%d , \"ok\":true\r, \"body\": \t%s } \t\n\r",
	"{\"id\":%d,\"ok\":true,\"body\":%s}\n",
	`{"\u0069d":%d,"o\u006b":true,"\u0062\u006F\u0064\u0079":%s}`,
	`{"type":"respons\u0065","payload":{"id":%d,"ok":true,"body":%s}}`,
	`{"t\u0079pe":"\u0072esponse","payl\u006fad":{"\u0069d":%d,"ok":true,"body":%s}}`,
	`{"payload":{"id":%d,"ok":true,"body":%s},"type":"response"}`,
	`{"note":[],"id":%d,"more":{},"ok":true,"list":[ 1 , [ ] , { } ],"body":%s,"error":null}`,
	`{"note":[0,-0,-1.5E+10,2e-7,3E5,10.25,true,false,null],"id":%d,"ok":true,"body":%s}`,
	`{"note":"\"\\\/\b\f\n\r\t\u00e9\u00EF\u0a9F\u00Aa and more","id":%d,"ok":true,"body":%s}`,
	"{\"note\":\"größer als 10 € \u007f\u2028 😀\",\"\u00fc\":1,\"\":2,\"id\":%d,\"ok\":true,\"body\":%s}",
	`{"note":{"id":0,"ok":false,"payload":{"a":{"b":[{"c":1}]}}},"id":%d,"ok":true,"body":%s}`,
}

// answersInEnvelopes are in an envelope exactly if they have a string type and a payload [MSG-3].
var answersInEnvelopes = []string{
	`{"type":"response","id":0,"ok":false,"payload":{"id":%d,"ok":true,"body":%s}}`,
	`{"id":0,"ok":true,"body":"not this one","payload":{"id":%d,"ok":true,"body":%s},"type":"response"}`,
	`{"type":"response","id":%d,"ok":true,"body":%s}`,
	`{"type":"respond","id":%d,"ok":true,"body":%s}`,
	`{"type":7,"payload":{"id":0,"ok":false},"id":%d,"ok":true,"body":%s}`,
	`{"payload":{"id":0,"ok":false},"id":%d,"ok":true,"body":%s}`,
}

// unreadableAnswers answers calls, one at each worker, with what cannot be read. A right answer follows and comes too late,
// because an unreadable answer fails the calls on its connection [RID-7].
func unreadableAnswers(t *T, forms []string) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 4, 1 // so that each worker has one call
	s.checkOften()
	s.holdRequests()
	s.start()
	for len(forms) > 0 {
		calls := s.holdCalls("RID-7", min(s.options.Workers, len(forms)))
		for i, h := range calls {
			text := strings.ReplaceAll(forms[i], "%d", fmt.Sprint(h.req.id))
			h.reason = fmt.Sprintf(", because its answer %q cannot be read", text)
			h.req.send(append(h.req.frame([]byte(text)), h.req.frame(wire.OKAnswer(h.req.id, string(h.body)))...))
		}
		for _, h := range calls {
			h.fails("RID-7")
		}
		forms = forms[len(calls):]
		s.laterCallsSucceedAfterStrays("RID-7") // in a pool that failed the call alone, the right answer has an unknown ID
	}
}

// methodOfMalformedUTF8 calls methods whose names are not UTF-8, so JSON cannot hold them. A pool may refuse such a call
// or replace the bytes.
func methodOfMalformedUTF8(t *T) {
	s := t.stage()
	s.start()
	for _, method := range []string{"\xff", "caf\xe9", "cut short \xe2\x82", "\xc0\xaf"} {
		c := s.callWith(t.Context(), method, "")
		c.getsOwnAnswerOrFails("MSG-17")
	}
	c := s.call()
	c.succeeds("MSG-17")
}
