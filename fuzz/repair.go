package fuzz

import (
	"encoding/binary"
	"fmt"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// repairedMax is the limit of the payloads in repaired streams, in bytes.
const repairedMax = 256 << 10

// checkRepaired reads what a fuzzer hardly ever makes by itself: frames whose length and checksum are
// right. One of them, perhaps, is damaged again, in one way that the fuzzer chose.
func checkRepaired(read reading, data []byte, framing frame.Framing, damage uint16) error {
	frames := repair(data, framing, 1)
	bytes, want := spoil(frames, framing, damage)
	got, err := read(stream{framing: framing, maxPayload: repairedMax, pieces: [][]byte{bytes}})
	if err != nil {
		return err
	}
	if !got.equal(want) {
		return fmt.Errorf("% x:\n read as %v\nand not as %v", bytes, got, want)
	}
	return nil
}

// repair takes data for frames whose magic and checksum may be anything, and whose length may be too
// large, and returns the frames that were meant, each payload repeated stretch times.
func repair(data []byte, framing frame.Framing, stretch int) []frame.Frame {
	var frames []frame.Frame
	for header := framing.HeaderSize(); len(data) >= header; {
		var f frame.Frame
		size := 0
		if framing == frame.Basic {
			size = int(binary.BigEndian.Uint32(data))
		} else {
			size = int(binary.BigEndian.Uint32(data[2:])) - header
			f.RequestID = binary.BigEndian.Uint64(data[6:])
		}
		data = data[header:]
		if size < 0 || size > len(data) {
			size = max(size, -size) % (len(data) + 1)
		}
		for range max(1, min(stretch, repairedMax/max(size, 1))) {
			f.Payload = append(f.Payload, data[:size]...)
		}
		frames = append(frames, f)
		data = data[size:]
	}
	return frames
}

// spoil writes frames, with one of them damaged as damage says, and returns the verdict that is due.
// The low four bits say how, 0 not at all, the others where.
func spoil(frames []frame.Frame, framing frame.Framing, damage uint16) ([]byte, verdict) {
	how, where := damage&15, int(damage>>4)
	var stream []byte
	at := make([]int, len(frames)) // where each begins
	for i, f := range frames {
		at[i] = len(stream)
		stream = appendFrame(stream, framing, f)
	}
	if how == 0 || len(frames) == 0 {
		return stream, verdict{frames: frames}
	}
	i := where % len(frames)
	v := verdict{frames: frames[:i]}
	bad := stream[at[i]:]
	size := framing.HeaderSize() + len(frames[i].Payload)
	if framing == frame.Basic {
		if how%2 == 0 {
			binary.BigEndian.PutUint32(bad, repairedMax+1+uint32(where))
			v.kind = "too_large" // [FRM-8]
			return stream, v
		}
		v.kind = "truncated" // [STR-2]
		return stream[:at[i]+1+where%(size-1)], v
	}
	switch how % 5 {
	case 0:
		bad[where%2] ^= 1 << (where / 2 % 8)
		v.kind = "bad_magic" // [FRM-6]
	case 1:
		binary.BigEndian.PutUint32(bad[2:], uint32(where%18))
		v.kind = "bad_length" // [FRM-7]
	case 2:
		binary.BigEndian.PutUint32(bad[2:], 18+repairedMax+1+uint32(where))
		v.kind = "too_large" // [FRM-8]
	case 3:
		v.kind = "truncated" // [STR-2]
		return stream[:at[i]+1+where%(size-1)], v
	case 4:
		bit := where % (8 * (size - 14)) // of the checksum or the payload
		bad[14+bit/8] ^= 1 << (bit % 8)
		v.kind = "bad_crc" // [CRC-4]
	}
	return stream, v
}
