package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Castagnoli is the table of CRC32C [CRC-1].
var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header is an enhanced header field by field, so that a case can switch one field wrong.
type Header struct {
	Magic  [2]byte
	Length uint32
	ID     uint64
	CRC    uint32
}

func rightHeader(id uint64, payload []byte) Header {
	return Header{
		Magic:  [2]byte{spec.Magic0, spec.Magic1},
		Length: uint32(spec.EnhancedHeader + len(payload)),
		ID:     id,
		CRC:    crc32.Checksum(payload, Castagnoli),
	}
}

func (h Header) append(dst []byte) []byte {
	dst = append(dst, h.Magic[:]...)
	dst = binary.BigEndian.AppendUint32(dst, h.Length)
	dst = binary.BigEndian.AppendUint64(dst, h.ID)
	return binary.BigEndian.AppendUint32(dst, h.CRC)
}

// Encode returns the bytes of one right frame.
func Encode(framing spec.Framing, id uint64, payload []byte) []byte {
	if framing == spec.Basic {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
	}
	return append(rightHeader(id, payload).append(nil), payload...)
}

// ReadHeader returns the fields of an enhanced header, whatever they are. data has 18 bytes or more.
func ReadHeader(data []byte) Header {
	return Header{
		Magic:  [2]byte{data[0], data[1]},
		Length: binary.BigEndian.Uint32(data[2:]),
		ID:     binary.BigEndian.Uint64(data[6:]),
		CRC:    binary.BigEndian.Uint32(data[14:]),
	}
}

// EncodeWith returns the bytes of an enhanced frame after damage changed its right header.
func EncodeWith(id uint64, payload []byte, damage func(*Header)) []byte {
	h := rightHeader(id, payload)
	damage(&h)
	return append(h.append(nil), payload...)
}

// DecodeOne returns the first frame in data and the number of its bytes, 0 if more bytes are needed. The payload shares
// data's memory. For a framing error it returns an error in which errors.Is finds its kind. The order of the checks is
// [FRM-9].
func DecodeOne(framing spec.Framing, data []byte, maxPayload int) (f spec.Frame, used int, err error) {
	size, want := framing.HeaderSize(), uint32(0)
	if len(data) < size {
		return spec.Frame{}, 0, nil
	}
	if framing == spec.Basic {
		n := binary.BigEndian.Uint32(data)
		if uint64(n) > uint64(maxPayload) {
			return spec.Frame{}, 0, fmt.Errorf("%w: a length of %d over the limit of %d", spec.TooLarge, n, maxPayload)
		}
		size += int(n)
	} else {
		n := binary.BigEndian.Uint32(data[2:])
		switch {
		case data[0] != spec.Magic0 || data[1] != spec.Magic1:
			return spec.Frame{}, 0, fmt.Errorf("%w: % x instead of 50 59", spec.BadMagic, data[:2])
		case n < spec.EnhancedHeader:
			return spec.Frame{}, 0, fmt.Errorf("%w: %d, and the header alone has 18 bytes", spec.BadLength, n)
		case uint64(n)-spec.EnhancedHeader > uint64(maxPayload):
			return spec.Frame{}, 0, fmt.Errorf("%w: a payload of %d over the limit of %d", spec.TooLarge, n-spec.EnhancedHeader, maxPayload)
		}
		size = int(n)
		f.ID = binary.BigEndian.Uint64(data[6:])
		want = binary.BigEndian.Uint32(data[14:])
	}
	if len(data) < size {
		return spec.Frame{}, 0, nil
	}
	f.Payload = data[framing.HeaderSize():size]
	if got := crc32.Checksum(f.Payload, Castagnoli); framing == spec.Enhanced && got != want {
		return spec.Frame{}, 0, fmt.Errorf("%w: the header says %08x, the payload has %08x", spec.BadCRC, want, got)
	}
	return f, size, nil
}

// decodeAll returns every frame of a complete stream. Bytes left at its end are Truncated [STR-2].
func decodeAll(framing spec.Framing, data []byte, maxPayload int) ([]spec.Frame, error) {
	var frames []spec.Frame
	for at := 0; at < len(data); {
		f, used, err := DecodeOne(framing, data[at:], maxPayload)
		if err != nil {
			return frames, fmt.Errorf("at byte %d: %w", at, err)
		}
		if used == 0 {
			return frames, fmt.Errorf("at byte %d: %w: the stream ends %d bytes into a frame", at, spec.Truncated, len(data)-at)
		}
		frames = append(frames, f)
		at += used
	}
	return frames, nil
}

// Claim returns a header that claims a payload of length bytes, without the payload.
func Claim(framing spec.Framing, id uint64, length uint32) []byte {
	if framing == spec.Basic {
		return []byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}
	}
	return EncodeWith(id, nil, func(h *Header) { h.Length = spec.EnhancedHeader + length })
}
