package worker

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func bodyCases() []testCase {
	return []testCase{
		{
			Name: "absent-body-is-null", Clauses: []string{"MSG-6"}, Framings: suite.BothFramings,
			Cause: "The worker reads the body as if every request had one.",
			Run:   absentBodyIsNull,
		},
		{
			Name: "bodies-come-back-equal", Clauses: []string{"MSG-7"}, Framings: suite.BothFramings,
			Cause: "The worker reads numbers as doubles, or treats an empty or false body as absent, or does not handle text as Unicode.",
			Run:   bodiesComeBackEqual,
		},
		{
			Name: "large-bodies-come-back-equal", Clauses: []string{"MSG-7"}, Framings: suite.BothFramings,
			Cause: "The worker reads or writes a large frame only in part, or does not send the rest after a short write.",
			Run:   largeBodiesComeBackEqual,
		},
		{
			Name: "nan-and-infinity-are-malformed", Clauses: []string{"MSG-8"}, Framings: suite.BothFramings,
			Cause: "The JSON library accepts NaN and Infinity by default, as Python's does: give it a parse_constant that raises.",
			Run:   nanAndInfinityAreMalformed,
		},
		{
			Name: "infinity-is-never-sent", Clauses: []string{"MSG-8"}, Framings: suite.BothFramings,
			Cause: "The JSON library writes NaN and Infinity by default, as Python's does: give it allow_nan=False.",
			Run:   infinityIsNeverSent,
		},
		{
			Name: "nesting-of-100-levels-works", Clauses: []string{"MSG-9"}, Framings: suite.BothFramings,
			Cause: "The JSON library is set to fewer levels than 100.",
			Run:   nestingOf100LevelsWorks,
		},
		{
			Name: "deeper-nesting-is-answered", Clauses: []string{"MSG-9"}, Framings: suite.BothFramings,
			Cause: "The worker hits the recursion limit of its language outside the code that turns exceptions into error answers, or its stack overflows.",
			Run:   deeperNestingIsAnswered,
		},
	}
}

func absentBodyIsNull(t *T) {
	q := t.start().connect(setUp, t.Framing)
	got := q.call("MSG-6", "echo", "")
	if d := wire.DiffJSON([]byte("null"), got.Body); !got.OK || d != "" {
		t.Fail("MSG-6", "the echo of a request without a body is null", "%s%s", got.Error, d)
	}
}

// bodies are values that some implementations change, and values next to them.
var bodies = []string{
	`null`, `true`, `false`, `0`, `""`, `[]`, `{}`, `[null]`, `[[]]`, `{"":null}`,
	// integers within 64 bits, exactly
	`1`, `-1`, `-0`, `2147483648`, `-2147483649`, `4294967296`, `9007199254740993`, `-9007199254740993`,
	`9223372036854775807`, `-9223372036854775808`, `9223372036854775808`, `18446744073709551615`,
	// other numbers, as doubles
	`0.1`, `-0.5`, `1.0`, `1e3`, `1E+2`, `1.5e300`, `1e-300`, `5e-324`, `1.7976931348623157e308`, `3.141592653589793`,
	`18446744073709551616`, `-9223372036854775809`, `123456789012345678901234567890`,
	// text, exactly
	`"\u0000"`, `"a\u0000b"`, `"\u001f\b\f\n\r\t"`, `"\"\\\/"`, `"é"`, `"\u00e9"`, `"e\u0301"`, `"日本語"`, `"😀"`,
	`"\ud83d\ude00"`, `"\uD834\uDD1E and 𝄞"`, `"\u2028\u2029"`, "\"\u2028\u2029\"", `"\ufeff"`, `"\ufffe\uffff"`, "\"\u007f\u0080\"",
	`"<script>&amp;"`, `"` + strings.Repeat("0123456789abcdef", 6250) + `"`, `"` + strings.Repeat("é😀", 2000) + `"`,
	`" two  blanks "`, `"\" \" a"`, `"\\\" , : {\" ]"`, `"\u0022 \u005c \u0020"`,
	// structures
	" { \"a\" : \"\\\"b c\\\" d\" ,\r\n\t\"\\\\\" : [ 1 , \" \" ] } ",
	`{"":"","a":{"b":[1,{"c":null}]},"é":[true,false]}`, `[1,"1",1.5,null,{"id":1,"ok":false,"error":"x"}]`,
	`{"type":"cancellation","payload":{"id":1}}`, `{"id":1,"method":"fail","body":{}}`,
}

func bodiesComeBackEqual(t *T) {
	q := t.start().connect(setUp, t.Framing)
	ids := make([]uint64, len(bodies))
	for i, body := range bodies {
		ids[i] = q.ask("echo", body)
	}
	for i, body := range bodies {
		q.mustEcho("MSG-7", ids[i], body)
	}
}

