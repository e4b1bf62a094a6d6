package message_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/message"
)

// The scanner takes 32 or 8 bytes of a string at once. It finds special bytes at every place.
func TestEveryPlaceOfALongStringIsChecked(t *testing.T) {
	plain := strings.Repeat("p", 101)
	for _, special := range []string{`"`, `\`, `\"`, `\q`, "\n", "\x1f", "\x00", "\xff", "é", "\xc3", "😀", "\x7f"} {
		for at := range len(plain) {
			text := `"` + plain[:at] + special + plain[at:] + `"`
			valid := json.Valid([]byte(text)) && utf8.ValidString(text)
			err := message.Check(json.RawMessage(text))
			require.Equal(t, valid, err == nil, "%q at %d: %v", special, at, err)
		}
	}
}
