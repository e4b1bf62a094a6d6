package conformance_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

// showing is what a planted implementation does in the situation that shows a fault: what is right, and what is wrong with it.
type showing struct {
	fault        string
	right, wrong string
	does         func(t *testing.T, what ...string) string
}

// showEach has each fault shown, and that nothing is wrong without it.
func showEach(t *testing.T, all []showing) {
	t.Helper()
	for _, s := range all {
		t.Run(strings.ReplaceAll(s.fault, " ", "-"), func(t *testing.T) {
			require.Equal(t, s.right, s.does(t), "without the fault")
			require.Equal(t, s.wrong, s.does(t, s.fault), "with the fault")
		})
	}
}

func TestFramerFaultsOfTheSecondBlindBatchesShow(t *testing.T) {
	one := plantedFrame(1, []byte("x"))
	damaged := plantedFrame(1, []byte("x"))
	damaged[17] ^= 1
	var empty [18]byte
	copy(empty[:], "PY")
	showEach(t, []showing{
		{"bad checksum is forgotten", "bad_crc, bad_crc", "bad_crc, 1 byte", twoReads(conformance.FramerOptions{}, damaged, one)},
		{"payload that is too large is skipped", "too_large, too_large", "too_large, 1 byte", twoReads(conformance.FramerOptions{MaxPayload: 4}, plantedFrame(1, []byte("large")), one)},
		{"end right behind the magic is clean", "truncated, truncated", "EOF, EOF", twoReads(conformance.FramerOptions{}, []byte("PY"))},
		{"limit is at most the default one", "10485761 bytes, EOF", "too_large, too_large", twoReads(conformance.FramerOptions{MaxPayload: 11 << 20}, plantedFrame(1, make([]byte, 10<<20+1)))},
		{"header across the end of the buffer is lost", "4068 bytes, 1 byte", "4068 bytes, truncated", twoReads(conformance.FramerOptions{}, plantedFrame(1, make([]byte, 4068)), one)},
		{"length 0 is a heartbeat", "bad_length, bad_length", "1 byte, EOF", twoReads(conformance.FramerOptions{}, empty[:], one)},
		{"reset between frames is a clean end", "connection reset by peer", "EOF", func(t *testing.T, what ...string) string {
			_, err := framerOver(t, stream{Reader: failingReader{syscall.ECONNRESET}}, conformance.FramerOptions{}, what...).ReadFrame()
			return err.Error()
		}},
		{"short write that timed out is forgotten", "fails, fails", "fails, goes out", writesAfterHalfOfOne(os.ErrDeadlineExceeded)},
		{"failed Write is told by the next one", "fails, fails", "goes out, fails", writesAfterHalfOfOne(syscall.EPIPE)},
		{"limit of written basic frames not compared", "fails, 0 bytes", "goes out, 9 bytes", writesOf(conformance.FramerOptions{Framing: conformance.Basic, MaxPayload: 4}, "large")},
		{"header of a refused payload goes out with the next frame", "fails, goes out, 19 bytes", "fails, goes out, 37 bytes", writesOf(conformance.FramerOptions{MaxPayload: 4}, "large", "x")},
		{"checksum of large payloads leaves out what follows the last word", "right", "wrong", func(t *testing.T, what ...string) string {
			var out bytes.Buffer
			payload := bytes.Repeat([]byte("x"), 1025)
			require.NoError(t, framerOver(t, stream{Writer: &out}, conformance.FramerOptions{}, what...).WriteFrame(1, payload))
			if bytes.Equal(out.Bytes(), plantedFrame(1, payload)) {
				return "right"
			}
			return "wrong"
		}},
		{"empty payload waits for the byte behind it", "read", "waits", func(t *testing.T, what ...string) (does string) {
			synctest.Test(t, func(t *testing.T) {
				in, peer := io.Pipe()
				framer := framerOver(t, stream{Reader: in}, conformance.FramerOptions{}, what...)
				does = done(func() { _, _ = framer.ReadFrame() }, "read", func() {
					_, err := peer.Write(plantedFrame(1, nil))
					require.NoError(t, err)
				})
				_ = peer.Close()
			})
			return does
		}},
		{"write waits while a payload is under way", "written", "waits", func(t *testing.T, what ...string) (does string) {
			synctest.Test(t, func(t *testing.T) {
				in, peer := io.Pipe()
				framer := framerOver(t, stream{Reader: in, Writer: io.Discard}, conformance.FramerOptions{}, what...)
				go func() { _, _ = framer.ReadFrame() }()
				_, err := peer.Write(plantedFrame(1, []byte("half"))[:20])
				require.NoError(t, err)
				does = done(func() { _ = framer.WriteFrame(1, nil) }, "written", func() {})
				_ = peer.Close()
			})
			return does
		}},
		{"header is kept where all writers find it", "3 frames", "damaged", func(t *testing.T, what ...string) (does string) {
			synctest.Test(t, func(t *testing.T) {
				taken, out := io.Pipe()
				framer := framerOver(t, stream{Writer: out}, conformance.FramerOptions{}, what...)
				for id := range uint64(3) {
					go func() { _ = framer.WriteFrame(id, bytes.Repeat([]byte("x"), int(id))) }()
					synctest.Wait() // it writes, or waits for its turn
				}
				all := make([]byte, 3*18+3)
				_, err := io.ReadFull(taken, all)
				require.NoError(t, err)
				reading := framerOver(t, stream{Reader: bytes.NewReader(all)}, conformance.FramerOptions{})
				for range 3 {
					if _, err := reading.ReadFrame(); err != nil {
						does = "damaged"
						return
					}
				}
				does = "3 frames"
			})
			return does
		}},
	})
}

