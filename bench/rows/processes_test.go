package rows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/peer"
	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/pyworker"
)

// The bundled worker under the reference pool, killed and left idle.
func TestDeathAndIdlenessAreMeasuredAgainstBareProcesses(t *testing.T) {
	program, _, err := pyworker.Extract(filepath.Join(t.TempDir(), "worker"))
	require.NoError(t, err)
	start := StartWorkers(conformance.Command(peer.Python(), program))
	for _, callers := range []int{0, 4} {
		values, err := once(t, recoveryRow("yours", start, callers))
		require.NoError(t, err)
		require.Positive(t, values["ns/op"])
		require.Positive(t, values["floor-ns/op"])
		require.Positive(t, values["x-floor"])
		require.Contains(t, values, "errors-elsewhere/op")
		require.Zero(t, values["errors-elsewhere/op"])
	}
	values, err := once(t, idleRow("yours", start))
	if errors.Is(err, conformance.Unsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	require.Greater(t, values["resident-B/worker"], values["own-B/worker"], "they share libraries")
	require.Positive(t, values["own-B/worker"])
	require.Greater(t, values["floor-resident-B/worker"], float64(1<<20), "of a Python process")
	require.Positive(t, values["x-floor"])
}

func TestQuickHasNoRowsOfProcesses(t *testing.T) {
	for _, row := range Pool("yours", nil, Quick) {
		require.Equal(t, "Calls", row.Benchmark)
	}
	var names []string
	for _, row := range Pool("yours", nil, Normal) {
		if row.Benchmark != "Calls" && row.Placement == Unpinned {
			names = append(names, row.Name())
		}
	}
	require.Equal(t, []string{
		"Start/side=yours/workers=4", "Recovery/side=yours/workers=2/calls=0", "Recovery/side=yours/workers=2/calls=4", "Idle/side=yours/workers=4",
	}, names)
}

// dying starts a pool of which one worker is a process that may be killed. Its calls take a millisecond and fail as it says,
// and it has restarted the worker at the third look after that was killed, if it ever does.
func dying(t *testing.T, restarts bool, fails func(call int64) error) (Starter, *exec.Cmd) {
	t.Helper()
	victim := exec.Command("sleep", "1000")
	require.NoError(t, victim.Start())
	t.Cleanup(func() { _ = victim.Process.Kill(); _ = victim.Wait() })
	var calls atomic.Int64
	looked := 0
	return func(context.Context, *Shelf, conformance.Framing, int) (*started, error) {
		return &started{
			pids: []int{victim.Process.Pid, os.Getpid()},
			call: func(_ context.Context, _ string, body json.RawMessage) (json.RawMessage, error) {
				time.Sleep(time.Millisecond)
				return body, fails(calls.Add(1))
			},
			health: func() (conformance.Health, error) {
				looked++
				if looked <= 2 { // before the death, and before it is known
					return conformance.Health{Total: 2, Healthy: 2}, nil
				}
				h := conformance.Health{Total: 2, Healthy: 1, Restarts: 1}
				if restarts && looked > 4 {
					h.Healthy = 2
				}
				return h, nil
			},
			stop:  func() error { return nil },
			abort: func() {},
		}, nil
	}, victim
}

func TestASlotIsBackWhenThePoolCountsItsWorkerAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, victim := dying(t, true, func(int64) error { return nil })
		took, elsewhere, err := recovery(t.Context(), NewShelf(nil), start, 0)
		require.NoError(t, err)
		require.Equal(t, 3*looks, took, "not at once, when nobody knew of the death, and not before both were healthy")
		require.Zero(t, elsewhere)
		require.Error(t, victim.Wait(), "it was killed")
	})
}

func TestErrorsThatNameNoDeathAreElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, _ := dying(t, true, func(call int64) error {
			switch call {
			case 1:
				return fmt.Errorf("%w: on worker 0", conformance.WorkerDied)
			case 2, 3:
				return errors.New("somebody else's call")
			}
			return nil
		})
		_, elsewhere, err := recovery(t.Context(), NewShelf(nil), start, 4)
		require.NoError(t, err)
		require.Equal(t, 2, elsewhere)
	})
}

func TestAPoolThatRestartsNoWorkerHasNoFigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, _ := dying(t, false, func(int64) error { return nil })
		_, _, err := recovery(t.Context(), NewShelf(nil), start, 0)
		require.ErrorIs(t, err, ErrNoFigure)
		require.ErrorContains(t, err, "1 of 2 workers healthy and 1 restarts")
		require.ErrorContains(t, err, "[HLT-6]")
	})
}

// elsewhere is a pool of another program.
type elsewhere struct{ broken error }

func (elsewhere) Start(context.Context) error    { return nil }
func (elsewhere) Shutdown(context.Context) error { return nil }
func (elsewhere) Close() error                   { return nil }
func (elsewhere) Health() conformance.Health     { return conformance.Health{Healthy: 2, Restarts: 1} } // hides the error
func (p elsewhere) HealthNow() (conformance.Health, error) {
	return conformance.Health{}, p.broken
}

func (elsewhere) Call(_ context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	if method == "pid" {
		return json.RawMessage("1"), nil
	}
	return body, nil
}

func TestAnAdapterThatCannotTellTheHealthIsNoDeadWorker(t *testing.T) {
	p := elsewhere{errors.New("the adapter has ended")}
	shelf := NewShelf(nil)
	s, err := StartPool(func(conformance.PoolOptions) (conformance.Pool, error) { return p, nil })(t.Context(), shelf, conformance.Enhanced, 2)
	require.NoError(t, err)
	_, err = s.health()
	require.ErrorIs(t, err, p.broken)
	require.NoError(t, s.stop())
	require.NoError(t, shelf.Close())
}

func TestMemoryIsThatOfOneWorker(t *testing.T) {
	here, _, err := turns.Memory(os.Getpid())
	if err != nil {
		t.Skip(err)
	}
	start := func(context.Context, *Shelf, conformance.Framing, int) (*started, error) {
		return &started{
			pids: []int{os.Getpid(), os.Getpid(), os.Getpid()},
			call: func(_ context.Context, _ string, body json.RawMessage) (json.RawMessage, error) { return body, nil },
			stop: func() error { return nil },
		}, nil
	}
	values, err := once(t, idleRow("yours", start))
	require.NoError(t, err)
	require.InEpsilon(t, here, values["resident-B/worker"], 0.5)
	require.InEpsilon(t, values["resident-B/worker"]/values["floor-resident-B/worker"], values["x-floor"], 1e-9)
}
