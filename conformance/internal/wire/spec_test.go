package wire

import (
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/stretchr/testify/require"
)

// The worked example of SPEC.md says what its bytes say.
func TestWorkedExample(t *testing.T) {
	text := specText(t)
	row := regexp.MustCompile(`(?m)^    ([0-9a-f]{4})  ((?:[0-9a-f]{2} )+)  (.+)$`)
	var streams [][]byte
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		bytes, err := hex.DecodeString(strings.ReplaceAll(m[2], " ", ""))
		require.NoError(t, err)
		if m[1] == "0000" {
			streams = append(streams, nil)
		}
		last := &streams[len(streams)-1]
		require.Equal(t, fmt.Sprintf("%04x", len(*last)), m[1], "the offset of a row")
		*last = append(*last, bytes...)
	}
	messages := []string{`{"id":1,"method":"echo","body":"hi"}`, `{"id":1,"ok":true,"body":"hi"}`}
	require.Len(t, streams, len(messages))
	for i, message := range messages {
		frames, err := decodeAll(spec.Enhanced, streams[i], spec.DefaultMaxPayload)
		require.NoError(t, err)
		require.Equal(t, []spec.Frame{{ID: 1, Payload: []byte(message)}}, frames)
		require.Contains(t, text, "`"+message+"`, "+fmt.Sprint(len(message))+" bytes")
	}

	basic := regexp.MustCompile("In the basic framing the same request is `([0-9a-f ]+)` and the same 36 bytes").FindStringSubmatch(text)
	require.NotNil(t, basic)
	header, err := hex.DecodeString(strings.ReplaceAll(basic[1], " ", ""))
	require.NoError(t, err)
	require.Equal(t, slices.Concat(header, []byte(messages[0])), Encode(spec.Basic, 1, []byte(messages[0])))
}

// The numbers of the prose are those of the codec.
func TestSpecAndCodecAgreeOnNumbers(t *testing.T) {
	for _, text := range []string{
		fmt.Sprintf("an %d-byte header", spec.EnhancedHeader),
		fmt.Sprintf("whose length field is below %d", spec.EnhancedHeader),
		fmt.Sprintf("magic 0x%X 0x%X", spec.Magic0, spec.Magic1),
		fmt.Sprintf("`max_payload` is %d bytes", spec.DefaultMaxPayload),
	} {
		require.Contains(t, specText(t), text)
	}
	for _, kind := range spec.FramingErrors() {
		require.Contains(t, specText(t), "`"+string(kind)+"`")
	}
}

// specText is conformance/SPEC.md.
func specText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../SPEC.md")
	require.NoError(t, err)
	return string(text)
}
