package main

// What happens on the way, and what wrong writers put between frames.

func garbageBetweenFrames(file *frameFile) {
	next := enhanced(2, "second").raw()
	for _, g := range []struct{ name, what, raw string }{
		{"newline", "a line end after the first frame", "\n"},
		{"zero", "a zero byte after the first frame", "\x00"},
		{"padding", "three bytes of padding after the first frame", "\x00\x00\x00"},
		{"empty-basic-frame", "an empty basic frame after the first frame", basic("")},
		{"trailer", "the checksum once more behind the payload", u32(crc32c("first"))},
		{"log-line", "a line of log output between two frames", "worker: handled request 1 in 3 ms\n"},
	} {
		file.enhanced("enhanced-then-"+g.name, "FRM-6", "%s", g.what).
			after(enhanced(1, "first")).sends(g.raw + next).refused(badMagic)
	}
	file.basic("basic-then-newline", "FRM-8", "a line end after the first frame: the next length begins with it").
		afterBasic("first").sends("\n" + basic("second")).refused(tooLarge)
	file.basic("basic-then-zero", "FRM-4", "a zero byte after the first frame: the next length is 0, and the rest one over the limit").
		afterBasic("first", "").sends("\x06second").refused(tooLarge)
	file.basic("basic-then-log-line", "FRM-8", "a line of log output between two frames").
		afterBasic("first").sends("worker: handled request 1 in 3 ms\n" + basic("second")).refused(tooLarge)
}

func garbageAfterTheLastFrame(file *frameFile) {
	file.enhanced("enhanced-trailing-garbage", "FRM-6", "20 bytes of garbage after the last frame").
		after(enhanced(1, "first"), enhanced(2, "second")).sends(filler(20)).refused(badMagic)
	file.basic("basic-trailing-garbage", "FRM-8", "20 bytes of text after the last frame").
		afterBasic("first", "second").sends("garbage garbage garb").refused(tooLarge)
}

func framingChanges(file *frameFile) {
	file.enhanced("enhanced-then-basic", "FRM-6", "a basic frame after an enhanced one").
		after(enhanced(1, "first")).sends(basic("in the basic framing")).refused(badMagic)
	file.basic("basic-then-enhanced", "FRM-8", "an enhanced frame after a basic one: its magic claims 1.3 GB").
		afterBasic("first").sends(enhanced(2, "second").raw()).refused(tooLarge)
}

func bytesLostOrAdded(file *frameFile) {
	first, third := enhanced(1, "first"), enhanced(3, "third").raw()
	second := enhanced(2, "second")
	raw := second.raw()
	file.enhanced("enhanced-lost-magic-byte", "FRM-6", "the first byte of the second frame is lost").
		after(first).sends(raw[1:] + third).refused(badMagic)
	file.enhanced("enhanced-lost-length-byte", "FRM-8", "the first byte of the second length is lost").
		after(first).sends(raw[:2] + raw[3:] + third).refused(tooLarge)
	file.enhanced("enhanced-lost-id-byte", "CRC-4", "a byte of the second request ID is lost").
		after(first).sends(raw[:6] + raw[7:] + third).refused(badCRC)
	file.enhanced("enhanced-lost-payload-byte", "CRC-4", "a byte of the second payload is lost, and the next magic takes its place").
		after(first).sends(raw[:len(raw)-1] + third).refused(badCRC)
	file.enhanced("enhanced-added-payload-byte", "FRM-6", "a byte behind the second payload: the third frame begins with it").
		after(first, second).sends("!" + third).refused(badMagic)
	file.enhanced("enhanced-doubled-payload-byte", "CRC-4", "a byte of the second payload is doubled").
		after(first).sends(second.header() + "ssecond" + third).refused(badCRC)
	file.basic("basic-lost-payload-byte", "FRM-4",
		"a byte of the second payload is lost: without a checksum it is handed out with a byte of the next header").
		afterBasic("first", "secon\x00").sends("\x00\x00\x05third").refused(tooLarge)
	file.basic("basic-lost-length-byte", "FRM-8", "the first byte of the second length is lost").
		afterBasic("first").sends(basic("second")[1:] + basic("third")).refused(tooLarge)
}

