package main

import "fmt"

func cutInTheSecondFrame(file *frameFile) {
	first, second := enhanced(1, "first"), enhanced(2, "123456789").raw()
	for _, at := range []int{1, 2, 3, 6, 7, 10, 14, 15, 17, 18, 19, 22, 26} {
		file.enhanced(fmt.Sprintf("enhanced-cut-at-%d-of-second", at), "STR-2",
			"the stream ends after %s of the second frame, which has 27", bytesOf(at)).
			after(first).sends(second[:at]).refused(truncated)
	}
	basicSecond := basic("123456789")
	for _, at := range []int{1, 2, 3, 4, 5, 8, 12} {
		file.basic(fmt.Sprintf("basic-cut-at-%d-of-second", at), "STR-2",
			"the stream ends after %s of the second frame, which has 13", bytesOf(at)).
			afterBasic("first").sends(basicSecond[:at]).refused(truncated)
	}
}

func cutAfterFramesWithoutPayload(file *frameFile) {
	file.enhanced("enhanced-cut-after-empty", "STR-2", "a frame without payload, then one cut in its header").
		after(enhanced(1, "")).sends(enhanced(2, "").raw()[:17]).refused(truncated)
	file.basic("basic-cut-after-empty", "STR-2", "a frame without payload, then three zero bytes").
		afterBasic("").sends("\x00\x00\x00").refused(truncated)
}
