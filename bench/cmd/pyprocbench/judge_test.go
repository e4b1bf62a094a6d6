package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// With no go to be found, benchstat cannot be started: an error that speaks of the file came before it.
// NaN in a file makes benchstat take memory without end.
func TestWhatCannotBeJudgedIsRefusedBeforeBenchstatStarts(t *testing.T) {
	whole, err := os.ReadFile("../../gate/testdata/base.txt")
	require.NoError(t, err)
	other, err := os.ReadFile("../../gate/testdata/head.txt")
	require.NoError(t, err)
	spoilt := func(with string) string {
		return strings.Replace(string(whole), "8.189 ns/op 1.457 x-floor", "8.189 ns/op "+with+" x-floor", 1)
	}
	t.Setenv("PATH", "")
	for name, c := range map[string]struct{ base, problem string }{
		"nothing":      {"", "base.txt has 0 results"},
		"no results":   {"Unit x-floor better=lower\n", "base.txt has 0 results"},
		"NaN":          {spoilt("NaN"), "base.txt:9: x-floor of Framing/op=encode/framing=enhanced/size=0B is NaN"},
		"infinite":     {spoilt("Inf"), "base.txt:9: x-floor of Framing/op=encode/framing=enhanced/size=0B is +Inf"},
		"negative":     {spoilt("-1"), "base.txt:9: x-floor of Framing/op=encode/framing=enhanced/size=0B is -1"},
		"cut off":      {string(whole[:len(whole)-5]), "base.txt:505: the last line is cut off"},
		"the same":     {string(other), "are the same results"},
		"not a result": {spoilt("much"), "base.txt:9: "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			base, head := filepath.Join(dir, "base.txt"), filepath.Join(dir, "head.txt")
			require.NoError(t, os.WriteFile(base, []byte(c.base), 0o600))
			require.NoError(t, os.WriteFile(head, other, 0o600))
			err := command(t.Context(), []string{"judge", base, head})
			require.ErrorContains(t, err, c.problem)
			if c.base == "" || name == "the same" {
				return
			}
			// What was measured once more is read in the same way.
			good := filepath.Join(dir, "good.txt")
			require.NoError(t, os.WriteFile(good, whole, 0o600))
			err = command(t.Context(), []string{"judge", good, head, base, head})
			require.ErrorContains(t, err, c.problem)
		})
	}
}

func TestNoResultsAreNoBaseline(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "results.txt")
	require.NoError(t, os.WriteFile(empty, []byte("Unit x-floor better=lower\n"), 0o600))
	err := command(t.Context(), []string{"baseline", "-name", "never", "-from", empty})
	require.ErrorContains(t, err, "nothing to keep")
	require.NoFileExists(t, "../../baselines/never.txt")
}
