package wire

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/pyproctest/pyproctest/conformance/internal/seeded"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
	"github.com/stretchr/testify/require"
)

func frameVectors(t *testing.T) []vectors.FrameVector {
	t.Helper()
	set, err := vectors.Load()
	require.NoError(t, err)
	return slices.Concat(set.Enhanced, set.Basic, set.Streams)
}

// The codec of the suite and the vectors were written apart: where they agree, either checks the other.
func TestCodecReadsEveryVector(t *testing.T) {
	for _, v := range frameVectors(t) {
		frames, err := decodeAll(spec.Framing(v.Framing), v.Bytes, int(v.MaxPayload))
		want := "a clean end"
		if !v.Valid() {
			want = string(v.Error)
		}
		require.Equal(t, want, endAsTold(err), v.TcID)
		require.Len(t, frames, len(v.Frames), v.TcID)
		for i, want := range v.Frames {
			require.Equal(t, want.ID, frames[i].ID, "%s, frame %d", v.TcID, i)
			require.Equal(t, string(want.Payload), string(frames[i].Payload), "%s, frame %d", v.TcID, i)
		}
	}
}

func endAsTold(err error) string {
	if err == nil {
		return "a clean end"
	}
	for _, kind := range spec.FramingErrors() {
		if errors.Is(err, kind) {
			return string(kind)
		}
	}
	return err.Error()
}

// lastStart is the offset behind the frames of a vector, where what is wrong with it begins.
func lastStart(v vectors.FrameVector) int {
	at := 0
	for _, f := range v.Frames {
		at += spec.Framing(v.Framing).HeaderSize() + len(f.Payload)
	}
	return at
}

// An error is known when the bytes that decide it are there, and not before [FRM-10].
func TestCodecDecidesWhereTheVectorSaysSo(t *testing.T) {
	for _, v := range frameVectors(t) {
		if v.Valid() || v.Error == vectors.Truncated {
			continue
		}
		start := lastStart(v)
		_, _, err := DecodeOne(spec.Framing(v.Framing), v.Bytes[start:v.DecidedAt], int(v.MaxPayload))
		require.ErrorIs(t, err, spec.ErrorKind(v.Error), v.TcID)
		_, used, err := DecodeOne(spec.Framing(v.Framing), v.Bytes[start:v.DecidedAt-1], int(v.MaxPayload))
		require.NoError(t, err, v.TcID)
		require.Zero(t, used, v.TcID)
	}
}

func TestCodecWritesEveryValidVector(t *testing.T) {
	for _, v := range frameVectors(t) {
		if !v.Valid() {
			continue
		}
		var bytes []byte
		for _, f := range v.Frames {
			bytes = append(bytes, Encode(spec.Framing(v.Framing), f.ID, f.Payload)...)
		}
		require.Equal(t, string(v.Bytes), string(bytes), v.TcID)
	}
}

func TestCodecKnowsTheCheckValue(t *testing.T) {
	require.Equal(t, uint32(0xE3069283), crc32.Checksum([]byte("123456789"), Castagnoli)) // [CRC-1]
	require.Zero(t, crc32.Checksum(nil, Castagnoli))                                      // [CRC-3]
}

// What is encoded decodes to itself, from no fewer bytes, and is refused where one bit behind the ID is
// flipped.
func TestCodecRoundTrip(t *testing.T) {
	payloads := gen.SliceOf(gen.UInt8())
	for _, framing := range []spec.Framing{spec.Enhanced, spec.Basic} {
		forAll(t, fmt.Sprintf("a frame survives, %s", framing), prop.ForAll(func(id uint64, payload []byte) bool {
			frame := Encode(framing, id, payload)
			got, used, err := DecodeOne(framing, frame, len(payload))
			if framing == spec.Basic {
				id = 0
			}
			return err == nil && used == len(frame) && got.ID == id && slices.Equal(got.Payload, payload)
		}, gen.UInt64(), payloads))
		forAll(t, fmt.Sprintf("a part of a frame is no frame, %s", framing), prop.ForAll(func(id uint64, payload []byte, cut int) bool {
			frame := Encode(framing, id, payload)
			_, used, err := DecodeOne(framing, frame[:cut%len(frame)], len(payload))
			return err == nil && used == 0
		}, gen.UInt64(), payloads, gen.IntRange(0, 1<<20)))
	}
	forAll(t, "a flipped bit behind the ID is found", prop.ForAll(func(id uint64, payload []byte, bit int) bool {
		const crcAt = 14
		frame := Encode(spec.Enhanced, id, payload)
		bit %= 8 * (len(frame) - crcAt)
		frame[crcAt+bit/8] ^= 1 << (bit % 8)
		_, _, err := DecodeOne(spec.Enhanced, frame, len(payload))
		return errors.Is(err, spec.BadCRC)
	}, gen.UInt64(), payloads, gen.IntRange(0, 1<<20)))
}

func forAll(t *testing.T, name string, property gopter.Prop) {
	t.Helper()
	t.Run(name, func(t *testing.T) { seeded.Check(t, 100, property) })
}

// A frame with one field damaged is the right frame in all other bytes.
func TestCodecDamagesOneField(t *testing.T) {
	right := Encode(spec.Enhanced, 7, []byte("hi"))
	for name, c := range map[string]struct {
		from, to int
		damage   func(*Header)
	}{
		"magic":      {0, 2, func(h *Header) { h.Magic = [2]byte{0xaf, 0xa6} }},
		"length":     {2, 6, func(h *Header) { h.Length = ^h.Length }},
		"request ID": {6, 14, func(h *Header) { h.ID = ^h.ID }},
		"CRC32C":     {14, 18, func(h *Header) { h.CRC = ^h.CRC }},
	} {
		want := slices.Clone(right)
		for i := c.from; i < c.to; i++ {
			want[i] ^= 0xff
		}
		require.Equal(t, want, EncodeWith(7, []byte("hi"), c.damage), name)
	}
}
