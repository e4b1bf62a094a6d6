package main

// These have two defects or more, and the first check that fails names the error
// [FRM-9]: magic, length below 18, payload over the limit, end of stream, CRC.

func magicIsCheckedFirst(file *frameFile) {
	f := enhanced(1, "123456789")
	f.magic = "YP"
	f.length = 17
	inOrder(file, "order-magic-before-length", "wrong magic and length 17").
		sends(f.raw()).refused(badMagic)
	f.length = 1 << 31
	inOrder(file, "order-magic-before-limit", "wrong magic and a payload over the limit").
		sends(f.raw()).refused(badMagic)
	f.length = 28
	inOrder(file, "order-magic-before-end", "wrong magic and a payload that the end of the stream cuts short").
		sends(f.raw()).refused(badMagic)
	f.length, f.crc = 27, 0
	inOrder(file, "order-magic-before-crc", "wrong magic and a wrong checksum").
		sends(f.raw()).refused(badMagic)
	f.length = 1 << 31
	inOrder(file, "order-magic-before-all", "wrong magic, a payload over the limit, the end of the stream and a wrong checksum").
		sends(f.header()).refused(badMagic)
	inOrder(file, "order-magic-of-zeros", "18 zero bytes: wrong magic, and length 0").
		sends(string(make([]byte, 18))).refused(badMagic)
}

func lengthIsCheckedSecond(file *frameFile) {
	f := enhanced(1, "123456789")
	f.length, f.crc = 17, 0
	inOrder(file, "order-length-before-crc", "length 17 and a wrong checksum").
		sends(f.raw()).refused(badLength)
	inOrder(file, "order-length-before-end", "length 0, a wrong checksum and the end of the stream").
		sends(withLength(0, "123456789")[:18]).refused(badLength)
}

func limitIsCheckedThird(file *frameFile) {
	f := enhanced(1, filler(smallLimit+1))
	inOrder(file, "order-limit-before-end", "one byte over the limit, and the last byte missing").
		sends(f.raw()[:18+smallLimit]).refused(tooLarge)
	f.crc ^= 1
	inOrder(file, "order-limit-before-crc", "one byte over the limit, and a wrong checksum").
		sends(f.raw()).refused(tooLarge)
}

func endIsCheckedFourth(file *frameFile) {
	f := enhanced(1, "123456789")
	f.crc ^= 1
	inOrder(file, "order-end-before-crc", "the last byte of the payload missing, and a wrong checksum").
		sends(f.raw()[:18+8]).refused(truncated)
	f = enhanced(1, "123456789")
	f.length = 18 + 12
	file.enhanced("cut-with-right-checksum", "STR-2",
		"the payload ends early, but the checksum is right for what came: it is not handed out").
		sends(f.raw()).refused(truncated)
}

func basicLimitIsCheckedBeforeTheEnd(file *frameFile) {
	file.basic("order-limit-before-end", "FRM-9", "one byte over the limit, and the last byte missing").
		flagged("order").sends(basic(filler(smallLimit + 1))[:4+smallLimit]).refused(tooLarge)
}

func inOrder(file *frameFile, name, comment string) *frameCase {
	return file.enhanced(name, "FRM-9", "%s", comment).flagged("order")
}
