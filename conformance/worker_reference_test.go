package conformance_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pyproctest/pyproctest/conformance"
)

// bundledWorker is the Python worker of this module, run on a bare python3.
func bundledWorker(t *testing.T) conformance.WorkerCommand {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("..", "pyworker", "conformance_worker.py"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(script); err != nil {
		t.Fatalf("the bundled worker is not where it belongs: %v", err)
	}
	showToGo(script, filepath.Dir(filepath.Dir(script)))
	return conformance.Command("python3", script)
}
