package conformance

import (
	"context"
	"io"
	"testing"

	"github.com/pyproctest/pyproctest/conformance/internal/framer"
	"github.com/pyproctest/pyproctest/conformance/internal/pool"
	"github.com/pyproctest/pyproctest/conformance/internal/worker"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// Report is the outcome of a run against one implementation in one role. Package result documents its fields and
// its parts; package report writes it as text, HTML, JSON, JUnit or Markdown.
type Report = result.Report

// TestFramer runs the cases for framers, each as a subtest of t, against the framers that open makes.
//
// The suite calls open once for each stream, from several goroutines. The stream behaves as a net.Conn does.
func TestFramer(t *testing.T, open func(rw io.ReadWriter, o FramerOptions) Framer, opts ...Option) {
	t.Helper()
	framer.Test(t, internalFramer(open), opts...)
}

// CheckFramer runs the same cases as [TestFramer] without a testing.T and returns the report. It returns early,
// with what has run so far, when ctx ends.
func CheckFramer(ctx context.Context, open func(rw io.ReadWriter, o FramerOptions) Framer, opts ...Option) Report {
	return framer.Check(ctx, internalFramer(open), opts...)
}

// TestWorker runs the cases for workers, each as a subtest of t, against the worker that the command starts.
//
// The worker must expose the methods of clause WRK-21. TestWorker fails once, and runs no case, if the worker
// cannot be started or does not answer.
func TestWorker(t *testing.T, command WorkerCommand, opts ...Option) {
	t.Helper()
	worker.Test(t, worker.Command(command), opts...)
}

// CheckWorker runs the same cases as [TestWorker] without a testing.T and returns the report. If the worker cannot
// be started or does not answer, the report holds one result that says why, and NotRun says what was left out.
func CheckWorker(ctx context.Context, command WorkerCommand, opts ...Option) Report {
	return worker.Check(ctx, worker.Command(command), opts...)
}

// TestPool runs the cases for pools, each as a subtest of t, against the pools that open makes.
//
// The suite plays the workers. PoolOptions.Program is the test binary itself: it finds PYPROCTEST_CONTROL in its
// environment and becomes a scripted worker before any test or main begins. If the pool cannot start and call one
// right worker, TestPool fails that one case and runs no other.
//
// The cases of clauses STA-5 and SHD-6 compare the goroutines and descriptors of this process before and after, so
// run nothing else in the process meanwhile.
//
// The pool runs in this process, so a panic in a goroutine that it started ends the process and takes the report along.
// go test then prints the panic, and [KeepResults] keeps what ended before. "pyproctest run --pool" judges a pool in a
// process of its own, where a panic is a result like any other.
func TestPool(t *testing.T, open func(o PoolOptions) (Pool, error), opts ...Option) {
	t.Helper()
	pool.Test(t, internalPool(open), opts...)
}

// CheckPool runs the same cases as [TestPool] without a testing.T and returns the report.
func CheckPool(ctx context.Context, open func(o PoolOptions) (Pool, error), opts ...Option) Report {
	return pool.Check(ctx, internalPool(open), opts...)
}

// internalFramer passes the user's framer on as it is, so that the suite still finds the optional interfaces that it
// implements. A nil open stays nil.
func internalFramer(open func(rw io.ReadWriter, o FramerOptions) Framer) framer.Open {
	if open == nil {
		return nil
	}
	return func(rw io.ReadWriter, o framer.Options) framer.Framer { return open(rw, FramerOptions(o)) }
}

// internalPool does the same for a pool.
func internalPool(open func(o PoolOptions) (Pool, error)) pool.Open {
	if open == nil {
		return nil
	}
	return func(o pool.Options) (pool.Pool, error) { return open(PoolOptions(o)) }
}
