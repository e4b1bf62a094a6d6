package main

// What implementations send whose header has another layout.

func headerOf14Bytes(file *frameFile) {
	const p = "123456789"
	file.enhanced("layout-14-byte-header", "FRM-1",
		"a header of 14 bytes with a 32-bit request ID, as published listings have it (erratum E1)").
		sends(rightMagic + u32(14+9) + u32(1) + u32(crc32c(p)) + p).refused(badCRC)
	file.enhanced("layout-14-byte-header-length-18", "FRM-1",
		"a header of 14 bytes with a 32-bit request ID, and a length that counts 18").
		sends(rightMagic + u32(18+9) + u32(1) + u32(crc32c(p)) + p).refused(truncated)
	twice := rightMagic + u32(14) + u32(1) + u32(0)
	file.enhanced("layout-14-byte-header-payload-empty", "FRM-1",
		"two frames with a header of 14 bytes and no payload: their length 14 is below 18").
		sends(twice + twice).refused(badLength)
}

func headerInNativeOrder(file *frameFile) {
	const p = "123456789"
	file.enhanced("layout-all-little-endian", "FRM-1", "every field as little-endian, the magic aside").
		sends(rightMagic + littleEndian32(27) + littleEndian64(1) + littleEndian32(crc32c(p)) + p).refused(tooLarge)
	file.enhanced("layout-native-alignment", "FRM-1",
		"a struct as a C compiler lays it out on x86: two bytes of padding, little-endian, 20 bytes").
		sends(rightMagic + "\x00\x00" + littleEndian32(29) + littleEndian64(1) + littleEndian32(crc32c(p)) + p).refused(tooLarge)
	file.enhanced("layout-aligned", "FRM-1", "two bytes of padding behind the magic, as alignment asks for").
		sends(rightMagic + "\x00\x00" + u32(29) + u64(1) + u32(crc32c(p)) + p).refused(badLength)
}

func headerInAnotherOrder(file *frameFile) {
	const p = "123456789"
	crc := u32(crc32c(p))
	file.enhanced("layout-id-before-length", "FRM-1", "the request ID before the length").
		sends(rightMagic + u64(1) + u32(27) + crc + p).refused(badLength)
	file.enhanced("layout-checksum-before-id", "FRM-1", "the checksum before the request ID").
		sends(rightMagic + u32(27) + crc + u64(1) + p).refused(badCRC)
	file.enhanced("layout-checksum-last", "FRM-1", "the checksum behind the payload").
		sends(rightMagic + u32(27) + u64(1) + p + crc).refused(badCRC)
	file.enhanced("layout-length-first", "FRM-1", "the length before the magic").
		sends(u32(27) + rightMagic + u64(1) + crc + p).refused(badMagic)
}

func headerOfAnotherSize(file *frameFile) {
	const p = "123456789"
	crc := u32(crc32c(p))
	file.enhanced("layout-version-byte", "FRM-1", "a version byte behind the magic").
		sends(rightMagic + "\x01" + u32(28) + u64(1) + crc + p).refused(tooLarge)
	file.enhanced("layout-no-checksum", "FRM-1", "no checksum in the header").
		sends(rightMagic + u32(23) + u64(1) + p).refused(badCRC)
	file.enhanced("layout-64-bit-length", "FRM-1", "a length of 64 bits reads as 0").
		sends(rightMagic + u64(31) + u64(1) + crc + p).refused(badLength)
	file.enhanced("layout-basic-header-inside", "FRM-1", "the payload has a basic length of its own, left out of length and checksum").
		sends(rightMagic + u32(27) + u64(1) + crc + basic(p)).refused(badCRC)
}
