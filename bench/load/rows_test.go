package load

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/rows"
	"github.com/pyproctest/pyproctest/conformance"
)

// aPool answers by itself, without a worker, and counts.
type aPool struct{ calls, asked, closed atomic.Int64 }

func (p *aPool) Start(context.Context) error    { return nil }
func (p *aPool) Shutdown(context.Context) error { return nil }
func (p *aPool) Health() conformance.Health     { return conformance.Health{} }

func (p *aPool) Call(_ context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	if method == "pid" {
		return json.RawMessage("1"), nil
	}
	p.calls.Add(1)
	return body, nil
}

// aRemotePool is one of another program.
type aRemotePool struct {
	aPool
	broken error
}

func (p *aRemotePool) Close() error { p.closed.Add(1); return nil }

func (p *aRemotePool) HealthNow() (conformance.Health, error) {
	p.asked.Add(1)
	return conformance.Health{}, p.broken
}

// measure measures a row, for as long as it has so many calls where its plan sets no time.
func measure(t *testing.T, row rows.Row, calls int) (map[string]float64, error) {
	t.Helper()
	shelf := rows.NewShelf(nil)
	defer func() { require.NoError(t, shelf.Close()) }()
	metrics, err := row.Measure(t.Context(), shelf, func() bool { calls--; return calls >= 0 })
	values := map[string]float64{}
	for _, m := range metrics {
		values[m.Unit] = m.Value
	}
	return values, err
}

func starting(p conformance.Pool) rows.Starter {
	return rows.StartPool(func(conformance.PoolOptions) (conformance.Pool, error) { return p, nil })
}

func planned(t *testing.T, rates string) Plan {
	t.Helper()
	p, err := ParsePlan(rates, DefaultKinds)
	require.NoError(t, err)
	return p
}

func TestTheLinesToAPoolOfAnotherProgramAreMeasuredWhereItsCallsAre(t *testing.T) {
	p := &aRemotePool{}
	plan := planned(t, "2000")
	plan.Each, plan.Lines = 100*time.Millisecond, true
	all := Rows("yours", starting(p), plan)
	var names []string
	for _, row := range all {
		names = append(names, row.Keys)
	}
	const one = "side=yours/framing=enhanced/workers=1/"
	require.Equal(t, []string{one + "mix=64B/rate=closed", one + "mix=64B/rate=2000", one + "mix=lines/rate=2000"}, names)

	called, err := measure(t, all[1], 0)
	require.NoError(t, err)
	require.Positive(t, called["p50-ns"])
	calls := p.calls.Load()
	require.Positive(t, calls)
	require.Zero(t, p.asked.Load())
	lines, err := measure(t, all[2], 0)
	require.NoError(t, err)
	require.Positive(t, lines["p50-ns"])
	require.Equal(t, calls, p.asked.Load(), "at the same moments")
	require.Equal(t, calls, p.calls.Load(), "no worker is called")
	require.EqualValues(t, 2, p.closed.Load(), "its processes are ended")

	p.broken = errors.New("the adapter has ended")
	_, err = measure(t, all[2], 0)
	require.ErrorIs(t, err, p.broken)
}

func TestAPoolOfThisProcessHasNoLines(t *testing.T) {
	for _, row := range Rows("yours", starting(&aPool{}), planned(t, DefaultRates)) {
		require.NotContains(t, row.Keys, "mix=lines")
	}
}

// As for go test -bench, which says when it is enough.
func TestARowWithoutATimeHasTheCallsThatItMayHave(t *testing.T) {
	p := &aPool{}
	all := Rows("yours", starting(p), planned(t, "2000"))
	for _, row := range all {
		p.calls.Store(0)
		_, err := measure(t, row, 40)
		require.NoError(t, err, row)
		require.EqualValues(t, 40, p.calls.Load(), row)
	}
}

// A pattern of -bench may leave the row of the closed loop out.
func TestWhatAClosedLoopReachesIsMeasuredWhereItIsNotKnown(t *testing.T) {
	p := &aPool{}
	values, err := measure(t, Rows("yours", starting(p), planned(t, "1%"))[1], 1)
	require.NoError(t, err)
	require.Positive(t, values["p50-ns"])
	require.Greater(t, p.calls.Load(), int64(1), "those of the closed loop")
}
