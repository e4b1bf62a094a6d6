package inspect

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/pyproctest/pyproctest/conformance/internal/seeded"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
	"github.com/stretchr/testify/require"
)

func inspector(t *testing.T, o Options) *Stream {
	t.Helper()
	i, err := NewStream(o)
	require.NoError(t, err)
	return i
}

func inspect(t *testing.T, o Options, data []byte) []Frame {
	t.Helper()
	i := inspector(t, o)
	return append(i.Write(data), i.End()...)
}

// Each vector of a stream has the verdict of the vectors' own authors.
func TestStreamSeesTheFramesAndTheErrorOfEachVector(t *testing.T) {
	set, err := vectors.Load()
	require.NoError(t, err)
	for _, v := range slices.Concat(set.Enhanced, set.Basic, set.Streams) {
		if v.MaxPayload == 0 {
			continue
		}
		frames := inspect(t, Options{Framing: spec.Framing(v.Framing), MaxPayload: int(v.MaxPayload)}, v.Bytes)
		kind := vectors.ErrorKind("")
		if n := len(frames); n > 0 && !frames[n-1].Whole {
			kind = vectors.ErrorKind(frames[n-1].Violations[0].Kind)
			frames = frames[:n-1]
		}
		require.Equal(t, v.Error, kind, v.TcID)
		require.Len(t, frames, len(v.Frames), v.TcID)
		for i, f := range frames {
			header := spec.Framing(v.Framing).HeaderSize()
			require.True(t, v.Frames[i].Equal(vectors.Frame{ID: f.HeaderID, Payload: f.Bytes[header:]}), v.TcID)
			require.Equal(t, v.Bytes[f.Offset:f.Offset+int64(len(f.Bytes))], f.Bytes, v.TcID)
		}
	}
}

// What a receiver takes for a request, a cancellation or a response is right to send, but for what only the
// sender is held to.
func TestStreamJudgesEachMessageOfTheVectors(t *testing.T) {
	stricter := map[string]string{ // what a receiver must bear, and a sender must not do
		"pool-response-without-body":             "MSG-1",
		"pool-response-without-body-in-envelope": "MSG-1",
	}
	set, err := vectors.Load()
	require.NoError(t, err)
	for _, v := range set.Messages {
		sender := map[vectors.Receiver]spec.Role{vectors.Worker: spec.RolePool, vectors.Pool: spec.RoleWorker}[v.Receiver]
		for _, framing := range v.Framings {
			o := Options{Framing: spec.Framing(framing), Sender: sender}
			frames := inspect(t, o, wire.Encode(o.Framing, v.HeaderID, v.Bytes))
			require.Len(t, frames, 1, v.TcID)
			f := frames[0]
			switch v.Outcome {
			case vectors.OutcomeRequest, vectors.OutcomeCancellation, vectors.OutcomeResponse:
				if clause := stricter[v.TcID]; clause != "" {
					require.Equal(t, clause, f.Violations[0].Clause, v.TcID)
					continue
				}
				require.Empty(t, f.Violations, v.TcID)
				require.Equal(t, v.ID, f.content.id, v.TcID)
				require.Equal(t, v.Envelope || v.Outcome == vectors.OutcomeCancellation, f.content.enveloped, v.TcID)
				require.Equal(t, v.Method, f.content.method, v.TcID)
			default:
				require.NotEmpty(t, f.Violations, "%s: %s", v.TcID, v.Bytes)
			}
			for _, violation := range f.Violations {
				_, known := spec.LookUp(violation.Clause)
				require.True(t, known, violation.Clause)
				require.GreaterOrEqual(t, violation.Offset, f.Offset, v.TcID)
				require.LessOrEqual(t, violation.Offset, f.Offset+int64(len(f.Bytes)), v.TcID)
			}
		}
	}
}

