package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/tap"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// tappedPool is the reference pool with a tap before each of its workers, which are those bundled.
func tappedPool(t *testing.T, framing frame.Framing) (p *pool.Pool, log string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pp")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.Executable()
	require.NoError(t, err)
	command := filepath.Join(dir, "pyproctest") // the name by which this test program is the command
	require.NoError(t, os.Symlink(self, command))
	worker, err := filepath.Abs("../../../pyworker/conformance_worker.py")
	require.NoError(t, err)
	log = filepath.Join(dir, "log")
	p, err = pool.NewPool(pool.PoolOptions{
		Command: []string{command, "tap", "--log", log, "--", "python3", worker}, Framing: framing, SocketDir: dir,
		Workers: 2, MaxInFlight: 8, HealthInterval: 20 * time.Millisecond,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, p.Start(ctx))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.Background())) })
	return p, log
}

// Nothing that the reference pool and the bundled worker do is ever accused: calls of all kinds at once, error
// answers, cancellations early and late, a worker that dies, a shutdown beside calls.
func TestTapAccusesNothingOfTheReference(t *testing.T) {
	for _, framing := range []frame.Framing{frame.Enhanced, frame.Basic} {
		t.Run(framing.String(), func(t *testing.T) {
			p, log := tappedPool(t, framing)
			var callers sync.WaitGroup
			for caller := range 16 {
				callers.Go(func() {
					for i := range 40 {
						call(t, p, caller, i)
					}
				})
			}
			callers.Wait()
			_, err := p.Call(t.Context(), "exit", map[string]any{"code": 3})
			require.ErrorIs(t, err, pool.ErrMayHaveRun)
			var beside sync.WaitGroup
			for range 8 {
				beside.Go(func() {
					_, err := p.Call(t.Context(), "sleep", map[string]any{"ms": 50})
					if err != nil && !errors.Is(err, pool.ErrClosed) {
						t.Errorf("a call beside Shutdown: %v", err)
					}
				})
			}
			require.NoError(t, p.Shutdown(context.Background()))
			beside.Wait()

			seen := map[tap.EventKind]int{}
			var total tap.Passed
			for _, e := range logged(t, log) {
				seen[e.Event]++
				// A call may come to the tap of the worker that died, until the tap has seen that: it is unreachable.
				require.NotContains(t, []tap.EventKind{tap.ViolationSeen, tap.GivenUp}, e.Event, "%+v", e)
				if e.Event == tap.Closed {
					total.Requests += e.Passed.Requests
					total.Cancellations += e.Passed.Cancellations
					require.Zero(t, e.Passed.Unreadable)
				}
			}
			require.GreaterOrEqual(t, seen[tap.Listening], 2)
			require.Equal(t, seen[tap.Opened], seen[tap.Closed])
			require.Greater(t, total.Requests, 16*40)
			require.GreaterOrEqual(t, total.Cancellations, 16)
		})
	}
}

// call makes one call of a kind that depends on where it stands.
func call(t *testing.T, p *pool.Pool, caller, i int) {
	body := fmt.Sprintf("caller %d call %d %s", caller, i, strings.Repeat("é", 1<<(i%16)))
	switch i % 10 {
	case 0:
		_, err := p.Call(t.Context(), "fail", map[string]any{"message": body})
		if err == nil || !strings.Contains(err.Error(), body) {
			t.Errorf("fail: %v", err)
		}
	case 1, 2:
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
		defer cancel()
		if _, err := p.Call(ctx, "sleep", map[string]any{"ms": 60_000}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call whose context ended: %v", err)
		}
	case 3:
		if _, err := p.Call(t.Context(), "unserializable", nil); err == nil {
			t.Error("unserializable succeeded")
		}
	default:
		var got string
		if err := p.CallInto(t.Context(), "echo", body, &got); err != nil || got != body {
			t.Errorf("echo: %v", err)
		}
	}
}

func logged(t *testing.T, log string) (all []tap.Event) {
	file, err := os.Open(log)
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e tap.Event
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e), "%s", lines.Text())
		all = append(all, e)
	}
	require.NoError(t, lines.Err())
	return all
}
