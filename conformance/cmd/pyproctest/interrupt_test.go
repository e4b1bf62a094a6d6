package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestInterruptedRunOfAWorkerLeavesNoProcessAndWritesItsReport(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	script := filepath.Join(root, "pyworker", "conformance_worker.py")
	worker := fmt.Sprintf(`sh -c 'sleep 3600 & exec python3 "%s"'`, script) // the sleep would not end by itself
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			results := 0
			threeResults := func(line string) bool {
				if strings.HasPrefix(line, `{"event":"result"`) {
					results++
				}
				return results == 3
			}
			run := interrupted(t, s, threeResults, "--worker", worker, "--clause", "WRK-*", "--parallel", "2")
			require.GreaterOrEqual(t, len(run.Results), 3, "what ran is reported")
			for _, r := range run.Results {
				require.Equal(t, result.StatusPass, r.Status, r.Text())
			}
		})
	}
}

func TestInterruptedRunOfAFramerKillsItsAdapter(t *testing.T) {
	adapter, hangs := hangingAdapter(t, spec.RoleFramer)
	run := interrupted(t, os.Interrupt, hangs, "--framer", adapter)
	require.Empty(t, run.Results)
}

func TestInterruptedRunOfAPoolKillsItsAdapter(t *testing.T) {
	adapter, hangs := hangingAdapter(t, spec.RolePool)
	run := interrupted(t, os.Interrupt, hangs, "--pool", adapter)
	require.Empty(t, run.Results)
}

func TestRunBeyondItsTimeoutEndsWithWhatIsKnown(t *testing.T) {
	adapter, _ := hangingAdapter(t, spec.RoleFramer)
	cmd := exec.Command("pyproctest", "run", "--framer", adapter, "--patience", "5m", "--timeout", "1s")
	out, err := cmd.Output()
	ended := (*exec.ExitError)(nil)
	require.ErrorAs(t, err, &ended)
	require.Equal(t, statusViolated, ended.ExitCode(), string(out))
	require.Contains(t, string(out), "--timeout 1s was over")
}

// hangingAdapter is the command of an adapter that is one, and hangs as soon as a case uses it. hangs tells
// whether it does.
func hangingAdapter(t *testing.T, role spec.Role) (command string, hangs func(string) bool) {
	t.Helper()
	dir := t.TempDir()
	path, proof := filepath.Join(dir, "adapter.py"), filepath.Join(dir, "hangs")
	require.NoError(t, os.WriteFile(path, []byte(`
import json
import sys
import time

probed = 0
for line in sys.stdin:
    r = json.loads(line)
    probed += r["do"] in ("decode", "encode")
    if probed > 1 or r["do"] in ("start", "call"):
        open(sys.argv[2], "w").close()
        time.sleep(3600)
    answers = {
        "hello": {"role": sys.argv[1], "name": "hangs"},
        "open": {"ok": True},
        "health": {"total": 1, "healthy": 1, "restarts": 0, "last_check_ms": 0},
        "decode": {"reads": [{"kind": "eof"}]},
    }
    print(json.dumps({"tag": r["tag"], **answers.get(r["do"], {"refused": "unknown"})}), flush=True)
`), 0o666))
	return fmt.Sprintf("python3 %s %s %s", path, role, proof), func(string) bool {
		_, err := os.Stat(proof)
		return err == nil
	}
}

// interrupted runs the command and sends it the signal when begun says so, which is asked for each line that the
// command writes, and now and then without one. It returns what the command reports.
func interrupted(t *testing.T, s os.Signal, begun func(line string) bool, args ...string) report.Run {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	mark := "PYPROCTEST_MARK=" + t.TempDir() // like no other
	cmd := exec.Command("pyproctest", append([]string{"run", "--json", "--patience", "5m", "--report", file}, args...)...)
	cmd.Env = append(os.Environ(), mark)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()

	lines := make(chan string)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	limit, tick := time.After(time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for line, more := "", true; !begun(line); {
		select {
		case line, more = <-lines:
			require.True(t, more, "the run has ended by itself: %s", &said)
		case <-tick.C:
			line = ""
		case <-limit:
			t.Fatalf("nothing has begun: %s", &said)
		}
	}
	require.NotEmpty(t, processesWith(t, mark), "the command itself can be seen")

	require.NoError(t, cmd.Process.Signal(s))
	ended := make(chan error, 1)
	go func() {
		for range lines {
		}
		ended <- cmd.Wait()
	}()
	select {
	case err := <-ended:
		exit := (*exec.ExitError)(nil)
		require.ErrorAs(t, err, &exit, said.String())
		require.Equal(t, statusInterrupted, exit.ExitCode(), said.String())
	case <-time.After(time.Minute): // a fifth of the patience
		t.Fatal("the command goes on after the signal")
	}
	// What has been killed takes a moment to be gone where processors are rare.
	require.Eventually(t, func() bool { return len(processesWith(t, mark)) == 0 }, time.Minute, 10*time.Millisecond)

	in, err := os.Open(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, in.Close()) }()
	runs, err := report.Read(in)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.True(t, runs[0].Interrupted)
	return runs[0]
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
