package conformance

import (
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/worker"
)

// WorkerCommand says how to start the worker under test.
//
// The suite sends signals to the process that it starts, and takes that process's exit status for the worker's. A
// wrapper has to pass both on.
type WorkerCommand struct {
	Path string
	Args []string
	Env  []string // added to the environment of the suite
	Dir  string   // working directory; empty for that of the suite
	// Grace is the grace period after SIGTERM that the worker is set to; 0 for DefaultGrace [WRK-17].
	Grace time.Duration
}

// DefaultGrace is the grace period of a worker that is not set to another one [WRK-17].
const DefaultGrace = worker.DefaultGrace

// Command returns the command that starts the worker under test from a program and its arguments.
func Command(path string, args ...string) WorkerCommand {
	return WorkerCommand{Path: path, Args: args}
}

// String returns the command line, with spaces between the words.
func (c WorkerCommand) String() string { return strings.Join(append([]string{c.Path}, c.Args...), " ") }
