//go:build !gofuzz

package fuzz

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/fuzz/planted"
)

// Fuzzing finds bugs that no seed shows. Each is one place in the source of the reference changed.
func TestFuzzingFindsPlantedBugs(t *testing.T) {
	for _, bug := range planted.Now([]struct{ what, target, file, from, to string }{
		{"some sizes of payloads have another checksum", "FuzzEncode", "ref/frame/header.go",
			"func Checksum(payload []byte) uint32 { return crc32.Checksum(payload, castagnoli) }",
			"func Checksum(payload []byte) uint32 {\n\tif len(payload)%32 == 13 {\n\t\treturn 1\n\t}\n\treturn crc32.Checksum(payload, castagnoli)\n}"},
		{"checksums are not compared under some IDs", "FuzzDecodeRepaired", "ref/frame/reader.go",
			"sum != crc {", "sum != crc && id&0xf0 != 0x90 {"},
		{"a vertical tab is white space", "FuzzMessage", "ref/message/scan.go",
			"s.b[i] == '\\r') {", "s.b[i] == '\\r' || s.b[i] == '\\v') {"},
		{"a deadline loses 13 bytes", "FuzzOperations", "ref/frame/reader.go",
			"case r.srcErr != nil:\n", "case r.srcErr != nil:\n\t\t\tif r.Buffered() == 13 {\n\t\t\t\tr.start = r.end\n\t\t\t}\n"},
	}) {
		t.Run(bug.what, func(t *testing.T) {
			dir := t.TempDir()
			binary := filepath.Join(dir, "changed.test")
			changed := planted.Bug{What: bug.what, File: "../" + bug.file, From: bug.from, To: bug.to}
			output, err := planted.Run(t.Context(), ".", "go", "test", "-c", "-fuzz=Fuzz", "-vet=off", "-overlay="+changed.Overlay(t), "-o", binary, ".")
			require.NoError(t, err, output)

			// In a folder of its own, for what fuzzing finds is written there.
			output, err = planted.Run(t.Context(), dir, binary, "-test.run=^"+bug.target+"$")
			require.NoError(t, err, "a seed shows it already:\n%s", output)

			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			output, err = planted.Run(ctx, dir, binary, "-test.run=^$", "-test.fuzz=^"+bug.target+"$", "-test.fuzztime=5000000x",
				"-test.fuzzminimizetime=20x", "-test.parallel=2", "-test.fuzzcachedir="+filepath.Join(dir, "cache"))
			require.Error(t, err, "it was not found:\n%s", output)
			require.Contains(t, output, "Failing input written to testdata/fuzz/"+bug.target)
		})
	}
}
