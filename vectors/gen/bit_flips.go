package main

import "fmt"

// The length of the frame is 27 = 0b00011011, so that flips lead to every kind.
func flippedLength(file *frameFile) {
	for _, f := range []struct {
		bit      int
		expected string
	}{
		{0, badCRC},    // 26
		{1, badCRC},    // 25
		{2, truncated}, // 31
		{3, badCRC},    // 19
		{4, badLength}, // 11
		{5, truncated}, // 59
		{6, tooLarge},  // 91
		{7, tooLarge},  // 155
		{8, tooLarge},
		{16, tooLarge},
		{24, tooLarge},
		{31, tooLarge},
	} {
		sent := enhanced(1, "123456789")
		sent.length ^= 1 << f.bit
		file.enhanced(fmt.Sprintf("length-bit-%d-flipped", f.bit), "FRM-2",
			"bit %d of length 27 flipped on the way: %d", f.bit, sent.length).
			sends(sent.raw()).refused(f.expected)
	}
}
