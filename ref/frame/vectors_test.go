package frame_test

import (
	"errors"
	"testing"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/vectors"
	"github.com/stretchr/testify/require"
)

func frameVectors(t *testing.T) []vectors.FrameVector {
	t.Helper()
	set, err := vectors.Load()
	require.NoError(t, err)
	all := append(append(set.Enhanced, set.Basic...), set.Streams...)
	require.NotEmpty(t, all)
	return all
}

func optionsOf(t *testing.T, v vectors.FrameVector) frame.Options {
	t.Helper()
	framing := map[vectors.Framing]frame.Framing{
		vectors.Enhanced: frame.Enhanced,
		vectors.Basic:    frame.Basic,
	}
	require.Contains(t, framing, v.Framing)
	require.NotZero(t, v.MaxPayload, "0 would mean the default")
	return frame.Options{Framing: framing[v.Framing], MaxPayload: int(v.MaxPayload)}
}

func expected(v vectors.FrameVector) verdict {
	want := verdict{Kind: frame.Kind(v.Error)}
	for _, f := range v.Frames {
		want.Frames = append(want.Frames, frame.Frame{RequestID: f.ID, Payload: append([]byte{}, f.Payload...)})
	}
	return want
}

func TestEveryVectorIsJudgedAlikeInEveryDelivery(t *testing.T) {
	for _, v := range frameVectors(t) {
		t.Run(v.TcID, func(t *testing.T) {
			o := optionsOf(t, v)
			for _, d := range deliveries(v.Bytes) {
				require.Equal(t, expected(v), read(t, d.src, o, false), "%s [%s], %s", v.Comment, v.Clause, d.name)
			}
			require.Equal(t, expected(v), read(t, deliveries(v.Bytes)[0].src, o, true), "%s, owned", v.Comment)

			neighbour := frame.Frame{Payload: []byte("neighbour")}
			if o.Framing == frame.Enhanced {
				neighbour.RequestID = 99
			}
			joined := frame.AppendFrame(nil, o.Framing, 99, neighbour.Payload)
			want := expected(v)
			want.Frames = append([]frame.Frame{neighbour}, want.Frames...)
			require.Equal(t, want, read(t, &pieces{rest: split(append(joined, v.Bytes...))}, o, false),
				"%s, joined to the frame before it", v.Comment)
		})
	}
}

func TestEveryValidVectorIsWrittenAsItStands(t *testing.T) {
	for _, v := range frameVectors(t) {
		if !v.Valid() {
			continue
		}
		t.Run(v.TcID, func(t *testing.T) {
			o := optionsOf(t, v)
			var appended []byte
			for _, f := range v.Frames {
				appended = frame.AppendFrame(appended, o.Framing, f.ID, f.Payload)
			}
			require.Equal(t, append([]byte{}, v.Bytes...), append([]byte{}, appended...), v.Comment)
		})
	}
}

// A reader returns an error as soon as the bytes that show it have arrived. The stream has no more, so a reader that
// waits for more would hang [FRM-10].
func TestEveryErrorIsKnownAsSoonAsItCanBe(t *testing.T) {
	for _, v := range frameVectors(t) {
		if v.Valid() || v.Error == vectors.Truncated {
			continue
		}
		t.Run(v.TcID, func(t *testing.T) {
			waits := errors.New("the reader asks for more")
			r, err := frame.NewReader(&pieces{rest: split(v.Bytes[:v.DecidedAt]), end: waits}, optionsOf(t, v))
			require.NoError(t, err)
			for range v.Frames {
				_, err = r.ReadFrame()
				require.NoError(t, err)
			}
			_, err = r.ReadFrame()
			require.ErrorIs(t, err, frame.Kind(v.Error), "%s [%s]", v.Comment, v.Clause)
		})
	}
}
