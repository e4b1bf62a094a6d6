package worker

import (
	"strings"
	"time"
)

// Command is conformance.WorkerCommand, which says what each field means.
type Command struct {
	Path  string
	Args  []string
	Env   []string
	Dir   string
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
