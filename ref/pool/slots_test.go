package pool_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// tellsWorker answers each call with the index of its worker.
func tellsWorker(c *connection) {
	for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
		c.answer(m.ID, fmt.Sprint(c.spec.Worker))
	}
}

func callWorkers(t *testing.T, p *pool.Pool, calls int) map[int]int {
	t.Helper()
	got := map[int]int{}
	for range calls {
		var worker int
		require.NoError(t, p.CallInto(t.Context(), "which", nil, &worker))
		got[worker]++
	}
	return got
}

// [SEL-1]
func TestCallsGoRoundRobin(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = tellsWorker
		p := s.started(pool.PoolOptions{Workers: 3})
		callWorkers(s.t, p, 2) // wherever the round begins
		require.Equal(s.t, map[int]int{0: 5, 1: 5, 2: 5}, callWorkers(s.t, p, 15))
	})
}

// [SEL-2] [SEL-3]
func TestTheShareOfAnUnhealthyWorkerIsSpreadEvenly(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = tellsWorker
		p := s.started(pool.PoolOptions{Workers: 4, HealthInterval: time.Second, HealthTimeout: time.Second})
		s.process(1).setMute(true)
		pass(5 * time.Second)
		require.Equal(s.t, 3, p.Health().Healthy)
		require.Equal(s.t, map[int]int{0: 10, 2: 10, 3: 10}, callWorkers(s.t, p, 30))
	})
}

// holdsAll takes requests until told to answer them.
type holdsAll struct {
	mu      sync.Mutex
	held    []func()
	bodies  []string
	now     map[int]int // requests at each worker
	most    map[int]int
	mostAll int
}

func (h *holdsAll) script(c *connection) {
	for m, ok := c.next(); ok; m, ok = c.next() {
		h.mu.Lock()
		if h.now == nil {
			h.now, h.most = map[int]int{}, map[int]int{}
		}
		if m.cancels != 0 {
			h.now[c.spec.Worker]--
			h.mu.Unlock()
			continue
		}
		h.now[c.spec.Worker]++
		h.most[c.spec.Worker] = max(h.most[c.spec.Worker], h.now[c.spec.Worker])
		all := 0
		for _, n := range h.now {
			all += n
		}
		h.mostAll = max(h.mostAll, all)
		h.bodies = append(h.bodies, string(m.Body))
		h.held = append(h.held, func() {
			h.mu.Lock()
			h.now[c.spec.Worker]--
			h.mu.Unlock()
			c.answer(m.ID, string(m.Body))
		})
		h.mu.Unlock()
	}
}

func (h *holdsAll) take() []func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := h.held
	h.held = nil
	return held
}

// [BPR-1] [BPR-2] [BPR-7]
func TestAsManyRequestsRunAsTheBoundAllowsAndNoMore(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var h holdsAll
		s.script = h.script
		p := s.started(pool.PoolOptions{Workers: 3, MaxInFlight: 4})
		const calls = 100
		var done []<-chan outcome
		for i := range calls {
			done = append(done, start(s.t.Context(), p, "hold", i))
		}
		for answered := 0; answered < calls; {
			synctest.Wait()
			held := h.take()
			require.Len(s.t, held, min(12, calls-answered), "the bound is used to the full")
			require.Equal(s.t, min(12, calls-answered), p.Health().InFlight)
			rand.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
			for _, answer := range held {
				answer()
			}
			answered += len(held)
		}
		for i, d := range done {
			o := <-d
			require.NoError(s.t, o.err)
			require.Equal(s.t, fmt.Sprint(i), string(o.body))
		}
		require.Equal(s.t, map[int]int{0: 4, 1: 4, 2: 4}, h.most)
		require.Equal(s.t, 12, h.mostAll)
		require.Zero(s.t, p.Health().InFlight)
	})
}

