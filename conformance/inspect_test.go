package conformance

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/seeded"
	"github.com/pyproctest/pyproctest/vectors"
)

func inspector(t *testing.T, o InspectorOptions) *Inspector {
	t.Helper()
	i, err := NewInspector(o)
	require.NoError(t, err)
	return i
}

func inspect(t *testing.T, o InspectorOptions, data []byte) []InspectedFrame {
	t.Helper()
	i := inspector(t, o)
	return append(i.Write(data), i.End()...)
}

// Each vector of a stream has the verdict of the vectors' own authors.
func TestInspectorSeesTheFramesAndTheErrorOfEachVector(t *testing.T) {
	set, err := vectors.Load()
	require.NoError(t, err)
	for _, v := range slices.Concat(set.Enhanced, set.Basic, set.Streams) {
		if v.MaxPayload == 0 {
			continue
		}
		frames := inspect(t, InspectorOptions{Framing: Framing(v.Framing), MaxPayload: int(v.MaxPayload)}, v.Bytes)
		kind := vectors.ErrorKind("")
		if n := len(frames); n > 0 && !frames[n-1].Whole {
			kind = vectors.ErrorKind(frames[n-1].Violations[0].Kind)
			frames = frames[:n-1]
		}
		require.Equal(t, v.Error, kind, v.TcID)
		require.Len(t, frames, len(v.Frames), v.TcID)
		for i, f := range frames {
			header := Framing(v.Framing).headerSize()
			require.True(t, v.Frames[i].Equal(vectors.Frame{ID: f.Header, Payload: f.Bytes[header:]}), v.TcID)
			require.Equal(t, v.Bytes[f.Offset:f.Offset+int64(len(f.Bytes))], f.Bytes, v.TcID)
		}
	}
}

// What a receiver takes for a request, a cancellation or a response is right to send, but for what only the
// sender is held to.
func TestInspectorJudgesEachMessageOfTheVectors(t *testing.T) {
	stricter := map[string]string{ // what a receiver must bear, and a sender must not do
		"pool-response-without-body":             "MSG-1",
		"pool-response-without-body-in-envelope": "MSG-1",
	}
	set, err := vectors.Load()
	require.NoError(t, err)
	for _, v := range set.Messages {
		sender := map[vectors.Receiver]Role{vectors.Worker: RolePool, vectors.Pool: RoleWorker}[v.Receiver]
		for _, framing := range v.Framings {
			o := InspectorOptions{Framing: Framing(framing), Sender: sender}
			frames := inspect(t, o, encode(o.Framing, v.HeaderID, v.Bytes))
			require.Len(t, frames, 1, v.TcID)
			f := frames[0]
			switch v.Outcome {
			case vectors.OutcomeRequest, vectors.OutcomeCancellation, vectors.OutcomeResponse:
				if clause := stricter[v.TcID]; clause != "" {
					require.Equal(t, clause, f.Violations[0].Clause, v.TcID)
					continue
				}
				require.Empty(t, f.Violations, v.TcID)
				require.Equal(t, v.ID, f.said.id, v.TcID)
				require.Equal(t, v.Envelope || v.Outcome == vectors.OutcomeCancellation, f.said.enveloped, v.TcID)
				require.Equal(t, v.Method, f.said.method, v.TcID)
			default:
				require.NotEmpty(t, f.Violations, "%s: %s", v.TcID, v.Bytes)
			}
			for _, violation := range f.Violations {
				_, known := LookUp(violation.Clause)
				require.True(t, known, violation.Clause)
				require.GreaterOrEqual(t, violation.Offset, f.Offset, v.TcID)
				require.LessOrEqual(t, violation.Offset, f.Offset+int64(len(f.Bytes)), v.TcID)
			}
		}
	}
}

