package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/gate"
	"github.com/pyproctest/pyproctest/bench/results"
)

// fake is a version whose binary notes that it ran, and prints one result.
func fake(t *testing.T, dir, name, script string) *version {
	t.Helper()
	path := filepath.Join(dir, name+".sh")
	text := fmt.Sprintf("#!/bin/sh\necho %s >> %s\n%s\n", name, filepath.Join(dir, "order"), script)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
	w, err := results.Create(filepath.Join(dir, name+".txt"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return &version{name: name, binaries: map[string]string{"bench": path}, out: w}
}

const oneResult = `echo "pkg: example"; echo "BenchmarkCalls/size=64B-2 1 1.5 x-floor"`

func order(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "order"))
	require.NoError(t, err)
	return strings.Join(strings.Fields(string(text)), " ")
}

func TestVersionsTakeTurnsThatTurnRound(t *testing.T) {
	dir := t.TempDir()
	m := &measurement{
		jobs:     []job{{what: "one", binary: "bench", placement: unpinned}, {what: "two", binary: "bench", placement: unpinned}},
		versions: []*version{fake(t, dir, "a", oneResult), fake(t, dir, "b", oneResult)},
		rounds:   2,
	}
	require.NoError(t, m.run(t.Context()))
	require.Equal(t, "a b a b b a b a", order(t, dir))

	set, err := results.ReadFile(filepath.Join(dir, "a.txt"))
	require.NoError(t, err)
	require.Len(t, set.Results, 4)
	require.Equal(t, "unpinned", set.Results[0].GetConfig("placement"))
	require.Empty(t, set.Results[0].GetConfig("pkg"), "rows of all packages stand in one table")
	require.Equal(t, -1, set.Units.GetBetter("x-floor"), "units are declared")
}

func TestAnInterruptKeepsWhatWasMeasured(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	stop := errors.New("the person wants it to end")
	m := &measurement{
		jobs:     []job{{what: "one", binary: "bench", placement: unpinned}},
		versions: []*version{fake(t, dir, "a", oneResult), fake(t, dir, "b", "echo waiting > "+filepath.Join(dir, "waiting")+"; exec sleep 600")},
		rounds:   3,
	}
	ended := make(chan error)
	go func() { ended <- m.run(ctx) }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, "waiting"))
		return err == nil
	}, time.Minute, time.Millisecond)
	cancel(stop)
	require.ErrorIs(t, <-ended, stop)
	set, err := results.ReadFile(filepath.Join(dir, "a.txt"))
	require.NoError(t, err)
	require.Len(t, set.Results, 1)
}

func TestAJobThatFailsIsToldOnceAndTheOthersGoOn(t *testing.T) {
	dir := t.TempDir()
	m := &measurement{
		jobs:     []job{{what: "broken", binary: "bench", placement: unpinned}},
		versions: []*version{fake(t, dir, "a", "echo the reason >&2; exit 3"), fake(t, dir, "b", oneResult)},
		rounds:   2,
	}
	err := m.run(t.Context())
	require.ErrorContains(t, err, "the reason")
	require.Equal(t, 1, strings.Count(err.Error(), "the reason"))
	require.Equal(t, "a b b a", order(t, dir))
}

func TestAJobWithoutResultsIsAnError(t *testing.T) {
	dir := t.TempDir()
	m := &measurement{
		jobs:     []job{{what: "empty", binary: "bench", pattern: "^Nothing$", placement: unpinned}},
		versions: []*version{fake(t, dir, "a", "echo PASS")}, rounds: 1,
	}
	require.ErrorContains(t, m.run(t.Context()), `the pattern is "^Nothing$"`)
}

func TestWhatLooksWorseIsMeasuredOnceMoreAndNothingElse(t *testing.T) {
	whole := job{what: "calls", binary: "bench", placement: pinned, benchtime: "100ms"}
	m := &measurement{jobOf: map[row]job{{"Calls/side=json-rpc/size=64B-2", "pinned"}: whole}}
	suspects := m.jobsOf(gate.Verdict{Judgements: []gate.Judgement{
		{Row: "Calls/side=json-rpc/size=64B-2", Placement: "pinned", Unit: "x-floor", Change: gate.Worse},
		{Row: "Calls/side=json-rpc/size=64B-2", Placement: "pinned", Unit: "allocs/op", Change: gate.Worse},
		{Row: "Calls/side=gone", Placement: "pinned", Change: gate.Missing},
		{Row: "Calls/side=fine", Placement: "pinned", Change: gate.Same},
	}})
	require.Len(t, suspects, 1)
	require.Equal(t, "^BenchmarkCalls$/^side=json-rpc$/^size=64B$", suspects[0].pattern)
	require.Equal(t, whole.placement, suspects[0].placement)
	require.Equal(t, whole.benchtime, suspects[0].benchtime)
}

func TestTheTimeLeftFollowsWhatJobsTook(t *testing.T) {
	jobs := []job{{what: "one", guess: 10 * time.Second}, {what: "two", guess: 30 * time.Second}}
	m := &measurement{jobs: jobs, versions: []*version{{}, {}}, rounds: 10}
	var told bytes.Buffer
	p := newProgress(&told, -1, m)
	require.Equal(t, 800*time.Second, p.left())
	for range 10 * 2 {
		p.done++ // half of all
	}
	require.Equal(t, 400*time.Second, p.left())
	p.took[key(jobs[1])] = 10 * time.Second
	require.Equal(t, 200*time.Second, p.left())
	p.begin(4, jobs[0], m.versions[0])()
	require.Equal(t, "round 5 of 10, 3m20s left\n", told.String())
}
