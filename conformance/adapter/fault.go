package adapter

import "strings"

// Fault is the error of a program that cannot be used as an adapter.
type Fault struct {
	Command string // that starts the program
	Problem string // what is wrong, in one line
	Stderr  string // the end of what the process wrote to standard error; may be empty
	Err     error  // the cause; nil if there is none
}

// Error returns the problem in one line, with the last line of standard error.
func (f *Fault) Error() string {
	text := "the adapter `" + f.Command + "` " + f.Problem
	if last := f.Stderr[strings.LastIndexByte(f.Stderr, '\n')+1:]; last != "" {
		text += "; the last line of its standard error: " + last
	}
	return strings.Join(strings.Fields(text), " ")
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }
