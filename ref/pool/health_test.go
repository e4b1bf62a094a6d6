package pool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// [HLT-1] [HLT-3]
func TestWorkersAreCheckedOnAnInterval(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 2, HealthInterval: time.Minute})
		began := time.Now()
		h := p.Health()
		require.Equal(s.t, 2, h.Total)
		require.Equal(s.t, 2, h.Healthy)
		require.Zero(s.t, h.Restarts)
		require.True(s.t, h.LastCheck.IsZero())

		pass(3*time.Minute + time.Second)
		for worker := range 2 {
			var after []time.Duration
			for _, at := range s.process(worker).healthCalls() {
				after = append(after, at.Sub(began))
			}
			require.Equal(s.t, []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}, after)
		}
		h = p.Health()
		require.Equal(s.t, began.Add(3*time.Minute), h.LastCheck)
		for i, w := range p.Workers() {
			require.Equal(s.t, i, w.Index())
			require.Equal(s.t, s.process(i).pid, w.Health().PID)
			require.Equal(s.t, h.Workers[i], w.Health())
		}
	})
}

// [HLT-2]
func TestAWorkerThatHangsIsUnhealthyUntilItAnswersACheck(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1, HealthInterval: 10 * time.Second, HealthTimeout: 3 * time.Second})
		s.process(0).setMute(true)
		pass(12 * time.Second)
		require.Equal(s.t, 1, p.Health().Healthy, "the deadline is not over")
		pass(2 * time.Second)
		require.Equal(s.t, 0, p.Health().Healthy)

		waiting := start(s.t.Context(), p, "echo", "waited")
		pass(time.Minute)
		requireRunning(s.t, waiting)
		s.process(0).setMute(false)
		o := <-waiting
		require.NoError(s.t, o.err)
		require.Equal(s.t, 1, p.Health().Healthy)
		require.Len(s.t, s.all(), 1, "it was not killed")
	})
}

// A worker that misses the deadline of a check but answers calls is busy, not hung.
func TestAWorkerThatAnswersAnythingIsNotHung(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1, HealthInterval: 10 * time.Second, HealthTimeout: 3 * time.Second})
		s.process(0).setMute(true)
		for range 60 {
			pass(time.Second)
			requireEcho(s.t, p, `1`)
			require.Equal(s.t, 1, p.Health().Healthy)
		}
		require.False(s.t, p.Health().LastCheck.IsZero())
	})
}

// [HLT-3] Neither Health nor the check of another worker waits for a check that hangs. A check that has failed counts
// as the last check, too.
func TestACheckThatHangsHoldsUpNothing(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 2, HealthInterval: 10 * time.Second, HealthTimeout: time.Minute})
		s.process(0).setMute(true)
		began := time.Now()
		pass(35 * time.Second)
		now := time.Now()
		require.Equal(s.t, began.Add(30*time.Second), p.Health().LastCheck)
		require.True(s.t, p.Health().Workers[0].LastCheck.IsZero(), "its first check has not ended")
		require.Equal(s.t, now, time.Now())
		require.Len(s.t, s.process(0).healthCalls(), 1)
		require.Len(s.t, s.process(1).healthCalls(), 3)

		s.process(1).setMute(true)
		pass(40 * time.Second)
		require.Equal(s.t, began.Add(70*time.Second), p.Health().LastCheck, "the check that missed its deadline")
	})
}

// [HLT-7] Workers that died together are not restarted together again and again.
func TestWorkersThatDieTogetherAreNotRestartedInStep(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		started := map[int][]time.Time{}
		s.spawned = func(p *process) {
			started[p.spec.Worker] = append(started[p.spec.Worker], time.Now())
			if p.number > 0 {
				p.exitsEarly = "exit status 1"
			}
		}
		s.started(pool.PoolOptions{Workers: 2})
		s.process(0).exit("killed")
		s.process(1).exit("killed")
		pass(time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		n := min(len(started[0]), len(started[1]))
		require.Greater(s.t, n, 5)
		for i := 3; i < n; i++ {
			require.NotEqual(s.t, started[0][i], started[1][i])
		}
	})
}

