package explore_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// Bodies that are drawn are JSON, and equal to themselves when they have been decoded and encoded.
func TestDrawnBodiesAreJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	escaped, blanks := 0, 0
	for range 5000 {
		body := explore.Body(r, 3)
		require.True(t, json.Valid([]byte(body)), body)
		require.Empty(t, wire.DiffBody(body, json.RawMessage(body)), body)
		if wire.DiffBody(body, json.RawMessage(withoutBlanksBehindEscapedQuotes(body))) != "" {
			escaped++
		}
		if len(body) > 1 && (body[1] == ' ' || body[1] == '\n') {
			blanks++
		}
	}
	require.Greater(t, escaped, 50, "bodies by which it shows that a program takes an escaped quotation mark for the end of a string")
	require.Greater(t, blanks, 50)
}

// withoutBlanksBehindEscapedQuotes takes an escaped quotation mark for one, and removes the blanks outside of strings.
func withoutBlanksBehindEscapedQuotes(body string) string {
	out, quoted := []byte{}, false
	for _, c := range []byte(body) {
		if c == '"' {
			quoted = !quoted
		}
		if quoted || c != ' ' {
			out = append(out, c)
		}
	}
	return string(out)
}
