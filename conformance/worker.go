package conformance

import (
	"context"
	"testing"
	"time"
)

// WorkerCommand is how to start the worker under test.
type WorkerCommand struct {
	Path string
	Args []string
	Env  []string // added to the environment of the suite
	Dir  string   // working directory, the suite's where empty
	// Grace is the worker's grace period after SIGTERM; 5 s where it is 0 [WRK-17].
	Grace time.Duration
}

// Command names the worker under test by the program that starts it. The worker must expose the
// methods of [WRK-21].
func Command(path string, args ...string) WorkerCommand {
	return WorkerCommand{Path: path, Args: args}
}

// TestWorker runs every case for workers against the worker that the command starts.
func TestWorker(t *testing.T, command WorkerCommand, opts ...Option) {
	t.Helper()
	o := newOptions(opts)
	runAll(t, RoleWorker, o, workerJobs(command, o), nil)
}

// CheckWorker runs the same cases without a testing.T.
func CheckWorker(ctx context.Context, command WorkerCommand, opts ...Option) Report {
	o := newOptions(opts)
	return check(ctx, RoleWorker, o, workerJobs(command, o), nil)
}

func workerJobs(command WorkerCommand, o *options) []job {
	var all []job
	for _, c := range workerCases() {
		all = append(all, jobs(c.Case, o, func(t *T) { c.run(&workerT{T: t, command: command}) })...)
	}
	return all
}

// workerT is a case's view of the worker under test.
type workerT struct {
	*T
	command WorkerCommand
}

type workerCase struct {
	Case
	run func(*workerT)
}

func workerCases() []workerCase { return nil }
