package adapter

import "strings"

// Fault says what makes a program unusable as an adapter.
type Fault struct {
	Command string // that starts the program
	Problem string // in one line
	Stderr  string // the end of what the process wrote to standard error, which may be nothing
	Err     error  // the cause, where there is one
}

// Error tells the problem in one line, with the last line of standard error.
func (f *Fault) Error() string {
	text := "the adapter `" + f.Command + "` " + f.Problem
	if last := f.Stderr[strings.LastIndexByte(f.Stderr, '\n')+1:]; last != "" {
		text += "; the last line of its standard error: " + last
	}
	return strings.Join(strings.Fields(text), " ")
}

func (f *Fault) Unwrap() error { return f.Err }
