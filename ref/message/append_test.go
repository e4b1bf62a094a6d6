package message_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"
	"github.com/pyproctest/pyproctest/ref/message"
	"github.com/stretchr/testify/require"
)

func TestMessagesAreCompactAndInOrder(t *testing.T) {
	for _, c := range []struct {
		want string
		got  []byte
	}{
		{`{"id":1,"method":"echo","body":"hi"}`, message.AppendRequest(nil, 1, "echo", json.RawMessage(`"hi"`))},
		{`{"id":18446744073709551615,"method":"","body":null}`, message.AppendRequest(nil, math.MaxUint64, "", nil)},
		{`{"id":1,"ok":true,"body":"hi"}`, message.AppendResponse(nil, 1, json.RawMessage(`"hi"`))},
		{`{"id":1,"ok":true,"body":null}`, message.AppendResponse(nil, 1, json.RawMessage{})},
		{`{"id":1,"ok":false,"error":"a \"reason\""}`, message.AppendErrorResponse(nil, 1, `a "reason"`)},
		{`{"type":"cancellation","payload":{"id":1,"reason":"late"}}`, message.AppendCancellation(nil, 1, "late")},
		{`{"type":"cancellation","payload":{"id":1}}`, message.AppendCancellation(nil, 1, "")},
	} {
		require.Equal(t, c.want, string(c.got))
	}
}

func TestAppendedMessagesFollowWhatWasThere(t *testing.T) {
	dst := []byte("before ")
	dst = message.BeginEnvelope(dst, message.TypeResponse)
	dst = message.AppendResponse(dst, 1, json.RawMessage("2"))
	dst = message.EndEnvelope(dst)
	require.Equal(t, `before {"type":"response","payload":{"id":1,"ok":true,"body":2}}`, string(dst))
}

func TestHeadBodyAndTailMakeTheWholeMessage(t *testing.T) {
	body := json.RawMessage(`{"a": [1, 2]}`)
	require.Equal(t, string(message.AppendRequest(nil, 7, "größe", body)),
		string(message.AppendRequestHead(nil, 7, "größe"))+string(body)+message.Tail)
	require.Equal(t, string(message.AppendResponse(nil, 7, body)),
		string(message.AppendResponseHead(nil, 7))+string(body)+message.Tail)
}

func TestAnyMethodIsSentAsWellFormedJSON(t *testing.T) {
	holds(t, prop.ForAll(func(method string) bool {
		payload := message.AppendRequest(nil, 1, method, nil)
		var got struct{ Method string }
		return utf8.Valid(payload) && json.Unmarshal(payload, &got) == nil &&
			got.Method == asUTF8(method)
	}, anyText))
}

func TestAppendingDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 1024)
	body := json.RawMessage(`"hi"`)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		dst = message.AppendRequest(dst[:0], 1, "echo", body)
		dst = message.AppendResponse(dst, 1, body)
		dst = message.AppendErrorResponse(dst, 1, "no")
		dst = message.AppendCancellation(dst, 1, "late")
	}))
}

// anyText generates text of all kinds, also bytes that are not UTF-8.
var anyText = gen.OneGenOf(
	gen.AnyString(),
	gen.SliceOf(gen.UInt8()).Map(func(b []byte) string { return string(b) }),
	gen.SliceOf(gen.OneConstOf("a", `"`, `\`, "\n", "\x00", "\x1f", "\x7f", "ä", "\u2028", "😀", "\xff", "\xed\xa0\x80", "\xc3")).
		Map(func(s []string) string { return strings.Join(s, "") }),
)

// asUTF8 replaces each byte that is not part of UTF-8 by U+FFFD.
func asUTF8(s string) string { return string([]rune(s)) }