// done runs what may wait, and then what happens beside it, in a bubble: it returns the word if the first has ended, or "waits".
func done(waits func(), word string, beside func()) string {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		waits()
	}()
	synctest.Wait()
	beside()
	synctest.Wait()
	select {
	case <-ended:
		return word
	default:
		return "waits"
	}
}

func plantedFrame(id uint64, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte("PY"), uint32(18+len(payload)))
	b = binary.BigEndian.AppendUint64(b, id)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	return append(b, payload...)
}

type stream struct {
	io.Reader
	io.Writer
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// halfWriter takes half of the first Write, fails, and takes all others.
type halfWriter struct {
	err error
}

func (w *halfWriter) Write(b []byte) (int, error) {
	err := w.err
	if w.err = nil; err != nil {
		return len(b) / 2, err
	}
	return len(b), nil
}

func framerOver(t *testing.T, s stream, o conformance.FramerOptions, what ...string) conformance.Framer {
	t.Helper()
	if o.Framing == "" {
		o.Framing = conformance.Enhanced
	}
	return framerWith(t.Context(), what...)(s, o)
}

// twoReads is what two reads return of these bytes.
func twoReads(o conformance.FramerOptions, parts ...[]byte) func(*testing.T, ...string) string {
	return func(t *testing.T, what ...string) string {
		framer := framerOver(t, stream{Reader: bytes.NewReader(bytes.Join(parts, nil))}, o, what...)
		var got []string
		for range 2 {
			frame, err := framer.ReadFrame()
			switch {
			case err != nil:
				got = append(got, err.Error())
			case len(frame.Payload) == 1:
				got = append(got, "1 byte")
			default:
				got = append(got, fmt.Sprintf("%d bytes", len(frame.Payload)))
			}
		}
		return strings.Join(got, ", ")
	}
}

func fate(err error) string {
	if err != nil {
		return "fails"
	}
	return "goes out"
}

// writesAfterHalfOfOne is how two writes fare, of the first of which the stream takes half and then returns the error.
func writesAfterHalfOfOne(err error) func(*testing.T, ...string) string {
	return func(t *testing.T, what ...string) string {
		framer := framerOver(t, stream{Writer: &halfWriter{err: err}}, conformance.FramerOptions{}, what...)
		return fate(framer.WriteFrame(1, nil)) + ", " + fate(framer.WriteFrame(2, nil))
	}
}

// writesOf is how the writes of these payloads fare, and how many bytes come of them.
func writesOf(o conformance.FramerOptions, payloads ...string) func(*testing.T, ...string) string {
	return func(t *testing.T, what ...string) string {
		var out bytes.Buffer
		framer := framerOver(t, stream{Writer: &out}, o, what...)
		var got []string
		for _, p := range payloads {
			err := framer.WriteFrame(1, []byte(p))
			require.True(t, err == nil || errors.Is(err, conformance.TooLarge), err)
			got = append(got, fate(err))
		}
		return fmt.Sprintf("%s, %d bytes", strings.Join(got, ", "), out.Len())
	}
}
