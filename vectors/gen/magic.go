package main

import "fmt"

func wrongMagic(file *frameFile) {
	for _, m := range []struct{ name, why, magic string }{
		{"first-byte-wrong", "the first magic byte is 0x00", "\x00\x59"},
		{"second-byte-wrong", "the second magic byte is 0x00", "\x50\x00"},
		{"swapped", "the magic bytes in the other order, as a little-endian writer of 0x5059 sends them", "\x59\x50"},
		{"lower-case", "py instead of PY", "py"},
		{"first-twice", "PP instead of PY", "PP"},
		{"second-twice", "YY instead of PY", "YY"},
		{"zero", "zero bytes instead of the magic", "\x00\x00"},
		{"ones", "0xFF instead of the magic", "\xff\xff"},
	} {
		f := enhanced(1, "123456789")
		f.magic = m.magic
		file.enhanced("magic-"+m.name, "FRM-6", "%s", m.why).sends(f.raw()).refused(badMagic)
	}
}

func flippedMagic(file *frameFile) {
	for bit := range 16 {
		file.enhanced(fmt.Sprintf("magic-bit-%d-flipped", bit), "FRM-6", "bit %d of the magic flipped", bit).
			sends(flip(enhanced(1, "123456789").raw(), bit)).refused(badMagic)
	}
}

func magicDecidedWithoutPayload(file *frameFile) {
	f := enhanced(1, "123456789")
	f.magic = "\x00\x00"
	file.enhanced("magic-wrong-header-only", "FRM-10", "a header with wrong magic, and the payload it announces never comes").
		sends(f.header()).refused(badMagic)
}

func misplacedMagic(file *frameFile) {
	file.enhanced("magic-after-a-byte", "FRM-6", "a stray zero byte before a frame that is right").
		sends("\x00" + enhanced(1, "123456789").raw()).refused(badMagic)
	file.enhanced("magic-after-a-newline", "FRM-6", "a line end before a frame that is right").
		sends("\n" + enhanced(1, "123456789").raw()).refused(badMagic)
	file.enhanced("magic-missing", "FRM-1", "a frame without its magic").
		sends(enhanced(1, "123456789").raw()[2:]).refused(badMagic)
}

// Every one of these is longer than a header: of a shorter one it is left open
// whether it has a wrong magic or is cut off.
func otherProtocols(file *frameFile) {
	for _, other := range []struct{ name, what, raw string }{
		{"basic-frame", "a basic frame", basic(`{"id":1,"method":"echo","body":"hi"}`)},
		{"json", "a request in no frame at all", `{"id":1,"method":"echo","body":"hi"}`},
		{"http", "an HTTP request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"tls", "the beginning of a TLS handshake", "\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03" + filler(26)},
		{"traceback", "the output of a worker that failed", "Traceback (most recent call last):\n"},
	} {
		file.enhanced("magic-of-"+other.name, "FRM-6", "%s where an enhanced frame is expected", other.what).
			sends(other.raw).refused(badMagic)
	}
}
