package turns

import (
	"errors"
	"flag"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCallersMakeExactlyTheCallsAskedFor(t *testing.T) {
	for _, callers := range []int{1, 4, 64} {
		for _, n := range []int{1, 7, 1000} {
			var calls atomic.Int64
			run := Callers(callers, func() error { calls.Add(1); return nil })
			require.NoError(t, run(n, nil))
			require.EqualValues(t, n, calls.Load())
		}
	}
}

func TestCallersCallSideBySide(t *testing.T) {
	const callers = 16
	var all sync.WaitGroup
	all.Add(callers)
	run := Callers(callers, func() error {
		all.Done()
		all.Wait() // returns only once every caller is in its call
		return nil
	})
	require.NoError(t, run(callers, nil))
}

func TestTheFirstErrorEndsTheTurn(t *testing.T) {
	broken := errors.New("broken")
	for _, callers := range []int{1, 4} {
		var calls atomic.Int64
		run := Callers(callers, func() error { calls.Add(1); return broken })
		require.ErrorIs(t, run(1000, &Latencies{}), broken)
		require.LessOrEqual(t, calls.Load(), int64(callers))
	}
}

func TestQuantilesLieBetweenTheirNeighbours(t *testing.T) {
	require.Equal(t, 2.0, quantile([]float64{1, 2, 3}, 0.5))
	require.Equal(t, 2.5, quantile([]float64{1, 2, 3, 4}, 0.5))
	require.Equal(t, 4.0, quantile([]float64{1, 2, 3, 4}, 1))
	require.Zero(t, quantile(nil, 0.5))
}

var sink []byte

func TestMeasureReportsBothSides(t *testing.T) {
	before := flag.Lookup("test.benchtime").Value.String()
	require.NoError(t, flag.Set("test.benchtime", "5x"))
	t.Cleanup(func() { require.NoError(t, flag.Set("test.benchtime", before)) })

	var floorCalls, subjectCalls int
	result := testing.Benchmark(func(b *testing.B) {
		call := func(calls *int, allocate bool) func(int, *Latencies) error {
			return func(n int, l *Latencies) error {
				for range n {
					*calls++
					if allocate {
						sink = make([]byte, 1000)
					}
					l.Add(time.Microsecond)
				}
				return nil
			}
		}
		Measure(b, Options{Turn: time.Microsecond, Ratio: "x-floor", Bytes: 64, Callers: 1},
			Side{Run: call(&floorCalls, false)},
			Side{Run: call(&subjectCalls, true), Processes: func() []int { return nil }})
	})
	require.Positive(t, floorCalls)
	require.Positive(t, subjectCalls)
	require.Equal(t, 1.0, result.Extra["x-floor"], "all latencies were the same")
	require.Equal(t, 1000.0, result.Extra["p50-ns"])
	require.Equal(t, 1000.0, result.Extra["floor-p50-ns"])
	require.EqualValues(t, 1, result.AllocsPerOp(), "the floor's are not counted")
	require.InDelta(t, 1024, result.AllocedBytesPerOp(), 24)
	require.Positive(t, result.Extra["calls/s"])
}

// What starts processes is too long to be tried out first.
func TestATurnOfNoLengthIsOneOperation(t *testing.T) {
	operations := 0
	side := Side{Clock: func(n int, _ *Latencies) (time.Duration, error) { operations += n; return time.Second, nil }}
	left := 3
	metrics, err := Compare(func() bool { left--; return left >= 0 }, Options{Ratio: "x-floor"}, side, side)
	require.NoError(t, err)
	require.Contains(t, metrics, Metric{1, "x-floor"})
	require.Equal(t, 2*3, operations)
}
