package frame_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/stretchr/testify/require"
)

// pieces is a stream that arrives in the given pieces, at most one per Read, and then ends.
type pieces struct {
	rest [][]byte
	end  error // nil for io.EOF
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if p.end != nil {
			return 0, p.end
		}
		return 0, io.EOF
	}
	n := copy(b, p.rest[0])
	if p.rest[0] = p.rest[0][n:]; len(p.rest[0]) == 0 {
		p.rest = p.rest[1:]
	}
	return n, nil
}

// split cuts data at the given offsets.
func split(data []byte, offsets ...int) [][]byte {
	var out [][]byte
	from := 0
	for _, at := range offsets {
		if at = min(at, len(data)); at > from {
			out = append(out, data[from:at])
			from = at
		}
	}
	if from < len(data) {
		out = append(out, data[from:])
	}
	return out
}

// delivery is one way in which bytes may arrive [STR-4].
type delivery struct {
	name string
	src  io.Reader
}

// deliveries are the ways of the tests to deliver the same bytes.
func deliveries(data []byte) []delivery {
	ways := []delivery{
		{"whole", &pieces{rest: split(data)}},
		{"whole, with its end", iotest.DataErrReader(&pieces{rest: split(data)})},
		{"byte by byte", iotest.OneByteReader(&pieces{rest: split(data)})},
		{"half of what is asked for", iotest.HalfReader(&pieces{rest: split(data)})},
	}
	for at := 1; at <= 2*frame.FrameHeaderSize && at < len(data); at++ {
		ways = append(ways,
			delivery{fmt.Sprintf("split after %d", at), &pieces{rest: split(data, at)}},
			delivery{fmt.Sprintf("split %d before the end", at), &pieces{rest: split(data, len(data)-at)}})
	}
	return ways
}

// verdict is what a reader returns for a stream: its frames and the final error.
type verdict struct {
	Frames []frame.Frame
	Kind   frame.Kind // "" for a clean end
}

// read reads src to its end or its first error, and checks that later reads return the same.
func read(t *testing.T, src io.Reader, o frame.Options, owned bool) verdict {
	t.Helper()
	r, err := frame.NewReader(src, o)
	require.NoError(t, err)
	var v verdict
	for {
		var f frame.Frame
		var err error
		if owned {
			f, err = r.ReadFrameOwned()
		} else {
			f, err = r.ReadFrame()
			f.Payload = append([]byte{}, f.Payload...)
		}
		if err == nil {
			v.Frames = append(v.Frames, f)
			continue
		}
		require.Empty(t, f.Payload, "nothing is handed out beside an error [CRC-5]")
		_, again := r.ReadFrame()
		require.True(t, err == again, "the error stays [STR-3]: %v, then %v", err, again)
		if err != io.EOF {
			require.True(t, errors.As(err, &v.Kind), "%v", err)
		}
		return v
	}
}
