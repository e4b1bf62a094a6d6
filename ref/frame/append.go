package frame

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// AppendFrame appends one frame to dst and returns the extended slice. It copies the payload. In the
// basic framing the requestID is not sent.
//
// AppendFrame, [EndFrame] and [AppendHeader] do not check the size of the payload, as [Writer] does.
// Call [CheckPayload] first if it may be too large: the length field of a payload of MaxPayloadLimit
// bytes or more is wrong or misleading.
func AppendFrame(dst []byte, framing Framing, requestID uint64, payload []byte) []byte {
	dst = slices.Grow(dst, framing.HeaderSize()+len(payload))
	if framing == Basic {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	} else {
		dst = enhancedHeader(requestID, len(payload), Checksum(payload)).Append(dst)
	}
	return append(dst, payload...)
}

// BeginFrame appends room for a header to dst. Append the payload next, and then call [EndFrame]:
//
//	start := len(batch)
//	batch = frame.BeginFrame(batch, framing)
//	batch = append(batch, payload...)
//	frame.EndFrame(batch, start, framing, id)
//
// In this way many frames can be built in one buffer and sent with one write, without a second copy.
// To give up a frame, cut the buffer back to start.
func BeginFrame(dst []byte, framing Framing) []byte {
	return append(dst, make([]byte, framing.HeaderSize())...) // the compiler makes no slice for this
}

// EndFrame fills in the header of the frame that BeginFrame began at dst[start:]. All of dst after
// that header is its payload. In the basic framing the requestID is not sent.
func EndFrame(dst []byte, start int, framing Framing, requestID uint64) {
	payload := dst[start+framing.HeaderSize():]
	if framing == Basic {
		binary.BigEndian.PutUint32(dst[start:], uint32(len(payload)))
		return
	}
	enhancedHeader(requestID, len(payload), Checksum(payload)).Append(dst[:start])
}

// AppendHeader appends only the header of a frame, whose payload is the given pieces joined. Use it
// to write a large payload without copying it.
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

// CheckPayload checks that a payload of size bytes is not larger than maxPayload bytes. A maxPayload
// of 0 means DefaultMaxPayload. The error is a *FrameError of kind ErrTooLarge [FRM-12].
func CheckPayload(size, maxPayload int) error {
	if maxPayload == 0 {
		maxPayload = DefaultMaxPayload
	}
	if size > maxPayload {
		return tooLarge(noStream, uint64(size), maxPayload)
	}
	return nil
}
