package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean returns text that is safe to show in every format, in at most limit bytes, whoever wrote it. Bytes that are not
// UTF-8, and characters that are invisible or move the text around them, become escapes. Line feeds and tabs stay. If
// the text is cut, its end says how much is missing. Cleaning is idempotent.
func clean(text string, limit int) string { return escape(text, "\n\t", limit) }

// cleanLine does the same for one line: line feeds and tabs become escapes too.
func cleanLine(text string) string { return escape(text, "", lineKept) }

// clipLine returns the first line of the text, in at most limit bytes.
func clipLine(text string, limit int) string {
	line, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if strings.TrimSpace(rest) != "" {
		line += " …"
	}
	return clean(line, limit)
}

const cutRemark = " … (%d bytes more)"

func escape(text, keep string, limit int) string {
	var b strings.Builder
	short := limit - len(cutRemark) - len("1000000000") // where to end if not everything fits
	var end, read int                                   // how much of the output, and of text, fits into short bytes
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
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
		if b.Len() <= short {
			end, read = b.Len(), i
		}
		if b.Len() > limit {
			return b.String()[:end] + fmt.Sprintf(cutRemark, len(text)-read)
		}
	}
	return b.String()
}

// unseen reports whether a reader would not see the character, or it would move the text around it.
func unseen(r rune) bool {
	if r < 0x7f {
		return r < 0x20
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Noncharacter_Code_Point, unicode.Zl, unicode.Zp)
}
