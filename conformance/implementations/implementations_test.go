// Package implementations_test runs the suite against the small implementations in other languages
// that stand beside this file. Each was written from SPEC.md and ADAPTERS.md alone.
//
// A toolchain that is missing skips its test, or fails it where PYPROCTEST_TOOLCHAINS is "required", as
// in `make implementations`.
package implementations_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

const toolchains = "PYPROCTEST_TOOLCHAINS"

func TestNodeFramer(t *testing.T) {
	command := conformance.Command(tool(t, "node"), file(t, "node-framer/adapter.mjs"))
	checkFramer(t, command)
	checkMeasure(t, command)
}

func TestRustFramer(t *testing.T) {
	program := filepath.Join(t.TempDir(), "adapter")
	build(t, "rustc", "-O", "-D", "warnings", "--edition", "2021", "-o", program, file(t, "rust-framer/adapter.rs"))
	checkFramer(t, conformance.Command(program))
	checkMeasure(t, conformance.Command(program))
}

func TestCFramer(t *testing.T) {
	program := filepath.Join(t.TempDir(), "adapter")
	build(t, "cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread",
		"-o", program, file(t, "c-framer/framer.c"), file(t, "c-framer/adapter.c"))
	checkFramer(t, conformance.Command(program))
	checkMeasure(t, conformance.Command(program))
}