func TestInspectorSaysWhichClauseAMessageBreaksAndWhere(t *testing.T) {
	for _, c := range []struct {
		name    string
		sender  Role
		header  uint64
		payload string
		clauses string
		at      string // the text that the first violation points at; empty: the beginning of the payload
	}{
		{"no JSON", RolePool, 7, `{"id":7,"method":"echo",}`, "MSG-17", `}`},
		{"no JSON from a worker", RoleWorker, 7, `{"id":7,"ok":TRUE}`, "MSG-1", `TRUE`},
		{"NaN", RoleWorker, 7, `{"id":7,"ok":true,"body":[NaN]}`, "MSG-8", `NaN`},
		{"minus infinity", RoleWorker, 7, `{"id":7,"ok":true,"body":-Infinity}`, "MSG-8", `Infinity`},
		{"NaN from a pool", RolePool, 7, `{"id":7,"method":"echo","body":NaN}`, "MSG-17", `NaN`},
		{"no UTF-8", RoleWorker, 7, "{\"id\":7,\"ok\":true,\"body\":\"ab\xffcd\"}", "MSG-1", "\xff"},
		{"an empty payload", RolePool, 7, ``, "MSG-17", ""},
		{"an array", RoleWorker, 7, `[{"id":7,"ok":true,"body":1}]`, "MSG-1", ""},
		{"no ID in a request", RolePool, 7, `{"method":"echo"}`, "MSG-17", ""},
		{"no ID in a cancellation", RolePool, 7, `{"type":"cancellation","payload":{}}`, "CAN-2", ""},
		{"no ID in an answer", RoleWorker, 7, `{"ok":true,"body":1}`, "MSG-1", ""},
		{"an ID that is a string", RoleWorker, 7, `{"ok":true,"body":1,"id": "7"}`, "MSG-10", `"7"`},
		{"a fraction", RolePool, 7, `{"type":"request","payload":{"method":"echo","id": 7.0}}`, "MSG-10", `7.0`},
		{"an ID of 65 bits", RolePool, 7, `{"method":"echo","id":18446744073709551616}`, "MSG-10", `18446744073709551616`},
		{"no method", RolePool, 7, `{"id":7,"body":"echo"}`, "MSG-17", ""},
		{"a method that is null", RolePool, 7, `{"id":7,"method":null}`, "MSG-17", `null`},
		{"of two fields of a name the last counts", RolePool, 7, `{"id":7,"method":"m","method":4}`, "MSG-17", `4}`},
		{"the ID 0", RolePool, 0, `{"method":"echo","id":0}`, "RID-1", `0}`},
		{"a cancellation of the ID 0", RolePool, 0, `{"type":"cancellation","payload":{"id":0}}`, "RID-1", `0}`},
		{"an unknown envelope", RolePool, 7, `{"payload":{"id":7},"type":"greeting"}`, "MSG-17", `"greeting"`},
		{"a response from a pool", RolePool, 7, `{"type":"response","payload":{"id":7,"ok":true,"body":1}}`, "MSG-17", `"response"`},
		{"a request from a worker", RoleWorker, 7, `{"type":"request","payload":{"id":7,"method":"m"}}`, "MSG-1", `"request"`},
		{"no ok", RoleWorker, 7, `{"id":7,"body":1}`, "MSG-1", ""},
		{"an ok that is a number", RoleWorker, 7, `{"id":7,"ok":1,"body":1}`, "MSG-1", `1,`},
		{"no body", RoleWorker, 7, `{"id":7,"ok":true}`, "MSG-1", ""},
		{"no error", RoleWorker, 7, `{"id":7,"ok":false,"body":null}`, "MSG-1", ""},
		{"an error that is an object", RoleWorker, 7, `{"id":7,"ok":false,"error":{"text":"no"}}`, "MSG-1", `{"text"`},
		{"another ID in the header of an answer", RoleWorker, 0, `{"id":7,"ok":true,"body":1}`, "RID-8", "header"},
		{"another ID in the header of a request", RolePool, 8, `{"id":7,"method":"m"}`, "RID-3", "header"},
		{"another ID in the header of a cancellation", RolePool, 8, `{"type":"cancellation","payload":{"id":7}}`, "CAN-2", "header"},
		{"two things at once", RoleWorker, 8, `{"id":7,"ok":true}`, "RID-8 MSG-1", "header"},
		{"a request of an unknown sender", "", 7, `{"id":7,"method":4}`, "MSG-17", "4"},
		{"an answer of an unknown sender", "", 7, `{"id":7,"ok":4}`, "MSG-1", "4"},
		{"neither", "", 7, `{"id":7}`, "MSG-17", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := encode(Enhanced, 1, []byte(`{"id":1,"method":"m"}`))
			if c.sender == RoleWorker {
				first = encode(Enhanced, 1, okAnswer(1, "null"))
			}
			data := append(slices.Clone(first), encode(Enhanced, c.header, []byte(c.payload))...)
			frames := inspect(t, InspectorOptions{Sender: c.sender}, data)
			require.Len(t, frames, 2)
			require.Empty(t, frames[0].Violations)
			var clauses []string
			for _, v := range frames[1].Violations {
				clauses = append(clauses, v.Clause)
			}
			require.Equal(t, c.clauses, strings.Join(clauses, " "))
			at := len(first) + enhancedHeader
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

func TestInspectorAccusesNothingThatIsLeftOpenOrBorne(t *testing.T) {
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	for _, c := range []struct {
		sender  Role
		payload string
	}{
		{RolePool, `{"id":7,"method":""}`},
		{RolePool, `{"type":"note","id":7,"method":"m","ID":8}`},
		{RolePool, `{"payload":1,"id":7,"method":"m"}`},
		{RolePool, `{"id":7,"method":"m","body":"\ud800"}`},
		{RolePool, `{"id":7,"method":"m","body":1e999}`},
		{RolePool, `{"id":7,"method":"m","body":` + deep + `}`},
		{RolePool, `{"type":"cancellation","payload":{"id":7}}`},
		{RolePool, ` {"id" : 7 , "method" : "m" } `},
		{RoleWorker, `{"id":7,"ok":true,"body":null,"error":null}`},
		{RoleWorker, `{"id":7,"ok":false,"error":"","body":1}`},
		{RoleWorker, `{"id":7,"ok":true,"body":"NaN"}`},
		{"", `{"id":7,"ok":true,"body":1}`},
		{"", `{"id":7,"method":"m"}`},
	} {
		frames := inspect(t, InspectorOptions{Sender: c.sender}, encode(Enhanced, 7, []byte(c.payload)))
		require.Len(t, frames, 1)
		require.Empty(t, frames[0].Violations, clip(c.payload, 100))
	}
}

func TestInspectorTellsTheFramingByTheFirstTwoBytes(t *testing.T) {
	i := inspector(t, InspectorOptions{})
	require.Empty(t, i.Write([]byte{0x50}))
	require.Empty(t, i.Framing())
	require.Empty(t, i.Write([]byte{0x59}))
	require.Equal(t, Enhanced, i.Framing())

	i = inspector(t, InspectorOptions{})
	require.Empty(t, i.Write([]byte{0x00}))
	require.Equal(t, Basic, i.Framing())

	i = inspector(t, InspectorOptions{})
	frames := i.Write([]byte("Px\x00\x01"))
	require.Equal(t, Basic, i.Framing())
	require.Equal(t, TooLarge, frames[0].Violations[0].Kind)
	require.Contains(t, frames[0].Violations[0].Got, "does not begin with 50 59")
}

func TestInspectorStopsAtAFramingError(t *testing.T) {
	good := encode(Enhanced, 1, []byte(`{"id":1,"method":"m"}`))
	bad := encodeWith(2, []byte(`{"id":2,"method":"m"}`), func(h *header) { h.crc++ })
	i := inspector(t, InspectorOptions{})
	frames := i.Write(slices.Concat(good, bad, good))
	require.Len(t, frames, 2)
	require.False(t, frames[1].Whole)
	require.Equal(t, "CRC-4", frames[1].Violations[0].Clause)
	require.EqualValues(t, len(good)+14, frames[1].Violations[0].Offset)
	require.True(t, i.Stopped())
	require.Empty(t, i.Write(good))
	require.Empty(t, i.End())
}

func TestInspectorPointsAtTheEndWhereAFrameIsCutOff(t *testing.T) {
	whole := encode(Enhanced, 1, []byte(`{"id":1,"method":"m"}`))
	for cut := 1; cut < len(whole); cut++ {
		frames := inspect(t, InspectorOptions{}, whole[:cut])
		require.Len(t, frames, 1)
		v := frames[0].Violations[0]
		require.Equal(t, Truncated, v.Kind)
		require.EqualValues(t, cut, v.Offset)
		require.Contains(t, frames[0].Dump(20), "<-- STR-2", cut)
	}
}

func TestInspectorDumpsAFrameAtItsOffsets(t *testing.T) {
	first := encode(Enhanced, 1, []byte(`{"id":1,"method":"m"}`))
	frames := inspect(t, InspectorOptions{}, append(first, encode(Enhanced, 9, []byte(`{"id":8,"method":"m"}`))...))
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

func TestInspectorRefusesOptionsThatAreNone(t *testing.T) {
	for _, o := range []InspectorOptions{
		{Framing: "both"}, {Sender: RoleFramer}, {MaxPayload: -1}, {MaxPayload: 0x50590000},
	} {
		_, err := NewInspector(o)
		require.Error(t, err)
	}
}

// However the bytes come, the frames and the violations are the same [STR-4].
func TestInspectorDoesNotCareHowBytesAreSplit(t *testing.T) {
	set, err := vectors.Load()
	require.NoError(t, err)
	seeded.Check(t, 200, prop.ForAll(func(seed int64, pieces int) bool {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		framing := []Framing{Enhanced, Basic}[random.IntN(2)]
		var data []byte
		for range random.IntN(6) {
			v := set.Messages[random.IntN(len(set.Messages))]
			data = append(data, encode(framing, v.HeaderID, v.Bytes)...)
		}
		if len(data) > 0 && random.IntN(2) == 0 {
			data[random.IntN(len(data))] ^= 1 << random.IntN(8)
		}
		data = data[:len(data)-random.IntN(len(data)/4+1)]
		o := InspectorOptions{Framing: framing, MaxPayload: 4096}
		want := inspect(t, o, data)
		i := inspector(t, o)
		var got []InspectedFrame
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
func sameFrames(a, b []InspectedFrame) bool {
	return slices.EqualFunc(a, b, func(a, b InspectedFrame) bool {
		return a.Offset == b.Offset && a.Whole == b.Whole && a.Header == b.Header && a.Message == b.Message &&
			slices.Equal(a.Violations, b.Violations) && (!a.Whole || bytes.Equal(a.Bytes, b.Bytes))
	})
}