// [BPR-5]
func TestWaitersAreServedInOrderOfArrival(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var h holdsAll
		s.script = h.script
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 1})
		for i := range 10 {
			start(s.t.Context(), p, "hold", i)
			synctest.Wait()
		}
		require.Equal(s.t, 9, p.Health().Waiting)
		for range 10 {
			for _, answer := range h.take() {
				answer()
			}
			synctest.Wait()
		}
		require.Equal(s.t, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, h.bodies)
	})
}

// [BPR-3]
func TestAWaiterLeavesWithItsContextAndTakesNoSlotAlong(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var h holdsAll
		s.script = h.script
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 1})
		first := start(s.t.Context(), p, "hold", 1)
		synctest.Wait()

		ctx, cancel := context.WithCancelCause(s.t.Context())
		leaves := start(ctx, p, "hold", 2)
		stays := start(s.t.Context(), p, "hold", 3)
		requireRunning(s.t, leaves)
		why := fmt.Errorf("the browser was closed")
		cancel(why)
		o := <-leaves
		require.ErrorIs(s.t, o.err, context.Canceled)
		require.ErrorIs(s.t, o.err, why)
		require.NotErrorIs(s.t, o.err, pool.ErrMayHaveRun)

		for _, d := range []<-chan outcome{first, stays} {
			h.take()[0]()
			require.NoError(s.t, (<-d).err)
			synctest.Wait()
		}
		require.Equal(s.t, []string{"1", "3"}, h.bodies)

		ended, cancelEnded := context.WithCancel(s.t.Context())
		cancelEnded()
		_, err := p.Call(ended, "hold", 4)
		require.ErrorIs(s.t, err, context.Canceled)
		synctest.Wait()
		require.Len(s.t, h.bodies, 2, "a context that had ended sends nothing")
	})
}

// [BPR-6]
func TestACallOverTheBoundOfTheQueueFailsAtOnce(t *testing.T) {
	for queue, waiting := range map[int]int{pool.NoQueue: 0, 2: 2} {
		t.Run(fmt.Sprint(queue), func(t *testing.T) {
			inBothFramings(t, func(s *stage) {
				var h holdsAll
				s.script = h.script
				p := s.started(pool.PoolOptions{Workers: 2, MaxInFlight: 2, Queue: queue})
				var calls []<-chan outcome
				for i := range 4 + waiting {
					calls = append(calls, start(s.t.Context(), p, "hold", i))
				}
				synctest.Wait()
				began := time.Now()
				_, err := p.Call(s.t.Context(), "hold", "over")
				require.ErrorIs(s.t, err, pool.ErrBusy)
				require.NotErrorIs(s.t, err, pool.ErrMayHaveRun)
				require.Equal(s.t, began, time.Now())
				for range 2 {
					for _, answer := range h.take() {
						answer()
					}
					synctest.Wait()
				}
				for _, c := range calls {
					require.NoError(s.t, (<-c).err)
				}
			})
		})
	}
}

// [BPR-4] Whatever way calls go out, after it all slots are there.
func TestSlotsComeBackOnEveryWayOut(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				switch m.Method {
				case "echo":
					c.answer(m.ID, string(m.Body))
				case "fail":
					c.answerError(m.ID, "no")
				case "garbage":
					c.send(m.ID, "garbage")
				case "hang up":
					c.conn.Close()
				case "crash":
					c.exit("signal: segmentation fault")
				}
			}
		}
		p := s.started(pool.PoolOptions{Workers: 2, MaxInFlight: 3, RestartMin: time.Millisecond})
		ways := map[string]func(context.Context){
			"answer":       func(ctx context.Context) { _, _ = p.Call(ctx, "echo", 1) },
			"error answer": func(ctx context.Context) { _, _ = p.Call(ctx, "fail", 1) },
			"encoding":     func(ctx context.Context) { _, _ = p.Call(ctx, "echo", func() {}) },
			"violation":    func(ctx context.Context) { _, _ = p.Call(ctx, "garbage", 1) },
			"hang up":      func(ctx context.Context) { _, _ = p.Call(ctx, "hang up", 1) },
			"crash":        func(ctx context.Context) { _, _ = p.Call(ctx, "crash", 1) },
			"cancellation": func(ctx context.Context) {
				ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
				defer cancel()
				_, _ = p.Call(ctx, "never", 1)
			},
		}
		for name, way := range ways {
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() { way(s.t.Context()) })
			}
			all.Wait()
			pass(time.Minute) // so that restarts are over
			require.Zero(s.t, p.Health().InFlight, name)
			require.Equal(s.t, 2, p.Health().Healthy, name)
			for i := range 4 {
				requireEcho(s.t, p, fmt.Sprint(i))
			}
		}
	})
}

