package conformance

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Framing is one of the two framings of the protocol.
type Framing string

// The framings [FRM-1, FRM-4].
const (
	Enhanced Framing = "enhanced"
	Basic    Framing = "basic"
)

const (
	magic0, magic1    = 0x50, 0x59
	enhancedHeader    = 18
	basicHeader       = 4
	defaultMaxPayload = 10 << 20 // [FRM-13]
)

func (f Framing) headerSize() int {
	if f == Basic {
		return basicHeader
	}
	return enhancedHeader
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frame is one frame as the suite sees it; ID is 0 in the basic framing.
type Frame struct {
	ID      uint64
	Payload []byte
}

// header is an enhanced header field by field, so that a case can switch one field wrong.
type header struct {
	magic  [2]byte
	length uint32
	id     uint64
	crc    uint32
}

func rightHeader(id uint64, payload []byte) header {
	return header{
		magic:  [2]byte{magic0, magic1},
		length: uint32(enhancedHeader + len(payload)),
		id:     id,
		crc:    crc32.Checksum(payload, castagnoli),
	}
}

func (h header) append(dst []byte) []byte {
	dst = append(dst, h.magic[:]...)
	dst = binary.BigEndian.AppendUint32(dst, h.length)
	dst = binary.BigEndian.AppendUint64(dst, h.id)
	return binary.BigEndian.AppendUint32(dst, h.crc)
}

// encode returns the bytes of one right frame.
func encode(framing Framing, id uint64, payload []byte) []byte {
	if framing == Basic {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
	}
	return append(rightHeader(id, payload).append(nil), payload...)
}

// encodeWith returns the bytes of an enhanced frame after damage changed its right header.
func encodeWith(id uint64, payload []byte, damage func(*header)) []byte {
	h := rightHeader(id, payload)
	damage(&h)
	return append(h.append(nil), payload...)
}

// ErrorKind names what is wrong, by the same names everywhere. It is an error itself, so that an
// adapter can wrap it and errors.Is finds it.
type ErrorKind string

func (k ErrorKind) Error() string { return string(k) }

// The kinds of framing errors, and those of a pool's refusals and failures.
const (
	BadMagic  ErrorKind = "bad_magic"
	BadLength ErrorKind = "bad_length"
	TooLarge  ErrorKind = "too_large"
	Truncated ErrorKind = "truncated"
	BadCRC    ErrorKind = "bad_crc"
)

// decodeOne takes the first frame from data. It returns the bytes used, 0 where more are needed.
// The order of its checks is [FRM-9].
func decodeOne(framing Framing, data []byte, maxPayload int) (f Frame, used int, err error) {
	size, want := framing.headerSize(), uint32(0)
	if len(data) < size {
		return Frame{}, 0, nil
	}
	if framing == Basic {
		n := binary.BigEndian.Uint32(data)
		if uint64(n) > uint64(maxPayload) {
			return Frame{}, 0, fmt.Errorf("%w: a length of %d over the limit of %d", TooLarge, n, maxPayload)
		}
		size += int(n)
	} else {
		n := binary.BigEndian.Uint32(data[2:])
		switch {
		case data[0] != magic0 || data[1] != magic1:
			return Frame{}, 0, fmt.Errorf("%w: % x instead of 50 59", BadMagic, data[:2])
		case n < enhancedHeader:
			return Frame{}, 0, fmt.Errorf("%w: %d, and the header alone has 18 bytes", BadLength, n)
		case uint64(n)-enhancedHeader > uint64(maxPayload):
			return Frame{}, 0, fmt.Errorf("%w: a payload of %d over the limit of %d", TooLarge, n-enhancedHeader, maxPayload)
		}
		size = int(n)
		f.ID = binary.BigEndian.Uint64(data[6:])
		want = binary.BigEndian.Uint32(data[14:])
	}
	if len(data) < size {
		return Frame{}, 0, nil
	}
	f.Payload = data[framing.headerSize():size]
	if got := crc32.Checksum(f.Payload, castagnoli); framing == Enhanced && got != want {
		return Frame{}, 0, fmt.Errorf("%w: the header says %08x, the payload has %08x", BadCRC, want, got)
	}
	return f, size, nil
}

// decodeAll takes every frame of a whole stream. What is left over at its end is Truncated [STR-2].
func decodeAll(framing Framing, data []byte, maxPayload int) ([]Frame, error) {
	var frames []Frame
	for at := 0; at < len(data); {
		f, used, err := decodeOne(framing, data[at:], maxPayload)
		if err != nil {
			return frames, fmt.Errorf("at byte %d: %w", at, err)
		}
		if used == 0 {
			return frames, fmt.Errorf("at byte %d: %w: the stream ends %d bytes into a frame", at, Truncated, len(data)-at)
		}
		frames = append(frames, f)
		at += used
	}
	return frames, nil
}
