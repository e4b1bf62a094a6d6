package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What Go's fuzzing prints, by what it is taken for.
func TestWhatIsPrintedIsJudged(t *testing.T) {
	const progress = "fuzz: elapsed: 0s, gathering baseline coverage: 0/192 completed\n" +
		"fuzz: elapsed: 3s, execs: 325017 (108336/sec), new interesting: 11 (total: 202)\n"
	for name, c := range map[string]struct {
		output string
		failed bool
		want   outcome
	}{
		"a clean end": {progress + "PASS\n", false, outcome{execs: 325017, verdict: clean}},
		"a deadline at a bad moment": {
			progress + "--- FAIL: FuzzX (30.10s)\n    context deadline exceeded\nFAIL\n", true,
			outcome{execs: 325017, verdict: noise},
		},
		"a deadline in a message of the target": {
			progress + "--- FAIL: FuzzX (30.10s)\n    x_test.go:7: context deadline exceeded while reading\nFAIL\n", true,
			outcome{execs: 325017, verdict: notARun},
		},
		"an input": {
			progress + "--- FAIL: FuzzX (0.02s)\n    --- FAIL: FuzzX (0.00s)\n        x_test.go:7: wrong\n    \n" +
				"    Failing input written to testdata/fuzz/FuzzX/a878c3134fe0404d\n    To re-run:\n    go test -run=FuzzX/a878c3134fe0404d\nFAIL\n", true,
			outcome{execs: 325017, verdict: suspects, input: "a878c3134fe0404d"},
		},
		"a seed": {
			"fuzz: elapsed: 0s, gathering baseline coverage: 0/2 completed\n" +
				"failure while testing seed corpus entry: FuzzX/seed#1\nfuzz: elapsed: 0s, gathering baseline coverage: 1/2 completed\n--- FAIL: FuzzX (0.02s)\nFAIL\n", true,
			outcome{verdict: suspects, input: "seed#1"},
		},
		"nothing that is known":   {"panic: no\n", true, outcome{verdict: notARun}},
		"a failure without words": {"--- FAIL: FuzzX (30.10s)\nFAIL\n", true, outcome{verdict: notARun}},
	} {
		got := judge(c.output, c.failed)
		c.want.evidence = c.output
		require.Equal(t, c.want, got, name)
	}
}

// A module of its own, with a target for each way a run may end.
func TestARunFailsOnAnInputThatFailsAgainAndOnNothingElse(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module sample\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sample_test.go"), []byte(sample), 0o600))
	var out strings.Builder
	status, err := run(t.Context(), options{dir: dir, budget: 5 * time.Minute, execs: 1000, parallel: 1, replay: 3 * time.Second, out: &out})
	require.NoError(t, err)
	require.Equal(t, 2, status, "one of the targets cannot be fuzzed")
	says := map[string]string{}
	for part := range strings.SplitSeq("\n"+out.String(), "\nsample.") {
		name, text, _ := strings.Cut(part, " ")
		says[name] = text
	}
	for _, c := range []struct{ target, says string }{
		{"FuzzClean", "executions, nothing found\n"},
		{"FuzzNever", "could NOT be fuzzed"},
		{"FuzzWrong", "which fails again"},
		{"FuzzWrongOnce", "nothing found that fails again; fuzzing ended with: the input"},
		{"FuzzSlowOnce", "which did not fail in 3 more runs (1 of them took over 3s)"},
		{"FuzzHangs", "which fails again:\n    it did not end within 3s"},
		{"FuzzWrongSeed", "FOUND the input seed#0, which fails again"},
	} {
		require.Contains(t, says[c.target]+"\n", c.says, "%s of:\n%s", c.target, out.String())
	}
}

func TestTheWorstOutcomeIsTheStatus(t *testing.T) {
	for v, status := range map[verdict]int{clean: 0, noise: 0, finding: 1, notARun: 2} {
		require.Equal(t, status, outcome{verdict: v}.status())
	}
}

const sample = `package sample

import (
	"flag"
	"os"
	"testing"
)

func FuzzClean(f *testing.F) { f.Fuzz(func(t *testing.T, b []byte) {}) }

func FuzzWrong(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 2 {
			t.Fatal("longer than 2")
		}
	})
}

func FuzzWrongSeed(f *testing.F) {
	f.Add([]byte("wrong"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if string(b) == "wrong" {
			t.Fatal("wrong")
		}
	})
}

func FuzzWrongOnce(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= 2 {
			return
		}
		if file, err := os.OpenFile("once", os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			file.Close()
			t.Fatal("only this time")
		}
	})
}

// isReplay: what is found is run again without fuzzing.
func isReplay() bool { return flag.Lookup("test.fuzz").Value.String() == "" }

func FuzzSlowOnce(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= 2 {
			return
		}
		if !isReplay() {
			t.Fatal("to be run again")
		}
		if file, err := os.OpenFile("slow", os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			file.Close()
			for {
			}
		}
	})
}

func FuzzHangs(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= 2 {
			return
		}
		if !isReplay() {
			t.Fatal("to be run again")
		}
		for {
		}
	})
}

func FuzzNever(f *testing.F) { f.Fatal("not here") }
`

func TestAnInterruptedRunSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	status, err := run(ctx, options{budget: time.Second, parallel: 1})
	require.Equal(t, 2, status)
	require.ErrorIs(t, err, context.Canceled)
}
