package pool

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/pool"
)

type limitedPool struct {
	pool.Pool
	ignored []string
	limit   int
}

func (l limitedPool) IgnoredOptions() []string { return l.ignored }
func (l limitedPool) FixedMaxPayload() int     { return l.limit }

// A pool is judged by its own limit, and not by options that it says it ignores.
func TestWhatAPoolSaysItCannotDoIsNotAskedOfIt(t *testing.T) {
	player := func(l limitedPool) *player {
		p := &player{m: newModel(), pool: l}
		p.m.options.CheckEvery, p.m.options.CheckWithin = 20, 0
		p.respectLimits()
		return p
	}
	p := player(limitedPool{limit: 1000})
	require.Equal(t, 1000, p.m.limit)
	require.Equal(t, 20, p.m.options.CheckEvery)
	require.False(t, p.m.mayReplace())

	for _, option := range []string{"HealthInterval", "HealthTimeout"} {
		p = player(limitedPool{ignored: []string{option}})
		require.Equal(t, 4096, p.m.limit)
		require.Zero(t, p.m.options.CheckEvery, option)
		require.True(t, p.m.mayReplace(), option)
	}
	for _, option := range []string{"RestartBackoff", "RestartBackoffMax"} {
		p = player(limitedPool{ignored: []string{option}})
		require.Zero(t, p.m.options.CheckEvery, option)
		require.False(t, p.m.mayReplace(), option)
	}
}