func TestStreamSaysWhichClauseAMessageBreaksAndWhere(t *testing.T) {
	for _, c := range []struct {
		name    string
		sender  spec.Role
		header  uint64
		payload string
		clauses string
		at      string // the text that the first violation points at; empty: the beginning of the payload
	}{
		{"no JSON", spec.RolePool, 7, `{"id":7,"method":"echo",}`, "MSG-17", `}`},
		{"no JSON from a worker", spec.RoleWorker, 7, `{"id":7,"ok":TRUE}`, "MSG-1", `TRUE`},
		{"NaN", spec.RoleWorker, 7, `{"id":7,"ok":true,"body":[NaN]}`, "MSG-8", `NaN`},
		{"minus infinity", spec.RoleWorker, 7, `{"id":7,"ok":true,"body":-Infinity}`, "MSG-8", `Infinity`},
		{"NaN from a pool", spec.RolePool, 7, `{"id":7,"method":"echo","body":NaN}`, "MSG-17", `NaN`},
		{"no UTF-8", spec.RoleWorker, 7, "{\"id\":7,\"ok\":true,\"body\":\"ab\xffcd\"}", "MSG-1", "\xff"},
		{"an empty payload", spec.RolePool, 7, ``, "MSG-17", ""},
		{"an array", spec.RoleWorker, 7, `[{"id":7,"ok":true,"body":1}]`, "MSG-1", ""},
		{"no ID in a request", spec.RolePool, 7, `{"method":"echo"}`, "MSG-17", ""},
		{"no ID in a cancellation", spec.RolePool, 7, `{"type":"cancellation","payload":{}}`, "CAN-2", ""},
		{"no ID in an answer", spec.RoleWorker, 7, `{"ok":true,"body":1}`, "MSG-1", ""},
		{"an ID that is a string", spec.RoleWorker, 7, `{"ok":true,"body":1,"id": "7"}`, "MSG-10", `"7"`},
		{"a fraction", spec.RolePool, 7, `{"type":"request","payload":{"method":"echo","id": 7.0}}`, "MSG-10", `7.0`},
		{"an ID of 65 bits", spec.RolePool, 7, `{"method":"echo","id":18446744073709551616}`, "MSG-10", `18446744073709551616`},
		{"no method", spec.RolePool, 7, `{"id":7,"body":"echo"}`, "MSG-17", ""},
		{"a method that is null", spec.RolePool, 7, `{"id":7,"method":null}`, "MSG-17", `null`},
		{"of two fields of a name the last counts", spec.RolePool, 7, `{"id":7,"method":"m","method":4}`, "MSG-17", `4}`},
		{"the ID 0", spec.RolePool, 0, `{"method":"echo","id":0}`, "RID-1", `0}`},
		{"a cancellation of the ID 0", spec.RolePool, 0, `{"type":"cancellation","payload":{"id":0}}`, "RID-1", `0}`},
		{"an unknown envelope", spec.RolePool, 7, `{"payload":{"id":7},"type":"greeting"}`, "MSG-17", `"greeting"`},
		{"a response from a pool", spec.RolePool, 7, `{"type":"response","payload":{"id":7,"ok":true,"body":1}}`, "MSG-17", `"response"`},
		{"a request from a worker", spec.RoleWorker, 7, `{"type":"request","payload":{"id":7,"method":"m"}}`, "MSG-1", `"request"`},
		{"no ok", spec.RoleWorker, 7, `{"id":7,"body":1}`, "MSG-1", ""},
		{"an ok that is a number", spec.RoleWorker, 7, `{"id":7,"ok":1,"body":1}`, "MSG-1", `1,`},
		{"no body", spec.RoleWorker, 7, `{"id":7,"ok":true}`, "MSG-1", ""},
		{"no error", spec.RoleWorker, 7, `{"id":7,"ok":false,"body":null}`, "MSG-1", ""},
		{"an error that is an object", spec.RoleWorker, 7, `{"id":7,"ok":false,"error":{"text":"no"}}`, "MSG-1", `{"text"`},
		{"another ID in the header of an answer", spec.RoleWorker, 0, `{"id":7,"ok":true,"body":1}`, "RID-8", "header"},
		{"another ID in the header of a request", spec.RolePool, 8, `{"id":7,"method":"m"}`, "RID-3", "header"},
		{"another ID in the header of a cancellation", spec.RolePool, 8, `{"type":"cancellation","payload":{"id":7}}`, "CAN-2", "header"},
		{"two things at once", spec.RoleWorker, 8, `{"id":7,"ok":true}`, "RID-8 MSG-1", "header"},
		{"a request of an unknown sender", "", 7, `{"id":7,"method":4}`, "MSG-17", "4"},
		{"an answer of an unknown sender", "", 7, `{"id":7,"ok":4}`, "MSG-1", "4"},
		{"neither", "", 7, `{"id":7}`, "MSG-17", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := wire.Encode(spec.Enhanced, 1, []byte(`{"id":1,"method":"m"}`))
			if c.sender == spec.RoleWorker {
				first = wire.Encode(spec.Enhanced, 1, wire.OKAnswer(1, "null"))
			}
			data := append(slices.Clone(first), wire.Encode(spec.Enhanced, c.header, []byte(c.payload))...)
			frames := inspect(t, Options{Sender: c.sender}, data)
			require.Len(t, frames, 2)
			require.Empty(t, frames[0].Violations)
			var clauses []string
			for _, v := range frames[1].Violations {
				clauses = append(clauses, v.Clause)
			}
			require.Equal(t, c.clauses, strings.Join(clauses, " "))
			at := len(first) + spec.EnhancedHeader
			if c.at == "header" {
				at = len(first) + 6
			} else {
				at += strings.LastIndex(c.payload, c.at) * min(1, len(c.at))
			}
			require.EqualValues(t, at, frames[1].Violations[0].Offset)
			require.Contains(t, frames[1].Dump(20), "<-- "+strings.Join(clauses[:1], ""))
		})
	}
}

