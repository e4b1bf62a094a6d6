package conformance_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pyproctest/pyproctest/conformance"
)

// A run whose context ends comes back while its cases still wait for what will never come.

func TestEndedRunOfAFramerComesBackWithWhatRan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hang := make(chan struct{})
	defer close(hang)
	open := func(io.ReadWriter, conformance.FramerOptions) conformance.Framer { return hangingFramer{hang} }
	rep := comesBack(t, func() conformance.Report {
		return conformance.CheckFramer(ctx, open, conformance.Patience(time.Minute), conformance.OnCase(func(string) { cancel() }))
	})
	require.Empty(t, rep.Results, "what the end of the run causes says nothing of the framer")
}

func TestEndedRunOfAWorkerLeavesNoProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	command := bundledWorker(t)
	mark := "PYPROCTEST_MARK=" + t.TempDir() // like no other
	command.Env = append(command.Env, mark)
	n := 0
	rep := comesBack(t, func() conformance.Report {
		return conformance.CheckWorker(ctx, command, conformance.Patience(time.Minute), conformance.Covering("WRK-17", "WRK-18"),
			conformance.OnCase(func(string) {
				if n++; n == 4 {
					cancel()
				}
			}))
	})
	require.Less(t, len(rep.Results), n)
	require.Empty(t, processesWith(t, mark))
}

// The suite hands each worker a lifeline, so a suite that is killed leaves no worker behind that knows it, whatever else the
// worker looks at. Only those of cases that are about workers without one may stay, until the test ends them.
func TestKilledRunOfAWorkerLeavesNoWorkerThatKnowsTheLifeline(t *testing.T) {
	ends := []os.Signal{syscall.SIGKILL, syscall.SIGHUP}
	if signal.Ignored(syscall.SIGHUP) { // by nohup, for all that it starts
		ends[1] = syscall.SIGTERM
	}
	for _, end := range ends {
		run := exec.Command(os.Args[0])
		mark := "PYPROCTEST_MARK=" + t.TempDir() // like no other
		run.Env = append(os.Environ(), judgementVariable+"=worker/outlives-its-parent", mark)
		require.NoError(t, run.Start())
		t.Cleanup(func() {
			for _, line := range processesWith(t, mark) {
				pid, _, _ := strings.Cut(strings.TrimSpace(line), " ")
				if n, err := strconv.Atoi(pid); err == nil {
					_ = syscall.Kill(n, syscall.SIGKILL)
				}
			}
		})
		workers := func() bool {
			return slices.ContainsFunc(processesWith(t, mark), func(line string) bool {
				return strings.Contains(line, plantedVariable+"=") && strings.Contains(line, "PYPROC_LIFELINE_FD=")
			})
		}
		require.Eventually(t, workers, 30*time.Second, 10*time.Millisecond)
		require.NoError(t, run.Process.Signal(end))
		require.Error(t, run.Wait())
		if !assert.Eventually(t, func() bool { return !workers() }, time.Minute, 50*time.Millisecond) {
			require.Empty(t, processesWith(t, mark))
		}
	}
}

func TestEndedRunOfAPoolComesBackAlsoWhenThePoolHangs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hang := make(chan struct{})
	defer close(hang)
	started := make(chan struct{})
	var once sync.Once
	go func() { <-started; cancel() }()
	rep := comesBack(t, func() conformance.Report {
		return conformance.CheckPool(ctx, func(conformance.PoolOptions) (conformance.Pool, error) {
			return hangingPool{started: func() { once.Do(func() { close(started) }) }, hang: hang}, nil
		}, conformance.Patience(time.Minute))
	})
	require.Empty(t, rep.Results)
}

// comesBack ends the test where a run does not come back once its context has ended.
func comesBack(t *testing.T, run func() conformance.Report) conformance.Report {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { // a run that is ended does not wait for cases that take long to clean up
		require.Eventually(t, func() bool { return goleak.Find(before) == nil }, time.Minute, time.Millisecond)
	})
	done := make(chan conformance.Report, 1)
	go func() { done <- run() }()
	select {
	case rep := <-done:
		require.True(t, rep.Interrupted)
		require.NotEmpty(t, rep.NotRun)
		return rep
	case <-time.After(30 * time.Second): // half the patience of a case
		t.Fatal("the run goes on though its context has ended")
		return conformance.Report{}
	}
}

// processesWith lists the processes with that variable in their environment.
func processesWith(t *testing.T, variable string) []string {
	t.Helper()
	out, err := exec.Command("ps", "axeww", "-o", "pid=,command=").Output()
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, variable) {
			found = append(found, line)
		}
	}
	return found
}

type hangingFramer struct{ hang chan struct{} }

func (f hangingFramer) ReadFrame() (conformance.Frame, error) {
	<-f.hang
	return conformance.Frame{}, io.EOF
}

func (f hangingFramer) WriteFrame(uint64, []byte) error {
	<-f.hang
	return os.ErrClosed
}

type hangingPool struct {
	started func()
	hang    chan struct{}
}

func (p hangingPool) Start(context.Context) error {
	p.started()
	<-p.hang
	return os.ErrClosed
}

func (p hangingPool) Call(context.Context, string, json.RawMessage) (json.RawMessage, error) {
	<-p.hang
	return nil, os.ErrClosed
}

func (p hangingPool) Health() conformance.Health { return conformance.Health{} }

func (p hangingPool) Shutdown(context.Context) error {
	<-p.hang
	return nil
}
