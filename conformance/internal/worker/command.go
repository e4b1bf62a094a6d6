package worker

import (
	"strings"
	"time"
)

// Command says how to start the worker under test.
//
// The suite sends signals to the process that it starts, and takes that process's exit status for the worker's. A wrapper
// has to pass both on.
type Command struct {
	Path string
	Args []string
	Env  []string // added to the environment of the suite
	Dir  string   // working directory; empty for that of the suite
	// Grace is the grace period after SIGTERM that the worker is set to; 0 for DefaultGrace [WRK-17].
	Grace time.Duration
}

// DefaultGrace is the grace period of a worker that is not set to another one [WRK-17].
const DefaultGrace = 5 * time.Second

func (c Command) grace() time.Duration {
	if c.Grace > 0 {
		return c.Grace
	}
	return DefaultGrace
}

// String returns the command line, with spaces between the words.
func (c Command) String() string { return strings.Join(append([]string{c.Path}, c.Args...), " ") }
