package main

// A right frame, a damaged one, and a right one that must never be seen [STR-3].

func damagedInTheMiddle(file *frameFile) {
	second := enhanced(2, "second")
	wrong := func(spoil func(f *enhancedFrame)) string {
		f := second
		spoil(&f)
		return f.raw()
	}
	for _, d := range []struct{ name, what, raw, kind string }{
		{"bad-magic", "the second of three frames has the wrong magic", wrong(func(f *enhancedFrame) { f.magic = "PX" }), badMagic},
		{"bad-length", "the second of three frames has length 17", wrong(func(f *enhancedFrame) { f.length = 17 }), badLength},
		{"length-0", "the second of three frames has length 0", wrong(func(f *enhancedFrame) { f.length = 0 }), badLength},
		{"too-large", "the second of three frames announces more than the limit", wrong(func(f *enhancedFrame) { f.length = 1 << 31 }), tooLarge},
		{"one-over", "the second of three frames is one byte over the limit", enhanced(2, filler(smallLimit+1)).raw(), tooLarge},
		{"crc-field", "the second of three frames has a wrong checksum", wrong(func(f *enhancedFrame) { f.crc++ }), badCRC},
	} {
		file.enhanced("enhanced-middle-"+d.name, "STR-3", "%s", d.what).
			after(enhanced(1, "first")).sends(d.raw + enhanced(3, "third").raw()).refused(d.kind)
	}
	file.enhanced("enhanced-middle-bad-crc", "CRC-5", "the second of three payloads is damaged, and never handed out").
		after(enhanced(1, "first")).
		sends(second.header() + flip(second.payload, 3) + enhanced(3, "third").raw()).refused(badCRC)
	file.basic("basic-middle-too-large", "STR-3", "the second of three frames announces more than the limit").
		afterBasic("first").sends(u32(1<<31) + "second" + basic("third")).refused(tooLarge)
	file.basic("basic-middle-one-over", "STR-3", "the second of three frames is one byte over the limit").
		afterBasic("first").sends(basic(filler(smallLimit+1)) + basic("third")).refused(tooLarge)
}

func damagedAtTheBeginning(file *frameFile) {
	first := enhanced(1, "first")
	first.crc ^= 1
	file.enhanced("enhanced-first-bad-crc", "STR-3", "the first of two frames is damaged: none is handed out").
		sends(first.raw() + enhanced(2, "second").raw()).refused(badCRC)
	first = enhanced(1, "first")
	first.magic = "\x00\x00"
	file.enhanced("enhanced-first-bad-magic", "STR-3", "the first of two frames has the wrong magic: none is handed out").
		sends(first.raw() + enhanced(2, "second").raw()).refused(badMagic)
}

// A reader that scans for the next magic finds these, and executes data.
func temptingToScan(file *frameFile) {
	inner := enhanced(3, "inner").raw()
	outer := enhanced(2, inner)
	outer.crc ^= 1
	file.enhanced("enhanced-scan-bad-crc", "STR-3", "a wrong checksum before a payload that is a right frame").
		after(enhanced(1, "first")).sends(outer.raw()).refused(badCRC)
	outer = enhanced(2, inner)
	outer.magic = "XX"
	file.enhanced("enhanced-scan-bad-magic", "STR-3", "wrong magic before a payload that is a right frame").
		after(enhanced(1, "first")).sends(outer.raw()).refused(badMagic)
	outer.magic, outer.length = rightMagic, 0
	file.enhanced("enhanced-scan-bad-length", "STR-3", "length 0 before a payload that is a right frame").
		after(enhanced(1, "first")).sends(outer.raw()).refused(badLength)
	outer.length = 1 << 30
	file.enhanced("enhanced-scan-too-large", "STR-3", "a length over the limit before a payload that is a right frame").
		after(enhanced(1, "first")).sends(outer.raw()).refused(tooLarge)
	file.enhanced("enhanced-scan-magic-once-more", "STR-3", "three bytes too many, and then frame upon frame that is right").
		after(enhanced(1, "first")).
		sends("PPP" + enhanced(2, "second").raw() + enhanced(3, "third").raw()).refused(badMagic)
}
