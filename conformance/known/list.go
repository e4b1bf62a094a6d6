package known

import (
	"errors"
	"io"

	"github.com/pyproctest/pyproctest/conformance"
)

// Entry is one line of a list.
type Entry struct {
	// Pattern names a clause ("WRK-5", "BPR-*"), or one or more cases ("FRM-7/length-17-*/basic").
	Pattern string `json:"pattern"`
	// Reason is why it fails, for the next reader.
	Reason string `json:"reason"`
	// Line of the file, from 1.
	Line int `json:"line"`
}

// List is a list of known failures.
type List struct {
	File    string // as it is to be named in errors
	Entries []Entry
}

// Load reads the list in a file. The error names file and line of everything that is wrong with it.
func Load(file string) (List, error) { return List{}, errors.ErrUnsupported }

// Parse reads a list; file is what errors call it.
func Parse(file string, r io.Reader) (List, error) { return List{}, errors.ErrUnsupported }

// Apply tells which failures of the report the list excuses, and which entries are wrong.
func (l List) Apply(rep conformance.Report) Outcome { return Outcome{} }

// Write writes the list under which the report has no failure left that could be excused.
func Write(w io.Writer, rep conformance.Report) error { return errors.ErrUnsupported }
