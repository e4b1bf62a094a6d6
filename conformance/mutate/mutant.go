package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A mutant is one small change of a source file.
type mutant struct {
	File   string `json:"-"` // path from the module root
	Func   string // that it is in, with its receiver or class; empty outside of any
	Kind   string // "comparison", "constant", "dropped statement"
	Start  int    // of the text that is replaced, in bytes
	End    int
	Text   string // that replaces it
	Line   int    `json:"-"`
	Before string `json:"-"` // the line, without its indentation
	After  string `json:"-"` // what becomes of it
	Nth    int    `json:"-"` // among those that read the same, from 1
}

// key names the mutant by what it reads, so that the name outlives lines that come and go above it.
func (m mutant) key() string {
	key := fmt.Sprintf("%s %s: %s => %s", m.File, cmp.Or(m.Func, "-"), m.Before, m.After)
	if m.Nth > 1 {
		key += fmt.Sprintf(" #%d", m.Nth)
	}
	return key
}

// keys are those that a reviewed entry may bear: of the mutant, of its line and of its function.
func (m mutant) keys() []string {
	function := fmt.Sprintf("%s %s: ", m.File, cmp.Or(m.Func, "-"))
	return []string{m.key(), function + m.Before + " => *", function + "*"}
}

// applied is the source with the mutation in it.
func (m mutant) applied(source []byte) []byte {
	return slices.Concat(source[:m.Start], []byte(m.Text), source[m.End:])
}

// finish fills in what is read off the source: lines, keys, and which of those that read the same each is.
// It drops what changes nothing or comes twice.
func finish(file string, source []byte, mutants []mutant) []mutant {
	slices.SortStableFunc(mutants, func(a, b mutant) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), strings.Compare(a.Text, b.Text))
	})
	mutants = slices.CompactFunc(mutants, func(a, b mutant) bool { return a.Start == b.Start && a.End == b.End && a.Text == b.Text })
	var all []mutant
	seen := map[string]int{}
	for _, m := range mutants {
		if string(source[m.Start:m.End]) == m.Text {
			continue
		}
		m.File = file
		begin := strings.LastIndexByte(string(source[:m.Start]), '\n') + 1
		end := len(source)
		if i := strings.IndexByte(string(source[m.End:]), '\n'); i >= 0 {
			end = m.End + i
		}
		m.Line = strings.Count(string(source[:m.Start]), "\n") + 1
		m.Before = oneLine(string(source[begin:end]))
		m.After = oneLine(string(source[begin:m.Start]) + m.Text + string(source[m.End:end]))
		key := m.key()
		seen[key]++
		m.Nth = seen[key]
		all = append(all, m)
	}
	return all
}

// oneLine is a text with all its space made alike, and cut where it is longer than anybody reads.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 160 {
		text = text[:160] + "…"
	}
	return text
}