func TestStreamAccusesNothingThatIsLeftOpenOrBorne(t *testing.T) {
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	for _, c := range []struct {
		sender  spec.Role
		payload string
	}{
		{spec.RolePool, `{"id":7,"method":""}`},
		{spec.RolePool, `{"type":"note","id":7,"method":"m","ID":8}`},
		{spec.RolePool, `{"payload":1,"id":7,"method":"m"}`},
		{spec.RolePool, `{"id":7,"method":"m","body":"\ud800"}`},
		{spec.RolePool, `{"id":7,"method":"m","body":1e999}`},
		{spec.RolePool, `{"id":7,"method":"m","body":` + deep + `}`},
		{spec.RolePool, `{"type":"cancellation","payload":{"id":7}}`},
		{spec.RolePool, ` {"id" : 7 , "method" : "m" } `},
		{spec.RoleWorker, `{"id":7,"ok":true,"body":null,"error":null}`},
		{spec.RoleWorker, `{"id":7,"ok":false,"error":"","body":1}`},
		{spec.RoleWorker, `{"id":7,"ok":true,"body":"NaN"}`},
		{"", `{"id":7,"ok":true,"body":1}`},
		{"", `{"id":7,"method":"m"}`},
	} {
		frames := inspect(t, Options{Sender: c.sender}, wire.Encode(spec.Enhanced, 7, []byte(c.payload)))
		require.Len(t, frames, 1)
		require.Empty(t, frames[0].Violations, text.Clip(c.payload, 100))
	}
}

func TestStreamTellsTheFramingByTheFirstTwoBytes(t *testing.T) {
	i := inspector(t, Options{})
	require.Empty(t, i.Write([]byte{0x50}))
	require.Empty(t, i.Framing())
	require.Empty(t, i.Write([]byte{0x59}))
	require.Equal(t, spec.Enhanced, i.Framing())

	i = inspector(t, Options{})
	require.Empty(t, i.Write([]byte{0x00}))
	require.Equal(t, spec.Basic, i.Framing())

	i = inspector(t, Options{})
	frames := i.Write([]byte("Px\x00\x01"))
	require.Equal(t, spec.Basic, i.Framing())
	require.Equal(t, spec.TooLarge, frames[0].Violations[0].Kind)
	require.Contains(t, frames[0].Violations[0].Got, "does not begin with 50 59")
}

