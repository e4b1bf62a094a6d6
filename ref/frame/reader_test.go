package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/stretchr/testify/require"
)

func newReader(t *testing.T, src io.Reader, o frame.Options) *frame.Reader {
	t.Helper()
	r, err := frame.NewReader(src, o)
	require.NoError(t, err)
	return r
}

func TestChecksumIsCastagnoliOfThePayload(t *testing.T) {
	require.Equal(t, uint32(0xE3069283), frame.Checksum([]byte("123456789")), "[CRC-1]")
	require.Zero(t, frame.Checksum(nil), "[CRC-3]")
}

func TestWorkedExampleOfTheSpecification(t *testing.T) {
	require.Equal(t,
		"\x50\x59\x00\x00\x00\x36\x00\x00\x00\x00\x00\x00\x00\x01\xb8\x14\xbb\x6f"+`{"id":1,"method":"echo","body":"hi"}`,
		string(frame.AppendFrame(nil, frame.Enhanced, 1, []byte(`{"id":1,"method":"echo","body":"hi"}`))))
}

func TestHeaderAloneIsJudgedAsInAStream(t *testing.T) {
	good := frame.FrameHeader{Length: 18}.Append(nil)
	for size := range good {
		_, err := frame.ParseFrameHeader(good[:size])
		require.ErrorIs(t, err, frame.ErrTruncated)
	}
	h, err := frame.ParseFrameHeader(good)
	require.NoError(t, err)
	require.Equal(t, frame.FrameHeader{Length: 18}, h)
	_, err = frame.ParseFrameHeader(append([]byte("PX"), good[2:]...))
	require.ErrorIs(t, err, frame.ErrBadMagic)
	_, err = frame.ParseFrameHeader(frame.FrameHeader{Length: 17}.Append(nil))
	require.ErrorIs(t, err, frame.ErrBadLength)
}

func TestErrorSaysWhereAndWhatAndWhatToDo(t *testing.T) {
	data := stream(frame.Enhanced, []byte("one"), []byte("two"))
	data[len(data)-1] ^= 0xff
	r := newReader(t, bytes.NewReader(data), frame.Options{})
	_, err := r.ReadFrame()
	require.NoError(t, err)
	_, err = r.ReadFrame()

	var e *frame.FrameError
	require.ErrorAs(t, err, &e)
	require.Equal(t, frame.ErrBadCRC, e.Kind)
	require.Equal(t, int64(18+3), e.Offset)
	require.ErrorContains(t, err, "bad_crc in the frame at offset 21 of the stream")
	require.ErrorContains(t, err, fmt.Sprintf("%08x as computed", frame.Checksum([]byte("tw\x90"))))
	require.NotEmpty(t, e.Advice)
}

// A peer that uses the basic framing may send less than an enhanced header and then wait.
func TestWrongMagicIsRefusedBeforeTheHeaderIsWhole(t *testing.T) {
	waits := errors.New("the reader asks for more")
	r := newReader(t, &pieces{rest: split([]byte{0, 0}), end: waits}, frame.Options{})
	_, err := r.ReadFrame()
	require.ErrorIs(t, err, frame.ErrBadMagic)
}

func TestErrorOfTheStreamPassesAndLosesNothing(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		payloads := [][]byte{pattern(30), pattern(100 << 10), {}, pattern(5)}
		data := stream(framing, payloads...)
		r := newReader(t, &interrupted{src: bytes.NewReader(data), step: 7}, frame.Options{Framing: framing})
		for _, want := range payloads {
			f, err := r.ReadFrame()
			for errors.Is(err, os.ErrDeadlineExceeded) {
				f, err = r.ReadFrame()
			}
			require.NoError(t, err)
			require.Equal(t, want, f.Payload)
		}
	})
}

// interrupted is a stream whose deadline passes after every step bytes.
type interrupted struct {
	src  io.Reader
	step int
	now  bool
}

func (i *interrupted) Read(b []byte) (int, error) {
	if i.now = !i.now; i.now {
		return 0, os.ErrDeadlineExceeded
	}
	return i.src.Read(b[:min(len(b), i.step)])
}

func TestErrorBesideTheLastBytesComesAfterThem(t *testing.T) {
	broken := errors.New("broken")
	src := io.MultiReader(bytes.NewReader(stream(frame.Enhanced, []byte("a"))), iotest.ErrReader(broken))
	r := newReader(t, iotest.DataErrReader(src), frame.Options{})
	f, err := r.ReadFrame()
	require.NoError(t, err)
	require.Equal(t, "a", string(f.Payload))
	_, err = r.ReadFrame()
	require.ErrorIs(t, err, broken)
}

