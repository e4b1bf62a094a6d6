package frame_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// Each benchmark stands beside its floor in the same run: the one copy and the one checksum of the
// payload that any codec of this format pays for. Compare the ratio, not the figures.

var benchSizes = []struct {
	name string
	size int
}{{"64B", 64}, {"1KB", 1 << 10}, {"64KB", 64 << 10}, {"1MB", 1 << 20}}

func benchmarkFloor(b *testing.B, payload []byte) {
	b.Run("floor", func(b *testing.B) {
		dst := make([]byte, len(payload))
		report(b, payload)
		for b.Loop() {
			copy(dst, payload)
			sink = frame.Checksum(payload)
		}
	})
}

var sink uint32

func report(b *testing.B, payload []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range benchSizes {
		payload := make([]byte, s.size)
		b.Run(s.name, func(b *testing.B) {
			benchmarkFloor(b, payload)
			for _, framing := range []frame.Framing{frame.Enhanced, frame.Basic} {
				b.Run("append/"+framing.String(), func(b *testing.B) {
					dst := frame.AppendFrame(nil, framing, 1, payload)
					report(b, payload)
					for b.Loop() {
						dst = frame.AppendFrame(dst[:0], framing, 1, payload)
					}
				})
			}
			b.Run("in-place/enhanced", func(b *testing.B) {
				dst := frame.AppendFrame(nil, frame.Enhanced, 1, payload)
				report(b, payload)
				for b.Loop() {
					dst = frame.BeginFrame(dst[:0], frame.Enhanced)
					dst = append(dst, payload...)
					frame.EndFrame(dst, 0, frame.Enhanced, 1)
				}
			})
		})
	}
}

func BenchmarkDecodeFromStream(b *testing.B) {
	for _, s := range benchSizes {
		payload := make([]byte, s.size)
		b.Run(s.name, func(b *testing.B) {
			benchmarkFloor(b, payload)
			for _, framing := range []frame.Framing{frame.Enhanced, frame.Basic} {
				b.Run("reused/"+framing.String(), func(b *testing.B) {
					r := endless(b, framing, payload)
					report(b, payload)
					for b.Loop() {
						if _, err := r.ReadFrame(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			b.Run("owned/enhanced", func(b *testing.B) {
				r := endless(b, frame.Enhanced, payload)
				report(b, payload)
				for b.Loop() {
					if _, err := r.ReadFrameOwned(); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkWrite is a frame through a Writer, to a stream that costs nothing.
func BenchmarkWrite(b *testing.B) {
	for _, s := range benchSizes {
		payload := make([]byte, s.size)
		b.Run(s.name, func(b *testing.B) {
			benchmarkFloor(b, payload)
			b.Run("write/enhanced", func(b *testing.B) {
				w, err := frame.NewWriter(io.Discard, frame.Options{})
				if err != nil {
					b.Fatal(err)
				}
				report(b, payload)
				for b.Loop() {
					if err := w.WriteFrame(1, payload); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// endless returns a reader of a stream on which the same frame comes again and again. It is warm:
// its buffer has grown.
func endless(b *testing.B, framing frame.Framing, payload []byte) *frame.Reader {
	b.Helper()
	var one []byte
	for len(one) < 32<<10 { // so that the source itself costs one copy and few calls
		one = frame.AppendFrame(one, framing, 1, payload)
	}
	r, err := frame.NewReader(&repeat{data: one}, frame.Options{Framing: framing})
	if err != nil {
		b.Fatal(err)
	}
	for range 3 * (1 + 64<<10/len(payload)) {
		if _, err := r.ReadFrame(); err != nil {
			b.Fatal(fmt.Errorf("warming up: %w", err))
		}
	}
	return r
}

// repeat is a stream of the same data for ever.
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
