package adapter_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/ref/frame"
)

// A stream that tells no script is read piece by piece, and frames come as soon as they are there.
func TestFramerOverAnyStreamReadsWhatHasCome(t *testing.T) {
	a := openAdapter(t, spec.RoleFramer, "framer")
	ours, theirs := net.Pipe()
	f := a.Framer()(theirs, conformance.FramerOptions{Framing: conformance.Enhanced})
	one, two := frameOf(t, 7, "one"), frameOf(t, 1<<64-1, "two")
	go func() {
		for _, piece := range [][]byte{one[:5], one[5:], two, one[:3]} {
			_, _ = ours.Write(piece)
		}
		_ = ours.Close()
	}()
	got, err := f.ReadFrame()
	require.NoError(t, err)
	require.Equal(t, conformance.Frame{ID: 7, Payload: []byte("one")}, got)
	got, err = f.ReadFrame()
	require.NoError(t, err)
	require.Equal(t, conformance.Frame{ID: 1<<64 - 1, Payload: []byte("two")}, got)
	for range 10 { // more often than is asked for at once
		_, err = f.ReadFrame()
		require.ErrorIs(t, err, conformance.Truncated)
	}
}

func TestFramerPassesTheErrorOfItsStreamOn(t *testing.T) {
	a := openAdapter(t, spec.RoleFramer, "framer: none")
	broke := errors.New("connection reset")
	f := a.Framer()(&halves{Reader: io.MultiReader(bytes.NewReader(frameOf(t, 1, "x")), failing{broke})}, conformance.FramerOptions{Framing: conformance.Enhanced})
	_, err := f.ReadFrame()
	require.NoError(t, err)
	_, err = f.ReadFrame()
	require.ErrorIs(t, err, broke)
}

func TestFramerWritesOneFrameAfterAnother(t *testing.T) {
	a := openAdapter(t, spec.RoleFramer, "framer")
	var out bytes.Buffer
	f := a.Framer()(&halves{Writer: &out}, conformance.FramerOptions{Framing: conformance.Enhanced, MaxPayload: 3})
	require.NoError(t, f.WriteFrame(1, []byte("one")))
	require.ErrorIs(t, f.WriteFrame(2, []byte("four")), conformance.TooLarge)
	require.NoError(t, f.WriteFrame(3, nil))
	require.Equal(t, append(frameOf(t, 1, "one"), frameOf(t, 3, "")...), out.Bytes())
}

func frameOf(t *testing.T, id uint64, payload string) []byte {
	t.Helper()
	var out bytes.Buffer
	f, err := frame.NewFramer(&halves{Writer: &out}, frame.Options{})
	require.NoError(t, err)
	require.NoError(t, f.WriteFrame(id, []byte(payload)))
	return out.Bytes()
}

type halves struct {
	io.Reader
	io.Writer
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
