package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASeedGivesTheSamePlanAgain(t *testing.T) {
	plan := func(seed uint64) (all []any) {
		r := stream(seed, 1, 2)
		for i := range 200 {
			all = append(all, nextStep(r), nextTrouble(r, poolWorkers), nextCycle(r, i))
		}
		return all
	}
	require.Equal(t, plan(5), plan(5))
	require.NotEqual(t, plan(5), plan(6))
}

func TestEveryWayIsPlanned(t *testing.T) {
	r := stream(1, 0, 0)
	methods, ways, spoils, leaving, stopped := map[string]int{}, map[string]int{}, map[string]int{}, 0, 0
	for i := range 1000 {
		s, trouble, c := nextStep(r), nextTrouble(r, poolWorkers), nextCycle(r, i)
		methods[s.method]++
		spoils[trouble.spoil]++
		ways[c.fails]++
		if s.leaves > 0 {
			leaving++
		}
		if trouble.stopped >= 0 {
			stopped++
		}
		require.NotZero(t, trouble.victim, "the elder is not killed")
		require.Less(t, trouble.victim, poolWorkers)
	}
	require.Len(t, methods, 3)
	require.Len(t, spoils, 3)
	require.Len(t, ways, len(waysToFail)+1)
	require.Equal(t, 500, ways[""], "every second start fails")
	require.Positive(t, leaving)
	require.Positive(t, stopped)
}

func TestQuantilesAreWithinASixteenth(t *testing.T) {
	start := time.Now()
	l := newLatencies(start, time.Hour)
	for i := range 1000 {
		l.add(start, time.Duration(i+1)*time.Millisecond)
	}
	require.InEpsilon(t, float64(500*time.Millisecond), float64(l.quantile(0, 0.5)), 1.0/16)
	require.InEpsilon(t, float64(990*time.Millisecond), float64(l.quantile(-1, 0.99)), 1.0/16)
	require.Zero(t, l.quantile(1, 0.5))
	for range 10_000 {
		d := time.Duration(16 + rand.Uint64N(math.MaxInt64>>rand.UintN(60)))
		require.GreaterOrEqual(t, upper(bucket(d)), d)
		require.InEpsilon(t, float64(d), float64(upper(bucket(d))), 1.0/15)
	}
}

func TestTheLastTenthIsSetAgainstTheFirst(t *testing.T) {
	start := time.Now()
	l := newLatencies(start, 10*time.Second)
	l.add(start, time.Millisecond)
	l.add(start.Add(9500*time.Millisecond), 2*time.Millisecond)
	l.add(start.Add(time.Hour), 2*time.Millisecond)
	require.InEpsilon(t, float64(2*time.Millisecond), float64(l.quantile(tenths-1, 0.5)), 1.0/16)
	require.Equal(t, "+100 %", change(1, 2))
	var memory level
	memory.add(0, 1)
	memory.add(0, 9)
	memory.add(0, 2)
	median, ok := memory.median(0)
	require.True(t, ok)
	require.Equal(t, 2.0, median)
	_, ok = memory.median(1)
	require.False(t, ok)
}
