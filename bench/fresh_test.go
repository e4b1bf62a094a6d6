package bench_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The module has a framer and a pool of its own, and stands outside this repository.
func TestAFreshModuleGetsItsTableInTenLines(t *testing.T) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/fresh")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(
		"module example.com/fresh\n\ngo 1.26.0\n\nrequire github.com/pyproctest/pyproctest v0.0.0\n\nreplace github.com/pyproctest/pyproctest => "+root+"\n"), 0o600))
	sums, err := os.ReadFile("../go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
	code, err := os.ReadFile("testdata/fresh/fresh_test.go")
	require.NoError(t, err)
	require.LessOrEqual(t, bytes.Count(code, []byte("\n")), 10)

	run := func(in string, args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = in
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %s\n%s", strings.Join(args, " "), out)
		return string(out)
	}
	measured := run(dir, "test", "-mod=mod", "-run", "^$", "-count", "2", "-benchtime", "3x",
		"-bench", "^Benchmark(Framer|Pool)$/^(Framing|Calls|Load)$/yours/(op=|framing=enhanced)/(framing=|workers=1)/(size|mix)=64B/(callers=(1|16)$|rate=50%$|placement=)")
	file := filepath.Join(dir, "new.txt")
	require.NoError(t, os.WriteFile(file, []byte(measured), 0o600))
	table := run("..", "tool", "benchstat", file)
	for _, row := range []string{
		"x-floor", "allocs/op", "calls/s",
		"Framer/Framing/side=yours/op=write/framing=enhanced/size=64B/placement=",
		"Framer/Framing/side=yours/op=decode/framing=basic/size=64B/placement=",
		"Pool/Calls/side=yours/framing=enhanced/workers=1/size=64B/callers=16/placement=unpinned",
		"Pool/Load/side=yours/framing=enhanced/workers=1/mix=64B/rate=50%/placement=unpinned",
	} {
		require.Contains(t, table, row)
	}
	for line := range strings.Lines(measured) {
		switch {
		case strings.Contains(line, "/Load/"): // whose time of an iteration says nothing
			require.Contains(t, line, " p50-ns")
			require.NotContains(t, line, "ns/op")
		case strings.HasPrefix(line, "Benchmark"):
			require.Contains(t, line, " x-floor")
		}
	}

	// What the measuring needs beside this module is little: what everybody has, and the percentiles of calls at a rate.
	needed := strings.Fields(run(dir, "list", "-mod=mod", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "github.com/pyproctest/pyproctest/bench"))
	for _, module := range needed {
		require.Contains(t, []string{"github.com/pyproctest/pyproctest", "golang.org/x/sys", "github.com/HdrHistogram/hdrhistogram-go"}, module)
	}
}
