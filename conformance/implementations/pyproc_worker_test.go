package implementations_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The public package fails what its list says, and nothing else: the command ends with status 0.
func TestPyprocWorkerFailsWhatIsKnownAndNothingElse(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "pyproctest")
	python := pyprocWorkerPython(t)
	build(t, "go", "build", "-o", program, "../cmd/pyproctest")
	out, err := exec.CommandContext(t.Context(), program, "run",
		"--worker", python+" "+file(t, "pyproc-worker/worker.py"), "--framing", "basic",
		"--known-failing", "pyproc-worker/known-failing.txt", "--parallel", "24", // most cases wait, and do nothing
	).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "ONLY KNOWN FAILURES")
}

// Each of its faults shows itself in raw bytes too, without the suite.
func TestPyprocWorkerFaultsShowThemselvesByHand(t *testing.T) {
	t.Parallel()
	python := pyprocWorkerPython(t)
	out, err := exec.CommandContext(t.Context(), python, file(t, "pyproc-worker/reproduce.py"), python).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// pyprocWorkerPython is the interpreter of a new virtual environment that has the package, fetched as pip does.
func pyprocWorkerPython(t *testing.T) string {
	t.Helper()
	if os.Getenv(toolchains) != "required" {
		t.Skip("NOT RUN: it fetches a package. `make implementations` runs it.")
	}
	venv := t.TempDir()
	build(t, oldEnoughPython(t), "-m", "venv", venv)
	python := filepath.Join(venv, "bin", "python")
	build(t, python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes",
		"-r", "pyproc-worker/requirements.txt")
	return python
}

// oldEnoughPython finds an interpreter that the package can be installed for: 3.9 to 3.12.
func oldEnoughPython(t *testing.T) string {
	t.Helper()
	names := []string{"python3", "python3.12", "python3.11", "python3.10", "python3.9"}
	var errs []error
	for _, name := range names {
		err := exec.CommandContext(t.Context(), name, "-c", "import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))").Run()
		if err == nil {
			return name
		}
		errs = append(errs, err)
	}
	require.FailNow(t, "NOT RUN: no Python from 3.9 to 3.12", "%v: %v", names, errors.Join(errs...))
	return ""
}
