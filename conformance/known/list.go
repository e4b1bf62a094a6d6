package known

import (
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// List is a list of known failures.
type List struct {
	File    string // the name of the list in errors
	Entries []Entry
}

// Entry is one line of a list.
type Entry struct {
	// Pattern matches cases as [result.Match] does: a clause ("WRK-5", "BPR-*") stands for all cases that are named
	// after it, and a case ("FRM-7/enhanced-length-17") for all its framings.
	Pattern string
	// Reason says why these cases fail.
	Reason string
	// Line is the line in the file, counted from 1.
	Line int
}

// Problem is an entry that is wrong. As an error it begins with file and line and says what to do.
type Problem struct {
	Entry
	File string
	Text string
}

func (p Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Load reads a list from a file. The error joins one [Problem] for each line that is wrong.
func Load(file string) (List, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return List{}, fmt.Errorf("the known-failing list cannot be read: %w", err)
	}
	return Parse(file, string(text))
}

// Parse reads a list from text. Errors name it by file. The error joins one [Problem] for each line that is wrong.
func Parse(file, text string) (List, error) {
	list := List{File: file}
	first := map[string]int{}
	var wrong []error
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
		number++
		entry, fault := parseLine(line)
		entry.Line = number
		if fault == "" && first[entry.Pattern] > 0 {
			fault = fmt.Sprintf("%s is on line %d too: remove one of them", entry.Pattern, first[entry.Pattern])
		}
		switch {
		case fault != "":
			wrong = append(wrong, Problem{entry, file, fault})
		case entry.Pattern != "":
			first[entry.Pattern] = number
			list.Entries = append(list.Entries, entry)
		}
	}
	return list, errors.Join(wrong...)
}

var element = regexp.MustCompile(`^[A-Za-z0-9*?\[\]^\\-]+$`)

// parseLine reads one line. For an empty line or a comment it returns an entry without a pattern.
func parseLine(line string) (e Entry, fault string) {
	if !utf8.ValidString(line) {
		return e, "the line is not UTF-8: a list is plain text"
	}
	pattern, reason, _ := strings.Cut(line, "#")
	e.Pattern, e.Reason = strings.TrimSpace(pattern), strings.TrimSpace(reason)
	if e.Pattern == "" {
		return Entry{}, ""
	}
	if strings.ContainsAny(e.Pattern, " \t") {
		return e, fmt.Sprintf("%q is more than one word: write one clause or case a line, and its reason after a #", e.Pattern)
	}
	for part := range strings.SplitSeq(e.Pattern, "/") {
		if _, err := path.Match(part, ""); err != nil || !element.MatchString(part) {
			return e, fmt.Sprintf("%q is not a pattern for clauses or cases: write for example WRK-5, BPR-* or FRM-7/enhanced-length-17*/basic", e.Pattern)
		}
	}
	if e.Reason == "" {
		return e, fmt.Sprintf("%s has no reason: write %s  # why it fails", e.Pattern, e.Pattern)
	}
	return e, ""
}
