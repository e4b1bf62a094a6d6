package main

import "fmt"

func emptyPayload(file *frameFile) {
	file.enhanced("payload-empty", "CRC-3", "no payload: the length is 18 and the checksum 0").
		after(enhanced(1, "")).accepted()
}

func emptyBasicPayload(file *frameFile) {
	file.basic("payload-empty", "FRM-5", "no payload: four zero bytes are a whole frame").
		afterBasic("").accepted()
}

func payloadsUpToTheLimit(file *frameFile) {
	for _, size := range []int{1, 2, smallLimit - 1, smallLimit} {
		file.enhanced(fmt.Sprintf("payload-%d-of-%d", size, smallLimit), "FRM-8",
			"%s under a limit of %d", payloadOf(size), smallLimit).
			after(enhanced(1, filler(size))).accepted()
	}
	for _, size := range []int{255, 256, 1023, 1024} {
		file.enhanced(fmt.Sprintf("payload-%d-of-1024", size), "FRM-2",
			"%s under a limit of 1024: the length takes two bytes", payloadOf(size)).
			limit(1024).after(enhanced(1, filler(size))).accepted()
	}
}

func basicPayloadsUpToTheLimit(file *frameFile) {
	for _, size := range []int{1, 2, 17, 18, smallLimit - 1, smallLimit} {
		file.basic(fmt.Sprintf("payload-%d-of-%d", size, smallLimit), "FRM-8",
			"%s under a limit of %d", payloadOf(size), smallLimit).
			afterBasic(filler(size)).accepted()
	}
	for _, size := range []int{255, 256, 1023, 1024} {
		file.basic(fmt.Sprintf("payload-%d-of-1024", size), "FRM-4",
			"%s under a limit of 1024", payloadOf(size)).
			limit(1024).afterBasic(filler(size)).accepted()
	}
}

func payloadsOverTheLimit(file *frameFile) {
	for _, limit := range []int{smallLimit, 1024} {
		file.enhanced(fmt.Sprintf("payload-%d-of-%d", limit+1, limit), "FRM-8",
			"one byte over the limit of %d", limit).
			limit(uint32(limit)).sends(enhanced(1, filler(limit+1)).raw()).refused(tooLarge)
	}
	file.enhanced("payload-82-of-64", "FRM-8",
		"82 bytes of payload under a limit of 64: over it by the size of the header").
		sends(enhanced(1, filler(82)).raw()).refused(tooLarge)
}

func basicPayloadsOverTheLimit(file *frameFile) {
	for _, limit := range []int{smallLimit, 1024} {
		file.basic(fmt.Sprintf("payload-%d-of-%d", limit+1, limit), "FRM-8",
			"one byte over the limit of %d", limit).
			limit(uint32(limit)).sends(basic(filler(limit + 1))).refused(tooLarge)
	}
	file.basic("payload-68-of-64", "FRM-8",
		"68 bytes of payload under a limit of 64: over it by the size of the header").
		sends(basic(filler(68))).refused(tooLarge)
}

// A framer carries bytes: none of these means anything to it.
func payloadsOfAnyKind() []payloadCase {
	return []payloadCase{
		{"zeros", "zero bytes only", "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"ones", "0xFF only, which makes the checksum 0xFFFFFFFF", "\xff\xff\xff\xff"},
		{"newlines", "line ends and the end-of-text bytes of terminals", "\r\n\n\r\x03\x04\x1a"},
		{"not-utf8", "bytes that are no UTF-8", "\xc0\xaf\xed\xa0\x80\xfe"},
		{"every-byte", "every byte value once", everyByte()},
		{"magic", "the magic bytes", "\x50\x59"},
		{"header", "a whole enhanced header", enhanced(2, "").raw()},
		{"check-value", "the nine digits of the check value 0xE3069283", "123456789"},
		{"json", "the request of the worked example in SPEC.md", `{"id":1,"method":"echo","body":"hi"}`},
	}
}

type payloadCase struct{ name, what, payload string }

func payloadsOfBytes(file *frameFile) {
	for _, p := range payloadsOfAnyKind() {
		file.enhanced("payload-"+p.name, "FRM-1", "a payload of %s", p.what).
			limit(limitFor(p.payload)).after(enhanced(1, p.payload)).accepted()
	}
	file.enhanced("payload-crc-zero", "CRC-2", "a payload whose checksum happens to be 0, which is no sign of none").
		after(enhanced(1, "akI5YBh")).accepted()
}

func basicPayloadsOfBytes(file *frameFile) {
	for _, p := range payloadsOfAnyKind() {
		file.basic("payload-"+p.name, "FRM-4", "a payload of %s", p.what).
			limit(limitFor(p.payload)).afterBasic(p.payload).accepted()
	}
}

func everyByte() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

func limitFor(payload string) uint32 {
	if len(payload) > smallLimit {
		return 1024
	}
	return smallLimit
}

func payloadOf(size int) string {
	if size == 1 {
		return "1 byte of payload"
	}
	return fmt.Sprintf("%d bytes of payload", size)
}