// [RID-4] [BPR-1] [BPR-2] [BPR-4] [HLT-8] in a crowd, with everything going wrong at random.
func TestACrowdAmongFaults(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		seed := uint64(time.Now().UnixNano()) // virtual, so always the same
		const perWorker, workers = 4, 3
		var mu sync.Mutex
		seen := map[string]int{}
		now, most := map[*connection]int{}, 0
		s.script = func(c *connection) {
			random := rand.New(rand.NewPCG(seed, uint64(c.pid)<<8|uint64(c.n)))
			mine := map[uint64]bool{}
			defer func() {
				mu.Lock()
				now[c] -= len(mine)
				mu.Unlock()
			}()
			for m, ok := c.next(); ok; m, ok = c.next() {
				mu.Lock()
				if m.cancels != 0 {
					if mine[m.cancels] {
						delete(mine, m.cancels)
						now[c]--
					}
					mu.Unlock()
					continue
				}
				seen[string(m.Body)]++
				mine[m.ID] = true
				now[c]++
				most = max(most, now[c])
				mu.Unlock()
				answer := func() {
					mu.Lock()
					defer mu.Unlock()
					if mine[m.ID] {
						delete(mine, m.ID)
						now[c]--
						c.answer(m.ID, string(m.Body))
					}
				}
				switch n := random.IntN(100); {
				case n < 1:
					c.exit("exit status 1")
				case n < 3:
					_ = c.conn.Close()
				case n < 5:
					c.raw([]byte("\x00garbage, long enough for a header"))
				case n < 10:
					c.answer(m.ID+1<<40, `"nobody's"`)
					answer()
				case n < 15:
					answer()
					c.answer(m.ID, `"twice"`)
				case n < 20: // never
				case n < 60:
					time.AfterFunc(time.Duration(random.IntN(50))*time.Millisecond, answer)
				default:
					answer()
				}
			}
		}
		p := s.started(pool.PoolOptions{Workers: workers, MaxInFlight: perWorker, RestartMin: time.Millisecond, RestartMax: time.Second})
		var all sync.WaitGroup
		ways := make(chan string, 10000)
		for caller := range 30 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(seed, uint64(caller)))
				for i := range 100 {
					body := fmt.Sprintf(`"%d/%d"`, caller, i)
					ctx, cancel := context.WithTimeout(s.t.Context(), time.Duration(1+random.IntN(80))*time.Millisecond)
					answer, err := p.Call(ctx, "echo", json.RawMessage(body))
					cancel()
					if err == nil && string(answer) != body {
						s.t.Errorf("%s got the answer %s", body, answer)
					}
					ways <- fmt.Sprintf("%T %v", err, err == nil)
				}
			})
		}
		all.Wait()
		close(ways)
		answered := 0
		for w := range ways {
			if w == "<nil> true" {
				answered++
			}
		}
		require.Greater(s.t, answered, 100)
		pass(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		for body, n := range seen {
			require.Equal(s.t, 1, n, "%s was sent more than once", body)
		}
		require.LessOrEqual(s.t, most, perWorker)
		require.Zero(s.t, p.Health().InFlight)
		require.Equal(s.t, workers, p.Health().Healthy)
	})
}
