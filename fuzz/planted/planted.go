// Package planted runs tests with one place in the source of this module changed, to see that they fail. The
// source itself stays as it is: the go command is told to read the changed file in its place.
package planted

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Bug is a change in one place of a source file.
type Bug struct {
	What     string
	File     string // relative to the folder of the test
	From, To string // From is there exactly once
}

// Now is all bugs, and one in four under -short: the race detector makes each several times dearer, and what it
// is there to find needs few.
func Now[B any](all []B) []B {
	if !testing.Short() {
		return all
	}
	var some []B
	for i := 0; i < len(all); i += 4 {
		some = append(some, all[i])
	}
	return some
}

// Overlay writes what the go command takes by -overlay.
func (b Bug) Overlay(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs(filepath.FromSlash(b.File))
	must(t, err)
	source, err := os.ReadFile(path)
	must(t, err)
	if n := strings.Count(string(source), b.From); n != 1 {
		t.Fatalf("planted: %s has %q %d times and not once: adapt the bug %q", b.File, b.From, n, b.What)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, "changed.go")
	must(t, os.WriteFile(changed, []byte(strings.Replace(string(source), b.From, b.To, 1)), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	must(t, err)
	file := filepath.Join(dir, "overlay.json")
	must(t, os.WriteFile(file, overlay, 0o600))
	return file
}

// Test runs the tests of the package in the folder of the test that match pattern, with the bug and always
// the same generated cases, and returns what they print. The error is that they fail.
func (b Bug) Test(t testing.TB, pattern string) (string, error) {
	t.Helper()
	return Run(t.Context(), ".", "go", "test", "-count=1", "-vet=off", "-overlay="+b.Overlay(t), "-run="+pattern, ".")
}

// Run runs a command in a folder and returns what it prints.
func Run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYPROCTEST_SEED=1")
	output, err := cmd.CombinedOutput()
	return string(output), err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
