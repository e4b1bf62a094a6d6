package worker

import (
	"strings"
	"time"
)

// Command is how to start the worker under test. Signals go to the process that it starts, and
// that process's exit status is taken for the worker's: a wrapper has to pass both on.
type Command struct {
	Path string
	Args []string
	Env  []string // added to the environment of the suite
	Dir  string   // working directory, the suite's where empty
	// Grace is the grace period after SIGTERM that the worker is set to; DefaultGrace where it is 0 [WRK-17].
	Grace time.Duration
}

// DefaultGrace is the grace period of a worker that is not set to another [WRK-17].
const DefaultGrace = 5 * time.Second

func (c Command) grace() time.Duration {
	if c.Grace > 0 {
		return c.Grace
	}
	return DefaultGrace
}

func (c Command) String() string { return strings.Join(append([]string{c.Path}, c.Args...), " ") }
