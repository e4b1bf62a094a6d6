package pool_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// blockedWriter is an Output whose first Write blocks until release.
type blockedWriter struct {
	blocked, released chan struct{}

	mu   sync.Mutex
	got  bytes.Buffer
	busy bool
}

func newBlockedWriter() *blockedWriter {
	return &blockedWriter{blocked: make(chan struct{}), released: make(chan struct{})}
}

func (w *blockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	if w.busy {
		panic("two writes at a time")
	}
	w.busy = true
	first := w.got.Len() == 0
	w.got.Write(b)
	w.mu.Unlock()
	if first {
		close(w.blocked)
	}
	<-w.released
	w.mu.Lock()
	w.busy = false
	w.mu.Unlock()
	return len(b), nil
}

func (w *blockedWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got.String()
}

// Each worker prints more than the pipe and the pool can hold, before it listens.
func TestAnOutputThatBlocksHoldsUpNothing(t *testing.T) {
	out := newBlockedWriter()
	p, err := pool.NewPool(pool.PoolOptions{
		Command: scriptedWorker(t, `print("x" * 3_000_000, flush=True)`),
		Workers: 2, Output: out, RestartMin: time.Millisecond, HealthInterval: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context()))
	<-out.blocked

	requireEcho(t, p, `1`)
	_, err = p.Call(t.Context(), "exit", map[string]int{"code": 3})
	require.ErrorIs(t, err, pool.ErrWorkerDied)
	until(t, func() bool { h := p.Health(); return h.Restarts == 1 && h.Healthy == 2 })
	for range 4 {
		requireEcho(t, p, `2`)
	}
	require.NoError(t, p.Shutdown(context.Background()))
	require.Less(t, len(out.String()), 2<<20, "Shutdown has returned before the writer has")

	close(out.released)
	until(t, func() bool { return strings.Contains(out.String(), "bytes of the workers' output were dropped") })
	require.Less(t, len(out.String()), 3<<20)
}

func TestOutputThatExceedsTheBoundIsCounted(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		out := newBlockedWriter()
		p := s.started(pool.PoolOptions{Workers: 1, Output: out})
		print := func(text string) { fmt.Fprint(s.process(0).spec.Output, text) }
		print("first")
		<-out.blocked
		kept := strings.Repeat("k", 1<<20)
		print(kept)
		print("one too many")
		print("and another")
		close(out.released)
		synctest.Wait()
		print("later")
		synctest.Wait()
		require.Equal(t, "first"+kept+
			"\npool: 23 bytes of the workers' output were dropped: PoolOptions.Output takes too long\nlater", out.String())
		require.NoError(t, p.Shutdown(context.Background()))
	})
}

// Start, if it fails, and Shutdown wait for the writer, so that nothing is lost at the end. The wait is bounded.
func TestStartAndShutdownWaitForTheOutput(t *testing.T) {
	slow := func(d time.Duration) (*slowWriter, pool.PoolOptions) {
		w := &slowWriter{takes: d}
		return w, pool.PoolOptions{Workers: 1, Output: w}
	}
	t.Run("a Start that fails", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			s.spawned = func(p *process) { p.exitsEarly = "exit status 1" }
			w, o := slow(100 * time.Millisecond)
			require.Error(t, s.pool(o).Start(s.t.Context()))
			require.Equal(t, "cannot import name 0\n", w.String())
		})
	})
	t.Run("Shutdown", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			w, o := slow(100 * time.Millisecond)
			p := s.started(o)
			fmt.Fprint(s.process(0).spec.Output, "the end")
			require.NoError(t, p.Shutdown(context.Background()))
			require.Equal(t, "the end", w.String())
		})
	})
	t.Run("Shutdown, at most half a second", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			w, o := slow(time.Hour)
			p := s.started(o)
			fmt.Fprint(s.process(0).spec.Output, "the end")
			began := time.Now()
			require.NoError(t, p.Shutdown(context.Background()))
			require.Equal(t, 500*time.Millisecond, time.Since(began))
			pass(time.Hour)
			require.Equal(t, "the end", w.String())
		})
	})
}

// slowWriter takes some time for each Write.
type slowWriter struct {
	takes time.Duration
	mu    sync.Mutex
	got   bytes.Buffer
}

func (w *slowWriter) Write(b []byte) (int, error) {
	<-time.After(w.takes)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got.Write(b)
}

func (w *slowWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got.String()
}