func TestStreamStopsAtAFramingError(t *testing.T) {
	good := wire.Encode(spec.Enhanced, 1, []byte(`{"id":1,"method":"m"}`))
	bad := wire.EncodeWith(2, []byte(`{"id":2,"method":"m"}`), func(h *wire.Header) { h.CRC++ })
	i := inspector(t, Options{})
	frames := i.Write(slices.Concat(good, bad, good))
	require.Len(t, frames, 2)
	require.False(t, frames[1].Whole)
	require.Equal(t, "CRC-4", frames[1].Violations[0].Clause)
	require.EqualValues(t, len(good)+14, frames[1].Violations[0].Offset)
	require.True(t, i.Stopped())
	require.Empty(t, i.Write(good))
	require.Empty(t, i.End())
}

func TestStreamPointsAtTheEndWhereAFrameIsCutOff(t *testing.T) {
	whole := wire.Encode(spec.Enhanced, 1, []byte(`{"id":1,"method":"m"}`))
	for cut := 1; cut < len(whole); cut++ {
		frames := inspect(t, Options{}, whole[:cut])
		require.Len(t, frames, 1)
		v := frames[0].Violations[0]
		require.Equal(t, spec.Truncated, v.Kind)
		require.EqualValues(t, cut, v.Offset)
		require.Contains(t, frames[0].Dump(20), "<-- STR-2", cut)
	}
}

func TestStreamDumpsAFrameAtItsOffsets(t *testing.T) {
	first := wire.Encode(spec.Enhanced, 1, []byte(`{"id":1,"method":"m"}`))
	frames := inspect(t, Options{}, append(first, wire.Encode(spec.Enhanced, 9, []byte(`{"id":8,"method":"m"}`))...))
	require.Equal(t, `
0027  50 59                                            magic
0029  00 00 00 27                                      length 39: payload of 21
002d  00 00 00 00 00 00 00 09                          request ID 9              <-- RID-3
0035  80 b7 42 24                                      CRC32C, right
0039  7b 22 69 64 22 3a 38 2c 22 6d 65 74 68 6f 64 22  {"id":8,"method"
0049  3a 22 6d 22 7d                                   :"m"}
`, "\n"+frames[1].Dump(20))
	require.Equal(t, `request 8, method "m"`, frames[1].Message)
}

func TestStreamRefusesOptionsThatAreNone(t *testing.T) {
	for _, o := range []Options{
		{Framing: "both"}, {Sender: spec.RoleFramer}, {MaxPayload: -1}, {MaxPayload: 0x50590000},
	} {
		_, err := NewStream(o)
		require.Error(t, err)
	}
}

// However the bytes come, the frames and the violations are the same [STR-4].
func TestStreamDoesNotCareHowBytesAreSplit(t *testing.T) {
	set, err := vectors.Load()
	require.NoError(t, err)
	seeded.Check(t, 200, prop.ForAll(func(seed int64, pieces int) bool {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		framing := []spec.Framing{spec.Enhanced, spec.Basic}[random.IntN(2)]
		var data []byte
		for range random.IntN(6) {
			v := set.Messages[random.IntN(len(set.Messages))]
			data = append(data, wire.Encode(framing, v.HeaderID, v.Bytes)...)
		}
		if len(data) > 0 && random.IntN(2) == 0 {
			data[random.IntN(len(data))] ^= 1 << random.IntN(8)
		}
		data = data[:len(data)-random.IntN(len(data)/4+1)]
		o := Options{Framing: framing, MaxPayload: 4096}
		want := inspect(t, o, data)
		i := inspector(t, o)
		var got []Frame
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(pieces))
			piece := bytes.Clone(rest[:n])
			got = append(got, i.Write(piece)...)
			clear(piece) // the inspector keeps none of it
			rest = rest[n:]
		}
		return sameFrames(want, append(got, i.End()...))
	}, gen.Int64(), gen.IntRange(1, 60)))
}

// What is known of a broken frame grows with the bytes that have come, and its verdict does not.
func sameFrames(a, b []Frame) bool {
	return slices.EqualFunc(a, b, func(a, b Frame) bool {
		return a.Offset == b.Offset && a.Whole == b.Whole && a.HeaderID == b.HeaderID && a.Message == b.Message &&
			slices.Equal(a.Violations, b.Violations) && (!a.Whole || bytes.Equal(a.Bytes, b.Bytes))
	})
}
