package frame_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/stretchr/testify/require"
)

var anyID = gen.OneGenOf(
	gen.OneConstOf(uint64(0), uint64(1), uint64(1<<31), uint64(math.MaxUint32), uint64(1<<32), uint64(1<<53+1), uint64(math.MaxUint64)),
	gen.UInt64(),
)

var anyPayload = gen.SliceOf(gen.UInt8())

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		holds(t, prop.ForAll(func(id uint64, payload []byte) bool {
			var b bytes.Buffer
			f, err := frame.NewFramer(&b, frame.Options{Framing: framing})
			require.NoError(t, err)
			require.NoError(t, f.WriteFrame(id, payload))
			got, err := f.ReadFrame()
			require.NoError(t, err)
			if framing == frame.Basic {
				id = 0 // [FRM-4]
			}
			return got.RequestID == id && bytes.Equal(got.Payload, payload)
		}, anyID, anyPayload))
	})
}

func TestEveryWayToBuildAFrameGivesTheSameBytes(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		holds(t, prop.ForAll(func(id uint64, before, payload []byte, at int) bool {
			at %= len(payload) + 1
			want := frame.AppendFrame(bytes.Clone(before), framing, id, payload)

			inPlace := frame.BeginFrame(bytes.Clone(before), framing)
			inPlace = append(inPlace, payload...)
			frame.EndFrame(inPlace, len(before), framing, id)

			apart := frame.AppendHeader(bytes.Clone(before), framing, id, payload[:at], nil, payload[at:])
			apart = append(apart, payload...)
			return bytes.Equal(want, inPlace) && bytes.Equal(want, apart)
		}, anyID, anyPayload, anyPayload, gen.IntRange(0, 1000)))
	})
}

func TestHeaderIsParsedAsItWasAppended(t *testing.T) {
	holds(t, prop.ForAll(func(length uint32, id uint64, crc uint32) bool {
		h := frame.FrameHeader{Length: length, RequestID: id, CRC32C: crc}
		b := h.Append(nil)
		got, err := frame.ParseFrameHeader(b)
		return err == nil && got == h && len(b) == frame.FrameHeaderSize
	}, gen.UInt32Range(frame.FrameHeaderSize, math.MaxUint32), anyID, gen.UInt32()))
}

// A stream of several frames, the last perhaps cut off or damaged, gives the same verdict however it is split [STR-4].
func TestVerdictDoesNotDependOnTheDelivery(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		o := frame.Options{Framing: framing, MaxPayload: 200 << 10}
		sizes := gen.Weighted([]gen.WeightedGen{
			{Weight: 9, Gen: gen.IntRange(0, 300)},
			{Weight: 1, Gen: gen.OneConstOf(1<<12, 64<<10, 72<<10, 150<<10, 200<<10, 200<<10+1)},
		})
		holds(t, prop.ForAll(func(sizes []int, lost, damaged int, cuts []int) bool {
			var payloads [][]byte
			for _, size := range sizes[:min(len(sizes), 8)] {
				payloads = append(payloads, pattern(size))
			}
			data := stream(framing, payloads...)
			data = data[:max(0, len(data)-lost)]
			if damaged < len(data) {
				data[len(data)-1-damaged] ^= 1
			}
			at := 0
			for i, c := range cuts {
				at += c
				cuts[i] = at
			}
			whole := read(t, &pieces{rest: split(data)}, o, false)
			return sameVerdict(whole, read(t, &pieces{rest: split(data, cuts...)}, o, false)) &&
				sameVerdict(whole, read(t, &pieces{rest: split(data, cuts...)}, o, true))
		},
			gen.SliceOf(sizes),
			gen.OneGenOf(gen.Const(0), gen.IntRange(0, 40)),
			gen.OneGenOf(gen.Const(math.MaxInt), gen.IntRange(0, 100)),
			gen.SliceOf(gen.OneGenOf(gen.IntRange(1, 40), gen.IntRange(1, 1<<16)))))
	})
}

func sameVerdict(a, b verdict) bool {
	if a.Kind != b.Kind || len(a.Frames) != len(b.Frames) {
		return false
	}
	for i := range a.Frames {
		if a.Frames[i].RequestID != b.Frames[i].RequestID || !bytes.Equal(a.Frames[i].Payload, b.Frames[i].Payload) {
			return false
		}
	}
	return true
}

// Each flipped bit of a frame has one outcome. Each field of the header has its own check, the payload has the
// checksum, and the request ID has no check in the frame [CRC-2].
func TestEachFlippedBitHasItsOutcome(t *testing.T) {
	for size := range 34 {
		payload := pattern(size)
		good := frame.AppendFrame(nil, frame.Enhanced, 7, payload)
		for bit := range 8 * len(good) {
			bad := bytes.Clone(good)
			bad[bit/8] ^= 1 << (bit % 8)
			got := read(t, bytes.NewReader(bad), frame.Options{MaxPayload: 64}, false)
			switch at := bit / 8; {
			case at < 2:
				require.Equal(t, verdict{Kind: frame.ErrBadMagic}, got)
			case at < 6:
				require.Empty(t, got.Frames)
				require.Contains(t, []frame.Kind{frame.ErrBadLength, frame.ErrTooLarge, frame.ErrTruncated, frame.ErrBadCRC}, got.Kind)
			case at < 14:
				require.Len(t, got.Frames, 1)
				require.NotEqual(t, uint64(7), got.Frames[0].RequestID)
				require.Equal(t, payload, got.Frames[0].Payload)
			default:
				require.Equal(t, verdict{Kind: frame.ErrBadCRC}, got, "size %d, bit %d", size, bit)
			}
		}
	}
}

// A CRC of 32 bits finds every burst of up to 32 bits, in the order in which it takes the bits: from the lowest of each
// byte.
func TestEachBurstOfUpTo32BitsIsCaught(t *testing.T) {
	holds(t, prop.ForAll(func(payload []byte, burst uint32, at int) bool {
		bad := frame.AppendFrame(nil, frame.Enhanced, 7, payload)
		at %= 8 * len(payload)
		changed := false
		for i := range 32 {
			if bit := at + i; burst>>i&1 == 1 && bit < 8*len(payload) {
				bad[frame.FrameHeaderSize+bit/8] ^= 1 << (bit % 8)
				changed = true
			}
		}
		got := read(t, bytes.NewReader(bad), frame.Options{}, false)
		return changed == (got.Kind == frame.ErrBadCRC)
	}, nonEmpty, gen.UInt32(), gen.IntRange(0, 1<<20)))
}

var nonEmpty gopter.Gen = gen.SliceOf(gen.UInt8()).SuchThat(func(p []byte) bool { return len(p) > 0 })
