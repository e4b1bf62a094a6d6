package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes text that anybody may have written fit to be shown in every format, in so many bytes at most.
// What is not UTF-8, would not be seen or would move what stands around it is written as an escape; lines
// and tabs stay. What is cut off is told. Text that is clean already stays as it is.
func clean(text string, limit int) string { return escape(text, "\n\t", limit) }

// cleanLine does the same for text of one line.
func cleanLine(text string) string { return escape(text, "", lineKept) }

// clipLine cuts text to its first line, and to so many bytes.
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
	short := limit - len(cutRemark) - len("1000000000") // where to end if not all has room
	var end, read int                                   // of what is written, and of text, at the last place before that
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

func unseen(r rune) bool {
	if r < 0x7f {
		return r < 0x20
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Noncharacter_Code_Point, unicode.Zl, unicode.Zp)
}
