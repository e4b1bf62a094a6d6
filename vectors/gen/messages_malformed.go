package main

import "unicode/utf16"

// What is no JSON in UTF-8. Where an ID can be seen in it, it is the header's
// too, and whether a worker reads it is its own affair.

type malformed struct{ name, what, text string }

// noJSON has malformed JSON around the fields of a message with ID 7.
func noJSON(fields string) []malformed {
	return []malformed{
		{"cut-off", "the object does not end", `{` + fields},
		{"comma-before-end", "a comma before the end", `{` + fields + `,}`},
		{"comma-missing", "a comma is missing", `{"a":1 ` + fields + `}`},
		{"comma-twice", "two commas", `{"a":1,,` + fields + `}`},
		{"colon-missing", "a colon is missing", `{"a" 1,` + fields + `}`},
		{"single-quotes", "strings in single quotes, as Python prints a dict", `{'a':'b',` + fields + `}`},
		{"python-constants", "True and None, as Python prints them", `{"a":True,"b":None,` + fields + `}`},
		{"key-without-quotes", "a key without quotes", `{a:1,` + fields + `}`},
		{"comment", "a comment", `{/* a */` + fields + `}`},
		{"nan", "NaN is no JSON", `{"a":NaN,` + fields + `}`},
		{"infinity", "Infinity is no JSON", `{"a":Infinity,` + fields + `}`},
		{"minus-infinity", "-Infinity is no JSON", `{"a":-Infinity,` + fields + `}`},
		{"leading-zero", "a number with a leading zero", `{"a":01,` + fields + `}`},
		{"leading-plus", "a number with a plus sign", `{"a":+1,` + fields + `}`},
		{"bare-point", "a number that ends with its point", `{"a":1.,` + fields + `}`},
		{"hexadecimal", "a number in hexadecimal digits", `{"a":0x10,` + fields + `}`},
		{"newline-in-string", "a line end within a string", "{\"a\":\"b\nc\"," + fields + `}`},
		{"nul-in-string", "a zero byte within a string", "{\"a\":\"b\x00c\"," + fields + `}`},
		{"unknown-escape", "an escape that JSON does not have", `{"a":"\x41",` + fields + `}`},
		{"short-escape", "a Unicode escape of three digits", `{"a":"\u004",` + fields + `}`},
		{"string-open", "a string does not end", `{` + fields + `,"a":"b}`},
		{"two-objects", "a second object behind the first", `{` + fields + `}{` + fields + `}`},
		{"two-lines", "a second object on a line of its own", `{` + fields + "}\n{" + fields + `}`},
		{"text-behind", "text behind the object", `{` + fields + `} end`},
		{"bracket-behind", "one bracket too many", `{` + fields + `}}`},
		{"nul-behind", "a zero byte behind the object, as C ends a string", `{` + fields + "}\x00"},
		{"no-break-space", "U+00A0 is no white space to JSON", `{` + "\u00a0" + fields + `}`},
		{"form-feed", "a form feed is no white space to JSON", `{` + "\f" + fields + `}`},
	}
}

// noUTF8 has bytes that are no UTF-8 in a string of a message with ID 7.
func noUTF8(fields string) []malformed {
	with := func(bytes string) string { return `{` + fields + `,"a":"` + bytes + `"}` }
	return []malformed{
		{"latin-1", "a letter in Latin-1", with("caf\xe9")},
		{"byte-ff", "the byte 0xFF", with("\xff")},
		{"continuation", "a continuation byte that continues nothing", with("\x80")},
		{"cut-short", "a character of three bytes without its last", with("\xe2\x82")},
		{"overlong", "a slash in two bytes", with("\xc0\xaf")},
		{"surrogate", "a surrogate in three bytes", with("\xed\xa0\x80")},
		{"surrogate-pair", "a character as two surrogates of three bytes", with("\xed\xa0\xbd\xed\xb8\x80")},
		{"over-the-last", "a character behind U+10FFFF", with("\xf4\x90\x80\x80")},
		{"in-key", "the byte 0xFF in a key", `{"` + "\xff" + `":1,` + fields + `}`},
	}
}

