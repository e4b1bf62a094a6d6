package message_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/message"
)

// Strings are scanned 32 and 8 bytes at a time: what is special is found at every place in them.
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
