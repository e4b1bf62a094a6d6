package pool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pyproctest/pyproctest/bench/floor"
	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// BenchmarkCall compares calls with a body of 64 bytes to one worker with a hand-written loop that has as many requests
// outstanding, by turns: with both sides on one core, if the system can keep them there, and without. x-floor is the
// time of a call divided by that of the loop. bench/ has other sizes. The loop needs the Python package google-crc32c:
// make bench installs it, or set PYPROCTEST_PYTHON to an interpreter that has it.
func BenchmarkCall(b *testing.B) {
	body := json.RawMessage(`"` + strings.Repeat("x", 62) + `"`)
	for _, callers := range []int{1, 16} {
		if turns.CanPin {
			b.Run(fmt.Sprintf("callers=%d/placement=pinned", callers), func(b *testing.B) {
				turns.Pin(b)
				benchmarkCall(b, callers, body)
			})
		}
		b.Run(fmt.Sprintf("callers=%d/placement=unpinned", callers), func(b *testing.B) {
			benchmarkCall(b, callers, body)
		})
	}
}

func benchmarkCall(b *testing.B, callers int, body json.RawMessage) {
	loop, err := floor.StartLoop()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(loop.Close)
	turns.Measure(b, turns.Options{Turn: 5 * time.Millisecond, Ratio: "x-floor", Bytes: len(body), Callers: callers},
		loop.Side(callers, body), callSide(b, callers, body, nil))
}

// callSide is a pool of one worker.
func callSide(b *testing.B, callers int, body json.RawMessage, hooks *pool.Hooks) turns.Side {
	p, err := pool.NewPool(pool.PoolOptions{Command: workerCommand(), Workers: 1, Output: os.Stderr, Hooks: hooks})
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return turns.Side{
		Processes: func() []int { return []int{p.Workers()[0].Health().PID} },
		Run: turns.Callers(callers, func() error {
			answer, err := p.Call(context.Background(), "echo", body)
			if err == nil && len(answer) != len(body) {
				err = errors.New("another answer than expected")
			}
			return err
		}),
	}
}

// BenchmarkHooks compares a pool with hooks with one without, by turns, as BenchmarkCall does with its loop. x-none is
// the time of a call with hooks divided by that of one without. hooks=none is one more pool without: how far that is
// from 1 is what a difference must exceed.
func BenchmarkHooks(b *testing.B) {
	body := json.RawMessage(`"` + strings.Repeat("x", 62) + `"`)
	for _, callers := range []int{1, 16} {
		for _, with := range []struct {
			name  string
			hooks *pool.Hooks
		}{{"none", nil}, {"empty", &pool.Hooks{}}, {"counting", new(counting).hooks()}} {
			b.Run(fmt.Sprintf("callers=%d/hooks=%s", callers, with.name), func(b *testing.B) {
				if turns.CanPin {
					turns.Pin(b)
				}
				turns.Measure(b, turns.Options{Turn: 5 * time.Millisecond, Ratio: "x-none", Bytes: len(body), Callers: callers},
					callSide(b, callers, body, nil), callSide(b, callers, body, with.hooks))
			})
		}
	}
}

// counting are hooks that count calls and add up their times.
type counting struct{ begun, queued, ended, time atomic.Int64 }

func (c *counting) hooks() *pool.Hooks {
	return &pool.Hooks{
		CallBegan: func(ctx context.Context, _ pool.CallBegan) context.Context {
			c.begun.Add(1)
			return ctx
		},
		CallQueued: func(context.Context, pool.CallQueued) { c.queued.Add(1) },
		CallEnded: func(_ context.Context, e pool.CallEnded) {
			c.ended.Add(1)
			c.time.Add(int64(e.Duration))
		},
	}
}
