package vectors_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/pyproctest/pyproctest/vectors"
)

// readFrames reads a stream until it ends and returns its frames, and the error
// kind that ended it, "" for a clean end. It is written from SPEC.md alone, and
// apart from the generators' encoder: what the two agree on is no slip of one.
//
// The snippet in README.md calls it as the user's own framer.
func readFrames(stream io.Reader, framing string, maxPayload uint32) (frames []vectors.Frame, kind string) {
	headerSize := map[string]int{"enhanced": 18, "basic": 4}[framing]
	for {
		header := make([]byte, headerSize)
		switch _, err := io.ReadFull(stream, header); {
		case errors.Is(err, io.EOF):
			return frames, "" // [STR-1]
		case err != nil:
			return frames, kindOf(err)
		}
		var frame vectors.Frame
		var size uint32
		if framing == "basic" {
			size = binary.BigEndian.Uint32(header)
		} else {
			frame.ID = binary.BigEndian.Uint64(header[6:])
			size = binary.BigEndian.Uint32(header[2:])
			if string(header[:2]) != "PY" {
				return frames, "bad_magic" // [FRM-6]
			}
			if size < 18 {
				return frames, "bad_length" // [FRM-7]
			}
			size -= 18
		}
		if size > maxPayload {
			return frames, "too_large" // [FRM-8]
		}
		var err error
		if frame.Payload, err = io.ReadAll(io.LimitReader(stream, int64(size))); err != nil { // [FRM-11]
			return frames, kindOf(err)
		}
		if len(frame.Payload) < int(size) {
			return frames, "truncated" // [STR-2]
		}
		if framing == "enhanced" && binary.BigEndian.Uint32(header[14:]) != crc32.Checksum(frame.Payload, crc32.MakeTable(crc32.Castagnoli)) {
			return frames, "bad_crc" // [CRC-4]
		}
		frames = append(frames, frame)
	}
}

func kindOf(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "truncated" // [STR-2]
	}
	return err.Error()
}
