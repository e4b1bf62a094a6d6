package main

import "strings"

// Any JSON value may be a body, in either direction [MSG-7].
func anyBody() []bodyCase {
	return []bodyCase{
		{"null", "null", `null`},
		{"true", "true", `true`},
		{"false", "false, which is a body and not the absence of one", `false`},
		{"zero", "0, which is a body and not the absence of one", `0`},
		{"empty-string", "an empty string, which is a body and not the absence of one", `""`},
		{"empty-object", "an empty object", `{}`},
		{"empty-array", "an empty array", `[]`},
		{"array", "an array of every type", `[null,true,false,1,1.5,"a",[],{}]`},
		{"object", "an object in an object", `{"a":{"b":[1,2,{"c":null}]}}`},
		{"object-with-empty-key", "an object with an empty key", `{"":{"":""}}`},
		{"object-like-a-request", "an object with the fields of a request", `{"id":9,"method":"fail","body":{"id":11}}`},
		{"object-like-a-response", "an object with the fields of a response", `{"id":9,"ok":false,"error":"no"}`},
		{"negative", "a negative integer", `-1`},
		{"2-53-plus-1", "2^53+1, which a double cannot hold", `9007199254740993`},
		{"2-63", "2^63, over the largest signed integer", `9223372036854775808`},
		{"minus-2-63", "-2^63, the smallest of 64 bits", `-9223372036854775808`},
		{"2-64-minus-1", "2^64-1, the largest of 64 bits", `18446744073709551615`},
		{"integers-nested", "large integers within arrays and objects", `{"a":[9007199254740993,18446744073709551615]}`},
		{"fraction", "a fraction that no double holds exactly", `0.1`},
		{"exponent", "a number with an exponent", `1.5e-7`},
		{"largest-double", "the largest double", `1.7976931348623157e308`},
		{"smallest-double", "the smallest double", `5e-324`},
		{"seventeen-digits", "a double that takes 17 digits", `0.30000000000000004`},
		{"escapes", "every short escape of JSON", `"\"\\\/\b\f\n\r\t"`},
		{"nul", "U+0000 within a string", `"a\u0000b"`},
		{"controls", "control characters in escapes", `"\u0001\u001f\u007f"`},
		{"two-byte-characters", "characters of two bytes", `"éßñ"`},
		{"three-byte-characters", "characters of three bytes", `"日本語"`},
		{"four-byte-characters", "characters of four bytes", `"😀𝄞"`},
		{"surrogate-pair", "a character as a pair of escapes", `"\ud83d\ude00"`},
		{"last-character", "U+10FFFF, the last there is", `"` + "\U0010FFFF" + `"`},
		{"not-a-character", "U+FFFF, which is valid UTF-8", `"` + "\uFFFF" + `"`},
		{"replacement-character", "U+FFFD itself", `"` + "\uFFFD" + `"`},
		{"line-separators", "U+2028 and U+2029, which end a line in some languages", `"` + "\u2028\u2029" + `"`},
		{"byte-order-mark", "U+FEFF within a string", `"` + "\uFEFFa" + `"`},
		{"not-normalised", "a letter and its accent as two characters stay two", `"` + "e\u0301 \u00e9" + `"`},
		{"markup", "characters that HTML would escape", `"<a href='x'>&amp;</a>"`},
		{"like-other-types", "strings that look like other types", `["1","true","null","NaN","1e5",""]`},
		{"spaces", "spaces at both ends of a string", `"  a  "`},
		{"string-of-1000", "a string of 1000 characters", `"` + strings.Repeat("0123456789", 100) + `"`},
		{"array-of-100", "an array of 100 integers", "[" + strings.Repeat("12,", 99) + "12]"},
	}
}

type bodyCase struct{ name, what, json string }

func requestBodies(file *messageFile) {
	for _, b := range anyBody() {
		file.worker("request-body-"+b.name, "MSG-7", "a body: %s", b.what).
			gets(`{"id":7,"method":"echo","body":`+b.json+`}`).isRequest(7, "echo", b.json)
	}
}

func responseBodies(file *messageFile) {
	for _, b := range anyBody() {
		file.pool("response-body-"+b.name, "MSG-7", "a body: %s", b.what).
			gets(`{"id":7,"ok":true,"body":`+b.json+`}`).isResponse(7, b.json)
	}
}

// The levels count the message's own objects, so that no reading of the clause
// makes them more than 100.
func nesting(file *messageFile) {
	arrays := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	objects := func(levels int) string {
		return strings.Repeat(`{"a":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
	}
	file.worker("request-body-nested-arrays", "MSG-9", "99 arrays in a request: 100 levels in all").
		gets(`{"id":7,"method":"echo","body":`+arrays(99)+`}`).isRequest(7, "echo", arrays(99))
	file.worker("request-body-nested-objects", "MSG-9", "99 objects in a request: 100 levels in all").
		gets(`{"id":7,"method":"echo","body":`+objects(99)+`}`).isRequest(7, "echo", objects(99))
	file.worker("request-body-nested-in-envelope", "MSG-9", "98 arrays in a request in an envelope: 100 levels in all").
		gets(`{"type":"request","payload":{"id":7,"method":"echo","body":`+arrays(98)+`}}`).inEnvelope().isRequest(7, "echo", arrays(98))
	file.worker("request-body-many-brackets-in-a-string", "MSG-9", "brackets in a string are no levels").
		gets(`{"id":7,"method":"echo","body":"`+strings.Repeat("[{", 500)+`"}`).isRequest(7, "echo", `"`+strings.Repeat("[{", 500)+`"`)
}
