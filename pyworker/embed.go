// Package pyworker has the bundled Python worker with it, so that a program that is not in this repository can run it.
package pyworker

import (
	"embed"
	"os"
	"path/filepath"
)

//go:embed conformance_worker.py src/pyproctest_worker/*.py
var files embed.FS

// Extract writes the worker into a directory, and returns the paths of the program and of the folder that holds its
// package.
func Extract(dir string) (program, source string, err error) {
	if err := os.CopyFS(dir, files); err != nil {
		return "", "", err
	}
	return filepath.Join(dir, "conformance_worker.py"), filepath.Join(dir, "src"), nil
}
