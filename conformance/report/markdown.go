package report

import (
	"fmt"
	"io"
	"strings"
)

// What the summary of a CI job tells at most: it is the way to the full report, and not that.
const (
	failuresInMarkdown = 15
	textInMarkdown     = 500 // bytes
)

// Markdown writes a short account of the runs for the summary of a CI job: the verdict, the first failures,
// and the table by clause folded up.
func Markdown(w io.Writer, runs ...Run) error {
	var b strings.Builder
	for _, r := range runs {
		writeMarkdown(&b, r.told())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeMarkdown(b *strings.Builder, r Run) {
	mark := "❌"
	if r.Verdict().good() {
		mark = "✅"
	}
	fmt.Fprintf(b, "### %s %s %s\n\n%s\n\n", mark, plain(r.name()), r.Verdict().title(), plain(capital(r.sentence())))
	if part := r.part(); part != "" {
		fmt.Fprintf(b, "Asked for: %s.\n\n", plain(part))
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
	fmt.Fprintf(b, "%s in %s, clauses version %s, pyproctest %s, %s, %s/%s, %s\n", count(len(r.Results), "case"), took(r.Elapsed),
		plain(r.Spec), plain(r.Environment.Version), plain(r.Environment.Go), plain(r.Environment.OS), plain(r.Environment.Arch), count(r.Environment.CPUs, "CPU"))
	if line := r.Rerun.all(); line != "" {
		fmt.Fprintf(b, "\n%s\n", fenced("sh", line))
	}
	b.WriteString("\n")
}

func writeFailures(b *strings.Builder, r Run) {
	told, left := map[string]int{}, map[kind]int{}
	shown := 0
	for _, f := range r.failures() {
		if f.kind >= excused {
			continue
		}
		if told[f.kind.String()+f.clause]++; told[f.kind.String()+f.clause] > 1 || shown == failuresInMarkdown {
			left[f.kind]++
			continue
		}
		shown++
		fmt.Fprintf(b, "**%s %s** %s\n", plain(f.clause), f.kind, sentenceOf(f.clause))
		if len(f.Findings) == 0 {
			fmt.Fprintf(b, "%s\n", fenced("", f.ID+"\n"+clip(f.Reason, textInMarkdown)))
			continue
		}
		first := f.Findings[0]
		fmt.Fprintf(b, "%s\n", fenced("", fmt.Sprintf("%s\nexpected: %s\ngot:      %s", f.ID,
			clip(strings.TrimSpace(first.Want), textInMarkdown), clip(strings.TrimSpace(first.Got), textInMarkdown))))
	}
	var more []string
	for _, k := range []kind{violation, blocked, unsupported, should} {
		if left[k] > 0 {
			more = append(more, fmt.Sprintf("%s %s", count(left[k], "more case"), k))
		}
	}
	if len(more) > 0 {
		fmt.Fprintf(b, "And %s: see the full report.\n\n", strings.Join(more, ", "))
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

// mark is a sign for the state, always beside its word.
func (s State) mark() string {
	switch {
	case s == StateHolds:
		return "✓"
	case s == StateViolated:
		return "✗"
	case s == StateNotHeld:
		return "△"
	case s == StateKnown:
		return "!"
	case s.unknown():
		return "?"
	}
	return "–"
}

// plain escapes text so that Markdown shows it as it is, on one line: no markup, link or mention comes of it.
func plain(text string) string {
	var b strings.Builder
	text = strings.Join(strings.Fields(text), " ")
	for i, r := range text {
		if strings.ContainsRune("&<>|`*_~[]#!\\@$:^", r) || r == '.' && strings.HasSuffix(strings.ToLower(text[:i]), "www") {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// fenced is a block of code that its text cannot end.
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

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
