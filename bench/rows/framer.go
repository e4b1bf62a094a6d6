package rows

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"time"

	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/ref/frame"
)

// TimedFramer is a framer of another program, which writes or reads frames in a loop of its own and times that.
type TimedFramer interface {
	// Measure writes (op "encode") or reads (op "decode") n frames with payloads of size bytes, and returns the time
	// that this took.
	Measure(ctx context.Context, op string, framing conformance.Framing, size, n int) (time.Duration, error)
	Close() error
}

// OpenFramer makes a framer over a stream, as for [conformance.TestFramer].
type OpenFramer func(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer

var (
	framings   = []conformance.Framing{conformance.Enhanced, conformance.Basic}
	frameSizes = []size{{"0B", 0}, {"64B", 64}, {"1KB", 1 << 10}, {"64KB", 64 << 10}, {"1MB", 1 << 20}}
)

// frameTurn is short, so that most turns are not interrupted by anything. One of another program is longer, for the clocks
// of some languages are coarse.
const (
	frameTurn = 50 * time.Microsecond
	timedTurn = 2 * time.Millisecond
)

// Framer returns the rows of a framer: op=write is WriteFrame to a stream that takes everything at no cost, and op=decode is
// ReadFrame from one that never ends. The floor is one copy of the payload and one CRC32C by the processor.
func Framer(side string, open OpenFramer, which []conformance.Framing, extent Extent) []Row {
	return framing(side, which, extent, frameTurn, func(_ context.Context, _ *Shelf, op string, framing conformance.Framing, payload []byte) (turns.Side, error) {
		if op == "write" {
			return writing(open, framing, payload)
		}
		f := open(endless(framing, payload), conformance.FramerOptions{Framing: framing})
		return turns.Side{Run: func(n int, _ *turns.Latencies) error { return readFrames(f, framing, payload, n) }}, nil
	})
}

// RemoteFramer returns the rows of a framer of another program. The floor is that of [Framer], in this process.
func RemoteFramer(side string, open func(context.Context) (TimedFramer, error), extent Extent) []Row {
	return framing(side, nil, extent, timedTurn, func(ctx context.Context, s *Shelf, op string, framing conformance.Framing, payload []byte) (turns.Side, error) {
		f, err := on(s, "framer", func() (TimedFramer, func() error, error) {
			f, err := open(ctx)
			if err != nil {
				return nil, nil, err
			}
			return f, f.Close, nil
		})
		if err != nil {
			return turns.Side{}, err
		}
		asked := map[string]string{"write": "encode", "decode": "decode"}[op]
		return turns.Side{Clock: func(n int, _ *turns.Latencies) (time.Duration, error) {
			return f.Measure(ctx, asked, framing, len(payload), n)
		}}, nil
	})
}

// framing returns a row for each operation, framing and size. subject does the operation.
func framing(side string, which []conformance.Framing, extent Extent, turn time.Duration,
	subject func(ctx context.Context, s *Shelf, op string, framing conformance.Framing, payload []byte) (turns.Side, error)) []Row {
	if len(which) == 0 {
		which = framings
	}
	var rows []Row
	for _, op := range []string{"write", "decode"} {
		for _, framing := range which {
			for _, s := range frameSizes {
				if extent == Quick && s.bytes != 64 && s.bytes != 64<<10 {
					continue
				}
				rows = append(rows, Row{
					Benchmark: "Framing", Placement: Placements()[0], Group: "framing " + side,
					Keys:    fmt.Sprintf("side=%s/op=%s/framing=%s/size=%s", side, op, framing, s.name),
					options: turns.Options{Turn: turn, Ratio: "x-floor", Bytes: s.bytes},
					sides: func(ctx context.Context, shelf *Shelf) (floor, measured turns.Side, err error) {
						payload := make([]byte, s.bytes)
						for i := range payload {
							payload[i] = byte(i)
						}
						measured, err = subject(ctx, shelf, op, framing, payload)
						return turns.Side{Run: copyAndSum(payload)}, measured, err
					},
				})
			}
		}
	}
	return rows
}

// writing writes frames, after it has looked whether one goes out with the bytes that it has in the protocol.
func writing(open OpenFramer, framing conformance.Framing, payload []byte) (side turns.Side, err error) {
	if err := writesRight(open, framing, payload); err != nil {
		return side, err
	}
	f := open(endless(framing, payload), conformance.FramerOptions{Framing: framing})
	side.Run = func(n int, _ *turns.Latencies) error {
		for range n {
			if err := f.WriteFrame(frameID, payload); err != nil {
				return err
			}
		}
		return nil
	}
	return side, nil
}

// frameID is that of all frames. It has eight bytes that differ.
const frameID = 0x0102030405060708

// readFrames reads frames and looks whether they are the right ones; the whole payload of the first, and the length of the
// others, for which there is no time.
func readFrames(f conformance.Framer, framing conformance.Framing, payload []byte, n int) error {
	id := uint64(frameID)
	if framing == conformance.Basic {
		id = 0
	}
	for i := range n {
		got, err := f.ReadFrame()
		if err != nil {
			return fmt.Errorf("a right frame was not read: %w", err)
		}
		if got.ID != id || len(got.Payload) != len(payload) || i == 0 && !bytes.Equal(got.Payload, payload) {
			return fmt.Errorf("another frame was read than is on the stream: ID %d and %d bytes, instead of ID %d and %d bytes; run the conformance suite first",
				got.ID, len(got.Payload), id, len(payload))
		}
	}
	return nil
}

// writesRight is an error if a frame goes out with other bytes than it has.
func writesRight(open OpenFramer, framing conformance.Framing, payload []byte) error {
	var out bytes.Buffer
	if err := open(&out, conformance.FramerOptions{Framing: framing}).WriteFrame(frameID, payload); err != nil {
		return fmt.Errorf("a frame was not written: %w", err)
	}
	if want := frame.AppendFrame(nil, framingOf(framing), frameID, payload); !bytes.Equal(out.Bytes(), want) {
		return fmt.Errorf("a frame of %d bytes was written with other bytes than it has in the protocol; run the conformance suite first", len(want))
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func copyAndSum(payload []byte) func(int, *turns.Latencies) error {
	dst := make([]byte, len(payload))
	return func(n int, _ *turns.Latencies) error {
		var sum uint32
		for range n {
			copy(dst, payload)
			sum = crc32.Update(0, castagnoli, payload)
		}
		runtime.KeepAlive(sum) // or the compiler might leave the floor out
		return nil
	}
}

// endless is a stream on which the same frame comes again and again, and which takes whatever is written. It costs one copy
// and few calls.
func endless(framing conformance.Framing, payload []byte) io.ReadWriter {
	const atLeast = 32 << 10
	var frames []byte
	for len(frames) < atLeast {
		frames = frame.AppendFrame(frames, framingOf(framing), frameID, payload)
	}
	return &repeat{data: frames}
}

func framingOf(f conformance.Framing) frame.Framing {
	if f == conformance.Basic {
		return frame.Basic
	}
	return frame.Enhanced
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

func (r *repeat) Write(p []byte) (int, error) { return len(p), nil }
