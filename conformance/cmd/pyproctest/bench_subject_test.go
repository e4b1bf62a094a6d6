package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// A case that was not done says nothing, neither that the implementation is right nor that it is wrong.
func TestOnlyWhatWasCheckedGetsNumbersUnlessForced(t *testing.T) {
	t.Parallel()
	passed := result.Result{ID: "RID-1/a", Clauses: []string{"RID-1"}, Status: result.StatusPass}
	blocked := result.Result{ID: "RID-2/b", Clauses: []string{"RID-2"}, Status: result.StatusBlocked, Reason: "the machine is slow"}
	failed := result.Result{ID: "MSG-5/c", Clauses: []string{"MSG-5"}, Status: result.StatusFail}
	check := func(results ...result.Result) (string, *uncheckedError) {
		var stderr bytes.Buffer
		fails, err := failedIn(conformance.Report{Results: results}, "CMD", &stderr)
		if err == nil {
			return fails, nil
		}
		var unchecked *uncheckedError
		require.ErrorAs(t, err, &unchecked)
		require.Contains(t, err.Error(), "CMD could not be checked, so it gets no numbers")
		return fails, unchecked
	}

	fails, unchecked := check(passed)
	require.Empty(t, fails)
	require.Nil(t, unchecked)

	fails, unchecked = check(passed, blocked, failed)
	require.Equal(t, "MSG-5", fails)
	require.Nil(t, unchecked)

	_, unchecked = check(passed, blocked)
	require.True(t, unchecked.runs, "--force can measure it")
	require.Contains(t, unchecked.why, "the machine is slow")

	_, unchecked = check(blocked)
	require.False(t, unchecked.runs)
	_, unchecked = check()
	require.False(t, unchecked.runs)
}
