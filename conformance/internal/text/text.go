package text

import (
	"fmt"
	"strings"
)

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

func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// OneLine is an error as the story of a case tells it.
func OneLine(err error) string {
	if err == nil {
		return "no error"
	}
	return Clip(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", " / "), 300)
}

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

func IndentRest(text string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n            ")
}

func Clip(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n-1]) + "…"
}

// Excerpt is the beginning of a payload, for the text of a failure.
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
