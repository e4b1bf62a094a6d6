package report

import (
	"regexp"
	"strings"
)

// word is a piece of a clause's sentence. In SPEC.md, code stands between backticks and stressed words between stars.
type word struct {
	Text         string
	Code, Stress bool
}

var stressed = regexp.MustCompile(`\*[a-z]+\*`)

func words(sentence string) []word {
	var all []word
	for i, part := range strings.Split(sentence, "`") {
		if i%2 == 1 {
			all = append(all, word{Text: part, Code: true})
			continue
		}
		from := 0
		for _, at := range stressed.FindAllStringIndex(part, -1) {
			all = append(all, word{Text: part[from:at[0]]}, word{Text: part[at[0]+1 : at[1]-1], Stress: true})
			from = at[1]
		}
		all = append(all, word{Text: part[from:]})
	}
	return all
}

var code = regexp.MustCompile("`[^`\\n]+`")

// coded returns text of the suite, in which code stands between backticks. What is no pair of them stays as it is.
func coded(text string) []word {
	var all []word
	from := 0
	for _, at := range code.FindAllStringIndex(text, -1) {
		all = append(all, word{Text: text[from:at[0]]}, word{Text: text[at[0]+1 : at[1]-1], Code: true})
		from = at[1]
	}
	return append(all, word{Text: text[from:]})
}

// dumpLine is one row of annotated bytes.
type dumpLine struct {
	Offset, Hex, Note string
	Wrong             bool // the note says that something is wrong
}

var (
	dumpRow   = regexp.MustCompile(`^([0-9a-f]{4,})  (.{47})  (.*)$`)
	wrongNote = regexp.MustCompile(`, should be |, below the header|, but the payload has |^the end, `)
)

func dumpLines(dump string) []dumpLine {
	var all []dumpLine
	for line := range strings.Lines(dump) {
		line = strings.TrimRight(line, "\n")
		if m := dumpRow.FindStringSubmatch(line); m != nil {
			all = append(all, dumpLine{m[1], m[2], m[3], wrongNote.MatchString(m[3])})
		} else {
			all = append(all, dumpLine{Note: line})
		}
	}
	return all
}
