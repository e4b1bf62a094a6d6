package frame_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/stretchr/testify/require"
)

func newWriter(t *testing.T, dst io.Writer, o frame.Options) *frame.Writer {
	t.Helper()
	w, err := frame.NewWriter(dst, o)
	require.NoError(t, err)
	return w
}

// recorder keeps the bytes of each Write.
type recorder struct{ writes [][]byte }

func (r *recorder) Write(b []byte) (int, error) {
	r.writes = append(r.writes, bytes.Clone(b))
	return len(b), nil
}

func TestAFrameIsOneWrite(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		var dst recorder
		w := newWriter(t, &dst, frame.Options{Framing: framing})
		require.NoError(t, w.WriteFrame(1, nil))
		require.NoError(t, w.WriteFrame(2, pattern(64<<10-1)))
		require.NoError(t, w.WriteFramePieces(3, pattern(5), nil, pattern(7)))
		require.Equal(t, [][]byte{
			frame.AppendFrame(nil, framing, 1, nil),
			frame.AppendFrame(nil, framing, 2, pattern(64<<10-1)),
			frame.AppendFrame(nil, framing, 3, append(pattern(5), pattern(7)...)),
		}, dst.writes)
	})
}

func TestFramesBuiltByTheCallerAreOneWrite(t *testing.T) {
	var dst recorder
	w := newWriter(t, &dst, frame.Options{})
	require.NoError(t, w.WriteFrames(nil))
	batch := stream(frame.Enhanced, pattern(10), nil, pattern(100<<10))
	require.NoError(t, w.WriteFrames(batch))
	require.Equal(t, [][]byte{batch}, dst.writes)
}

func TestLargePayloadIsWrittenFromWhereItIs(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		payload := pattern(64 << 10)
		var same bool
		var out bytes.Buffer
		w := newWriter(t, writerFunc(func(b []byte) (int, error) {
			same = same || &b[0] == &payload[0]
			require.NotEmpty(t, b, "an empty write waits for the reader of a net.Pipe")
			return out.Write(b)
		}), frame.Options{Framing: framing})
		require.NoError(t, w.WriteFramePieces(1, nil, payload, []byte{}))
		require.True(t, same)
		require.True(t, bytes.Equal(frame.AppendFrame(nil, framing, 1, payload), out.Bytes()))
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestPayloadOverTheMaximumPutsNoByteOut(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		var dst recorder
		w := newWriter(t, &dst, frame.Options{Framing: framing, MaxPayload: 10})
		require.ErrorIs(t, w.WriteFrame(1, pattern(11)), frame.ErrTooLarge, "[FRM-12]")
		require.ErrorIs(t, w.WriteFramePieces(1, pattern(6), pattern(5)), frame.ErrTooLarge)
		require.Empty(t, dst.writes)
		require.NoError(t, w.WriteFrame(1, pattern(10)), "the writer stays usable [FRM-12]")
		require.Len(t, dst.writes, 1)
	})
	require.NoError(t, frame.CheckPayload(frame.DefaultMaxPayload, 0), "[FRM-13]")
	require.ErrorIs(t, frame.CheckPayload(frame.DefaultMaxPayload+1, 0), frame.ErrTooLarge)
}

// tight takes a number of bytes and then, once, returns an error. After that it takes everything.
type tight struct {
	room int
	says error
	out  []byte
	full bool
}

func (s *tight) Write(b []byte) (int, error) {
	if !s.full && len(b) > s.room {
		s.full = true
		s.out = append(s.out, b[:s.room]...)
		return s.room, s.says
	}
	s.room -= len(b)
	s.out = append(s.out, b...)
	return len(b), nil
}

func TestShortWriteIsFinal(t *testing.T) {
	reset := errors.New("reset")
	for _, says := range []error{nil, reset} {
		for _, size := range []int{20, 64 << 10} { // copied, and written from where it is
			whole := frame.FrameHeaderSize + size
			for _, room := range []int{0, 1, 17, 18, 19, whole - 1} {
				dst := &tight{room: room, says: says}
				w := newWriter(t, dst, frame.Options{})
				err := w.WriteFrame(1, pattern(size))

				var e *frame.WriteError
				require.ErrorAs(t, err, &e)
				require.Equal(t, room, e.Written)
				require.Equal(t, whole, e.Size)
				if says != nil {
					require.ErrorIs(t, err, reset)
					require.ErrorContains(t, err, "reset")
				}
				if room == 0 && says != nil {
					require.False(t, e.Final(), "no byte went out: the stream is in step")
					require.NoError(t, w.WriteFrame(1, pattern(size)))
					continue
				}
				require.True(t, e.Final())
				require.ErrorIs(t, err, io.ErrShortWrite)
				require.ErrorContains(t, err, fmt.Sprintf("wrote %d of %d bytes", room, whole))
				require.True(t, err == w.WriteFrame(2, nil), "every later write fails too [STR-6]")
				require.True(t, err == w.WriteFrame(2, pattern(64<<10)))
				require.True(t, err == w.WriteFrames([]byte("frames")))
				require.Len(t, dst.out, room, "nothing follows the broken frame")
			}
		}
	}
}

