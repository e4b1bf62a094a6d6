package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestREADMEHasTheseNumbers(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	want, err := counted(readme)
	require.NoError(t, err)
	require.Equal(t, string(want), string(readme), "README.md is behind: run make generate")
}

func TestATextWithoutMarksIsRefused(t *testing.T) {
	_, err := counted([]byte("# pyproctest\n"))
	require.ErrorContains(t, err, "<!-- counts: make generate -->")
}
