package main

import "encoding/binary"

// Byte strings are Go strings here: they are constants, and they join with +.

const (
	rightMagic         = "\x50\x59"
	enhancedHeaderSize = 18
	basicHeaderSize    = 4
)

// An enhancedFrame has every field of the header within reach, so that a
// generator can start from a right frame and spoil one of them.
type enhancedFrame struct {
	magic   string
	length  uint32
	id      uint64
	crc     uint32
	payload string
}

// enhanced is a frame that is right in everything [FRM-1, FRM-2, CRC-2].
func enhanced(id uint64, payload string) enhancedFrame {
	return enhancedFrame{
		magic:   rightMagic,
		length:  uint32(enhancedHeaderSize + len(payload)),
		id:      id,
		crc:     crc32c(payload),
		payload: payload,
	}
}

func (f enhancedFrame) header() string { return f.magic + u32(f.length) + u64(f.id) + u32(f.crc) }
func (f enhancedFrame) raw() string    { return f.header() + f.payload }

// basic is a basic frame that is right in everything [FRM-4].
func basic(payload string) string { return u32(uint32(len(payload))) + payload }

func u32(v uint32) string { return string(binary.BigEndian.AppendUint32(nil, v)) }
func u64(v uint64) string { return string(binary.BigEndian.AppendUint64(nil, v)) }

func littleEndian32(v uint32) string { return string(binary.LittleEndian.AppendUint32(nil, v)) }
func littleEndian64(v uint64) string { return string(binary.LittleEndian.AppendUint64(nil, v)) }

// A checksum is a reflected 32-bit CRC; the wrong ones differ in one parameter.
type checksum struct{ polynomial, initial, finalXor uint32 }

// crc32c is the protocol's checksum, bit by bit from its definition [CRC-1].
func crc32c(data string) uint32 {
	return checksum{polynomial: 0x82F63B78, initial: 0xFFFFFFFF, finalXor: 0xFFFFFFFF}.of(data)
}

func (c checksum) of(data string) uint32 {
	register := c.initial
	for i := range len(data) {
		register ^= uint32(data[i])
		for range 8 {
			carry := register & 1
			register >>= 1
			if carry == 1 {
				register ^= c.polynomial
			}
		}
	}
	return register ^ c.finalXor
}

// flip is data with one bit inverted; bit 0 is the lowest bit of the first byte.
func flip(data string, bit int) string {
	b := []byte(data)
	b[bit/8] ^= 1 << (bit % 8)
	return string(b)
}

// filler is n bytes in which no two neighbours are equal, so that a byte that
// was lost, doubled or moved changes the whole.
func filler(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i/256)
	}
	return string(b)
}