func TestStreamThatGivesNothingIsNotAskedForEver(t *testing.T) {
	r := newReader(t, readerFunc(func([]byte) (int, error) { return 0, nil }), frame.Options{})
	_, err := r.ReadFrame()
	require.ErrorIs(t, err, io.ErrNoProgress)
}

func TestStreamThatGivesNothingNowAndThenIsReadOn(t *testing.T) {
	src := iotest.OneByteReader(bytes.NewReader(stream(frame.Enhanced, pattern(500))))
	now := false
	r := newReader(t, readerFunc(func(b []byte) (int, error) {
		if now = !now; now {
			return 0, nil
		}
		return src.Read(b)
	}), frame.Options{})
	f, err := r.ReadFrame()
	require.NoError(t, err)
	require.Equal(t, pattern(500), f.Payload)
}

func TestImpossibleCountIsAnErrorNotAPanic(t *testing.T) {
	for _, count := range []int{-1, 1 << 30} {
		r := newReader(t, readerFunc(func([]byte) (int, error) { return count, nil }), frame.Options{})
		_, err := r.ReadFrame()
		require.ErrorContains(t, err, "impossible count")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestOneReadTakesInManyFrames(t *testing.T) {
	src := bytes.NewReader(stream(frame.Enhanced, make([][]byte, 20_000)...))
	reads := 0
	r := newReader(t, readerFunc(func(b []byte) (int, error) { reads++; return src.Read(b) }), frame.Options{})
	for range 20_000 {
		_, err := r.ReadFrame()
		require.NoError(t, err)
	}
	require.Less(t, reads, 12, "for 360 KB")
}

func TestPayloadCannotReachTheNextFrame(t *testing.T) {
	r := newReader(t, bytes.NewReader(stream(frame.Enhanced, []byte("one"), []byte("two"))), frame.Options{})
	f, err := r.ReadFrame()
	require.NoError(t, err)
	_ = append(f.Payload, make([]byte, 100)...)
	f, err = r.ReadFrame()
	require.NoError(t, err)
	require.Equal(t, "two", string(f.Payload))
}

func TestOwnedPayloadsStay(t *testing.T) {
	var payloads [][]byte
	for _, size := range []int{0, 1, 100, 70 << 10, 1 << 20, 3, 80 << 10, 1 << 20, 64 << 10, 200 << 10, 1, 5 << 20, 2} {
		payloads = append(payloads, pattern(size))
	}
	r := newReader(t, bytes.NewReader(stream(frame.Basic, payloads...)), frame.Options{Framing: frame.Basic})
	var got [][]byte
	for range payloads {
		f, err := r.ReadFrameOwned()
		require.NoError(t, err)
		got = append(got, f.Payload)
	}
	require.Equal(t, payloads, got)
}

func TestMemoryGrowsWithWhatHasArrived(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		for step, size := range map[int]int{1: 1 << 18, 1000: frame.DefaultMaxPayload} {
			arrived := 0
			src := bytes.NewReader(frame.AppendFrame(nil, framing, 1, make([]byte, size)))
			r := newReader(t, readerFunc(func(b []byte) (int, error) {
				if room, most := cap(b), max(8<<10, 4*arrived); room > most {
					t.Fatalf("%d bytes of room after %d arrived, want at most %d [FRM-11]", room, arrived, most)
				}
				n, err := src.Read(b[:min(len(b), step)])
				arrived += n
				return n, err
			}), frame.Options{Framing: framing})
			_, err := r.ReadFrame()
			require.NoError(t, err)
		}
	})
}

func TestClaimsOfManyPeersSetNoMemoryAside(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		header := frame.AppendHeader(nil, framing, 1, make([]byte, frame.DefaultMaxPayload))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 100 {
			r := newReader(t, bytes.NewReader(header), frame.Options{Framing: framing})
			_, err := r.ReadFrame()
			require.ErrorIs(t, err, frame.ErrTruncated)
		}
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "1 GB was claimed [FRM-11]")
	})
}