// Two writers that share a stream without making a frame one unit [STR-5], and a
// writer that goes on after a short write [STR-6].
func brokenWriters(file *frameFile) {
	a, b := enhanced(1, "123456789"), enhanced(2, "abcdefghi")
	file.enhanced("enhanced-interleaved", "CRC-4", "two writers: both headers, then both payloads").
		sends(a.header() + b.header() + a.payload + b.payload).refused(badCRC)
	file.enhanced("enhanced-interleaved-headers", "FRM-8", "two writers: the second header inside the first").
		sends(a.header()[:2] + b.header() + a.header()[2:] + a.payload + b.payload).refused(tooLarge)
	file.enhanced("enhanced-after-short-write", "CRC-4", "a writer goes on after half a payload").
		sends(a.raw()[:22] + b.raw()).refused(badCRC)
	file.enhanced("enhanced-payload-missing", "CRC-4", "a payload is missing: the next header is taken for it").
		sends(a.header() + b.raw()).refused(badCRC)
	file.enhanced("enhanced-header-missing", "FRM-6", "a header is missing: the payload is taken for it").
		after(a).sends(b.payload + b.raw()).refused(badMagic)
	file.basic("basic-interleaved", "FRM-4", "two writers: both lengths, then both payloads").
		afterBasic(u32(6) + "f").sends("irstsecond").refused(tooLarge)
}

func checksumsAcrossFrames(file *frameFile) {
	first, second := enhanced(1, "first"), enhanced(2, "second")
	file.enhanced("enhanced-crc-carried-on", "CRC-1", "the second checksum was not begun anew: it covers both payloads").
		after(first).sends(withChecksum(second, crc32c("firstsecond"))).refused(badCRC)
	file.enhanced("enhanced-crc-of-previous", "CRC-4", "the second frame bears the checksum of the first").
		after(first).sends(withChecksum(second, crc32c("first"))).refused(badCRC)
	file.enhanced("enhanced-payloads-exchanged", "CRC-4", "two payloads of one size exchanged").
		sends(enhanced(1, "abc").header() + "xyz" + enhanced(2, "xyz").header() + "abc").refused(badCRC)
	file.enhanced("enhanced-only-last-right", "CRC-4", "the first of two checksums is 0, as from a writer that fills it in late").
		sends(withChecksum(first, 0) + second.raw()).refused(badCRC)
}

func lengthsAcrossFrames(file *frameFile) {
	file.enhanced("enhanced-length-minus-1", "CRC-4", "the second length is one too small").
		after(enhanced(1, "first")).sends(withLength(26, "123456789") + enhanced(3, "third").raw()).refused(badCRC)
	file.enhanced("enhanced-length-plus-1", "CRC-4", "the second length is one too large and takes the next magic byte").
		after(enhanced(1, "first")).sends(withLength(28, "123456789") + enhanced(3, "third").raw()).refused(badCRC)
	file.enhanced("enhanced-14-byte-headers", "FRM-1", "frames with a header of 14 bytes one after another (erratum E1)").
		sends(headerOf14("first") + headerOf14("second")).refused(badCRC)
	file.basic("basic-length-with-header", "FRM-4",
		"lengths that count their own four bytes: the first payload takes the second length along").
		afterBasic("first" + u32(10)).sends("second").refused(tooLarge)
}

func withChecksum(f enhancedFrame, crc uint32) string {
	f.crc = crc
	return f.raw()
}

func headerOf14(payload string) string {
	return rightMagic + u32(uint32(14+len(payload))) + u32(1) + u32(crc32c(payload)) + payload
}
