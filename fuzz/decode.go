package fuzz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// checkDecode reads any bytes. The frames that come out, written again, are what went in, up to the
// first defect, and the error names that defect.
func checkDecode(read reading, data []byte, framing frame.Framing, maxPayload int) error {
	v, err := read(stream{framing: framing, maxPayload: maxPayload, pieces: [][]byte{data}})
	if err != nil {
		return err
	}
	var again []byte
	for _, f := range v.frames {
		if len(f.Payload) > maxPayload {
			return fmt.Errorf("[FRM-8] a payload of %d bytes was accepted, the limit is %d", len(f.Payload), maxPayload)
		}
		if framing == frame.Basic && f.RequestID != 0 {
			return fmt.Errorf("[FRM-4] the request ID of a basic frame is %d", f.RequestID)
		}
		again = appendFrame(again, framing, f)
	}
	rest, same := bytes.CutPrefix(data, again)
	if !same {
		return fmt.Errorf("[FRM-1] % x was read as %v, which is % x", data, v, again)
	}
	if kinds := defects(rest, framing, maxPayload); !slices.Contains(kinds, v.kind) {
		return fmt.Errorf("[FRM-9] at byte %d, % x: the error is %q, expected one of %q", len(again), rest, v.kind, kinds)
	}
	return nil
}

// defects are the kinds by which the first frame of b may be refused: one, save for what SPEC.md
// leaves open. "" is the clean end of an empty b, and none is a whole frame.
func defects(b []byte, framing frame.Framing, maxPayload int) []string {
	header, length := 18, uint32(0)
	switch {
	case len(b) == 0:
		return []string{""}
	case framing == frame.Basic:
		header = 4
		if len(b) >= header {
			length = binary.BigEndian.Uint32(b)
		}
	case len(b) >= 2 && (b[0] != 'P' || b[1] != 'Y'):
		if len(b) < header {
			return []string{"bad_magic", "truncated"}
		}
		return []string{"bad_magic"}
	case len(b) >= header:
		length = binary.BigEndian.Uint32(b[2:])
		if length < 18 {
			return []string{"bad_length"}
		}
		length -= 18
	}
	switch {
	case len(b) < header:
		return []string{"truncated"}
	case uint64(length) > uint64(maxPayload):
		return []string{"too_large"}
	case len(b)-header < int(length):
		return []string{"truncated"}
	case framing == frame.Enhanced && crc32.Checksum(b[header:header+int(length)], castagnoli) != binary.BigEndian.Uint32(b[14:]):
		return []string{"bad_crc"}
	}
	return nil
}
