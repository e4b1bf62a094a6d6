package pool_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// [SHD-1] [SHD-2] [SHD-3] [SHD-4]
func TestShutdownLetsRunningCallsFinish(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var h holdsAll
		s.script = h.script
		p := s.started(pool.PoolOptions{Workers: 2, MaxInFlight: 1})
		running := []<-chan outcome{start(s.t.Context(), p, "hold", 1), start(s.t.Context(), p, "hold", 2)}
		synctest.Wait()
		waiting := start(s.t.Context(), p, "hold", 3)
		synctest.Wait()

		ctx, cancel := context.WithTimeout(s.t.Context(), time.Hour)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- p.Shutdown(ctx) }()
		synctest.Wait()
		_, err := p.Call(s.t.Context(), "hold", 4)
		require.ErrorIs(s.t, err, pool.ErrClosed)
		require.NotErrorIs(s.t, err, pool.ErrMayHaveRun)
		require.ErrorIs(s.t, (<-waiting).err, pool.ErrClosed)
		pass(10 * time.Minute)
		require.Empty(s.t, done, "Shutdown waits")
		for _, proc := range s.all() {
			require.Empty(s.t, proc.got(), "no signal yet")
		}
		for _, answer := range h.take() {
			answer()
		}
		for _, r := range running {
			require.NoError(s.t, (<-r).err)
		}
		require.NoError(s.t, <-done)
		for _, proc := range s.all() {
			require.Equal(s.t, []syscall.Signal{syscall.SIGTERM}, proc.got())
		}
		s.requireNothingLeft()
		require.Zero(s.t, p.Health().Healthy)
		for _, w := range p.Health().Workers {
			require.Zero(s.t, w.PID, "[HLT-3] there is no process")
		}
	})
}

// [SHD-2] [SHD-3] [SHD-4]
func TestShutdownStopsWaitingWhenItsContextEnds(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var h holdsAll
		s.script = h.script
		s.spawned = func(p *process) { p.deaf = p.spec.Worker == 1 }
		p := s.started(pool.PoolOptions{Workers: 2, StopTimeout: 4 * time.Second})
		calls := []<-chan outcome{start(s.t.Context(), p, "hold", 1), start(s.t.Context(), p, "hold", 2)}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(s.t, p.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(s.t, 14*time.Second, time.Since(began).Round(time.Millisecond))
		for _, c := range calls {
			o := <-c
			require.ErrorIs(s.t, o.err, pool.ErrClosed)
			require.ErrorIs(s.t, o.err, pool.ErrMayHaveRun)
		}
		require.Equal(s.t, []syscall.Signal{syscall.SIGTERM}, s.process(0).got())
		require.Equal(s.t, []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}, s.process(1).got())
	})
}

// [SHD-3] A worker may finish in its grace period what Shutdown waits for no longer.
func TestAnswersInTheGracePeriodStillArrive(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var h holdsAll
		s.script = h.script
		s.spawned = func(p *process) { p.deaf = true }
		p := s.started(pool.PoolOptions{Workers: 1, StopTimeout: 4 * time.Second})
		call := start(s.t.Context(), p, "hold", 1)
		synctest.Wait()
		ctx, cancel := context.WithCancel(s.t.Context())
		cancel()
		done := make(chan error, 1)
		go func() { done <- p.Shutdown(ctx) }()
		pass(2 * time.Second)
		h.take()[0]()
		require.NoError(s.t, (<-call).err)
		s.process(0).exit("exit status 0")
		<-done
	})
}

// [SHD-5]
func TestShutdownIsIdempotent(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 2})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { require.NoError(s.t, p.Shutdown(context.Background())) })
		}
		all.Wait()
		require.NoError(s.t, p.Shutdown(context.Background()))
		s.requireNothingLeft()
	})
}

// [SHD-5] Of several, the first context to end ends the patience; all return when all is done.
func TestASecondShutdownCanHurryTheFirst(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var h holdsAll
		s.script = h.script
		p := s.started(pool.PoolOptions{Workers: 1})
		call := start(s.t.Context(), p, "hold", 1)
		synctest.Wait()
		patient := make(chan error, 1)
		go func() { patient <- p.Shutdown(context.Background()) }()
		pass(time.Hour)
		require.Empty(s.t, patient)
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(s.t, p.Shutdown(ctx), context.DeadlineExceeded)
		s.requireNothingLeft()
		require.Error(s.t, <-patient)
		require.ErrorIs(s.t, (<-call).err, pool.ErrClosed)
	})
}

