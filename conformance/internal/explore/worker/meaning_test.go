package worker

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// The model reads every golden vector for workers as the vector says.
func TestTheModelReadsTheVectors(t *testing.T) {
	set, err := vectors.Load()
	require.NoError(t, err)
	read := map[vectors.Outcome]int{}
	for _, v := range set.Messages {
		if v.Receiver != vectors.Worker {
			continue
		}
		for _, framing := range v.Framings {
			got := readAs(t, v, spec.Framing(framing))
			switch v.Outcome {
			case vectors.OutcomeRequest:
				require.Equal(t, request, got.kind, v.TcID)
				require.Contains(t, got.ids, v.ID, v.TcID)
				require.Equal(t, v.Method, got.method, v.TcID)
				require.Equal(t, v.Envelope, got.enveloped, v.TcID)
				require.Empty(t, wire.DiffBody(orNull(string(v.Body)), []byte(got.body)), v.TcID)
			case vectors.OutcomeErrorAnswer:
				require.Contains(t, []kind{unreadable, unknownType}, got.kind, v.TcID)
				want := v.AnswerIDs.Basic
				if framing == vectors.Enhanced {
					want = v.AnswerIDs.Enhanced
				}
				for _, id := range want {
					require.Contains(t, got.ids, id, v.TcID)
				}
			case vectors.OutcomeCancellation:
				require.Equal(t, cancellation, got.kind, v.TcID)
				require.Equal(t, []uint64{v.ID}, got.ids, v.TcID)
			case vectors.OutcomeIgnored:
				require.Equal(t, ignored, got.kind, v.TcID)
			case vectors.OutcomeViolation:
				require.Equal(t, violation, got.kind, v.TcID)
			}
			read[v.Outcome]++
		}
	}
	require.Len(t, read, 5, "vectors of each outcome were read: %v", read)
}

func readAs(t *testing.T, v vectors.MessageVector, framing spec.Framing) meaning {
	t.Helper()
	header := v.HeaderID
	if framing == spec.Basic {
		header = 0
	}
	return read(framing, header, v.Bytes)
}

func orNull(body string) string {
	if body == "" {
		return "null"
	}
	return body
}

// What SPEC.md leaves open is open in the model.
func TestWhatIsLeftOpenIsOpen(t *testing.T) {
	for text, header := range map[string]uint64{
		`{"id":0,"method":"echo"}`:                         0, // a worker may run it or refuse it
		`{"id":5,"method":7}`:                              6, // no request, and no equal IDs
		`{"type":"response","payload":{"id":5,"ok":true}}`: 5,
		`{"type":"ping","payload":{"id":5}}`:               6,
		`{"id":5,"method":"echo","body":{"a":1,"a":2}}`:    5, // a key twice
	} {
		require.Equal(t, open, read(spec.Enhanced, header, []byte(text)).kind, text)
	}
	deep := `{"id":5,"method":"echo","body":` + string(slices.Repeat([]byte("["), 150)) + string(slices.Repeat([]byte("]"), 150)) + `}`
	require.Equal(t, []uint64{5, 0}, read(spec.Basic, 0, []byte(deep)).ids, "it may be refused without its ID having been read")
	require.True(t, beyondDoubles("[1e400]"))
	require.False(t, beyondDoubles("[1e4]"))
}
