//go:build !gofuzz

package fuzz

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Fuzzing finds bugs that no seed shows. Each is one place in the source of the reference changed.
func TestFuzzingFindsPlantedBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short does not fuzz")
	}
	for _, bug := range []struct{ what, target, file, from, to string }{
		{"one size of payloads has another checksum", "FuzzEncode", "ref/frame/header.go",
			"func Checksum(payload []byte) uint32 { return crc32.Checksum(payload, castagnoli) }",
			"func Checksum(payload []byte) uint32 {\n\tif len(payload) == 77 {\n\t\treturn 1\n\t}\n\treturn crc32.Checksum(payload, castagnoli)\n}"},
		{"checksums are not compared under some IDs", "FuzzDecodeRepaired", "ref/frame/reader.go",
			"sum != crc {", "sum != crc && id&0xf0 != 0x90 {"},
		{"a vertical tab is white space", "FuzzMessage", "ref/message/scan.go",
			"s.b[i] == '\\r') {", "s.b[i] == '\\r' || s.b[i] == '\\v') {"},
		{"a deadline loses 13 bytes", "FuzzOperations", "ref/frame/reader.go",
			"case r.srcErr != nil:\n", "case r.srcErr != nil:\n\t\t\tif r.Buffered() == 13 {\n\t\t\t\tr.start = r.end\n\t\t\t}\n"},
	} {
		t.Run(bug.what, func(t *testing.T) {
			dir := t.TempDir()
			binary := buildChanged(t, dir, bug.file, bug.from, bug.to)
			output, err := inDir(t.Context(), dir, binary, "-test.run=^"+bug.target+"$")
			require.NoError(t, err, "a seed shows it already:\n%s", output)

			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			output, err = inDir(ctx, dir, binary, "-test.run=^$", "-test.fuzz=^"+bug.target+"$", "-test.fuzztime=5000000x",
				"-test.fuzzminimizetime=20x", "-test.parallel=2", "-test.fuzzcachedir="+filepath.Join(dir, "cache"))
			require.Error(t, err, "it was not found:\n%s", output)
			require.Contains(t, output, "Failing input written to testdata/fuzz/"+bug.target)
		})
	}
}

// buildChanged builds this package's tests for fuzzing, with one place in the source of the module changed.
func buildChanged(t *testing.T, dir, file, from, to string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", filepath.FromSlash(file)))
	require.NoError(t, err)
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(source), from), "%s has %q once", file, from)
	changed := filepath.Join(dir, "changed.go")
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(source), from, to, 1)), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))
	binary := filepath.Join(dir, "changed.test")
	output, err := inDir(t.Context(), ".", "go", "test", "-c", "-fuzz=Fuzz", "-vet=off", "-overlay="+overlayFile, "-o", binary, ".")
	require.NoError(t, err, output)
	return binary
}

// inDir runs a command in a folder of its own: what fuzzing finds is written to testdata/fuzz there.
func inDir(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	return string(output), err
}
