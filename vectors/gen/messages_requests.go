package main

import "fmt"

// Requests that a worker reads. The method is echo wherever it can be, so that
// any worker with the conformance methods [WRK-21] shows by its answer what it read.

func requests(file *messageFile) {
	file.worker("request-alone", "MSG-2", "a request standing alone").
		gets(`{"id":7,"method":"echo","body":"hi"}`).isRequest(7, "echo", `"hi"`)
	file.worker("request-in-envelope", "MSG-2", "a request in its envelope").
		gets(`{"type":"request","payload":{"id":7,"method":"echo","body":"hi"}}`).inEnvelope().isRequest(7, "echo", `"hi"`)
	file.worker("request-without-body", "MSG-6", "an absent body is null").
		gets(`{"id":7,"method":"echo"}`).isRequest(7, "echo", `null`)
	file.worker("request-without-body-in-envelope", "MSG-6", "an absent body is null in an envelope too").
		gets(`{"type":"request","payload":{"id":7,"method":"echo"}}`).inEnvelope().isRequest(7, "echo", `null`)
}

// JSON leaves a writer some freedom, and a receiver takes all of it.
func requestsWrittenOtherwise(file *messageFile) {
	for _, r := range []struct{ name, what, text string }{
		{"keys-in-another-order", "the keys in another order", `{"body":"hi","method":"echo","id":7}`},
		{"whitespace", "every kind of white space that JSON has, wherever it may be", "\r\n\t {\t\"id\" :\n7 , \"method\":\"echo\"\r, \"body\": \"hi\" } \t\n\r"},
		{"newline-behind", "a line end behind the object", `{"id":7,"method":"echo","body":"hi"}` + "\n"},
		{"keys-escaped", "keys in escapes: \\u0069d is id", `{"\u0069d":7,"m\u0065thod":"echo","\u0062\u006F\u0064\u0079":"hi"}`},
		{"method-escaped", "a method in escapes", `{"id":7,"method":"\u0065\u0063ho","body":"hi"}`},
		{"body-escaped", "a body in escapes", `{"id":7,"method":"echo","body":"\u0068\u0069"}`},
	} {
		file.worker("request-"+r.name, "MSG-1", "%s", r.what).gets(r.text).isRequest(7, "echo", `"hi"`)
	}
	file.worker("request-in-envelope-payload-first", "MSG-2", "an envelope with its payload before its type").
		gets(`{"payload":{"id":7,"method":"echo","body":"hi"},"type":"request"}`).inEnvelope().isRequest(7, "echo", `"hi"`)
	file.worker("request-in-envelope-whitespace", "MSG-2", "an envelope with white space").
		gets("{ \"type\" : \"request\" ,\n \"payload\" : { \"id\" : 7 , \"method\" : \"echo\" , \"body\" : \"hi\" } }").inEnvelope().isRequest(7, "echo", `"hi"`)
	file.worker("request-in-envelope-escaped", "MSG-3", "an envelope with its keys and its type in escapes").
		gets(`{"t\u0079pe":"re\u0071uest","paylo\u0061d":{"id":7,"method":"echo","body":"hi"}}`).inEnvelope().isRequest(7, "echo", `"hi"`)
}

func requestIDsInMessages(file *messageFile) {
	for _, id := range []struct {
		name, why string
		value     uint64
	}{
		{"1", "the first that most callers use", 1},
		{"2-31", "negative where an ID is a signed 32-bit integer", 1 << 31},
		{"2-32-minus-1", "the largest unsigned 32-bit integer", 1<<32 - 1},
		{"2-32", "0 where an ID has 32 bits", 1 << 32},
		{"2-53-plus-1", "2^53 where the JSON library reads numbers as doubles", 1<<53 + 1},
		{"2-63", "over the largest signed 64-bit integer", 1 << 63},
		{"2-64-minus-1", "the largest of all, and 2^64 as a double", 1<<64 - 1},
	} {
		file.worker("request-id-"+id.name, "MSG-5", "request ID %d: %s", id.value, id.why).
			under(id.value).gets(fmt.Sprintf(`{"id":%d,"method":"echo","body":"hi"}`, id.value)).
			isRequest(id.value, "echo", `"hi"`)
	}
	const largest = 1<<64 - 1
	file.worker("request-id-2-64-minus-1-in-envelope", "MSG-5", "the largest request ID in an envelope").
		under(largest).gets(fmt.Sprintf(`{"type":"request","payload":{"id":%d,"method":"echo","body":"hi"}}`, uint64(largest))).
		inEnvelope().isRequest(largest, "echo", `"hi"`)
}