func largeBodiesComeBackEqual(t *T) {
	t.allowForLargePayloads()
	q := t.start().connect(setUp, t.Framing)
	text := `"` + strings.Repeat("one megabyte of text", 1<<20/20) + `"`
	list := "[" + strings.Repeat("12345678,", 1<<13) + "0]"
	first, second := q.ask("echo", text), q.ask("echo", list)
	q.mustEcho("MSG-7", first, text)
	q.mustEcho("MSG-7", second, list)
}

func nanAndInfinityAreMalformed(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for i, form := range []string{
		`{"id":%d,"method":"echo","body":NaN}`, `{"id":%d,"method":"echo","body":Infinity}`,
		`{"id":%d,"method":"echo","body":-Infinity}`, `{"id":%d,"method":"echo","body":[1,{"a":NaN}]}`,
	} {
		id := uint64(i + 101)
		payload := fmt.Appendf(nil, form, id)
		q.sendUnreadable(id, payload)
		want := fmt.Sprintf("an error answer to the malformed %s", payload)
		r := q.awaitNext("MSG-11", want)
		q.mustBeAnswer("MSG-8", r)
		if r.answer.OK {
			q.fail("MSG-8", want, text.Excerpt(r.Payload), r)
		}
	}
	q.call("MSG-11", "echo", `"the connection goes on"`)
}

// infinityIsNeverSent sends numbers beyond a double. What a worker makes of them is left open, but it must not send
// Infinity.
func infinityIsNeverSent(t *T) {
	p := t.start()
	for _, body := range []string{"1e400", "-1e400"} {
		q := p.connect(setUp, t.Framing)
		id := q.ask("echo", body)
		if r, ok := q.wait(t.Patience(), q.hasID(id)); ok {
			q.mustBeAnswer("MSG-8", r)
		} else {
			t.Note("suite", "what becomes of %s is left open: %s", body, q.whyNoAnswer())
		}
	}
}

func nested(open, core, closing string, levels int) string {
	return strings.Repeat(open, levels) + core + strings.Repeat(closing, levels)
}

// nestingOf100LevelsWorks counts the levels of the whole message, not of the body alone, so that it demands no more than
// [MSG-9] however the levels are counted.
func nestingOf100LevelsWorks(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for _, body := range []string{
		nested("[", "1", "]", 99), nested(`{"a":`, "null", "}", 99), nested(`[{"b":`, `""`, "}]", 49),
	} {
		q.mustEcho("MSG-9", q.ask("echo", body), body)
	}
	body := nested("[", "1", "]", 98)
	q.sendMessage(1000, wire.Envelope("request", wire.Request(1000, "echo", body)))
	q.mustEcho("MSG-9", 1000, body)
}

// compactJSON returns a JSON text without white space between its tokens, and with \u escapes of ASCII characters in
// strings replaced by the characters.
func compactJSON(text []byte) []byte {
	var b []byte
	within := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case !within && (c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			continue
		case within && c == '\\' && i+5 < len(text) && text[i+1] == 'u':
			if n, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16); err == nil && n < 0x80 && n != '"' && n != '\\' {
				c = byte(n)
				i += 5
			}
		case within && c == '\\' && i+1 < len(text):
			b = append(b, c)
			i++
			c = text[i]
		case c == '"':
			within = !within
		}
		b = append(b, c)
	}
	return b
}

// deeperNestingIsAnswered accepts an error answer as well as the echo [MSG-9].
func deeperNestingIsAnswered(t *T) {
	q := t.start().connect(setUp, t.Framing)
	for _, levels := range []int{101, 1000, 9000, 100_000} {
		for _, body := range []string{nested("[", "1", "]", levels), nested(`{"a":`, "1", "}", levels)} {
			what := fmt.Sprintf("%d levels of %s", levels, body[:1])
			want := "the echo of " + what + ", or an error answer"
			id := q.ask("echo", body)
			r := q.awaitNext("MSG-9", want)
			if r.err == nil && r.answer.OK {
				if d := wire.DiffJSON([]byte(body), r.answer.Body); d != "" {
					t.Fail("MSG-9", want, "%s", text.Clip(d, 200))
				}
			} else if r.err != nil && !bytes.Contains(compactJSON(r.Payload), []byte(body)) {
				// The answer is nested too deep for the suite to read, so look for the text of the body in it.
				q.fail("MSG-9", want, r.err.Error(), r)
			}
			if t.Framing == spec.Enhanced && r.err == nil && r.answer.ID != id {
				t.Fail("MSG-11", fmt.Sprintf("an answer to %s under the header's ID %d", what, id), "ID %d in the message", r.answer.ID)
			} else if r.err == nil {
				q.mustMatchHeader(r)
			}
			q.call("MSG-9", "echo", `"still served"`)
		}
	}
}