func TestOneHugeFrameDoesNotHoldItsMemoryForEver(t *testing.T) {
	var data []byte
	data = frame.AppendFrame(data, frame.Enhanced, 1, pattern(8<<20))
	for range 40 {
		data = frame.AppendFrame(data, frame.Enhanced, 1, pattern(1<<10))
	}
	src := iotest.HalfReader(bytes.NewReader(data))
	room := 0
	r := newReader(t, readerFunc(func(b []byte) (int, error) { room = cap(b); return src.Read(b) }), frame.Options{})
	for range 41 {
		_, err := r.ReadFrame()
		require.NoError(t, err)
	}
	_, err := r.ReadFrame()
	require.Equal(t, io.EOF, err)
	require.Less(t, room, 128<<10)
}

// The change to a smaller buffer loses no byte that was read ahead, also if a frame arrives meanwhile that does not fit
// into it.
func TestShrinkingLosesNothing(t *testing.T) {
	for _, smallOnes := range []int{10, 16} {
		payloads := [][]byte{pattern(2 << 20)}
		for range smallOnes {
			payloads = append(payloads, pattern(10))
		}
		payloads = append(payloads, pattern(400<<10), pattern(10))
		data := stream(frame.Basic, payloads...)
		for _, step := range []int{5_000, 70_000, 1 << 20} {
			r := newReader(t, &interrupted{src: bytes.NewReader(data), step: step}, frame.Options{Framing: frame.Basic})
			for _, want := range payloads {
				f, err := r.ReadFrame()
				for errors.Is(err, os.ErrDeadlineExceeded) {
					f, err = r.ReadFrame()
				}
				require.NoError(t, err)
				require.True(t, bytes.Equal(want, f.Payload))
			}
		}
	}
}

func TestReadingDoesNotAllocateInSteadyState(t *testing.T) {
	for _, sizes := range [][]int{{0}, {64}, {1 << 10}, {64 << 10}, {1 << 20}, {1 << 20, 3, 3, 3, 3, 3}} {
		var round []byte
		for _, size := range sizes {
			round = frame.AppendFrame(round, frame.Enhanced, 1, pattern(size))
		}
		r := newReader(t, &repeat{data: round}, frame.Options{})
		read := func() {
			for range 2 + (1<<20)/len(round) { // 1 MB and more, so that the buffer grows in the first run
				for range sizes {
					_, _ = r.ReadFrame()
				}
			}
		}
		require.Zero(t, testing.AllocsPerRun(5, read), "payloads of %v bytes", sizes)
	}
}

// An owned payload keeps no more memory than it needs, and is copied no more than necessary: it keeps its buffer
// exactly if it fills more than half of it.
func TestOwnedPayloadTakesItsBufferAlongIfItIsLarge(t *testing.T) {
	payloads := [][]byte{pattern(1 << 20), pattern(100), pattern(1 << 20)}
	src := bytes.NewReader(stream(frame.Enhanced, payloads...))
	var room []int
	r := newReader(t, readerFunc(func(b []byte) (int, error) {
		room = append(room, cap(b))
		return src.Read(b[:min(len(b), 50)])
	}), frame.Options{})
	_, err := r.ReadFrame() // the buffer grows
	require.NoError(t, err)
	_, err = r.ReadFrameOwned()
	require.NoError(t, err)

	room = nil
	_, err = r.ReadFrameOwned()
	require.NoError(t, err)
	require.Greater(t, room[0], 1<<19, "a small payload was copied out of the large buffer, which stayed")

	room = nil
	_, err = r.ReadFrameOwned()
	require.Equal(t, io.EOF, err)
	require.Less(t, room[0], 128<<10, "a large payload took its buffer along")
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []frame.Options{
		{MaxPayload: -1}, {MaxPayload: frame.MaxPayloadLimit}, {Framing: 2}, // [FRM-14]
	} {
		_, err := frame.NewFramer(nil, o)
		var e *frame.OptionsError
		require.ErrorAs(t, err, &e)
		_, err = frame.NewReader(nil, o)
		require.Error(t, err)
		_, err = frame.NewWriter(nil, o)
		require.Error(t, err)
	}
	_, err := frame.NewFramer(nil, frame.Options{MaxPayload: -1})
	require.EqualError(t, err, "frame: Options.MaxPayload is -1; set it to 0 for the default, or a size in bytes below 0x50590000 (MaxPayloadLimit)")
	_, err = frame.NewFramer(nil, frame.Options{MaxPayload: frame.MaxPayloadLimit - 1})
	require.NoError(t, err)
	require.Equal(t, "enhanced, basic, Framing(2)", fmt.Sprintf("%v, %v, %v", frame.Enhanced, frame.Basic, frame.Framing(2)))
}

// repeat is an endless stream of the same data.
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
