package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A slow machine plays as many histories as were asked for: beside a count only --for limits the time.
func TestACountOfHistoriesBoundsAnExplorationWithoutATime(t *testing.T) {
	for _, c := range []struct {
		args  []string
		limit time.Duration
		again []string
	}{
		{[]string{"--histories", "20"}, 0, []string{"--seed", "7", "--histories", "20"}},
		{[]string{"--histories", "20", "--for", "5m"}, 5 * time.Minute, []string{"--seed", "7", "--for", "5m0s", "--histories", "20"}},
		{nil, 0, []string{"--seed", "7"}},
	} {
		e := &exploreFlags{}
		require.NoError(t, exploreCommandOf(e).ParseFlags(append(c.args, "--worker", "w")))
		x, err := e.exploration()
		require.NoError(t, err)
		require.Equal(t, c.limit, x.For)
		require.Equal(t, append([]string{"pyproctest", "explore", "--worker", "w"}, c.again...), e.again(7))
	}
}