// [HLT-2] An answer that is sent twice is read by the next call on its connection, for instance a check.
func TestAnAnswerThatNobodyAskedForIsNoSignOfLife(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				c.answer(m.ID, string(m.Body))
				c.answer(m.ID, string(m.Body))
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1, HealthInterval: 10 * time.Second, HealthTimeout: 3 * time.Second})
		requireEcho(s.t, p, `1`)
		s.process(0).setMute(true)
		pass(14 * time.Second)
		require.Equal(s.t, 0, p.Health().Healthy)
	})
}

// [HLT-2] A worker may answer that it is not healthy.
func TestAWorkerThatAnswersItsCheckOtherwiseIsUnhealthy(t *testing.T) {
	for _, answer := range []string{
		`{"id":%d,"ok":true,"body":{"status":"loading"}}`,
		`{"id":%d,"ok":true,"body":"healthy"}`,
		`{"id":%d,"ok":false,"error":"no such method"}`,
	} {
		onStage(t, frame.Enhanced, func(s *stage) {
			s.script = func(c *connection) {
				for {
					f, err := c.frames.ReadFrame()
					if err != nil {
						return
					}
					c.send(f.RequestID, fmt.Sprintf(answer, f.RequestID))
				}
			}
			p := s.started(pool.PoolOptions{Workers: 1, HealthInterval: time.Second})
			pass(2 * time.Second)
			require.Zero(t, p.Health().Healthy)
		})
	}
}

// [E10] Health checks do not count for the bound.
func TestAFullWorkerIsChecked(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var h holdsAll
		s.script = h.script
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 2, HealthInterval: time.Second})
		calls := []<-chan outcome{start(s.t.Context(), p, "hold", 1), start(s.t.Context(), p, "hold", 2)}
		pass(3*time.Second + time.Millisecond)
		require.Len(s.t, s.process(0).healthCalls(), 3)
		require.Equal(s.t, 1, p.Health().Healthy)
		for _, answer := range h.take() {
			answer()
		}
		for _, c := range calls {
			require.NoError(s.t, (<-c).err)
		}
	})
}

func TestAWorkerThatStaysUnhealthyIsKilledIfAskedFor(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.spawned = func(p *process) { p.mute, p.deaf = p.number == 0, true }
		s.script = func(c *connection) {
			if c.number == 0 {
				c.hold()
				return
			}
			echo(c)
		}
		p := s.started(pool.PoolOptions{
			Workers: 1, HealthInterval: time.Second, HealthTimeout: time.Second, HungTimeout: 20 * time.Second,
		})
		hangs := start(s.t.Context(), p, "echo", 1)
		pass(21 * time.Second)
		requireRunning(s.t, hangs)
		pass(2 * time.Second)
		o := <-hangs
		require.ErrorIs(s.t, o.err, pool.ErrWorkerDied)
		require.ErrorIs(s.t, o.err, pool.ErrMayHaveRun)
		require.Equal(s.t, []syscall.Signal{syscall.SIGKILL}, s.all()[0].got())
		requireEcho(s.t, p, `1`)
		require.Equal(s.t, 1, p.Health().Restarts)
	})
}

