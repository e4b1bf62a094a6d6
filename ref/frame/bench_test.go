package frame_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// These benchmarks show that no frame costs an allocation. Those in bench/ compare the time with a floor, by turns.

func BenchmarkAppendFrame(b *testing.B) {
	eachSize(b, func(b *testing.B, framing frame.Framing, payload []byte) {
		dst := frame.AppendFrame(nil, framing, 1, payload)
		for b.Loop() {
			dst = frame.AppendFrame(dst[:0], framing, 1, payload)
		}
	})
}

func BenchmarkWriteFrame(b *testing.B) {
	eachSize(b, func(b *testing.B, framing frame.Framing, payload []byte) {
		w, err := frame.NewWriter(io.Discard, frame.Options{Framing: framing})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := w.WriteFrame(1, payload); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReadFrame(b *testing.B) {
	eachSize(b, func(b *testing.B, framing frame.Framing, payload []byte) {
		one, at := frame.AppendFrame(nil, framing, 1, payload), 0
		endless := readerFunc(func(p []byte) (int, error) {
			n := 0
			for n < len(p) {
				c := copy(p[n:], one[at:])
				n, at = n+c, (at+c)%len(one)
			}
			return n, nil
		})
		r, err := frame.NewReader(endless, frame.Options{Framing: framing})
		if err != nil {
			b.Fatal(err)
		}
		for range 2000 { // until the reader's buffer has grown
			if _, err := r.ReadFrame(); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			if _, err := r.ReadFrame(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func eachSize(b *testing.B, run func(b *testing.B, framing frame.Framing, payload []byte)) {
	for _, framing := range framings {
		for _, size := range []int{64, 1 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("framing=%s/size=%dB", framing, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				run(b, framing, make([]byte, size))
			})
		}
	}
}
