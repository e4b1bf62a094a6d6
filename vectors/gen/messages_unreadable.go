package main

// What a worker cannot read as a request [MSG-11]. Where the ID cannot be read,
// the answer in the basic framing comes under 0.

func noObjects(file *messageFile) {
	for _, m := range []struct{ name, what, text string }{
		{"array", "an array", `["echo","hi"]`},
		{"batch", "an array with a request in it", `[{"id":7,"method":"echo","body":"hi"}]`},
		{"string", "a string", `"echo"`},
		{"string-of-json", "a string that holds a request", `"{\"id\":7,\"method\":\"echo\"}"`},
		{"number", "a number", `7`},
		{"true", "true", `true`},
		{"null", "null", `null`},
		{"empty-array", "an empty array", `[]`},
	} {
		file.worker("no-object-"+m.name, "MSG-11", "%s is no request", m.what).gets(m.text).isAnsweredWithError(0)
	}
}

func noReadableID(file *messageFile) {
	for _, id := range []struct{ name, what, json string }{
		{"string", "a string", `"7"`},
		{"null", "null", `null`},
		{"true", "true", `true`},
		{"array", "an array", `[7]`},
		{"object", "an object", `{"id":7}`},
		{"negative", "negative", `-1`},
		{"negative-2-63", "the smallest signed 64-bit integer", `-9223372036854775808`},
		{"2-64", "2^64, one more than there are", `18446744073709551616`},
		{"2-64-plus-7", "2^64+7, which is 7 where it wraps", `18446744073709551623`},
		{"of-30-digits", "a number of 30 digits", `100000000000000000000000000007`},
		{"fraction", "7.5", `7.5`},
		{"fraction-zero", "7.0: an ID has no fraction", `7.0`},
		{"exponent", "7e0: an ID has no exponent", `7e0`},
		{"exponent-larger", "0.7E+1: an ID has neither", `0.7E+1`},
	} {
		file.worker("id-"+id.name, "MSG-10", "the ID is %s", id.what).
			gets(`{"id":` + id.json + `,"method":"echo","body":"hi"}`).isAnsweredWithError(0)
	}
	for _, m := range []struct{ name, what, text string }{
		{"absent", "there is no ID", `{"method":"echo","body":"hi"}`},
		{"in-other-case", "field names are exact: ID is not id", `{"ID":7,"method":"echo","body":"hi"}`},
		{"in-body", "the only ID is in the body", `{"method":"echo","body":{"id":7}}`},
		{"empty-object", "an empty object has no ID", `{}`},
		{"absent-in-envelope", "the request in the envelope has no ID", `{"type":"request","payload":{"method":"echo","body":"hi"}}`},
		{"string-in-envelope", "the ID in the envelope is a string", `{"type":"request","payload":{"id":"7","method":"echo","body":"hi"}}`},
		{"fraction-in-envelope", "the ID in the envelope has a fraction", `{"type":"request","payload":{"id":7.0,"method":"echo","body":"hi"}}`},
	} {
		file.worker("id-"+m.name, "MSG-11", "%s", m.what).gets(m.text).isAnsweredWithError(0)
	}
}

func noMethod(file *messageFile) {
	for _, m := range []struct{ name, what, text string }{
		{"absent", "there is no method", `{"id":7,"body":"hi"}`},
		{"null", "the method is null", `{"id":7,"method":null,"body":"hi"}`},
		{"number", "the method is a number", `{"id":7,"method":7,"body":"hi"}`},
		{"true", "the method is true", `{"id":7,"method":true,"body":"hi"}`},
		{"array", "the method is an array", `{"id":7,"method":["echo"],"body":"hi"}`},
		{"object", "the method is an object", `{"id":7,"method":{"name":"echo"},"body":"hi"}`},
		{"in-other-case", "there is a Method, but field names are exact and there is no method", `{"id":7,"Method":"echo","body":"hi"}`},
		{"absent-in-envelope", "the request in the envelope has no method", `{"type":"request","payload":{"id":7,"body":"hi"}}`},
		{"number-in-envelope", "the method in the envelope is a number", `{"type":"request","payload":{"id":7,"method":7,"body":"hi"}}`},
	} {
		file.worker("method-"+m.name, "MSG-11", "%s: the answer bears the ID, which can be read", m.what).
			gets(m.text).isAnsweredWithError(7)
	}
	file.worker("method-absent-id-2-64-minus-1", "MSG-11", "there is no method: the answer bears the ID, the largest of all").
		under(1<<64 - 1).gets(`{"id":18446744073709551615,"body":"hi"}`).isAnsweredWithError(1<<64 - 1)
}

func noRequestInTheEnvelope(file *messageFile) {
	for _, m := range []struct{ name, what, text string }{
		{"null", "null", `{"type":"request","payload":null}`},
		{"string-of-json", "a string that holds a request", `{"type":"request","payload":"{\"id\":7,\"method\":\"echo\"}"}`},
		{"array", "an array", `{"type":"request","payload":[7,"echo","hi"]}`},
		{"number", "a number", `{"type":"request","payload":7}`},
		{"empty", "an empty object", `{"type":"request","payload":{}}`},
	} {
		file.worker("envelope-of-"+m.name, "MSG-11", "the payload of the envelope is %s", m.what).
			gets(m.text).isAnsweredWithError(0)
	}
	file.worker("envelope-without-payload", "MSG-3", "a type without a payload is no envelope, and nothing else is there").
		gets(`{"type":"request"}`).isAnsweredWithError(0)
	file.worker("envelope-payload-in-other-case", "MSG-3", "field names are exact: Payload is not payload").
		gets(`{"type":"request","Payload":{"id":7,"method":"echo"}}`).isAnsweredWithError(0)
}

func unknownEnvelopes(file *messageFile) {
	for _, m := range []struct{ name, what, text string }{
		{"greeting", "nobody knows the type greeting", `{"type":"greeting","payload":{"text":"hi"}}`},
		{"empty", "the empty type is a type, and unknown", `{"type":"","payload":{"text":"hi"}}`},
		{"payload-null", "a payload that is null is a payload", `{"type":"greeting","payload":null}`},
		{"batch", "an unknown type with requests in its payload", `{"type":"batch","payload":[{"id":9,"method":"fail"}]}`},
	} {
		file.worker("envelope-type-"+m.name, "MSG-12", "%s", m.what).gets(m.text).isAnsweredWithError(0)
	}
	for _, m := range []struct{ name, what, text string }{
		{"in-other-case", "types are exact: Request is unknown", `{"type":"Request","payload":{"id":7,"method":"echo","body":"hi"}}`},
		{"with-space", "types are exact: this is not request", `{"type":"request ","payload":{"id":7,"method":"echo","body":"hi"}}`},
		{"cancel", "types are exact: cancel is not cancellation", `{"type":"cancel","payload":{"id":7,"reason":"no"}}`},
		{"unknown-with-id", "an unknown type with an ID in its payload", `{"type":"greeting","payload":{"id":7}}`},
	} {
		file.worker("envelope-type-"+m.name, "MSG-12", "%s", m.what).flagged("visible-id").
			gets(m.text).isAnsweredWithError(0, 7)
	}
}
