package main

import "fmt"

func cancellations(file *messageFile) {
	reason := func(text string) *string { return &text }
	for _, c := range []struct {
		name, clause, what, text string
		reason                   *string
	}{
		{"", "CAN-6", "a cancellation", `{"type":"cancellation","payload":{"id":7,"reason":"timeout"}}`, reason("timeout")},
		{"-without-reason", "CAN-9", "the reason may be absent", `{"type":"cancellation","payload":{"id":7}}`, nil},
		{"-reason-empty", "CAN-9", "the reason may be empty", `{"type":"cancellation","payload":{"id":7,"reason":""}}`, reason("")},
		{"-reason-not-ascii", "CAN-6", "a reason in letters that are not ASCII", `{"type":"cancellation","payload":{"id":7,"reason":"zu spät"}}`, reason("zu spät")},
		{"-payload-first", "CAN-6", "the payload before the type", `{"payload":{"reason":"timeout","id":7},"type":"cancellation"}`, reason("timeout")},
		{"-unknown-fields", "MSG-4", "unknown fields in both objects", `{"type":"cancellation","version":2,"id":9,"payload":{"id":7,"reason":"timeout","at":"now"}}`, reason("timeout")},
		{"-whitespace", "CAN-6", "white space", "{ \"type\" : \"cancellation\" ,\n \"payload\" : { \"id\" : 7 } }\n", nil},
		{"-escaped", "CAN-6", "the type and the keys in escapes", `{"typ\u0065":"cancell\u0061tion","payload":{"\u0069d":7}}`, nil},
		{"-like-a-request", "MSG-3", "the payload has a method too: the type decides", `{"type":"cancellation","payload":{"id":7,"method":"echo","body":"hi"}}`, nil},
	} {
		file.worker("cancellation"+c.name, c.clause, "%s", c.what).gets(c.text).isCancellation(7, c.reason)
	}
	for _, id := range []struct {
		name  string
		value uint64
	}{{"2-53-plus-1", 1<<53 + 1}, {"2-64-minus-1", 1<<64 - 1}} {
		file.worker("cancellation-id-"+id.name, "MSG-5", "a cancellation of request ID %d", id.value).
			under(id.value).gets(fmt.Sprintf(`{"type":"cancellation","payload":{"id":%d}}`, id.value)).
			isCancellation(id.value, nil)
	}
}

func unreadableCancellations(file *messageFile) {
	for _, c := range []struct{ name, what, payload string }{
		{"id-absent", "has no ID", `{"reason":"timeout"}`},
		{"id-string", "has a string for an ID", `{"id":"7"}`},
		{"id-null", "has null for an ID", `{"id":null}`},
		{"id-fraction", "has an ID with a fraction", `{"id":7.0}`},
		{"id-exponent", "has an ID with an exponent", `{"id":7e0}`},
		{"id-negative", "has a negative ID", `{"id":-7}`},
		{"id-2-64-plus-7", "has 2^64+7 for an ID, which is 7 where it wraps", `{"id":18446744073709551623}`},
		{"id-in-other-case", "has an ID under a name in another case", `{"ID":7}`},
		{"payload-null", "is null", `null`},
		{"payload-number", "is a number", `7`},
		{"payload-array", "is an array", `[7]`},
		{"payload-string", "is a string", `"7"`},
	} {
		file.worker("cancellation-"+c.name, "CAN-6", "the payload of the cancellation %s: it is ignored and not answered", c.what).
			gets(`{"type":"cancellation","payload":` + c.payload + `}`).isIgnored()
	}
}

// A cancellation always has its envelope; without it there is only a request
// with no method.
func cancellationsWithoutEnvelope(file *messageFile) {
	file.worker("cancellation-alone", "MSG-11", "an ID and a reason without an envelope are a request without a method").
		gets(`{"id":7,"reason":"timeout"}`).isAnsweredWithError(7)
	file.worker("cancellation-not-in-payload", "MSG-3", "a type without a payload is no envelope: a request without a method").
		gets(`{"type":"cancellation","id":7,"reason":"timeout"}`).isAnsweredWithError(7)
}