const requestFields = `"id":7,"method":"echo","body":"hi"`

func malformedRequests(file *messageFile) {
	for _, m := range noJSON(requestFields) {
		file.worker("malformed-"+m.name, clauseOf(m, "MSG-11"), "%s", m.what).flagged("visible-id").
			gets(m.text).isAnsweredWithError(0, 7)
	}
	for _, m := range noUTF8(requestFields) {
		file.worker("not-utf8-"+m.name, "MSG-11", "%s", m.what).flagged("visible-id").
			gets(m.text).isAnsweredWithError(0, 7)
	}
	file.worker("malformed-utf-16", "MSG-11", "a request in UTF-16, which some JSON libraries detect and read").
		flagged("visible-id").gets(utf16LittleEndian(`{`+requestFields+`}`)).isAnsweredWithError(0, 7)
	file.worker("malformed-utf-32", "MSG-11", "a request in UTF-32, which some JSON libraries detect and read").
		flagged("visible-id").gets(utf32LittleEndian(`{`+requestFields+`}`)).isAnsweredWithError(0, 7)
	file.worker("not-utf8-in-body", "MSG-11", "the byte 0xFF in the body: to replace it would change the body without a word").
		flagged("visible-id").gets(`{"id":7,"method":"echo","body":"a`+"\xff"+`b"}`).isAnsweredWithError(0, 7)
	file.worker("not-utf8-in-method", "MSG-11", "the byte 0xFF in the method").
		flagged("visible-id").gets(`{"id":7,"method":"echo`+"\xff"+`","body":"hi"}`).isAnsweredWithError(0, 7)
	file.worker("malformed-body-nan", "MSG-8", "a body of NaN is no JSON").
		flagged("visible-id").gets(`{"id":7,"method":"echo","body":NaN}`).isAnsweredWithError(0, 7)
	file.worker("malformed-id-with-leading-zero", "MSG-11", "an ID with a leading zero is no JSON").
		flagged("visible-id").gets(`{"id":07,"method":"echo","body":"hi"}`).isAnsweredWithError(0, 7)
	file.worker("malformed-in-envelope", "MSG-11", "an envelope with a comma before the end").
		flagged("visible-id").gets(`{"type":"request","payload":{`+requestFields+`},}`).isAnsweredWithError(0, 7)
}

func clauseOf(m malformed, otherwise string) string {
	switch m.name {
	case "nan", "infinity", "minus-infinity":
		return "MSG-8"
	default:
		return otherwise
	}
}

func malformedWithoutID(file *messageFile) {
	for _, m := range []malformed{
		{"empty", "no bytes at all", ""},
		{"white-space", "white space alone", " \t\r\n"},
		{"open-brace", "a brace that opens and no more", "{"},
		{"close-brace", "a brace that closes and no more", "}"},
		{"text", "text", "echo hi"},
		{"nul", "a zero byte", "\x00"},
		{"nan-alone", "NaN alone", "NaN"},
		{"xml", "a call in XML", "<methodCall><methodName>echo</methodName></methodCall>"},
		{"msgpack", "a map in MessagePack", "\x83\xa2id\x07\xa6method\xa4echo\xa4body\xa2hi"},
		{"pickle", "a dict as Python pickles it", "\x80\x04}\x94(\x8c\x02id\x94K\x07u."},
		{"gzip", "the beginning of a gzip stream", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"},
	} {
		file.worker("malformed-"+m.name, "MSG-11", "%s", m.what).gets(m.text).isAnsweredWithError(0)
	}
}

func utf16LittleEndian(text string) string {
	var out string
	for _, unit := range utf16.Encode([]rune(text)) {
		out += string([]byte{byte(unit), byte(unit >> 8)})
	}
	return out
}

func utf32LittleEndian(text string) string {
	var out string
	for _, r := range text {
		out += littleEndian32(uint32(r))
	}
	return out
}
