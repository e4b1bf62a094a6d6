package main

import "fmt"

func requestIDs(file *frameFile) {
	for _, id := range []struct {
		name, why string
		value     uint64
	}{
		{"0", "no caller uses it, yet a framer carries it", 0},
		{"1", "the first that most callers use", 1},
		{"255", "the largest of one byte", 255},
		{"256", "the smallest of two bytes", 256},
		{"2-31-minus-1", "the largest signed 32-bit integer", 1<<31 - 1},
		{"2-31", "negative where an ID is a signed 32-bit integer", 1 << 31},
		{"2-32-minus-1", "the largest unsigned 32-bit integer", 1<<32 - 1},
		{"2-32", "0 where an ID has 32 bits", 1 << 32},
		{"2-53", "the last before doubles leave integers out", 1 << 53},
		{"2-53-plus-1", "2^53 where an ID passes through a double", 1<<53 + 1},
		{"2-63-minus-1", "the largest signed 64-bit integer", 1<<63 - 1},
		{"2-63", "negative where an ID is a signed 64-bit integer", 1 << 63},
		{"2-64-minus-1", "the largest of all, and -1 where it is signed", 1<<64 - 1},
		{"every-byte-differs", "eight different bytes, so any other order shows", 0x0102030405060708},
	} {
		file.enhanced("id-"+id.name, "FRM-3", "request ID %d: %s", id.value, id.why).
			after(enhanced(id.value, "PyProc")).accepted()
	}
}

func requestIDWithoutPayload(file *frameFile) {
	file.enhanced("id-2-64-minus-1-payload-empty", "FRM-5", "the largest request ID in a frame that is nothing but a header").
		after(enhanced(1<<64-1, "")).accepted()
}

func littleEndianRequestID(file *frameFile) {
	file.enhanced("id-little-endian", "FRM-3",
		"request ID 7 written as little-endian: no framer can see that, it reads another ID").
		sends(rightMagic+u32(27)+littleEndian64(7)+u32(crc32c("123456789"))+"123456789").
		given(7<<56, "123456789").accepted()
}

func flippedRequestID(file *frameFile) {
	for _, bit := range []int{0, 1, 31, 32, 53, 63} {
		f := enhanced(7, "123456789")
		f.id ^= 1 << bit
		file.enhanced(fmt.Sprintf("id-bit-%d-flipped", bit), "CRC-2",
			"bit %d of request ID 7 flipped on the way: the checksum leaves the header out, so it is another ID", bit).
			after(f).accepted()
	}
}
