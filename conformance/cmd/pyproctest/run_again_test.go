package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// watched is a run with --watch.
type watched struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

func watch(t *testing.T, args ...string) *watched {
	t.Helper()
	w := &watched{t: t, cmd: exec.Command("pyproctest", append([]string{"run", "--watch"}, args...)...), lines: make(chan string, 10_000)}
	out, err := w.cmd.StdoutPipe()
	require.NoError(t, err)
	w.cmd.Stderr = w.cmd.Stdout
	require.NoError(t, w.cmd.Start())
	t.Cleanup(func() { _ = w.cmd.Process.Kill() })
	go func() {
		defer close(w.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			w.lines <- scan.Text()
		}
	}()
	return w
}

// until reads lines up to one that has the text, and returns these lines.
func (w *watched) until(text string) string {
	w.t.Helper()
	var said []string
	limit := time.After(time.Minute)
	for {
		select {
		case line, more := <-w.lines:
			said = append(said, line)
			require.True(w.t, more, "it has ended without %q:\n%s", text, strings.Join(said, "\n"))
			if strings.Contains(line, text) {
				return strings.Join(said, "\n")
			}
		case <-limit:
			require.Fail(w.t, "not said: "+text, strings.Join(said, "\n"))
		}
	}
}

func (w *watched) end() (status int) {
	w.t.Helper()
	require.NoError(w.t, w.cmd.Process.Signal(os.Interrupt))
	for range w.lines {
	}
	_ = w.cmd.Wait()
	return w.cmd.ProcessState.ExitCode()
}

// failingWorker is the bundled worker with another text for what its handlers raise, which WRK-11 forbids.
func failingWorker(t *testing.T, raised string) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	return fmt.Sprintf(`
import sys

sys.path.insert(0, %q)
import conformance_worker
from pyproctest_worker import expose, handlers

del handlers.exposed["fail"]


@expose
def fail(body):
    raise RuntimeError(%s)


conformance_worker.main([])
`, filepath.Join(root, "pyworker"), raised)
}

func TestWatchRunsWhatFailedFirstWhenAFileChanges(t *testing.T) {
	t.Parallel()
	worker := filepath.Join(t.TempDir(), "worker.py")
	save(t, worker, failingWorker(t, `"wrong"`))
	w := watch(t, "--worker", "python3 "+worker, "--clause", "WRK-10", "--clause", "WRK-11")
	said := w.until("waiting for changes")
	require.Contains(t, said, "violated: WRK-11/")
	require.NotContains(t, said, "that failed", "nothing had failed before")

	save(t, worker, failingWorker(t, `"wrong again"`))
	said = w.until("waiting for changes")
	require.Contains(t, said, worker+" changed")
	require.Regexp(t, `0 of \d cases that failed hold now; not WRK-11/`, said)

	save(t, worker, failingWorker(t, `body["message"]`))
	said = w.until("waiting for changes")
	require.Regexp(t, `(?s)all \d cases that failed hold now \(\d+\.\d s after the change\).*CONFORMS`, said)
	require.Equal(t, statusHolds, w.end(), "that of the last run")
}

func TestAChangeDuringARunBeginsTheNextOneAtOnce(t *testing.T) {
	t.Parallel()
	worker := filepath.Join(t.TempDir(), "worker.py")
	proof := worker + ".hangs.log"
	save(t, worker, fmt.Sprintf("import time\nopen(%q, 'w').close()\ntime.sleep(3600)\n", proof))
	report := filepath.Join(t.TempDir(), "report.json")
	w := watch(t, "--worker", "python3 "+worker, "--clause", "WRK-10", "--patience", "5m", "--report", report)
	w.until("watching")
	require.Eventually(t, func() bool { return exists(proof) }, time.Minute, 10*time.Millisecond)
	save(t, worker, failingWorker(t, `"wrong"`))
	said := w.until("waiting for changes")
	require.Contains(t, said, "changed")
	require.Equal(t, 1, strings.Count(said, "clauses version"), "nothing is told of the run that was cut off:\n%s", said)
	require.FileExists(t, report)

	save(t, worker, "syntax error")
	require.Contains(t, w.until("waiting for changes"), "COULD NOT BE RUN", "and the watch goes on")
	require.Equal(t, statusCouldNotRun, w.end())
}

func TestInterruptedWatchEndsAsAnInterruptedRun(t *testing.T) {
	t.Parallel()
	worker := filepath.Join(t.TempDir(), "worker.py")
	proof := worker + ".hangs.log"
	save(t, worker, fmt.Sprintf("import time\nopen(%q, 'w').close()\ntime.sleep(3600)\n", proof))
	w := watch(t, "--worker", "python3 "+worker, "--patience", "5m")
	w.until("watching")
	require.Eventually(t, func() bool { return exists(proof) }, time.Minute, 10*time.Millisecond)
	require.Equal(t, statusInterrupted, w.end())
}