func TestWritersDoNotTearEachOthersFrames(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		for name, pipe := range map[string]func(*testing.T) (net.Conn, net.Conn){"pipe": netPipe, "unix": unixPair} {
			t.Run(name, func(t *testing.T) {
				const writers, each = 8, 60
				a, b := pipe(t)
				w := newWriter(t, a, frame.Options{Framing: framing})
				var all sync.WaitGroup
				for i := range writers {
					all.Go(func() {
						for n := range each {
							payload := numbered(i, n)
							half := len(payload) / 2
							if err := w.WriteFramePieces(uint64(i), payload[:half], payload[half:]); err != nil {
								t.Errorf("writer %d: %v", i, err)
								return
							}
						}
					})
				}
				r := newReader(t, b, frame.Options{Framing: framing})
				next := make([]int, writers)
				for range writers * each {
					f, err := r.ReadFrame()
					require.NoError(t, err)
					i := int(binary.BigEndian.Uint32(f.Payload))
					require.True(t, bytes.Equal(numbered(i, next[i]), f.Payload), "frame %d of writer %d", next[i], i)
					next[i]++
				}
				all.Wait()
			})
		}
	})
}

// numbered returns the n-th payload of writer i. Some are so large that they are written without a copy.
func numbered(i, n int) []byte {
	size := 8 + n*n
	if n%7 == 0 {
		size += 64 << 10
	}
	p := pattern(size)
	binary.BigEndian.PutUint32(p, uint32(i))
	binary.BigEndian.PutUint32(p[4:], uint32(n))
	return p
}

func netPipe(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func unixPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pp") // not t.TempDir: a socket path has 107 bytes at most
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	a, err := net.Dial("unix", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	b, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return a, b
}

// A writer that waits for another counts as blocked in testing/synctest. With a mutex this test would hang, because
// virtual time stands still while a goroutine waits for one.
func TestWaitingForATurnLetsVirtualTimeGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		w := newWriter(t, a, frame.Options{})
		for i := range 2 {
			go func() { _ = w.WriteFrame(uint64(i), nil) }()
		}
		synctest.Wait()
		r := newReader(t, b, frame.Options{})
		for range 2 {
			_, err := r.ReadFrame()
			require.NoError(t, err)
		}
	})
}

func TestWriterHoldsNoPayloadOfItsCaller(t *testing.T) {
	w := newWriter(t, io.Discard, frame.Options{})
	write := func() weak.Pointer[byte] {
		payload := pattern(1 << 20)
		require.NoError(t, w.WriteFrame(1, payload))
		return weak.Make(&payload[0])
	}
	payload := write()
	runtime.GC()
	require.Nil(t, payload.Value())
	runtime.KeepAlive(w)
}

func TestWritingDoesNotAllocateInSteadyState(t *testing.T) {
	for _, size := range []int{0, 64, 1 << 10, 64 << 10, 1 << 20} {
		payload := pattern(size)
		w := newWriter(t, io.Discard, frame.Options{})
		require.NoError(t, w.WriteFrame(1, payload))
		require.Zero(t, testing.AllocsPerRun(50, func() { _ = w.WriteFrame(1, payload) }), "payload of %d bytes", size)
		require.Zero(t, testing.AllocsPerRun(50, func() { _ = w.WriteFramePieces(1, payload, payload[:size/2]) }))
	}
}

func TestBuildingAFrameDoesNotAllocate(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		payload := pattern(1 << 10)
		dst := make([]byte, 0, 4<<10)
		require.Zero(t, testing.AllocsPerRun(50, func() {
			dst = frame.AppendFrame(dst[:0], framing, 1, payload)
			start := len(dst)
			dst = frame.BeginFrame(dst, framing)
			dst = append(dst, payload...)
			frame.EndFrame(dst, start, framing, 2)
			dst = frame.AppendHeader(dst, framing, 3, payload, payload)
		}))
	})
}

// Neither does a read that waits block a write, nor a write a read.
func TestReadsAndWritesOfAFramerDoNotWaitForEachOther(t *testing.T) {
	eachFraming(t, func(t *testing.T, framing frame.Framing) {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			f, err := frame.NewFramer(ours, frame.Options{Framing: framing})
			require.NoError(t, err)
			peer, err := frame.NewFramer(theirs, frame.Options{Framing: framing})
			require.NoError(t, err)

			read := make(chan frame.Frame, 1)
			go func() {
				got, err := f.ReadFrame()
				if err != nil {
					t.Error(err)
				}
				read <- got
			}()
			synctest.Wait() // it waits
			wrote := make(chan error, 1)
			go func() { wrote <- f.WriteFrame(1, []byte("out")) }()
			got, err := peer.ReadFrame()
			require.NoError(t, err)
			require.Equal(t, "out", string(got.Payload))
			require.NoError(t, <-wrote)

			go func() { wrote <- f.WriteFrame(2, []byte("waits")) }()
			synctest.Wait() // for the peer, which does not read
			require.NoError(t, peer.WriteFrame(3, []byte("in")))
			require.Equal(t, "in", string((<-read).Payload))
			require.Empty(t, wrote)
			_, err = peer.ReadFrame()
			require.NoError(t, err)
			require.NoError(t, <-wrote)
		})
	})
}
