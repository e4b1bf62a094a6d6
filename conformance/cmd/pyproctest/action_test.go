package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// action is one use of the GitHub action, of which this runs the script as the action does.
type action struct {
	role, command, framing, known, report string
}

// run returns the exit status, the summary of the job and what was printed.
func (a action) run(t *testing.T) (status int, summary, out string) {
	t.Helper()
	dir, err := filepath.Abs("../../../.github/actions/conformance")
	require.NoError(t, err)
	workspace := t.TempDir()
	c := exec.CommandContext(t.Context(), filepath.Join(dir, "run.sh"))
	c.Dir = workspace
	c.Env = append(os.Environ(),
		"GITHUB_ACTION_PATH="+dir, "GITHUB_STEP_SUMMARY="+filepath.Join(workspace, "summary"), "RUNNER_TEMP="+filepath.Join(workspace, "temp"),
		"ROLE="+a.role, "COMMAND="+a.command, "FRAMING="+a.framing, "KNOWN_FAILING="+a.known, "REPORT="+a.report, "VERSION=")
	printed, err := c.CombinedOutput()
	ended := (*exec.ExitError)(nil)
	if errors.As(err, &ended) {
		status = ended.ExitCode()
	} else {
		require.NoError(t, err)
	}
	text, err := os.ReadFile(filepath.Join(workspace, "summary"))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	if a.report != "" && status < statusCouldNotRun {
		for _, kind := range []string{"html", "json", "xml", "md"} {
			require.FileExists(t, filepath.Join(workspace, a.report, "report."+kind))
		}
	}
	return status, string(text), string(printed)
}

func TestActionWritesSummaryAndReportsAndEndsAsTheRun(t *testing.T) {
	worker, err := filepath.Abs("../../../pyworker/conformance_worker.py")
	require.NoError(t, err)
	a := action{role: "worker", command: "python3 " + worker, framing: "basic", report: "reports/the worker"}
	status, summary, out := a.run(t)
	require.Zero(t, status, out)
	require.Contains(t, summary, "WRK-17")

	a.command = "python3 -c 'raise SystemExit(7)'"
	status, summary, out = a.run(t)
	require.Equal(t, statusCouldNotRun, status, out)
	require.NotEmpty(t, summary, out)
}

func TestActionRefusesInputsThatAreNone(t *testing.T) {
	status, _, out := action{role: "server", command: "true"}.run(t)
	require.Equal(t, statusCouldNotRun, status)
	require.Contains(t, out, "::error::the role is 'server'")

	status, _, out = action{role: "worker"}.run(t)
	require.Equal(t, statusCouldNotRun, status)
	require.Contains(t, out, "::error::the command is empty")
}
