package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWorkerThatSkipsChecksumsGetsNoNumbers(t *testing.T) {
	command := "python3 " + filepath.Join("testdata", "trusting_worker.py")
	_, _, err := yourWorker(t.Context(), command, false)
	require.ErrorContains(t, err, "no numbers for python3")
	require.ErrorContains(t, err, "WRK-14")

	_, note, err := yourWorker(t.Context(), command, true)
	require.NoError(t, err)
	require.Contains(t, note, "FAILS WRK-14")
}

func TestAWorkerThatMakesItsChecksIsMeasured(t *testing.T) {
	text, note, err := yourWorker(t.Context(), "python3 ../../../pyworker/conformance_worker.py", false)
	require.NoError(t, err)
	require.Contains(t, note, "passes")
	var words []string
	require.NoError(t, json.Unmarshal([]byte(text), &words))
	require.Equal(t, "python3", words[0])
	require.True(t, filepath.IsAbs(words[1]), "benchmarks run in another folder: %s", words[1])
}

func TestAWorkerThatDoesNotStartGetsNoNumbers(t *testing.T) {
	_, _, err := yourWorker(t.Context(), "python3 -c 'raise SystemExit(3)'", false)
	require.Error(t, err)
	_, _, err = yourWorker(t.Context(), "'", false)
	require.ErrorContains(t, err, "cannot be read as a command")
}
