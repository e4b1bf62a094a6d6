package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// action is one use of the GitHub action, of which this runs the script as the action does.
type action struct {
	role, command, framing, known, report          string
	name, clause, exclude, shard, strict, patience string
	explore, bench                                 string
	workspace                                      string // a new one if it is empty
	outputs                                        map[string]string
}

// run returns the exit status, the summary of the job and what was printed.
func (a *action) run(t *testing.T) (status int, summary, out string) {
	t.Helper()
	dir, err := filepath.Abs("../../../.github/actions/conformance")
	require.NoError(t, err)
	workspace := a.workspace
	if workspace == "" {
		workspace = t.TempDir()
	}
	c := exec.CommandContext(t.Context(), filepath.Join(dir, "run.sh"))
	c.Dir = workspace
	c.Env = append(os.Environ(),
		"GITHUB_ACTION_PATH="+dir, "GITHUB_STEP_SUMMARY="+filepath.Join(workspace, "summary"), "RUNNER_TEMP="+filepath.Join(workspace, "temp"),
		"GITHUB_OUTPUT="+filepath.Join(workspace, "output"), "NAME="+a.name, "CLAUSE="+a.clause, "EXCLUDE="+a.exclude, "SHARD="+a.shard,
		"STRICT="+a.strict, "PATIENCE="+a.patience, "ARTIFACT=", "EXPLORE="+a.explore, "BENCH="+a.bench,
		"ROLE="+a.role, "COMMAND="+a.command, "FRAMING="+a.framing, "KNOWN_FAILING="+a.known, "REPORT="+a.report, "VERSION=")
	printed, err := c.CombinedOutput()
	ended := (*exec.ExitError)(nil)
	if errors.As(err, &ended) {
		status = ended.ExitCode()
	} else {
		require.NoError(t, err)
	}
	a.outputs = map[string]string{}
	told, err := os.ReadFile(filepath.Join(workspace, "output"))
	require.NoError(t, err)
	for line := range strings.Lines(string(told)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		a.outputs[name] = value
	}
	text, err := os.ReadFile(filepath.Join(workspace, "summary"))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	if a.report != "" && status < statusCouldNotRun {
		for _, kind := range []string{"html", "json", "xml", "md"} {
			require.FileExists(t, filepath.Join(workspace, a.report, "report."+kind))
		}
	}
	return status, string(text), string(printed)
}

func TestActionWritesSummaryAndReportsAndEndsAsTheRun(t *testing.T) {
	worker, err := filepath.Abs("../../../pyworker/conformance_worker.py")
	require.NoError(t, err)
	a := &action{role: "worker", command: "python3 " + worker, framing: "basic", report: "reports/the worker", clause: "WRK-1? MSG-6", exclude: "WRK-12"}
	status, summary, out := a.run(t)
	require.Zero(t, status, out)
	require.Contains(t, summary, "WRK-17")
	require.Equal(t, "holds", a.outputs["verdict"])
	require.Equal(t, "reports/the worker", a.outputs["report"])
	require.Equal(t, "conformance-worker", a.outputs["artifact"])
	require.Equal(t, "0", a.outputs["failed"])
	require.NotContains(t, out, "::error")

	a.command = "python3 -c 'raise SystemExit(7)'"
	status, summary, out = a.run(t)
	require.Equal(t, statusCouldNotRun, status, out)
	require.NotEmpty(t, summary, out)
	require.Equal(t, "not run", a.outputs["verdict"])
	require.Contains(t, out, "::error title=Worker python3")

	a.command, a.patience = "python3 "+worker, "soon"
	status, _, out = a.run(t)
	require.Equal(t, statusCouldNotRun, status, out)
	require.Equal(t, "not run", a.outputs["verdict"], "also where there is no report")
}

// As a job with a matrix of shards does it, and the job that merges them.
func TestActionRunsPartsThatBecomeOneRunAndAnnotatesWhatFails(t *testing.T) {
	workspace := t.TempDir()
	save(t, filepath.Join(workspace, "tests", "worker.py"), failingWorker(t, `"wrong"`))
	ran, failed := 0, 0
	for _, shard := range []string{"1/2", "2/2"} {
		a := &action{
			role: "worker", command: "python3 tests/worker.py", name: "mine", framing: "both", clause: "WRK-10/*\n  WRK-11/*", shard: shard, strict: "true",
			patience: "20s", workspace: workspace, report: "parts/" + strings.ReplaceAll(shard, "/", "-of-"),
		}
		status, _, out := a.run(t)
		require.Equal(t, "conformance-worker-"+strings.ReplaceAll(shard, "/", "-of-"), a.outputs["artifact"])
		if a.outputs["verdict"] == "violated" {
			require.Equal(t, statusViolated, status)
			require.Contains(t, out, "\n::error file=tests/worker.py,line=1,title=WRK-11 violated%3A worker mine::WRK-11/")
			failed++
		}
		ran += number(t, a.outputs["cases"])
	}
	require.Positive(t, failed)
	cmd := exec.Command("sh", "-c", "pyproctest report parts/*/report.json --report whole.json")
	cmd.Dir = workspace
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "a part has failed")
	runs, err := readRuns(filepath.Join(workspace, "whole.json"))
	require.NoError(t, err, string(out))
	require.Len(t, runs, 1)
	require.Len(t, runs[0].Results, ran)
	require.Equal(t, []string{"WRK-10/*", "WRK-11/*"}, runs[0].Asked.Only)
	require.True(t, runs[0].Strict)
	require.False(t, runs[0].Interrupted)
}

