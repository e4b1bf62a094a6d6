package adapter

// Fault says what makes a program unusable as an adapter.
type Fault struct {
	Command string // that starts the program
	Problem string // in one line
	Stderr  string // the end of what the process wrote to standard error, which may be nothing
	Err     error  // the cause, where there is one
}

// Error tells all in one line.
func (f *Fault) Error() string { return f.Problem }

func (f *Fault) Unwrap() error { return f.Err }