// [HLT-4] [HLT-5] [HLT-6] [HLT-8]
func TestAWorkerThatDiesFailsOnlyItsCalls(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var mu sync.Mutex
		requests := map[string]int{}
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				mu.Lock()
				requests[string(m.Body)]++
				mu.Unlock()
				if m.Method == "crash" {
					fmt.Fprintln(c.spec.Output, "Fatal Python error")
					c.exit("exit status 3")
					return
				}
				if m.Method == "echo" {
					c.answer(m.ID, string(m.Body))
				}
			}
		}
		s.spawned = func(p *process) { p.startAfter = 100 * time.Millisecond }
		var log bytes.Buffer
		p := s.started(pool.PoolOptions{Workers: 2, MaxInFlight: 8, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		var held []<-chan outcome
		for i := range 6 {
			held = append(held, start(s.t.Context(), p, "hold", fmt.Sprint("held", i)))
			synctest.Wait()
		}
		_, err := p.Call(s.t.Context(), "crash", "crash")
		require.ErrorIs(s.t, err, pool.ErrWorkerDied)
		require.ErrorIs(s.t, err, pool.ErrMayHaveRun)
		var exit *pool.ExitError
		require.ErrorAs(s.t, err, &exit)
		require.Equal(s.t, "exit status 3", exit.Status)
		require.Contains(s.t, exit.Output, "Fatal Python error")
		t.Log(err)
		dead := exit.Worker

		for i := range 10 {
			requireEcho(s.t, p, fmt.Sprint(i))
		}
		synctest.Wait()
		failed := 0
		for _, h := range held {
			select {
			case o := <-h:
				require.ErrorIs(s.t, o.err, pool.ErrWorkerDied)
				require.ErrorIs(s.t, o.err, pool.ErrMayHaveRun)
				failed++
			default:
			}
		}
		require.Equal(s.t, 3, failed, "the other worker's calls go on")
		require.Zero(s.t, p.Health().Restarts)

		pass(time.Second)
		require.Equal(s.t, 1, p.Health().Restarts)
		require.Equal(s.t, 2, p.Health().Healthy)
		for range 4 {
			requireEcho(s.t, p, `"after"`)
		}
		require.NotEmpty(s.t, s.process(dead).connections(), "it takes calls again")
		delete(requests, `"after"`)
		for body, n := range requests {
			require.Equal(s.t, 1, n, "%s was sent more than once", body)
		}
		require.Contains(s.t, log.String(), "exit status 3")
	})
}

// [HLT-4] [HLT-8] No call fails that begins after a worker has died, even if the pool has not noticed yet.
func TestACallMeetsAWorkerThatHasJustDied(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 2, MaxInFlight: 1})
		for range 20 {
			s.process(0).exit("signal: killed")
			for range 3 {
				requireEcho(s.t, p, `1`)
			}
			pass(time.Minute)
			require.Equal(s.t, 2, p.Health().Healthy)
		}
	})
}

// [HLT-4] Answers that a worker sent before it died are delivered.
func TestAnswersSentBeforeADeathArrive(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = func(c *connection) {
			m, ok := c.nextCall()
			if ok {
				c.answer(m.ID, string(m.Body))
				synctest.Wait()
				c.exit("exit status 1")
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1})
		requireEcho(s.t, p, `"last words"`)
	})
}

// [HLT-7]
func TestRestartsBackOffExponentiallyWithJitter(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		var mu sync.Mutex
		var starts []time.Time
		s.spawned = func(p *process) {
			mu.Lock()
			starts = append(starts, time.Now())
			mu.Unlock()
			if p.number > 0 && p.number <= 8 {
				p.exitsEarly = "exit status 1"
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1, RestartMin: 100 * time.Millisecond, RestartMax: 5 * time.Second})
		s.process(0).exit("exit status 1")
		pass(time.Minute)
		require.Equal(t, 1, p.Health().Healthy, "it goes on until it succeeds")
		require.Equal(t, 1, p.Health().Restarts)
		require.Len(t, starts, 10)
		require.Less(t, starts[1].Sub(starts[0]), 10*time.Millisecond, "the first restart comes at once")
		bound, below := 100*time.Millisecond, 0
		for i := 2; i < len(starts); i++ {
			wait := starts[i].Sub(starts[i-1])
			require.GreaterOrEqual(t, wait, bound/2, "restart %d", i)
			require.LessOrEqual(t, wait, bound+10*time.Millisecond, "restart %d", i)
			if wait < bound*95/100 {
				below++
			}
			bound = min(2*bound, 5*time.Second)
		}
		require.Positive(t, below, "each wait is a random part below its bound")

		s.process(0).exit("exit status 1") // it has lived for longer than RestartMax
		last := time.Now()
		pass(time.Second)
		require.Less(t, starts[10].Sub(last), 10*time.Millisecond, "so backing off begins anew")
	})
}

