package frame

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// AppendFrame appends one frame to dst and returns the extended slice. The payload is copied once.
// In the basic framing the requestID is not sent.
//
// Like the other functions of this file it knows no maximum: a caller that did not make the
// payload itself asks [CheckPayload] first, as [Writer] does. From MaxPayloadLimit on, the length
// field no longer says what follows.
func AppendFrame(dst []byte, framing Framing, requestID uint64, payload []byte) []byte {
	dst = slices.Grow(dst, framing.HeaderSize()+len(payload))
	if framing == Basic {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	} else {
		dst = enhancedHeader(requestID, len(payload), Checksum(payload)).Append(dst)
	}
	return append(dst, payload...)
}

// BeginFrame appends room for a header to dst, for a payload that is built in place:
//
//	start := len(batch)
//	batch = frame.BeginFrame(batch, framing)
//	batch = append(batch, payload...)
//	frame.EndFrame(batch, start, framing, id)
//
// So many frames can be collected in one buffer, and sent with one write, without a second copy.
// Cutting the buffer back to start gives the frame up.
func BeginFrame(dst []byte, framing Framing) []byte {
	return append(dst, make([]byte, framing.HeaderSize())...) // in place: this make allocates nothing
}

// EndFrame fills in the header of the frame that BeginFrame began at dst[start:], with all of dst
// after that header as its payload.
func EndFrame(dst []byte, start int, framing Framing, requestID uint64) {
	payload := dst[start+framing.HeaderSize():]
	if framing == Basic {
		binary.BigEndian.PutUint32(dst[start:], uint32(len(payload)))
		return
	}
	enhancedHeader(requestID, len(payload), Checksum(payload)).Append(dst[:start])
}

// AppendHeader appends the header alone of a frame whose payload is the given pieces joined, for a
// write of several buffers where copying the payload would cost more than it saves.
func AppendHeader(dst []byte, framing Framing, requestID uint64, pieces ...[]byte) []byte {
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	if framing == Basic {
		return binary.BigEndian.AppendUint32(dst, uint32(size))
	}
	crc := uint32(0)
	for _, p := range pieces {
		crc = crc32.Update(crc, castagnoli, p)
	}
	return enhancedHeader(requestID, size, crc).Append(dst)
}

func enhancedHeader(requestID uint64, payloadSize int, crc uint32) FrameHeader {
	return FrameHeader{Length: uint32(FrameHeaderSize + payloadSize), RequestID: requestID, CRC32C: crc}
}

// CheckPayload says whether a payload of size bytes may be sent under maxPayload: nil, or a
// *FrameError that is ErrTooLarge [FRM-12]. A maxPayload of 0 means DefaultMaxPayload.
func CheckPayload(size, maxPayload int) error {
	if maxPayload == 0 {
		maxPayload = DefaultMaxPayload
	}
	if size > maxPayload {
		return tooLarge(noStream, uint64(size), maxPayload)
	}
	return nil
}
