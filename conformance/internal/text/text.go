package text

import (
	"fmt"
	"strings"
)

// Printable returns data as ASCII, with a dot for each byte that is not printable.
func Printable(data []byte) string {
	text := make([]byte, len(data))
	for i, c := range data {
		if c < 0x20 || c > 0x7e {
			c = '.'
		}
		text[i] = c
	}
	return string(text)
}

// Plural returns a number and a thing: "1 byte", "2 bytes".
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// OneLine returns the text of an error in one line of at most 300 characters.
func OneLine(err error) string {
	if err == nil {
		return "no error"
	}
	return Clip(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", " / "), 300)
}

// Indent puts by before each line.
func Indent(text, by string) string {
	lines := strings.SplitAfter(text, "\n")
	var b strings.Builder
	for _, l := range lines {
		if l != "" {
			b.WriteString(by + l)
		}
	}
	return b.String()
}

// Clip shortens a text to n characters. The last one is then an ellipsis.
func Clip(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n-1]) + "…"
}

// Excerpt returns the first 100 bytes of a payload as printable text, with an ellipsis if there are more.
func Excerpt(payload []byte) string {
	const shown = 100
	if len(payload) <= shown {
		return Printable(payload)
	}
	return Printable(payload[:shown]) + "…"
}

// Hang indents every line of the text but the first, for a value that stands behind its label.
func Hang(text, by string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by)
}
