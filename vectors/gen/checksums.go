package main

import (
	"fmt"
	"hash/adler32"
	"math/bits"
)

const castagnoli = 0x82F63B78

// What implementations send that compute another checksum of the payload.
func otherChecksums(file *frameFile) {
	const p = "123456789"
	for _, other := range []struct {
		name, what string
		value      uint32
	}{
		{"ieee", "the checksum is CRC-32 of zip and Ethernet instead of CRC32C", checksum{0xEDB88320, 0xFFFFFFFF, 0xFFFFFFFF}.of(p)},
		{"koopman", "the checksum is taken with the Koopman polynomial instead of Castagnoli's", checksum{0xEB31D82E, 0xFFFFFFFF, 0xFFFFFFFF}.of(p)},
		{"not-reflected", "the checksum is taken with the unreflected polynomial 0x1EDC6F41", checksum{0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF}.of(p)},
		{"initial-zero", "the checksum is begun with 0", checksum{castagnoli, 0, 0xFFFFFFFF}.of(p)},
		{"no-final-xor", "the final xor is left out", checksum{castagnoli, 0xFFFFFFFF, 0}.of(p)},
		{"initial-zero-no-final-xor", "the checksum is begun with 0, and the final xor is left out", checksum{castagnoli, 0, 0}.of(p)},
		{"masked", "the checksum is CRC32C rotated and with a constant added, as some file formats store it", bits.RotateLeft32(crc32c(p), -15) + 0xA282EAD8},
		{"adler", "the checksum is Adler-32 instead of CRC32C", adler32.Checksum([]byte(p))},
		{"zero", "the checksum is 0, as where none was computed", 0},
		{"ones", "the checksum is 0xFFFFFFFF, as where one was begun and not ended", 0xFFFFFFFF},
		{"plus-1", "the checksum is one too large", crc32c(p) + 1},
		{"little-endian", "the checksum is written as little-endian", bits.ReverseBytes32(crc32c(p))},
		{"bits-reversed", "the checksum has its bits in the other order", bits.Reverse32(crc32c(p))},
		{"halves-swapped", "the checksum has its halves swapped", bits.RotateLeft32(crc32c(p), 16)},
	} {
		f := enhanced(1, p)
		f.crc = other.value
		file.enhanced("crc-"+other.name, "CRC-1", "%s", other.what).sends(f.raw()).refused(badCRC)
	}
}

// What implementations send that compute the checksum of something else.
func checksumsOfSomethingElse(file *frameFile) {
	right := enhanced(1, "123456789")
	zeroed := right
	zeroed.crc = 0
	for _, other := range []struct{ name, what, data string }{
		{"of-frame", "the whole frame with 0 in the place of the checksum", zeroed.raw()},
		{"of-header-and-payload", "the header up to the checksum, and the payload", right.header()[:14] + right.payload},
		{"of-header", "the header up to the checksum", right.header()[:14]},
		{"of-id-and-payload", "the request ID and the payload", u64(right.id) + right.payload},
		{"of-length-and-payload", "the length and the payload", u32(right.length) + right.payload},
		{"of-payload-and-zero", "the payload and a zero byte that ends it in C", right.payload + "\x00"},
		{"of-payload-and-newline", "the payload and a line end", right.payload + "\n"},
		{"of-payload-without-last", "the payload without its last byte", right.payload[:8]},
		{"of-payload-without-first", "the payload without its first byte", right.payload[1:]},
		{"of-payload-in-hex", "the payload in hexadecimal digits", "313233343536373839"},
		{"of-payload-reversed", "the payload from its end", "987654321"},
	} {
		f := right
		f.crc = crc32c(other.data)
		file.enhanced("crc-"+other.name, "CRC-2", "the checksum is that of %s", other.what).sends(f.raw()).refused(badCRC)
	}
}

func checksumsOfNoPayload(file *frameFile) {
	for _, wrong := range []struct {
		name, what string
		value      uint32
	}{
		{"no-final-xor", "0xFFFFFFFF, as without the final xor", 0xFFFFFFFF},
		{"1", "1", 1},
		{"of-header", "that of the header", crc32c(enhanced(1, "").header()[:14])},
	} {
		f := enhanced(1, "")
		f.crc = wrong.value
		file.enhanced("crc-of-empty-"+wrong.name, "CRC-3", "the checksum of no payload is %s", wrong.what).
			sends(f.raw()).refused(badCRC)
	}
}

func checksumBytesWrong(file *frameFile) {
	for i := range 4 {
		f := enhanced(1, "123456789")
		f.crc ^= 0xFF000000 >> (8 * i)
		file.enhanced(fmt.Sprintf("crc-byte-%d-wrong", i), "CRC-4", "byte %d of the checksum has every bit inverted", i).
			sends(f.raw()).refused(badCRC)
	}
	for _, bit := range []int{0, 15, 16, 31} {
		f := enhanced(1, "123456789")
		f.crc ^= 1 << bit
		file.enhanced(fmt.Sprintf("crc-bit-%d-flipped", bit), "CRC-4", "bit %d of the checksum flipped", bit).
			sends(f.raw()).refused(badCRC)
	}
}

func damagedPayload(file *frameFile) {
	sent := enhanced(1, "123456789")
	for _, bit := range []int{0, 7, 32, 36, 64, 71} {
		file.enhanced(fmt.Sprintf("payload-bit-%d-flipped", bit), "CRC-4",
			"bit %d of the payload flipped on the way", bit).
			sends(sent.header() + flip(sent.payload, bit)).refused(badCRC)
	}
	for _, d := range []struct{ name, what, payload string }{
		{"neighbours-swapped", "a payload with two neighbouring bytes swapped", "124356789"},
		{"zeroed", "a payload of zero bytes under the checksum of another", "\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"shifted", "a payload whose bytes moved on by one", "\x0012345678"},
		{"last-byte-changed", "a payload whose last byte is another", "123456780"},
		{"changed-after-framing", "the payload was overwritten after the checksum was taken", "987654321"},
	} {
		file.enhanced("payload-"+d.name, "CRC-4", "%s", d.what).
			sends(sent.header() + d.payload).refused(badCRC)
	}
	one := enhanced(1, "\x01")
	file.enhanced("payload-1-bit-flipped", "CRC-4", "a payload of one byte with one bit flipped").
		sends(one.header() + "\x00").refused(badCRC)
	long := enhanced(1, filler(1024))
	file.enhanced("payload-1024-last-bit-flipped", "CRC-4", "the last bit of 1024 bytes flipped").
		limit(1024).sends(long.header() + flip(long.payload, 1024*8-1)).refused(badCRC)
}
