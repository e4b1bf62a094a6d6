package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// How much the summary of a CI job shows. It leads to the full report and does not replace it.
const (
	failuresInMarkdown = 15
	textInMarkdown     = 500 // bytes
)

// Markdown writes a short form of the runs for the summary of a CI job: the verdict, the first failures, and the table
// by clause, folded up.
func Markdown(w io.Writer, runs ...Run) error {
	var b strings.Builder
	for _, r := range runs {
		writeMarkdown(&b, r.presentable())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeMarkdown(b *strings.Builder, r Run) {
	mark := map[tone]string{good: "✅", warn: "⚠️", bad: "❌"}[r.tone()]
	fmt.Fprintf(b, "### %s %s: %s\n\n%s\n\n", mark, plain(capital(r.name())), r.title(), plain(capital(r.sentence())))
	if part := r.part(); part != "" {
		fmt.Fprintf(b, "Asked for: %s.\n\n", plain(part))
	}
	for _, line := range r.flakyLines() {
		fmt.Fprintf(b, "- Flaky: %s\n", plain(line))
	}
	for _, why := range r.NotRun {
		fmt.Fprintf(b, "- Not run: %s\n", plain(clipLine(why, textInMarkdown)))
	}
	if r.Known != nil {
		for _, p := range r.Known.Problems {
			fmt.Fprintf(b, "- %s\n", plain(clipLine(p.Error(), textInMarkdown)))
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(b, "- Note: %s\n", plain(clipLine(note, textInMarkdown)))
	}
	b.WriteString("\n")
	writeFailures(b, r)
	writeClauses(b, r)
	fmt.Fprintf(b, "%s in %s, clauses version %s, pyproctest %s, %s, %s/%s, %s\n", text.Plural(len(r.Results), "case"), took(r.Elapsed),
		plain(r.Spec), plain(r.Environment.Version), plain(r.Environment.Go), plain(r.Environment.OS), plain(r.Environment.Arch), text.Plural(r.Environment.CPUs, "CPU"))
	if line := r.Rerun.all(); line != "" {
		fmt.Fprintf(b, "\n%s\n", fenced("sh", line))
	}
	b.WriteString("\n")
}

// writeFailures writes one case of each clause that does not hold.
func writeFailures(b *strings.Builder, r Run) {
	groups := slices.DeleteFunc(r.groups(), func(g group) bool { return g.kind >= excused })
	for i, g := range groups {
		if i == failuresInMarkdown {
			fmt.Fprintf(b, "And %s: see the full report.\n\n", text.Plural(len(groups)-i, "more group"))
			break
		}
		fmt.Fprintf(b, "**%s %s**", plain(g.name()), g.kind)
		if len(g.clauses) == 1 {
			fmt.Fprintf(b, " %s", sentenceOf(g.clauses[0]))
		}
		if n := len(g.cases) - 1; n > 0 {
			fmt.Fprintf(b, " (and %s)", text.Plural(n, "more case"))
		}
		b.WriteString("\n")
		first := g.cases[0]
		text := clean(first.Reason, textInMarkdown)
		if len(first.Findings) > 0 {
			found := first.Findings[0]
			text = fmt.Sprintf("expected: %s\ngot:      %s",
				clean(strings.TrimSpace(found.Want), textInMarkdown), clean(strings.TrimSpace(found.Got), textInMarkdown))
		}
		fmt.Fprintf(b, "%s\n", fenced("", first.ID+"\n"+text))
	}
}

func writeClauses(b *strings.Builder, r Run) {
	b.WriteString("<details><summary>Clause by clause</summary>\n\n| | Clause | Level | State | Cases | |\n|---|---|---|---|---:|---|\n")
	for _, c := range r.Clauses() {
		if c.State != StateNotAsked {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %d | %s |\n", c.State.mark(), c.Name, c.Level, c.State, c.Cases, strings.ReplaceAll(c.Sentence, "|", `\|`))
		}
	}
	b.WriteString("\n</details>\n\n")
}

// sentenceOf returns the level and the sentence of a clause, empty for a name that is not one.
func sentenceOf(name string) string {
	c, ok := spec.LookUp(name)
	if !ok {
		return ""
	}
	return fmt.Sprintf("(%s) %s", c.Level, c.Sentence)
}

// plain escapes text so that Markdown shows it as it is, on one line, without markup, links or mentions.
func plain(text string) string {
	var b strings.Builder
	text = strings.Join(strings.Fields(text), " ")
	for i, r := range text {
		rest := text[i+utf8.RuneLen(r):]
		switch {
		case strings.ContainsRune("&<>|`*_~[]#!\\@$^", r),
			r == ':' && rest != "" && rest[0] != ' ',
			r == '.' && strings.HasSuffix(strings.ToLower(text[:i]), "www"):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// fenced returns a block of code. The fence is longer than every run of backticks in the text.
func fenced(language, text string) string {
	longest, length := 2, 0
	for _, r := range text {
		if r != '`' {
			length = 0
			continue
		}
		if length++; length > longest {
			longest = length
		}
	}
	fence := strings.Repeat("`", longest+1)
	return fence + language + "\n" + text + "\n" + fence + "\n"
}

// capital returns the text with a capital first letter.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + text[size:]
}
