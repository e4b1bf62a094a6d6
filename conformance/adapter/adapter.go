package adapter

import (
	"context"
	"errors"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
)

// Options change how an adapter is run. The zero value is right for most.
type Options struct {
	// Timeout is how long the program may take to start and to answer; 20 s where it is 0. The suite
	// gives up on a framer or a pool that hangs by its own patience, mostly earlier.
	Timeout time.Duration
	// Processes is how many processes of a framer's program run beside each other at most; 4 where it is 0.
	// Each pool has a process of its own.
	Processes int
}

// Adapter is a program that stands for a framer or a pool in the suite.
type Adapter struct{}

// Open starts the program once and finds out whether it is an adapter for the role: it must answer a
// greeting, refuse a command that does not exist, and answer a first request of its role. The error is a
// *[Fault]. Where ctx ends, no process is left.
func Open(ctx context.Context, role conformance.Role, command conformance.WorkerCommand, o Options) (*Adapter, error) {
	return nil, errors.ErrUnsupported
}

// Name is what the program calls itself.
func (a *Adapter) Name() string { return "" }

// Framer makes framers that live in the program. For an adapter of another role it is nil.
func (a *Adapter) Framer() conformance.OpenFramer { return nil }

// Pool makes pools, each in a process of its own. For an adapter of another role it is nil.
func (a *Adapter) Pool() conformance.OpenPool { return nil }

// Context is to be given to the run. It ends with the one given to Open, and when the program turns out
// to be unusable, so that no further case is begun; its cause is then the *[Fault].
func (a *Adapter) Context() context.Context { return nil }

// Err is the *[Fault] for which the program has become unusable, nil while it is not.
func (a *Adapter) Err() error { return nil }

// Stderr is the end of what the program's processes wrote to standard error.
func (a *Adapter) Stderr() string { return "" }

// Close ends all processes and waits until they are reaped.
func (a *Adapter) Close() error { return nil }