func TestJavaFramer(t *testing.T) {
	classes := t.TempDir()
	build(t, "javac", "-Xlint:all", "-Werror", "-d", classes,
		file(t, "java-framer/Framer.java"), file(t, "java-framer/Adapter.java"))
	// Runs this short have no use for the second compiler and the parallel collector. Warnings of the machine itself, such as of a
	// file in /tmp that a process of the same number holds, would go to standard output, which is for answers.
	command := conformance.Command(tool(t, "java"), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-Xlog:disable", "-Xlog:all=warning:stderr", "-cp", classes, "Adapter")
	checkFramer(t, command)
	checkMeasure(t, command)
}

func TestNodeWorker(t *testing.T) {
	command := conformance.Command(tool(t, "node"), file(t, "node-worker/worker.mjs"))
	requireAllToHold(t, conformance.CheckWorker(t.Context(), command))
}

func TestRubyFramer(t *testing.T) {
	adapter := file(t, "ruby-framer/adapter.rb")
	build(t, "ruby", "-W:no-experimental", "-wc", file(t, "ruby-framer/framer.rb"), adapter)
	command := conformance.Command(tool(t, "ruby"), adapter)
	checkFramer(t, command, part(t, 16)...)
	checkMeasure(t, command)
}

func TestNodePool(t *testing.T) {
	checkPool(t, conformance.Command(tool(t, "node"), file(t, "node-pool/adapter.mjs")))
}

func TestAsyncioPool(t *testing.T) {
	checkPool(t, conformance.Command(tool(t, "python3"), file(t, "asyncio-pool/adapter.py")))
}

// part restricts a run to one case in n. Where all toolchains must be there it does not: make implementations runs all.
func part(t *testing.T, n int) []conformance.Option {
	t.Helper()
	if os.Getenv(toolchains) == "required" {
		return nil
	}
	t.Logf("PART: one case in %d. `make implementations` runs all.", n)
	return []conformance.Option{conformance.Shard(1, n)}
}

// checkPool runs few cases unless all toolchains must be there: a whole run computes for some minutes.
func checkPool(t *testing.T, command conformance.WorkerCommand) {
	t.Helper()
	a, err := adapter.Open(t.Context(), spec.RolePool, command, adapter.Options{Timeout: time.Minute})
	require.NoError(t, err)
	some := part(t, 32)
	report := conformance.CheckPool(a.Context(), a.Pool(), append(some, conformance.Subject(a.Name()))...)
	require.NoError(t, a.Close())
	require.Empty(t, a.Stderr(), "nothing is wrong, so there is nothing to complain of")
	requireToHold(t, report)
	if some == nil {
		requireAllExercised(t, report)
	}
}

func checkFramer(t *testing.T, command conformance.WorkerCommand, some ...conformance.Option) {
	t.Helper()
	a, err := adapter.Open(t.Context(), spec.RoleFramer, command, adapter.Options{})
	require.NoError(t, err)
	report := conformance.CheckFramer(a.Context(), a.Framer(), append(some, conformance.Subject(a.Name()))...)
	require.NoError(t, a.Close())
	require.Empty(t, a.Stderr(), "nothing is wrong, so there is nothing to complain of")
	requireToHold(t, report)
	if len(some) == 0 {
		requireAllExercised(t, report)
	}
}

// checkMeasure demands that a framer loops and times itself, without which pyproctest bench has no figures of it.
func checkMeasure(t *testing.T, command conformance.WorkerCommand) {
	t.Helper()
	a, err := adapter.Open(t.Context(), spec.RoleFramer, command, adapter.Options{})
	require.NoError(t, err)
	require.NoError(t, a.Measures(t.Context()))
	f, err := a.MeasuredFramer(t.Context())
	require.NoError(t, err)
	for _, framing := range []conformance.Framing{conformance.Enhanced, conformance.Basic} {
		for _, what := range []string{"encode", "decode"} {
			for _, size := range []int{0, 64, 40000} { // 40000 bytes do not fit into one block of 32 KB
				_, err := f.Measure(t.Context(), what, framing, size, 100)
				require.NoError(t, err, "%s %s of %d bytes", framing, what, size)
			}
			const size, count = 1 << 20, 4
			took, err := f.Measure(t.Context(), what, framing, size, count)
			require.NoError(t, err)
			if framing == conformance.Basic && what == "decode" {
				continue // a payload may share memory with what the stream brought
			}
			// A terabyte a second is more than any processor copies or sums up.
			require.Greater(t, took, size*count/1000*time.Nanosecond, "%s %s: some of the work was left out", framing, what)
		}
	}
	_, err = f.Measure(t.Context(), "transcode", conformance.Enhanced, 64, 1)
	require.ErrorContains(t, err, "measure cannot transcode")
	_, err = f.Measure(t.Context(), "encode", conformance.Enhanced, 10485761, 1)
	require.ErrorContains(t, err, "failed at measure", "what is over the default limit [FRM-12] cannot be measured, and is no figure")
	require.NoError(t, f.Close())
	require.NoError(t, a.Close())
	require.Empty(t, a.Stderr(), "nothing is wrong, so there is nothing to complain of")
}

// requireAllToHold demands that each case of the role was run and passed, those for a SHOULD too.
func requireAllToHold(t *testing.T, report conformance.Report) {
	t.Helper()
	requireToHold(t, report)
	requireAllExercised(t, report)
}

func requireAllExercised(t *testing.T, report conformance.Report) {
	t.Helper()
	for _, clause := range report.ByClause() {
		if clause.Status == "" && clause.Untestable == "" && !clause.Optional {
			t.Errorf("%s was not exercised", clause.Name)
		}
	}
}

func requireToHold(t *testing.T, report conformance.Report) {
	t.Helper()
	for _, r := range report.Results {
		switch {
		case r.Status == result.StatusPass:
		case r.Status == result.StatusNotAsked:
		case r.Status == result.StatusUnsupported && r.Clauses[0] == "OUT-2": // optional, and no option of an adapter
		case runtime.GOOS != "linux" && r.Status == result.StatusUnsupported && slices.Contains(ofMemory, r.Clauses[0]):
			t.Logf("NOT KNOWN: %s: %s", r.ID, r.Reason)
		default:
			t.Errorf("%s: %s\n%s", r.ID, r.Status, r.Text())
		}
	}
	require.NotEmpty(t, report.Results)
	require.Empty(t, report.NotRun)
	require.Empty(t, report.SetUp)
	t.Logf("%d cases in %v", len(report.Results), report.Elapsed)
}

// ofMemory are the clauses that can only be judged where the system shows the memory of another process.
var ofMemory = []string{"FRM-11", "WRK-23"}

// Small enough to read at one sitting: a framer or a worker has under 300 lines for what speaks the protocol, a pool under
// 800, and the adapter beside it under 350.
func TestEachIsSmall(t *testing.T) {
	for folder, adapter := range map[string]string{
		"node-framer": "adapter.mjs", "node-worker": "", "rust-framer": "adapter.rs", "ruby-framer": "adapter.rb",
		"c-framer": "adapter.c", "java-framer": "Adapter.java", "node-pool": "adapter.mjs", "asyncio-pool": "adapter.py",
	} {
		limit := 300
		if strings.HasSuffix(folder, "-pool") {
			limit = 800
		}
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		lines := map[bool]int{}
		for _, entry := range entries {
			if entry.IsDir() { // what Python keeps of its compiling
				continue
			}
			text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
			require.NoError(t, err)
			if entry.Name() != "README.md" {
				lines[entry.Name() == adapter] += bytes.Count(text, []byte("\n"))
			}
		}
		require.Positive(t, lines[false], folder)
		require.Less(t, lines[false], limit, folder)
		require.Less(t, lines[true], 350, folder)
	}
}

// build runs a compiler.
func build(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool(t, name), args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
}

// tool is the path of a program. Where it is missing nothing can be said, and that is no success.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv(toolchains) == "required":
		t.Fatalf("NOT RUN: %v, and %s=required", err, toolchains)
	default:
		t.Skipf("NOT RUN: %v. `make implementations` fails where a toolchain is missing.", err)
	}
	return path
}

func file(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.FromSlash(name))
	require.NoError(t, err)
	require.FileExists(t, path)
	return path
}
