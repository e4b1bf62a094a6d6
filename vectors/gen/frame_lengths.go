package main

import "fmt"

func lengthsBelowTheHeader(file *frameFile) {
	for _, length := range []uint32{0, 1, 2, 4, 12, 13, 14, 16, 17} {
		f := enhanced(1, "123456789")
		f.length = length
		file.enhanced(fmt.Sprintf("length-%d", length), "FRM-7",
			"length %d is below 18, the size of the header it counts", length).
			sends(f.raw()).refused(badLength)
	}
}

func lengthsBelowTheHeaderAlone(file *frameFile) {
	for _, length := range []uint32{0, 17} {
		f := enhanced(1, "")
		f.length = length
		file.enhanced(fmt.Sprintf("length-%d-header-only", length), "FRM-10",
			"length %d and not a byte behind the header", length).
			sends(f.header()).refused(badLength)
	}
}

func lengthOfTheHeader(file *frameFile) {
	file.enhanced("length-18", "FRM-7", "length 18 is the smallest there is: a header without payload").
		after(enhanced(18, "")).accepted()
	file.enhanced("length-18-before-payload", "FRM-2",
		"length 18 before 22 bytes of payload: the frame is whole, and the next begins with the wrong magic").
		after(enhanced(1, "")).sends(filler(22)).refused(badMagic)
}

func lengthsOverTheLimit(file *frameFile) {
	for _, l := range []struct {
		name, why string
		length    uint32
	}{
		{"2-16", "a payload of 65518 bytes", 1 << 16},
		{"2-24", "a payload of nearly 16 MiB", 1 << 24},
		{"2-31-minus-1", "the largest signed 32-bit integer", 1<<31 - 1},
		{"2-31", "negative where a length is a signed 32-bit integer", 1 << 31},
		{"2-31-plus-17", "the payload alone is the largest signed 32-bit integer", 1<<31 + 17},
		{"2-31-plus-18", "the payload alone is negative where it is a signed 32-bit integer", 1<<31 + 18},
		{"2-32-minus-18", "0 where 18 is added to it in 32 bits", 1<<32 - 18},
		{"2-32-minus-1", "the largest length there is", 1<<32 - 1},
	} {
		f := enhanced(1, "")
		f.length = l.length
		file.enhanced("length-"+l.name, "FRM-8", "length %d: %s", l.length, l.why).
			sends(f.header()).refused(tooLarge)
	}
}

func lengthDecidedWithoutPayload(file *frameFile) {
	f := enhanced(1, filler(smallLimit+1))
	file.enhanced("payload-65-of-64-header-only", "FRM-10", "a header that announces one byte over the limit, and not a byte behind it").
		sends(f.header()).refused(tooLarge)
}

func defaultLimits(file *frameFile) {
	f := enhanced(1, "")
	f.length = enhancedHeaderSize + defaultLimit + 1
	file.enhanced("default-limit-plus-1", "FRM-13", "one byte over the default limit").
		flagged("default-limit").limit(defaultLimit).sends(f.header()).refused(tooLarge)
	f.length = enhancedHeaderSize + defaultLimit
	file.enhanced("default-limit", "FRM-13", "exactly the default limit: the payload is waited for, and the stream ends").
		flagged("default-limit").limit(defaultLimit).sends(f.header()).refused(truncated)
}

// What implementations write that count something else than the whole frame.
func lengthsThatCountSomethingElse(file *frameFile) {
	file.enhanced("length-of-payload-9", "FRM-2", "the length counts the payload alone: 9 is below 18").
		sends(withLength(9, filler(9))).refused(badLength)
	file.enhanced("length-of-payload-18", "FRM-2", "the length counts the payload alone: 18 reads as a frame without payload").
		sends(withLength(18, filler(18))).refused(badCRC)
	file.enhanced("length-of-payload-40", "FRM-2", "the length counts the payload alone: 40 leaves the checksum with the first 22 bytes").
		sends(withLength(40, filler(40))).refused(badCRC)
	file.enhanced("length-without-magic", "FRM-2", "the length leaves the magic out").
		sends(withLength(9+16, filler(9))).refused(badCRC)
	file.enhanced("length-without-magic-and-length", "FRM-2", "the length counts what follows it: ID, checksum and payload").
		sends(withLength(9+12, filler(9))).refused(badCRC)
	file.enhanced("length-with-14-byte-header", "FRM-2", "the length counts a header of 14 bytes, as published listings have it (erratum E1)").
		sends(withLength(9+14, filler(9))).refused(badCRC)
	file.enhanced("length-minus-1", "FRM-2", "the length is one too small").
		sends(withLength(9+17, filler(9))).refused(badCRC)
	file.enhanced("length-plus-1", "FRM-2", "the length is one too large").
		sends(withLength(9+19, filler(9))).refused(truncated)
	file.enhanced("length-with-header-twice", "FRM-2", "the length counts the header twice").
		sends(withLength(9+36, filler(9))).refused(truncated)
}

func littleEndianLength(file *frameFile) {
	file.enhanced("length-little-endian", "FRM-1", "length 27 as little-endian reads as 452984832").
		sends(rightMagic + littleEndian32(27) + u64(1) + u32(crc32c("123456789")) + "123456789").refused(tooLarge)
	file.enhanced("length-little-endian-payload-empty", "FRM-1", "length 18 as little-endian reads as 301989888").
		sends(rightMagic + littleEndian32(18) + u64(1) + u32(0)).refused(tooLarge)
}

func withLength(length uint32, payload string) string {
	f := enhanced(1, payload)
	f.length = length
	return f.raw()
}