// echoing is a worker whose echo returns what the expression says.
func echoing(t *testing.T, returned string) string {
	t.Helper()
	return strings.NewReplacer(`"fail"`, `"echo"`, "def fail", "def echo", "raise RuntimeError", "return ").Replace(failingWorker(t, returned))
}

// A run of cases that hold, an exploration that finds more, and a benchmark.
func TestActionExploresAndMeasuresAfterTheRun(t *testing.T) {
	workspace := t.TempDir()
	save(t, filepath.Join(workspace, "worker.py"), echoing(t, "int(float(body)) if type(body) is int else body"))
	a := &action{
		role: "worker", command: "python3 worker.py", name: "mine", framing: "both", clause: "MSG-7/large-bodies-come-back-equal", workspace: workspace,
		report: "reports", explore: "3s", bench: "quick",
	}
	status, summary, out := a.run(t)
	require.Equal(t, statusViolated, status, out)
	require.Equal(t, "violated", a.outputs["verdict"])
	require.Equal(t, "0", a.outputs["failed"], "the cases of the run hold")
	require.Equal(t, "1", a.outputs["must-hold"])
	require.Equal(t, "1", a.outputs["found"])
	require.Contains(t, out, "\n::error file=worker.py,line=1,title=MSG-7 violated%3A worker mine%2C explored::MSG-7/explored-echo-returns-its-body")
	require.Contains(t, summary, "Worker mine: conforms")
	require.Contains(t, summary, "Worker mine, explored: does not conform")
	require.Regexp(t, `(?m)^yours +enhanced +1 +64B +16 `, summary, "the table of the benchmark")
	for _, kind := range []string{"html", "json", "xml", "md"} {
		require.FileExists(t, filepath.Join(workspace, "reports", "explore."+kind))
	}
	require.FileExists(t, filepath.Join(workspace, "reports", "bench", "report.html"))
	kept, err := filepath.Glob(filepath.Join(workspace, "reports", "found", "*"))
	require.NoError(t, err)
	require.Len(t, kept, 1, "the history that fails can be played again")

	save(t, filepath.Join(workspace, "known.txt"), "MSG-7/explored-*    # integers pass through doubles\n")
	a.known, a.bench = "known.txt", "false"
	status, summary, out = a.run(t)
	require.NotContains(t, out, "::error file=worker.py", "it is excused")
	require.Contains(t, summary, "Worker mine, explored: only known failures")
	require.Equal(t, "0", a.outputs["found"])
	require.Equal(t, status, statusHolds, out)
}

func TestActionFailsNothingBecauseOfABenchmark(t *testing.T) {
	workspace := t.TempDir()
	save(t, filepath.Join(workspace, "worker.py"), echoing(t, "None"))
	a := &action{role: "worker", command: "python3 worker.py", framing: "basic", clause: "WRK-17", workspace: workspace, report: "reports", bench: "true"}
	status, summary, out := a.run(t)
	require.Zero(t, status, out)
	require.Contains(t, out, "no numbers for python3 worker.py")
	require.Contains(t, out, "::warning title=bench gave no table::")
	require.NotContains(t, summary, "How fast it is")
	require.Equal(t, "holds", a.outputs["verdict"])
	require.NotContains(t, a.outputs, "found", "nothing was explored")
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func TestActionRefusesInputsThatAreNone(t *testing.T) {
	status, _, out := (&action{role: "server", command: "true"}).run(t)
	require.Equal(t, statusCouldNotRun, status)
	require.Contains(t, out, "::error::the role is 'server'")

	status, _, out = (&action{role: "worker"}).run(t)
	require.Equal(t, statusCouldNotRun, status)
	require.Contains(t, out, "::error::the command is empty")

	a := &action{role: "worker", command: "true", strict: "yes"}
	status, _, out = a.run(t)
	require.Equal(t, statusCouldNotRun, status)
	require.Contains(t, out, "::error::strict is 'yes'")
	require.Equal(t, "not run", a.outputs["verdict"])

	for _, time := range []string{"60", "a minute", "-1s", "60s; true"} {
		status, _, out = (&action{role: "worker", command: "true", explore: time}).run(t)
		require.Equal(t, statusCouldNotRun, status)
		require.Contains(t, out, "::error::explore is '"+time+"'")
	}
	status, _, out = (&action{role: "worker", command: "true", bench: "slow"}).run(t)
	require.Equal(t, statusCouldNotRun, status)
	require.Contains(t, out, "::error::bench is 'slow'")
}
