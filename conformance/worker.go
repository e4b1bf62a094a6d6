package conformance

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// WorkerCommand is how to start the worker under test. Signals go to the process that it starts, and
// that process's exit status is taken for the worker's: a wrapper has to pass both on.
type WorkerCommand struct {
	Path string
	Args []string
	Env  []string // added to the environment of the suite
	Dir  string   // working directory, the suite's where empty
	// Grace is the grace period after SIGTERM that the worker is set to; DefaultGrace where it is 0 [WRK-17].
	Grace time.Duration
}

// DefaultGrace is the grace period of a worker that is not set to another [WRK-17].
const DefaultGrace = 5 * time.Second

func (c WorkerCommand) grace() time.Duration {
	if c.Grace > 0 {
		return c.Grace
	}
	return DefaultGrace
}

func (c WorkerCommand) String() string { return strings.Join(append([]string{c.Path}, c.Args...), " ") }

// Command names the worker under test by the program that starts it. The worker must expose the
// methods of [WRK-21].
func Command(path string, args ...string) WorkerCommand {
	return WorkerCommand{Path: path, Args: args}
}

// TestWorker runs every case for workers against the worker that the command starts. A worker that
// cannot be started or spoken to fails the test once, and no case is run.
func TestWorker(t *testing.T, command WorkerCommand, opts ...Option) {
	t.Helper()
	testWorker(t, command, opts...)
}

// testWorker runs every case as a subtest.
func testWorker(t *testing.T, command WorkerCommand, opts ...Option) {
	t.Helper()
	o := newOptions(t.Context(), opts)
	r := &workerRun{command: command}
	t.Cleanup(r.instances.close)
	pre := r.preflight(t.Context(), o)
	if len(pre.framings) == 0 {
		rep := pre.report(o)
		for _, f := range o.report {
			f(rep)
		}
		t.Fatal(pre.result.Text() + strings.Join(pre.notRun, "\n"))
	}
	runAll(t, RoleWorker, o, r.jobs(o, pre), pre.notRun)
}

// CheckWorker runs the same cases without a testing.T. Where the worker cannot be started or spoken to,
// the report holds one result that says why, and NotRun the rest.
func CheckWorker(ctx context.Context, command WorkerCommand, opts ...Option) Report {
	return checkWorker(ctx, command, opts...)
}

// checkWorker runs every case without a testing.T.
func checkWorker(ctx context.Context, command WorkerCommand, opts ...Option) Report {
	o := newOptions(ctx, opts)
	r := &workerRun{command: command}
	defer r.instances.close()
	defer context.AfterFunc(ctx, r.instances.close)()
	pre := r.preflight(ctx, o)
	if len(pre.framings) == 0 {
		rep := check(ctx, RoleWorker, o, []job{pre.job()}, pre.notRun)
		if !rep.Interrupted {
			rep.SetUp = firstLine(pre.result)
		}
		return rep
	}
	return check(ctx, RoleWorker, o, r.jobs(o, pre), pre.notRun)
}

// workerRun is one run of the cases against one worker.
type workerRun struct {
	command   WorkerCommand
	instances instances
}

// jobs are the cases that can be run in the framings that the worker speaks. What the preflight found is
// told among them, in place of the case that it belongs to.
func (r *workerRun) jobs(o *options, pre preflightResult) []job {
	spoken := *o
	spoken.framings = pre.framings
	var all []job
	if pre.result.Status != StatusPass {
		all = append(all, pre.job())
	}
	for _, c := range workerCases() {
		if c.bothFramings && len(pre.framings) < len(bothFramings) {
			continue
		}
		for _, j := range jobs(c.Case, &spoken, nil) {
			j.run = func(t *T) { r.run(t, j, c, &spoken) }
			all = append(all, j)
		}
	}
	return all
}

// run runs a case. Where it finds something wrong with a worker that had served other cases before, it is
// run once more with a worker of its own, so that its story does not rest on what went before.
func (r *workerRun) run(t *T, j job, c workerCase, o *options) {
	once := func(alone bool) (result Result, borrowed, died bool) {
		w := &workerT{command: r.command, speaks: o.framings, instances: &r.instances, alone: alone}
		j.run = func(t *T) {
			w.T = t
			c.run(w)
		}
		result = runJob(t.Context(), j, o)
		return result, w.borrowed.Load(), w.died.Load()
	}
	result, borrowed, died := once(false)
	if result.Status != StatusPass && borrowed && o.run.Err() == nil {
		switch second, _, _ := once(true); {
		case slices.Contains([]Status{StatusFail, StatusShould, StatusBlocked}, second.Status):
			result = second
		case died: // perhaps of what an earlier case did to it, so nothing is known of this one's clause
			result.Status, result.Findings = StatusBlocked, nil
			result.Reason = "a worker that had served other cases ended in the middle of this one, which passes with one of its own: see WRK-16"
		default:
			result.Timeline = append(result.Timeline, Event{At: result.Elapsed, Where: "suite",
				Note: "so it was with a worker that had served other cases; with one of its own the case passes"})
		}
	}
	t.retell(result)
}

// retell makes the result of another run that of this case.
func (t *T) retell(r Result) {
	t.mu.Lock()
	t.timeline = append(t.timeline, r.Timeline...)
	t.findings = append(t.findings, r.Findings...)
	t.mu.Unlock()
	switch r.Status {
	case StatusBlocked:
		t.Blocked("%s", r.Reason)
	case StatusUnsupported:
		t.Unsupported("%s", r.Reason)
	}
}

// workerT is a case's view of the worker under test.
type workerT struct {
	*T
	command   WorkerCommand
	speaks    []Framing
	instances *instances
	alone     bool        // the case must not use a worker that has served others
	borrowed  atomic.Bool // the case did
	died      atomic.Bool // a worker of the case has ended meanwhile
	peers     int         // opened so far
}

// takeTime is for cases with large payloads: a checksum over 10 MB takes an interpreter seconds, and slowness
// is no fault.
func (t *workerT) takeTime() { t.lengthen(3) }

// anyFraming is one that the worker speaks: the case's, where it has one.
func (t *workerT) anyFraming() Framing {
	if t.Framing != "" {
		return t.Framing
	}
	if slices.Contains(t.speaks, Enhanced) {
		return Enhanced
	}
	return Basic
}

type workerCase struct {
	Case
	bothFramings bool // the case needs a worker that speaks both framings
	run          func(*workerT)
}

func workerCases() []workerCase {
	return slices.Concat(
		workerFramingCases(),
		workerMessageCases(),
		workerBodyCases(),
		workerUnreadableCases(),
		workerViolationCases(),
		workerManyCases(),
		workerStartCases(),
		workerMethodCases(),
		workerFramingErrorCases(),
		workerBlockingCases(),
		workerStopCases(),
		workerOrphanCases(),
		workerMemoryCases(),
		workerCancellationCases(),
	)
}
