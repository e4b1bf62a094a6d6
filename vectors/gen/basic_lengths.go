package main

func basicLengthsOverTheLimit(file *frameFile) {
	for _, l := range []struct {
		name, why string
		length    uint32
	}{
		{"2-16", "a payload of 64 KiB", 1 << 16},
		{"2-24", "a payload of 16 MiB", 1 << 24},
		{"below-magic", "the largest that a worker does not take for enhanced framing", 0x50590000 - 1},
		{"2-31-minus-1", "the largest signed 32-bit integer", 1<<31 - 1},
		{"2-31", "negative where a length is a signed 32-bit integer", 1 << 31},
		{"2-32-minus-4", "0 where 4 is added to it in 32 bits", 1<<32 - 4},
		{"2-32-minus-1", "the largest length there is", 1<<32 - 1},
	} {
		file.basic("length-"+l.name, "FRM-8", "length %d: %s", l.length, l.why).
			sends(u32(l.length)).refused(tooLarge)
	}
}

func basicLengthDecidedWithoutPayload(file *frameFile) {
	file.basic("payload-65-of-64-header-only", "FRM-10",
		"a header that announces one byte over the limit, and not a byte behind it").
		sends(u32(smallLimit + 1)).refused(tooLarge)
}

func basicDefaultLimits(file *frameFile) {
	file.basic("default-limit-plus-1", "FRM-13", "one byte over the default limit").
		flagged("default-limit").limit(defaultLimit).sends(u32(defaultLimit + 1)).refused(tooLarge)
	file.basic("default-limit", "FRM-13", "exactly the default limit: the payload is waited for, and the stream ends").
		flagged("default-limit").limit(defaultLimit).sends(u32(defaultLimit)).refused(truncated)
}

// What implementations write that put the length in another way.
func basicLengthsWrittenOtherwise(file *frameFile) {
	const p = "123456789"
	file.basic("length-little-endian", "FRM-4", "length 9 as little-endian reads as 150994944").
		sends(littleEndian32(9) + p).refused(tooLarge)
	file.basic("length-with-header", "FRM-4", "the length counts its own four bytes").
		sends(u32(13) + p).refused(truncated)
	file.basic("length-minus-1", "FRM-4", "the length is one too small, and one byte is left of the stream").
		afterBasic(p[:8]).sends(p[8:]).refused(truncated)
	file.basic("length-plus-1", "FRM-4", "the length is one too large").
		sends(u32(10) + p).refused(truncated)
	file.basic("length-16-bit", "FRM-4", "a length of 16 bits reads as one over the limit").
		sends("\x00\x09" + p).refused(tooLarge)
	file.basic("length-varint", "FRM-4", "a length of variable size reads as one over the limit").
		sends("\x09" + p).refused(tooLarge)
	file.basic("length-64-bit", "FRM-4", "a length of 64 bits reads as an empty frame before the right one").
		sends(u64(9)+p).given(0, "").given(0, p).accepted()
	file.basic("length-in-text", "FRM-4", "a length in decimal digits, as netstrings have it").
		sends("9:" + p + ",").refused(tooLarge)
}

func basicOtherProtocols(file *frameFile) {
	for _, other := range []struct{ name, what, raw string }{
		{"enhanced-frame", "an enhanced frame", enhanced(1, "123456789").raw()},
		{"json", "a request in no frame at all", `{"id":1,"method":"echo","body":"hi"}`},
		{"http", "an HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"header-lines", "a Content-Length line of a language server", "Content-Length: 9\r\n\r\n123456789"},
		{"traceback", "the output of a worker that failed", "Traceback (most recent call last):\n"},
	} {
		file.basic("length-of-"+other.name, "FRM-8", "%s where a basic frame is expected: its first bytes claim too much", other.what).
			sends(other.raw).refused(tooLarge)
	}
}
