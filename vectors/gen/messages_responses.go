package main

import "fmt"

func responses(file *messageFile) {
	file.pool("response-alone", "MSG-15", "a response standing alone").
		gets(`{"id":7,"ok":true,"body":"hi"}`).isResponse(7, `"hi"`)
	file.pool("response-in-envelope", "MSG-15", "a response in its envelope").
		gets(`{"type":"response","payload":{"id":7,"ok":true,"body":"hi"}}`).inEnvelope().isResponse(7, `"hi"`)
	file.pool("response-without-body", "MSG-15", "an absent body beside ok is null").
		gets(`{"id":7,"ok":true}`).isResponse(7, `null`)
	file.pool("response-without-body-in-envelope", "MSG-15", "an absent body beside ok is null in an envelope too").
		gets(`{"type":"response","payload":{"id":7,"ok":true}}`).inEnvelope().isResponse(7, `null`)
}

func responsesWrittenOtherwise(file *messageFile) {
	for _, r := range []struct{ name, clause, what, text string }{
		{"keys-in-another-order", "RID-4", "the keys in another order", `{"body":"hi","ok":true,"id":7}`},
		{"whitespace", "RID-4", "every kind of white space that JSON has, wherever it may be", "\r\n\t {\t\"id\" :\n7 , \"ok\":true\r, \"body\": \"hi\" } \t\n\r"},
		{"newline-behind", "RID-4", "a line end behind the object", `{"id":7,"ok":true,"body":"hi"}` + "\n"},
		{"keys-escaped", "RID-4", "keys in escapes: \\u0069d is id", `{"\u0069d":7,"o\u006b":true,"\u0062\u006F\u0064\u0079":"hi"}`},
		{"body-escaped", "MSG-7", "a body in escapes", `{"id":7,"ok":true,"body":"\u0068\u0069"}`},
		{"unknown-field", "MSG-4", "a field that nobody knows", `{"id":7,"took":0.25,"ok":true,"body":"hi"}`},
		{"unknown-field-nested", "MSG-4", "an unknown field that holds fields with known names", `{"meta":{"id":9,"ok":false,"body":1},"id":7,"ok":true,"body":"hi"}`},
		{"unknown-fields-of-a-request", "MSG-4", "the method of the request beside the answer", `{"id":7,"method":"echo","ok":true,"body":"hi"}`},
		{"field-names-in-other-case", "MSG-4", "field names are exact: ID, Ok and BODY are unknown fields", `{"id":7,"ok":true,"body":"hi","ID":9,"Ok":false,"BODY":1}`},
		{"field-names-in-other-case-first", "MSG-4", "the same with the unknown fields before the known ones", `{"Id":9,"OK":false,"Body":1,"id":7,"ok":true,"body":"hi"}`},
		{"field-name-with-kelvin-sign", "MSG-4", "field names are exact: the Kelvin sign is not k, though a comparison that folds case says so", `{"id":7,"ok":true,"body":"hi","o` + "\u212a" + `":false}`},
		{"type-without-payload", "MSG-4", "a type without a payload is an unknown field", `{"type":"answer","id":7,"ok":true,"body":"hi"}`},
		{"payload-without-type", "MSG-4", "a payload without a type is an unknown field", `{"payload":{"id":9},"id":7,"ok":true,"body":"hi"}`},
		{"error-null", "MSG-4", "an error of null beside a success", `{"id":7,"ok":true,"body":"hi","error":null}`},
	} {
		file.pool("response-"+r.name, r.clause, "%s", r.what).gets(r.text).isResponse(7, `"hi"`)
	}
	file.pool("response-in-envelope-payload-first", "MSG-15", "an envelope with its payload before its type").
		gets(`{"payload":{"id":7,"ok":true,"body":"hi"},"type":"response"}`).inEnvelope().isResponse(7, `"hi"`)
	file.pool("response-in-envelope-unknown-field", "MSG-4", "an unknown field of the envelope").
		gets(`{"type":"response","version":2,"payload":{"id":7,"ok":true,"body":"hi"}}`).inEnvelope().isResponse(7, `"hi"`)
	file.pool("response-in-envelope-id-outside", "MSG-4", "an ID of the envelope is an unknown field: the ID is that of the response").
		gets(`{"type":"response","id":9,"payload":{"id":7,"ok":true,"body":"hi"}}`).inEnvelope().isResponse(7, `"hi"`)
	file.pool("response-body-like-an-envelope", "MSG-7", "a body with a type and a payload is a body").
		gets(`{"id":7,"ok":true,"body":{"type":"response","payload":{"id":9,"ok":false,"error":"no"}}}`).
		isResponse(7, `{"type":"response","payload":{"id":9,"ok":false,"error":"no"}}`)
}

func requestIDsInResponses(file *messageFile) {
	for _, id := range []struct {
		name  string
		value uint64
	}{
		{"1", 1}, {"2-31", 1 << 31}, {"2-32-minus-1", 1<<32 - 1}, {"2-32", 1 << 32},
		{"2-53-plus-1", 1<<53 + 1}, {"2-63", 1 << 63}, {"2-64-minus-1", 1<<64 - 1},
	} {
		file.pool("response-id-"+id.name, "MSG-5", "a response to request ID %d", id.value).
			under(id.value).gets(fmt.Sprintf(`{"id":%d,"ok":true,"body":"hi"}`, id.value)).
			isResponse(id.value, `"hi"`)
	}
}

func failures(file *messageFile) {
	for _, f := range []struct{ name, what, inJSON, text string }{
		{"", "an error answer", `"no such method: eco"`, "no such method: eco"},
		{"-text-empty", "an error with an empty text is an error still", `""`, ""},
		{"-text-not-ascii", "a text in letters that are not ASCII", `"größer als 10 €"`, "größer als 10 €"},
		{"-text-escaped", "a text in escapes", `"line 1\nline 2\t\u0041"`, "line 1\nline 2\tA"},
		{"-text-like-json", "a text that looks like JSON", `"{\"ok\":true}"`, `{"ok":true}`},
		{"-text-with-percent", "a text that must not be taken for a format", `"100%d %s %n"`, "100%d %s %n"},
	} {
		file.pool("failure"+f.name, "MSG-16", "%s", f.what).
			gets(`{"id":7,"ok":false,"error":`+f.inJSON+`}`).isFailure(7, f.text)
	}
	file.pool("failure-in-envelope", "MSG-15", "an error answer in its envelope").
		gets(`{"type":"response","payload":{"id":7,"ok":false,"error":"no"}}`).inEnvelope().isFailure(7, "no")
	file.pool("failure-with-body", "MSG-16", "an error answer with a body of null beside the error").
		gets(`{"id":7,"ok":false,"error":"no","body":null}`).isFailure(7, "no")
	file.pool("failure-unknown-field", "MSG-4", "an error answer with a field that nobody knows").
		gets(`{"id":7,"ok":false,"error":"no","traceback":["line 1","line 2"]}`).isFailure(7, "no")
	file.pool("failure-keys-in-another-order", "MSG-16", "an error answer with its keys in another order").
		gets(`{"error":"no","ok":false,"id":7}`).isFailure(7, "no")
}