func unknownFields(file *messageFile) {
	for _, r := range []struct{ name, what, text string }{
		{"unknown-field", "a field that nobody knows", `{"id":7,"trace":"abc","method":"echo","body":"hi"}`},
		{"unknown-field-nested", "an unknown field that holds fields with known names", `{"meta":{"id":9,"method":"fail","body":1},"id":7,"method":"echo","body":"hi"}`},
		{"unknown-fields-of-a-response", "the fields of a response beside those of a request", `{"id":7,"method":"echo","body":"hi","ok":false,"error":"no"}`},
		{"field-names-in-other-case", "field names are exact: ID, Method and BODY are unknown fields", `{"id":7,"method":"echo","body":"hi","ID":9,"Method":"fail","BODY":1}`},
		{"field-names-in-other-case-first", "the same with the unknown fields before the known ones", `{"Id":9,"METHOD":"fail","Body":1,"id":7,"method":"echo","body":"hi"}`},
		{"unknown-field-without-name", "a field whose name is empty", `{"":1,"id":7,"method":"echo","body":"hi"}`},
	} {
		file.worker("request-"+r.name, "MSG-4", "%s", r.what).gets(r.text).isRequest(7, "echo", `"hi"`)
	}
	file.worker("request-in-envelope-unknown-field", "MSG-4", "an unknown field of the envelope").
		gets(`{"type":"request","version":2,"payload":{"id":7,"method":"echo","body":"hi"}}`).inEnvelope().isRequest(7, "echo", `"hi"`)
	file.worker("request-in-envelope-id-outside", "MSG-4", "an ID of the envelope is an unknown field: the ID is that of the request").
		gets(`{"type":"request","id":9,"payload":{"id":7,"method":"echo","body":"hi"}}`).inEnvelope().isRequest(7, "echo", `"hi"`)
}

// An object is an envelope exactly if it has a string type and a payload.
func noEnvelopes(file *messageFile) {
	for _, r := range []struct{ name, what, text string }{
		{"type-without-payload", "a type without a payload is an unknown field", `{"type":"greeting","id":7,"method":"echo","body":"hi"}`},
		{"type-request-without-payload", "the type request without a payload is an unknown field", `{"type":"request","id":7,"method":"echo","body":"hi"}`},
		{"payload-without-type", "a payload without a type is an unknown field", `{"payload":{"id":9,"method":"fail"},"id":7,"method":"echo","body":"hi"}`},
		{"type-null", "a type that is null makes no envelope", `{"type":null,"payload":{"id":9,"method":"fail"},"id":7,"method":"echo","body":"hi"}`},
		{"type-number", "a type that is a number makes no envelope", `{"type":1,"payload":{"id":9,"method":"fail"},"id":7,"method":"echo","body":"hi"}`},
		{"type-object", "a type that is an object makes no envelope", `{"type":{"name":"request"},"payload":1,"id":7,"method":"echo","body":"hi"}`},
		{"type-in-other-case", "Type is an unknown field, so this is no envelope", `{"Type":"request","payload":{"id":9,"method":"fail"},"id":7,"method":"echo","body":"hi"}`},
	} {
		file.worker("request-"+r.name, "MSG-3", "%s", r.what).gets(r.text).isRequest(7, "echo", `"hi"`)
	}
	file.worker("request-in-envelope-like-a-request", "MSG-3", "an envelope with the fields of a request of its own: they are unknown fields").
		gets(`{"type":"request","payload":{"id":7,"method":"echo","body":"hi"},"method":"fail","body":1}`).
		inEnvelope().isRequest(7, "echo", `"hi"`)
	file.worker("request-body-like-an-envelope", "MSG-3", "a body with a type and a payload is a body").
		gets(`{"id":7,"method":"echo","body":{"type":"cancellation","payload":{"id":7}}}`).
		isRequest(7, "echo", `{"type":"cancellation","payload":{"id":7}}`)
}

func methods(file *messageFile) {
	for _, m := range []struct{ name, what, inJSON, method string }{
		{"unknown", "a method that no worker has", `"no_such_method"`, "no_such_method"},
		{"empty", "an empty method is a string", `""`, ""},
		{"in-other-case", "method names are exact: this is not echo", `"ECHO"`, "ECHO"},
		{"with-space", "method names are exact: this is not echo", `" echo"`, " echo"},
		{"with-nul", "method names are exact: this is not echo cut off in the manner of C", `"echo\u0000x"`, "echo\x00x"},
		{"not-ascii", "a method in letters that are not ASCII", `"попугай"`, "попугай"},
		{"special-name", "a name that means something to Python", `"__class__"`, "__class__"},
	} {
		file.worker("request-method-"+m.name, "WRK-10", "%s", m.what).flagged("unknown-method").
			gets(`{"id":7,"method":`+m.inJSON+`,"body":"hi"}`).isRequest(7, m.method, `"hi"`)
	}
}
