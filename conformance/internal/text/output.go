package text

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Output returns what a process wrote, fit to be shown in a terminal and in the log of a CI run. Control characters, but for
// line ends and tabs, and what is no UTF-8 are written as escapes, and commands to CI runners are defused.
func Output(written string) string {
	var b strings.Builder
	for i := 0; i < len(written); {
		r, size := utf8.DecodeRuneInString(written[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, written[i])
		case r == '\n' || r == '\t' || !unseen(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return Defuse(b.String())
}

func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

var (
	commandLine = regexp.MustCompile(`(?m)^([ \t]*):(:)`) // of GitHub: "::error::text", at the beginning of a line
	commandMark = regexp.MustCompile(`(?i)#(#[a-z]*\[)`)  // of Azure, TeamCity and GitHub: "##vso[…]", anywhere in a line
)

// Defuse changes what a CI runner would take for a command to it, such as "::add-mask::" and "##vso[", so that it is still
// read the same: the first character is written as an escape.
func Defuse(shown string) string {
	shown = commandLine.ReplaceAllString(shown, `$1\x3a$2`)
	return commandMark.ReplaceAllString(shown, `\x23$1`)
}
