package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes text that anybody may have written fit to be shown in every format. What is not UTF-8, would
// not be seen or would move what stands around it is written as an escape; lines and tabs stay.
func clean(text string) string { return escape(text, "\n\t") }

// cleanLine does the same for text of one line.
func cleanLine(text string) string { return escape(text, "") }

func escape(text, keep string) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unseen) {
		var b strings.Builder
		for i := 0; i < len(text); {
			r, size := utf8.DecodeRuneInString(text[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				fmt.Fprintf(&b, `\x%02x`, text[i])
			case !unseen(r) || strings.ContainsRune(keep, r):
				b.WriteRune(r)
			case r == '\n':
				b.WriteString(`\n`)
			case r == '\t':
				b.WriteString(`\t`)
			case r < 0x80:
				fmt.Fprintf(&b, `\x%02x`, r)
			default:
				fmt.Fprintf(&b, `\u%04x`, r)
			}
			i += size
		}
		return b.String()
	}
	return text
}

func unseen(r rune) bool {
	if r < 0x7f {
		return r < 0x20
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Noncharacter_Code_Point, unicode.Zl, unicode.Zp)
}

// clip cuts text to so many bytes and says what it left out. What it has cut it leaves as it is.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := limit - len(" … (1000000000 bytes more)")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return fmt.Sprintf("%s … (%d bytes more)", text[:cut], len(text)-cut)
}

// clipLine cuts text to its first line, and to so many bytes.
func clipLine(text string, limit int) string {
	line, rest, more := strings.Cut(strings.TrimSpace(text), "\n")
	if more && strings.TrimSpace(rest) != "" && len(line) < limit {
		line += " …"
	}
	return clip(line, limit)
}