// [SHD-5]
func TestShutdownAtAnyTime(t *testing.T) {
	t.Run("before Start", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			p := s.pool(pool.PoolOptions{Workers: 2})
			require.NoError(t, p.Shutdown(context.Background()))
			require.ErrorIs(t, p.Start(s.t.Context()), pool.ErrClosed)
			_, err := p.Call(s.t.Context(), "echo", 1)
			require.ErrorIs(t, err, pool.ErrClosed)
			require.Empty(t, s.all())
		})
	})
	t.Run("after a Start that failed", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			s.spawned = func(p *process) { p.exitsEarly = "exit status 1" }
			p := s.pool(pool.PoolOptions{Workers: 2})
			require.Error(t, p.Start(s.t.Context()))
			require.NoError(t, p.Shutdown(context.Background()))
		})
	})
	t.Run("during Start", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			s.spawned = func(p *process) { p.neverListens = p.spec.Worker == 1 }
			p := s.pool(pool.PoolOptions{Workers: 2})
			started := make(chan error, 1)
			go func() { started <- p.Start(context.Background()) }()
			pass(time.Second)
			began := time.Now()
			require.NoError(t, p.Shutdown(context.Background()))
			require.Equal(t, began, time.Now(), "the start is given up")
			require.ErrorIs(t, <-started, pool.ErrClosed)
			s.requireNothingLeft()
		})
	})
	t.Run("while a failed Start is rolled back", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			s.spawned = func(p *process) {
				p.deaf = p.spec.Worker == 0
				if p.spec.Worker == 1 {
					p.startAfter, p.exitsEarly = time.Second, "exit status 1"
				}
			}
			p := s.pool(pool.PoolOptions{Workers: 2, StopTimeout: 4 * time.Second})
			started := make(chan error, 1)
			go func() { started <- p.Start(context.Background()) }()
			pass(2 * time.Second)
			require.ErrorIs(t, p.Start(s.t.Context()), pool.ErrStarted, "the first one goes on")
			require.NoError(t, p.Shutdown(context.Background()))
			s.requireNothingLeft()
			require.Error(t, <-started)
		})
	})
	t.Run("as Start succeeds", func(t *testing.T) {
		for range 50 {
			onStage(t, frame.Enhanced, func(s *stage) {
				p := s.pool(pool.PoolOptions{Workers: 2})
				go func() { _ = p.Start(context.Background()) }()
				go func() { _, _ = p.Call(s.t.Context(), "echo", 1) }()
				require.NoError(t, p.Shutdown(context.Background()))
				synctest.Wait()
				s.requireNothingLeft()
			})
		}
	})
	t.Run("during a restart", func(t *testing.T) {
		inBothFramings(t, func(s *stage) {
			s.spawned = func(p *process) { p.neverListens = p.number > 0 }
			p := s.started(pool.PoolOptions{Workers: 2})
			s.process(0).exit("killed")
			s.process(1).exit("killed")
			pass(time.Second)
			require.Len(s.t, s.all(), 4)
			waiting := start(s.t.Context(), p, "echo", 1)
			synctest.Wait()
			require.NoError(s.t, p.Shutdown(context.Background()))
			require.ErrorIs(s.t, (<-waiting).err, pool.ErrClosed)
		})
	})
	t.Run("during backoff", func(t *testing.T) {
		inBothFramings(t, func(s *stage) {
			s.spawned = func(p *process) {
				if p.number > 0 {
					p.exitsEarly = "exit status 1"
				}
			}
			p := s.started(pool.PoolOptions{Workers: 1})
			s.process(0).exit("killed")
			pass(10 * time.Second)
			began := time.Now()
			require.NoError(s.t, p.Shutdown(context.Background()))
			require.Equal(s.t, began, time.Now())
		})
	})
	t.Run("during a health check", func(t *testing.T) {
		inBothFramings(t, func(s *stage) {
			s.spawned = func(p *process) { p.mute = true }
			p := s.started(pool.PoolOptions{Workers: 2, HealthInterval: time.Second})
			pass(3 * time.Second)
			began := time.Now()
			require.NoError(s.t, p.Shutdown(context.Background()))
			require.Equal(s.t, began, time.Now())
		})
	})
	t.Run("while a write is stuck", func(t *testing.T) {
		inBothFramings(t, func(s *stage) {
			over := make(chan struct{})
			s.script = func(c *connection) { <-over }
			p := s.started(pool.PoolOptions{Workers: 1})
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
			defer cancel()
			_, err := p.Call(ctx, "echo", 1)
			require.ErrorIs(s.t, err, context.DeadlineExceeded)
			require.NoError(s.t, p.Shutdown(context.Background()), "nothing runs that could be waited for")
			close(over)
		})
	})
	t.Run("beside everything", func(t *testing.T) {
		inBothFramings(t, func(s *stage) {
			p := s.started(pool.PoolOptions{Workers: 3, MaxInFlight: 2, HealthInterval: time.Millisecond})
			var all sync.WaitGroup
			for caller := range 20 {
				all.Go(func() {
					for i := 0; ; i++ {
						ctx, cancel := context.WithTimeout(s.t.Context(), time.Duration(i%3)*time.Millisecond)
						_, err := p.Call(ctx, "echo", fmt.Sprint(caller, i))
						cancel()
						<-time.After(time.Duration(i%2) * time.Millisecond)
						if errors.Is(err, pool.ErrClosed) {
							return
						}
					}
				})
			}
			<-time.After(20 * time.Millisecond)
			s.process(1).exit("killed")
			require.NoError(s.t, p.Shutdown(context.Background()))
			all.Wait()
		})
	})
}