func TestCallsFailWhenNoWorkerCanBeRestarted(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var broken atomic.Bool
		s.spawned = func(p *process) {
			p.startAfter = time.Second
			if broken.Load() {
				p.exitsEarly = "exit status 7"
			}
		}
		p := s.started(pool.PoolOptions{Workers: 2, RestartMin: time.Second, RestartMax: 10 * time.Second})
		broken.Store(true)
		s.process(0).exit("killed")
		s.process(1).exit("killed")
		synctest.Wait()
		waiting := start(s.t.Context(), p, "echo", 1)
		requireRunning(s.t, waiting) // a restart may yet succeed
		o := <-waiting
		require.ErrorIs(s.t, o.err, pool.ErrUnavailable)
		require.ErrorContains(s.t, o.err, "exit status 7")
		require.NotErrorIs(s.t, o.err, pool.ErrMayHaveRun)

		_, err := p.Call(s.t.Context(), "echo", 1)
		require.ErrorIs(s.t, err, pool.ErrUnavailable)
		broken.Store(false)
		pass(time.Minute)
		requireEcho(s.t, p, `1`)
	})
}

// While a worker restarts, calls wait for it.
func TestCallsWaitForARestart(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.spawned = func(p *process) { p.startAfter = 3 * time.Second }
		p := s.started(pool.PoolOptions{Workers: 1})
		s.process(0).exit("killed")
		synctest.Wait()
		began := time.Now()
		requireEcho(s.t, p, `1`)
		require.Greater(s.t, time.Since(began), 3*time.Second)

		s.process(0).exit("killed")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		_, err := p.Call(ctx, "echo", 1)
		require.ErrorIs(s.t, err, context.DeadlineExceeded)
	})
}

// A worker that does not listen any more is restarted, though its process lives.
func TestAProcessThatTakesNoConnectionIsReplaced(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1})
		first := s.process(0)
		s.mu.Lock()
		clear(s.listening)
		s.mu.Unlock()
		for _, c := range first.connections() {
			c.conn.Close()
		}
		began := time.Now()
		requireEcho(s.t, p, `1`)
		require.Less(s.t, time.Since(began), 5*time.Second, "a refusal is answer enough")
		require.Len(s.t, s.all(), 2)
		require.Equal(s.t, []syscall.Signal{syscall.SIGTERM}, first.got())
	})
}

// A new connection gets calls after the worker has answered a check on it.
func TestANewConnectionIsCheckedBeforeItIsGivenCalls(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1, HealthInterval: time.Second, HealthTimeout: time.Second})
		s.process(0).setMute(true)
		s.process(0).connections()[0].conn.Close()
		waiting := start(s.t.Context(), p, "echo", 1)
		pass(time.Minute)
		requireRunning(s.t, waiting)
		require.Zero(t, p.Health().Healthy)
		s.process(0).setMute(false)
		require.NoError(t, (<-waiting).err)
		require.Len(t, s.all(), 1)
	})
}

// [HLT-5] The pool may notice the death of a process after the end of its connection.
func TestADeathIsToldFromHangingUp(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = func(c *connection) {
			if m, ok := c.nextCall(); ok && m.Method == "crash" {
				time.AfterFunc(300*time.Millisecond, func() { c.exit("exit status 3") })
				_ = c.conn.Close()
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1})
		_, err := p.Call(s.t.Context(), "crash", nil)
		require.ErrorIs(s.t, err, pool.ErrWorkerDied)
		require.ErrorContains(s.t, err, "exit status 3")
	})
}

// A worker that accepts connections and closes them is restarted.
func TestAProcessThatDropsEveryConnectionIsReplaced(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		s.script = func(c *connection) {
			if c.number == 0 {
				return
			}
			echo(c)
		}
		p := s.started(pool.PoolOptions{Workers: 1})
		requireEcho(s.t, p, `1`)
		require.Len(t, s.all(), 2)
	})
}

// A writer that fails does not affect the worker.
func TestOutputIsPassedOn(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		var out bytes.Buffer
		p := s.started(pool.PoolOptions{Workers: 1, Output: &out})
		fmt.Fprintln(s.process(0).spec.Output, "hello")
		synctest.Wait()
		require.Equal(t, "hello\n", out.String())
		require.NoError(t, p.Shutdown(context.Background()))

		p = s.started(pool.PoolOptions{Workers: 1, Output: failingWriter{}})
		n, err := fmt.Fprint(s.process(0).spec.Output, "hello")
		require.NoError(t, err)
		require.Equal(t, 5, n)
		require.NoError(t, p.Shutdown(context.Background()))
	})
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("closed") }
