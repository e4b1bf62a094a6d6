package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goSample = `package sample

import "encoding/binary"

const limit = 18

func (f *framer) read(h []byte) (n int, ok bool) {
	n = int(binary.BigEndian.Uint32(h))
	f.count++
	if n < limit && !f.broken {
		return copy(f.buf, h), true
	}
	defer f.unlock()
	return n, false
}
`

const pySample = `"""Text."""
import struct

LIMIT = 18


class Framer:
    def read(self, h: bytes) -> int:
        """Reads."""
        (n,) = struct.unpack(">I", h)
        self.count += 1
        if n < LIMIT and not self.broken:
            return min(n, 1)
        raise ValueError
`

// changes are the lines that mutants read instead.
func changes(mutants []mutant) []string {
	var all []string
	for _, m := range mutants {
		all = append(all, m.Kind+": "+m.After)
	}
	return all
}

func TestGoMutants(t *testing.T) {
	mutants, err := goMutants("sample.go", []byte(goSample))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"constant: const limit = 19",
		"constant: const limit = 17",
		"constant: const limit = 0",
		"byte order: n = int(binary.LittleEndian.Uint32(h))",
		"dropped statement: ",
		"order of statements: f.count++ n = int(binary.BigEndian.Uint32(h))",
		"operator: f.count--",
		"dropped statement: ",
		"operator: if n <= limit && !f.broken {",
		"operator: if n >= limit && !f.broken {",
		"operator: if n < limit || !f.broken {",
		"negation: if n < limit && f.broken {",
		"condition: if false && (n < limit && !f.broken) {",
		"condition: if true || (n < limit && !f.broken) {",
		"order of arguments: return copy(h, f.buf), true",
		"constant: return copy(f.buf, h), false",
		"dropped statement: ",
		"constant: return n, true",
	}, changes(mutants))
	for _, m := range mutants[3:] {
		require.Equal(t, "(*framer).read", m.Func, m.After)
	}
}

func TestPythonMutants(t *testing.T) {
	mutants, err := pyMutants("python3", "sample.py", []byte(pySample))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"constant: LIMIT = 19",
		"constant: LIMIT = 17",
		"constant: LIMIT = 0",
		"dropped statement: pass",
		`byte order: (n,) = struct.unpack("<I", h)`,
		`order of arguments: (n,) = struct.unpack(h, ">I")`,
		"dropped statement: pass",
		`order of statements: self.count += 1 (n,) = struct.unpack(">I", h)`,
		"operator: self.count -= 1",
		"operator: self.count = 1",
		"constant: self.count += 2",
		"constant: self.count += 0",
		"dropped statement: pass",
		"operator: if n <= LIMIT and not self.broken:",
		"operator: if n >= LIMIT and not self.broken:",
		"operator: if n < LIMIT or not self.broken:",
		"negation: if n < LIMIT and self.broken:",
		"condition: if (False and (n < LIMIT and not self.broken)):",
		"condition: if (True or (n < LIMIT and not self.broken)):",
		"order of arguments: return min(1, n)",
		"constant: return min(n, 2)",
		"constant: return min(n, 0)",
		"dropped statement: pass",
	}, changes(mutants))
}

// A key outlives lines that come above the mutant, and tells those apart that read the same.
func TestKeysOutliveOtherLines(t *testing.T) {
	before, err := goMutants("sample.go", []byte(goSample))
	require.NoError(t, err)
	moved := strings.Replace(goSample, "const limit", "// A remark.\n\nvar other = \"x\"\n\nconst limit", 1)
	after, err := goMutants("sample.go", []byte(moved))
	require.NoError(t, err)
	keys := map[string]bool{}
	for i := range before {
		require.Equal(t, before[i].key(), after[i].key())
		require.Equal(t, before[i].Line+4, after[i].Line)
		require.False(t, keys[before[i].key()], before[i].key())
		keys[before[i].key()] = true
	}
}

// What a mutant makes of the source is the source with its one change.
func TestAppliedIsTheSourceWithOneChange(t *testing.T) {
	mutants, err := goMutants("sample.go", []byte(goSample))
	require.NoError(t, err)
	i := slices.IndexFunc(mutants, func(m mutant) bool { return m.Kind == "negation" })
	require.Equal(t, strings.Replace(goSample, "!f.broken", "f.broken", 1), string(mutants[i].applied([]byte(goSample))))
}

func TestReviewedSurvivors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reviewed.txt")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	mutants, err := goMutants("sample.go", []byte(goSample))
	require.NoError(t, err)
	reason := func(r reviewed, after string) string {
		i := slices.IndexFunc(mutants, func(m mutant) bool { return m.After == after })
		return r.reason(mutants[i])
	}

	write("# A remark.\nsample.go -: const limit = 18 => const limit = 19\n\tone reason\n\tin two lines\n\n" +
		"sample.go (*framer).read: f.count++ => *\n\tof the line\n")
	r, err := readReviewed(path)
	require.NoError(t, err)
	require.Equal(t, "one reason in two lines", reason(r, "const limit = 19"))
	require.Empty(t, reason(r, "const limit = 17"))
	require.Equal(t, "of the line", reason(r, "f.count--"))
	require.Empty(t, r.stale(mutants))

	write("sample.go (*framer).read: *\n\tof the function\nsample.go gone: *\n\tgone\n")
	r, err = readReviewed(path)
	require.NoError(t, err)
	require.Equal(t, "of the function", reason(r, "f.count--"))
	require.Empty(t, reason(r, "const limit = 17"))
	require.Equal(t, []string{"sample.go gone: *"}, r.stale(mutants))

	for _, wrong := range []string{"\ta reason alone\n", "a key without a reason\n", "twice\n\tonce\ntwice\n\tagain\n"} {
		write(wrong)
		_, err := readReviewed(path)
		require.Error(t, err, wrong)
	}
}

// Every entry of the reviewed lists speaks of a mutant that there is.
func TestReviewedListsAreNotStale(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	for name, target := range targets {
		mutants, err := target.mutants(root, "python3")
		require.NoError(t, err)
		known, err := readReviewed(name + ".txt")
		require.NoError(t, err)
		require.Empty(t, known.stale(mutants), name)
	}
}
