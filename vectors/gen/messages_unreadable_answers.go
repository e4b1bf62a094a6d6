package main

// Answers that a pool cannot read [RID-7]: nobody gets a body from them.

const responseFields = `"id":7,"ok":true,"body":"hi"`

func malformedResponses(file *messageFile) {
	for _, m := range noJSON(responseFields) {
		file.pool("malformed-"+m.name, "RID-7", "%s", m.what).gets(m.text).isUnreadable()
	}
	for _, m := range noUTF8(responseFields) {
		file.pool("not-utf8-"+m.name, "RID-7", "%s", m.what).gets(m.text).isUnreadable()
	}
	for _, m := range []malformed{
		{"empty", "no bytes at all", ""},
		{"white-space", "white space alone", " \t\r\n"},
		{"text", "text", "Traceback (most recent call last):"},
		{"nul", "a zero byte", "\x00"},
		{"utf-16", "a response in UTF-16", utf16LittleEndian(`{` + responseFields + `}`)},
		{"body-nan", "a body of NaN is no JSON", `{"id":7,"ok":true,"body":NaN}`},
		{"body-cut-off", "a body that does not end", `{"id":7,"ok":true,"body":[1,2}`},
	} {
		file.pool("malformed-"+m.name, "RID-7", "%s", m.what).gets(m.text).isUnreadable()
	}
	file.pool("not-utf8-in-body", "RID-7", "the byte 0xFF in the body").
		gets(`{"id":7,"ok":true,"body":"a` + "\xff" + `b"}`).isUnreadable()
}

func noResponses(file *messageFile) {
	for _, m := range []struct{ name, what, text string }{
		{"array", "an array", `["hi"]`},
		{"batch", "an array with a response in it", `[{"id":7,"ok":true,"body":"hi"}]`},
		{"string", "a string", `"hi"`},
		{"string-of-json", "a string that holds a response", `"{\"id\":7,\"ok\":true}"`},
		{"number", "a number", `7`},
		{"true", "true", `true`},
		{"null", "null", `null`},
	} {
		file.pool("no-object-"+m.name, "RID-7", "%s is no response", m.what).gets(m.text).isUnreadable()
	}
	for _, m := range []struct{ name, what, text string }{
		{"null", "null", `{"type":"response","payload":null}`},
		{"array", "an array", `{"type":"response","payload":[7,true,"hi"]}`},
		{"string-of-json", "a string that holds a response", `{"type":"response","payload":"{\"id\":7,\"ok\":true}"}`},
		{"empty", "an empty object", `{"type":"response","payload":{}}`},
	} {
		file.pool("envelope-of-"+m.name, "RID-7", "the payload of the envelope is %s", m.what).gets(m.text).isUnreadable()
	}
}

func responsesWithoutID(file *messageFile) {
	for _, id := range []struct{ name, what, json string }{
		{"string", "a string", `"7"`},
		{"null", "null", `null`},
		{"negative", "negative", `-7`},
		{"2-64", "2^64, one more than there are", `18446744073709551616`},
		{"2-64-plus-7", "2^64+7, which is 7 where it wraps", `18446744073709551623`},
		{"fraction", "7.0: an ID has no fraction", `7.0`},
		{"exponent", "7e0: an ID has no exponent", `7e0`},
	} {
		file.pool("id-"+id.name, "RID-7", "the ID of the response is %s", id.what).
			gets(`{"id":` + id.json + `,"ok":true,"body":"hi"}`).isUnreadable()
	}
	file.pool("id-absent", "RID-7", "the response has no ID").gets(`{"ok":true,"body":"hi"}`).isUnreadable()
	file.pool("id-in-other-case", "RID-7", "field names are exact: ID is not id").gets(`{"ID":7,"ok":true,"body":"hi"}`).isUnreadable()
	file.pool("id-in-body", "RID-7", "the only ID is in the body").gets(`{"ok":true,"body":{"id":7}}`).isUnreadable()
	file.pool("id-absent-in-envelope", "RID-7", "the response in the envelope has no ID").
		gets(`{"type":"response","payload":{"ok":true,"body":"hi"}}`).isUnreadable()
}

func responsesOfAnotherShape(file *messageFile) {
	for _, m := range []struct{ name, what, text string }{
		{"ok-absent", "there is no ok", `{"id":7,"body":"hi"}`},
		{"ok-string", "ok is a string", `{"id":7,"ok":"true","body":"hi"}`},
		{"ok-number", "ok is a number", `{"id":7,"ok":1,"body":"hi"}`},
		{"ok-null", "ok is null", `{"id":7,"ok":null,"body":"hi"}`},
		{"ok-in-other-case", "field names are exact: Ok is not ok", `{"id":7,"Ok":true,"body":"hi"}`},
		{"result", "an answer in the manner of JSON-RPC", `{"jsonrpc":"2.0","id":7,"result":"hi"}`},
		{"request", "the request itself comes back", `{"id":7,"method":"echo","body":"hi"}`},
	} {
		file.pool("shape-"+m.name, "RID-7", "%s", m.what).flagged("readable-id").gets(m.text).isUnreadable()
	}
}
