package bench_test

import (
	"hash/crc32"
	"io"
	"testing"
	"time"

	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/ref/frame"
)

// BenchmarkFraming sets each way to write or read a frame against its floor: one copy of the payload and
// one CRC32C of it, by the processor's instruction. The basic framing has no checksum, so it can be below.
func BenchmarkFraming(b *testing.B) {
	for _, op := range framingOps {
		b.Run("op="+op.name, func(b *testing.B) {
			for _, framing := range op.framings {
				b.Run("framing="+framing.String(), func(b *testing.B) {
					for _, s := range sizes {
						b.Run("size="+s.name, func(b *testing.B) { benchmarkFraming(b, op, framing, s.bytes) })
					}
				})
			}
		})
	}
}

type size struct {
	name  string
	bytes int
}

var sizes = []size{{"0B", 0}, {"64B", 64}, {"1KB", 1 << 10}, {"64KB", 64 << 10}, {"1MB", 1 << 20}}

// framingTurn is short, so that most turns are not interrupted by anything.
const framingTurn = 50 * time.Microsecond

func benchmarkFraming(b *testing.B, op framingOp, framing frame.Framing, size int) {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i)
	}
	times, err := op.prepare(framing, payload)
	if err != nil {
		b.Fatal(err)
	}
	turns.Measure(b, turns.Options{Turn: framingTurn, Ratio: "x-floor", Bytes: size},
		turns.Side{Run: copyAndSum(payload)},
		turns.Side{Run: func(n int, _ *turns.Latencies) error { return times(n) }})
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	sink       uint32 // so that the compiler leaves the floor in
)

func copyAndSum(payload []byte) func(int, *turns.Latencies) error {
	dst := make([]byte, len(payload))
	return func(n int, _ *turns.Latencies) error {
		for range n {
			copy(dst, payload)
			sink = crc32.Update(0, castagnoli, payload)
		}
		return nil
	}
}

type framingOp struct {
	name     string
	framings []frame.Framing
	prepare  func(framing frame.Framing, payload []byte) (times func(n int) error, err error)
}

var (
	both     = []frame.Framing{frame.Enhanced, frame.Basic}
	enhanced = both[:1]
)

var framingOps = []framingOp{
	{"encode", both, func(framing frame.Framing, payload []byte) (func(int) error, error) {
		var dst []byte
		return func(n int) error {
			for range n {
				dst = frame.AppendFrame(dst[:0], framing, 1, payload)
			}
			return nil
		}, nil
	}},
	{"write", enhanced, func(framing frame.Framing, payload []byte) (func(int) error, error) {
		w, err := frame.NewWriter(io.Discard, frame.Options{Framing: framing})
		return func(n int) error {
			for range n {
				if err := w.WriteFrame(1, payload); err != nil {
					return err
				}
			}
			return nil
		}, err
	}},
	{"decode", both, func(framing frame.Framing, payload []byte) (func(int) error, error) {
		r, err := frame.NewReader(endless(framing, payload), frame.Options{Framing: framing})
		return func(n int) error {
			for range n {
				if _, err := r.ReadFrame(); err != nil {
					return err
				}
			}
			return nil
		}, err
	}},
	{"decode-owned", enhanced, func(framing frame.Framing, payload []byte) (func(int) error, error) {
		r, err := frame.NewReader(endless(framing, payload), frame.Options{Framing: framing})
		return func(n int) error {
			for range n {
				if _, err := r.ReadFrameOwned(); err != nil {
					return err
				}
			}
			return nil
		}, err
	}},
}

// endless is a stream on which the same frame comes again and again. It costs one copy and few calls.
func endless(framing frame.Framing, payload []byte) io.Reader {
	const atLeast = 32 << 10
	var frames []byte
	for len(frames) < atLeast {
		frames = frame.AppendFrame(frames, framing, 1, payload)
	}
	return &repeat{data: frames}
}

type repeat struct {
	data []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.data[r.at:])
		n += c
		if r.at += c; r.at == len(r.data) {
			r.at = 0
		}
	}
	return n, nil
}
