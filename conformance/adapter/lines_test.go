package adapter

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHexDigitsAreReadWhereTheyLieAndOtherwiseAsAnyString(t *testing.T) {
	for text, want := range map[string]string{`""`: "", `"00fF"`: "\x00\xff", `"\u0030a"`: "\n", `null`: ""} {
		var b hexDigits
		require.NoError(t, json.Unmarshal([]byte(text), &b), text)
		require.Equal(t, want, string(b), text)
	}
	for _, text := range []string{`7`, `["00"]`, `"0"`, `"0g"`, `"\n00"`, `"\ud800"`} {
		require.Error(t, json.Unmarshal([]byte(text), new(hexDigits)), text)
	}
}

func TestALineHasChunksAndFramesWhereTheRequestHas(t *testing.T) {
	for want, r := range map[string]request{
		`{"tag":1,"do":"hello"}`:                                    {Tag: 1, Do: doHello},
		`{"tag":2,"do":"decode","chunks":[]}`:                       {Tag: 2, Do: doDecode, Chunks: chunks{}},
		`{"tag":3,"do":"decode","then":"eof","chunks":["00ff",""]}`: {Tag: 3, Do: doDecode, Then: thenEOF, Chunks: chunks{{0, 255}, nil}},
		`{"tag":4,"do":"encode","frames":[{"id":"18446744073709551615","payload":"61"},{"id":"0","payload":""}]}`: {
			Tag: 4, Do: doEncode, Frames: []frame{{1<<64 - 1, []byte("a")}, {0, nil}},
		},
	} {
		line, err := r.line()
		require.NoError(t, err)
		require.Equal(t, want+"\n", string(line))
	}
}
