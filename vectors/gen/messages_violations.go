package main

// The checksum leaves the header out, so the two IDs are each other's only guard.

func requestUnderAnotherID(file *messageFile) {
	const request = `{"id":7,"method":"echo","body":"hi"}`
	for _, h := range []struct {
		name, what string
		header     uint64
	}{
		{"other", "the header has ID 8 and the request 7", 8},
		{"zero", "the header has ID 0 and the request 7", 0},
		{"one-bit", "bit 32 of the header's ID was flipped on the way", 7 | 1<<32},
		{"byte-order", "the header has the ID in little-endian order", 7 << 56},
		{"complement", "the header has every bit of the ID inverted", ^uint64(7)},
	} {
		file.worker("violation-header-"+h.name, "MSG-13", "%s", h.what).under(h.header).gets(request).isViolation()
	}
	file.worker("violation-in-envelope", "MSG-13", "the header has ID 8 and the request in its envelope 7").
		under(8).gets(`{"type":"request","payload":` + request + `}`).isViolation()
	file.worker("violation-header-of-envelope", "MSG-13", "the header has the ID that stands in the envelope, and not that of the request").
		under(9).gets(`{"type":"request","id":9,"payload":` + request + `}`).isViolation()
	file.worker("violation-2-53", "MSG-13", "the two IDs differ and are equal as doubles").
		under(1 << 53).gets(`{"id":9007199254740993,"method":"echo","body":"hi"}`).isViolation()
	file.worker("violation-32-bits", "MSG-13", "the two IDs differ and are equal in 32 bits").
		under(7).gets(`{"id":4294967303,"method":"echo","body":"hi"}`).isViolation()
	file.worker("violation-2-64-minus-1", "MSG-13", "the two IDs differ and are equal as doubles").
		under(1<<64 - 2).gets(`{"id":18446744073709551615,"method":"echo","body":"hi"}`).isViolation()
}

func cancellationUnderAnotherID(file *messageFile) {
	file.worker("violation-cancellation", "MSG-13", "the header has ID 8 and the cancellation 7").
		under(8).gets(`{"type":"cancellation","payload":{"id":7,"reason":"timeout"}}`).isViolation()
	file.worker("violation-cancellation-under-zero", "MSG-13", "the header has ID 0 and the cancellation 7").
		under(0).gets(`{"type":"cancellation","payload":{"id":7}}`).isViolation()
}

func responseUnderAnotherID(file *messageFile) {
	const response = `{"id":7,"ok":true,"body":"hi"}`
	for _, h := range []struct {
		name, what string
		header     uint64
	}{
		{"other", "the header has ID 8 and the response 7", 8},
		{"zero", "the header has ID 0 and the response 7", 0},
		{"one-bit", "bit 32 of the header's ID was flipped on the way", 7 | 1<<32},
		{"byte-order", "the header has the ID in little-endian order", 7 << 56},
	} {
		file.pool("violation-header-"+h.name, "MSG-13", "%s", h.what).under(h.header).gets(response).isViolation()
	}
	file.pool("violation-in-envelope", "MSG-13", "the header has ID 8 and the response in its envelope 7").
		under(8).gets(`{"type":"response","payload":` + response + `}`).isViolation()
	file.pool("violation-of-failure", "MSG-13", "the header has ID 8 and the error answer 7").
		under(8).gets(`{"id":7,"ok":false,"error":"no"}`).isViolation()
	file.pool("violation-message-under-zero", "MSG-13", "the header has ID 7 and the error answer 0").
		under(7).gets(`{"id":0,"ok":false,"error":"no"}`).isViolation()
	file.pool("violation-2-53", "MSG-13", "the two IDs differ and are equal as doubles").
		under(1 << 53).gets(`{"id":9007199254740993,"ok":true,"body":"hi"}`).isViolation()
	file.pool("violation-32-bits", "MSG-13", "the two IDs differ and are equal in 32 bits").
		under(7).gets(`{"id":4294967303,"ok":true,"body":"hi"}`).isViolation()
}
