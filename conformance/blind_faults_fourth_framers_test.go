package conformance_test

import (
	"bytes"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

func TestFramerFaultsOfTheFourthBlindBatchShow(t *testing.T) {
	damaged := plantedFrame(1, []byte("x"))
	damaged[17] ^= 1
	forty := plantedFrame(1, make([]byte, 40))
	showEach(t, []showing{
		{"limit is that of all payloads together", "40 bytes, 40 bytes", "40 bytes, too_large", twoReads(conformance.FramerOptions{MaxPayload: 64}, forty, forty)},
		{"payload beside the error of later reads", "0 bytes", "1 bytes", func(t *testing.T, what ...string) string {
			framer := framerOver(t, stream{Reader: bytes.NewReader(damaged)}, conformance.FramerOptions{}, what...)
			frame, err := framer.ReadFrame()
			require.ErrorIs(t, err, conformance.BadCRC)
			require.Empty(t, frame.Payload)
			frame, err = framer.ReadFrame()
			require.ErrorIs(t, err, conformance.BadCRC)
			return fmt.Sprintf("%d bytes", len(frame.Payload))
		}},
		{"end between two pieces of a payload is clean", "truncated, truncated", "EOF, EOF", twoReads(conformance.FramerOptions{}, plantedFrame(1, make([]byte, 9000))[:18+8192])},
		{"a write that is well clears the error of reading", "bad_crc", "frame 2", func(t *testing.T, what ...string) string {
			in := bytes.NewReader(append(bytes.Clone(damaged), plantedFrame(2, nil)...))
			framer := framerOver(t, stream{in, io.Discard}, conformance.FramerOptions{}, what...)
			_, err := framer.ReadFrame()
			require.ErrorIs(t, err, conformance.BadCRC)
			require.NoError(t, framer.WriteFrame(1, nil))
			frame, err := framer.ReadFrame()
			if err != nil {
				return err.Error()
			}
			return fmt.Sprint("frame ", frame.ID)
		}},
		{"error of a Write that took all is lost", "fails", "goes out", func(t *testing.T, what ...string) string {
			return fate(framerOver(t, stream{Writer: takingWriter{syscall.EIO}}, conformance.FramerOptions{}, what...).WriteFrame(1, nil))
		}},
	})
}

// takingWriter takes all, and returns an error.
type takingWriter struct{ err error }

func (w takingWriter) Write(b []byte) (int, error) { return len(b), w.err }
