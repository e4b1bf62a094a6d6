package main

import "fmt"

// The bytes before the cut are right, so there is no other verdict to reach.
func cutInTheHeader(file *frameFile) {
	for at := 1; at < enhancedHeaderSize; at++ {
		file.enhanced(fmt.Sprintf("cut-at-%d", at), "STR-2", "the stream ends after %s of the header", bytesOf(at)).
			sends(enhanced(1, "123456789").raw()[:at]).refused(truncated)
	}
}

func cutInThePayload(file *frameFile) {
	whole := enhanced(1, "123456789").raw()
	file.enhanced("cut-at-18", "STR-2", "the stream ends behind the header of a frame with 9 bytes of payload").
		sends(whole[:18]).refused(truncated)
	for at := 19; at < len(whole); at++ {
		file.enhanced(fmt.Sprintf("cut-at-%d", at), "STR-2", "the stream ends after %s of a payload of 9", bytesOf(at-18)).
			sends(whole[:at]).refused(truncated)
	}
	file.enhanced("cut-before-last-of-1024", "STR-2", "the last of 1024 bytes of payload is missing").
		limit(1024).sends(enhanced(1, filler(1024)).raw()[:18+1023]).refused(truncated)
}

func cutInTheBasicHeader(file *frameFile) {
	for at := 1; at < basicHeaderSize; at++ {
		file.basic(fmt.Sprintf("cut-at-%d", at), "STR-2", "the stream ends after %s of the header", bytesOf(at)).
			sends(basic("123456789")[:at]).refused(truncated)
	}
}

func cutInTheBasicPayload(file *frameFile) {
	whole := basic("123456789")
	file.basic("cut-at-4", "STR-2", "the stream ends behind the header of a frame with 9 bytes of payload").
		sends(whole[:4]).refused(truncated)
	for at := 5; at < len(whole); at++ {
		file.basic(fmt.Sprintf("cut-at-%d", at), "STR-2", "the stream ends after %s of a payload of 9", bytesOf(at-4)).
			sends(whole[:at]).refused(truncated)
	}
	file.basic("cut-before-last-of-1024", "STR-2", "the last of 1024 bytes of payload is missing").
		limit(1024).sends(basic(filler(1024))[:4+1023]).refused(truncated)
	file.basic("cut-json-still-complete", "STR-2",
		"the payload ends early, but what came is a whole request: it is not handed out").
		sends(u32(40) + `{"id":1,"method":"echo","body":"hi"}`).refused(truncated)
}

func bytesOf(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
