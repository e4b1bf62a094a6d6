// Package frame reads and writes PyProc frames: a small header, then a payload, in two framings.
//
// [Framer] reads and writes frames on an io.ReadWriter. [Reader] and [Writer] do one direction each.
// [AppendFrame], and [BeginFrame] with [EndFrame], build frames in a buffer of the caller. No
// function allocates memory per frame once its buffers have grown.
//
// Names in brackets, such as [FRM-2], are clauses of conformance/SPEC.md.
package frame

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const (
	// FrameHeaderSize is the size of an enhanced header in bytes: 2 magic + 4 length + 8 request
	// ID + 4 checksum [FRM-1]. Published listings that add up to 14 show a request ID of 32 bits.
	FrameHeaderSize = 18

	// BasicHeaderSize is the size of a basic header in bytes: the payload length [FRM-4].
	BasicHeaderSize = 4

	// MagicByte1 and MagicByte2, "PY", begin every enhanced frame [FRM-6].
	MagicByte1 = 0x50
	MagicByte2 = 0x59

	// DefaultMaxPayload is the default of Options.MaxPayload, in bytes [FRM-13].
	DefaultMaxPayload = 10485760

	// MaxPayloadLimit is the bound of Options.MaxPayload, which must be below it: a basic frame of
	// this length begins with "PY", so it could be mistaken for an enhanced frame [FRM-14].
	MaxPayloadLimit = 0x50590000
)

// Framing is one of the two ways to put a payload on a stream.
type Framing uint8

const (
	// Enhanced frames carry a magic number, the request ID and a CRC32C of the payload.
	Enhanced Framing = iota
	// Basic frames carry only the payload length. Request IDs are in the message.
	Basic
)

// HeaderSize returns the size of a header in bytes.
func (f Framing) HeaderSize() int {
	if f == Basic {
		return BasicHeaderSize
	}
	return FrameHeaderSize
}

// String returns "enhanced" or "basic".
func (f Framing) String() string {
	switch f {
	case Enhanced:
		return "enhanced"
	case Basic:
		return "basic"
	}
	return fmt.Sprintf("Framing(%d)", uint8(f))
}

// Frame is a frame that was read. In the basic framing its RequestID is 0 [FRM-4].
type Frame struct {
	RequestID uint64
	Payload   []byte
}

// FrameHeader is the header of an enhanced frame, without its magic.
type FrameHeader struct {
	Length    uint32 // of the whole frame in bytes, header included [FRM-2]
	RequestID uint64
	CRC32C    uint32 // of the payload alone [CRC-2]
}

// Append appends the 18 bytes of the header to dst, integers big-endian.
func (h FrameHeader) Append(dst []byte) []byte {
	dst = append(dst, MagicByte1, MagicByte2)
	dst = binary.BigEndian.AppendUint32(dst, h.Length)
	dst = binary.BigEndian.AppendUint64(dst, h.RequestID)
	return binary.BigEndian.AppendUint32(dst, h.CRC32C)
}

// ParseFrameHeader reads the header at the beginning of b. It does not compare the length with a
// maximum.
//
// The error is a *FrameError of kind ErrBadMagic [FRM-6], ErrBadLength [FRM-7], or ErrTruncated if
// b is shorter than a header [STR-2].
func ParseFrameHeader(b []byte) (FrameHeader, error) {
	if len(b) < FrameHeaderSize {
		return FrameHeader{}, truncated(noStream, FrameHeaderSize, len(b))
	}
	if b[0] != MagicByte1 || b[1] != MagicByte2 {
		return FrameHeader{}, badMagic(noStream, b)
	}
	h := FrameHeader{
		Length:    binary.BigEndian.Uint32(b[2:]),
		RequestID: binary.BigEndian.Uint64(b[6:]),
		CRC32C:    binary.BigEndian.Uint32(b[14:]),
	}
	if h.Length < FrameHeaderSize {
		return FrameHeader{}, badLength(noStream, h.Length)
	}
	return h, nil
}

// Checksum returns the CRC32C (Castagnoli) of payload [CRC-1]. It is 0 for an empty payload [CRC-3].
func Checksum(payload []byte) uint32 { return crc32.Checksum(payload, castagnoli) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
