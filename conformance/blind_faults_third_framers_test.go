package conformance_test

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

func TestFramerFaultsOfTheThirdBlindBatchShow(t *testing.T) {
	damaged := plantedFrame(1, []byte("x"))
	damaged[17] ^= 1
	tooMuch := string(make([]byte, 10485761))
	showEach(t, []showing{
		{"bytes that come with the end are lost", "read", "truncated", func(t *testing.T, what ...string) string {
			in := iotest.DataErrReader(bytes.NewReader(plantedFrame(1, []byte("x"))))
			if _, err := framerOver(t, stream{Reader: in}, conformance.FramerOptions{}, what...).ReadFrame(); err != nil {
				return err.Error()
			}
			return "read"
		}},
		{"framing error is followed by a clean end", "bad_crc, bad_crc", "bad_crc, EOF", twoReads(conformance.FramerOptions{}, damaged)},
		{"frame is made in the room behind the payload", "text", "PY\x00\x00", func(t *testing.T, what ...string) string {
			var out bytes.Buffer
			payload := append(make([]byte, 0, 64), "text"...)
			require.NoError(t, framerOver(t, stream{Writer: &out}, conformance.FramerOptions{}, what...).WriteFrame(1, payload))
			require.Equal(t, plantedFrame(1, []byte("text")), out.Bytes())
			return string(payload)
		}},
		{"claimed length is believed once 16 KiB have come", "little", "all", func(t *testing.T, what ...string) string {
			in := io.LimitReader(bytes.NewReader(plantedFrame(1, make([]byte, 10<<20))), 20<<10)
			framer := framerOver(t, stream{Reader: in}, conformance.FramerOptions{}, what...).(*habitual)
			_, err := framer.ReadFrame()
			require.ErrorIs(t, err, conformance.Truncated)
			if cap(framer.kept) < 100<<10 {
				return "little"
			}
			return "all"
		}},
		{"no limit for writing where none is set", "fails, 0 bytes", "goes out, 10485779 bytes", writesOf(conformance.FramerOptions{}, tooMuch)},
	})
}
