package pool_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// record keeps what hooks are told, in order.
type record struct {
	mu  sync.Mutex
	all []any
}

func (r *record) add(e any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
}

func (r *record) hooks() *pool.Hooks {
	return &pool.Hooks{
		PoolStarted: func(*pool.Pool) { r.add("pool started") },
		PoolStopped: func(*pool.Pool) { r.add("pool stopped") },
		CallBegan: func(ctx context.Context, e pool.CallBegan) context.Context {
			r.add(e)
			return ctx
		},
		CallQueued:    func(_ context.Context, e pool.CallQueued) { r.add(e) },
		CallEnded:     func(_ context.Context, e pool.CallEnded) { r.add(e) },
		WorkerStarted: func(e pool.WorkerStarted) { r.add(e) },
		WorkerEnded:   func(e pool.WorkerEnded) { r.add(e) },
		RestartFailed: func(e pool.RestartFailed) { r.add(e) },
		HealthChecked: func(e pool.HealthChecked) { r.add(e) },
	}
}

// take returns what was told since the last time.
func (r *record) take() []any {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// toldOf returns what was told of one kind.
func toldOf[E any](all []any) []E {
	var of []E
	for _, e := range all {
		if e, ok := e.(E); ok {
			of = append(of, e)
		}
	}
	return of
}

// badBody is a body whose encoding does what it says.
type badBody func() ([]byte, error)

func (b badBody) MarshalJSON() ([]byte, error) { return b() }

func TestEachWayOutOfACallIsToldOnceWithItsOutcome(t *testing.T) {
	for _, way := range []struct {
		outcome pool.Outcome
		what    string
		options pool.PoolOptions
		script  func(*connection)
		worker  int
		call    func(ctx context.Context, s *stage, p *pool.Pool) error
	}{
		{outcome: pool.Answered, what: "an answer"},
		{outcome: pool.RemoteFailed, what: "an error answer", script: func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				c.answerError(m.ID, "no")
			}
		}},
		{outcome: pool.TimedOut, what: "a deadline", script: (*connection).hold, call: func(ctx context.Context, s *stage, p *pool.Pool) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := p.Call(ctx, "m", nil)
			return err
		}},
		{outcome: pool.Cancelled, what: "a context that was cancelled because another worker died", script: (*connection).hold,
			call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(time.Second, func() { cancel(fmt.Errorf("another call: %w", pool.ErrWorkerDied)) })
				_, err := p.Call(ctx, "m", nil)
				require.ErrorIs(s.t, err, pool.ErrWorkerDied)
				return err
			}},
		{outcome: pool.Cancelled, what: "a context that has ended before", worker: pool.NoWorker,
			call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				_, err := p.Call(ctx, "m", nil)
				return err
			}},
		{outcome: pool.WorkerLost, what: "the death of the worker", script: func(c *connection) {
			c.nextCall()
			c.exit("signal: killed")
		}},
		{outcome: pool.ConnectionFailed, what: "an answer that is too large", options: pool.PoolOptions{MaxPayload: 100}, script: func(c *connection) {
			m, ok := c.nextCall()
			if ok && c.n == 0 {
				c.raw(damaged(frame.Enhanced, m.ID)["too_large"])
			}
			c.hold()
		}},
		{outcome: pool.TooLarge, what: "a body that is too large", options: pool.PoolOptions{MaxPayload: 100}, worker: pool.NoWorker,
			call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				_, err := p.Call(ctx, "m", string(make([]byte, 100)))
				return err
			}},
		{outcome: pool.TooLarge, what: "a body that is too large with its message", options: pool.PoolOptions{MaxPayload: 100},
			call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				_, err := p.Call(ctx, "m", fmt.Sprintf("%090d", 0))
				return err
			}},
		{outcome: pool.NotEncodable, what: "an encoding that fails for a reason that the pool knows too", worker: pool.NoWorker,
			call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				_, err := p.Call(ctx, "m", badBody(func() ([]byte, error) { return nil, context.Canceled }))
				return err
			}},
		{outcome: pool.Panicked, what: "an encoding that panics", worker: pool.NoWorker,
			call: func(ctx context.Context, s *stage, p *pool.Pool) (err error) {
				defer func() { err = fmt.Errorf("%v", recover()) }()
				_, err = p.Call(ctx, "m", badBody(func() ([]byte, error) { panic("bad") }))
				return err
			}},
		{outcome: pool.Panicked, what: "an encoding that ends the goroutine", worker: pool.NoWorker,
			call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				over := make(chan struct{})
				go func() {
					defer close(over)
					_, _ = p.Call(ctx, "m", badBody(func() ([]byte, error) {
						runtime.Goexit()
						return nil, nil
					}))
				}()
				<-over
				return errors.New("it has not returned")
			}},
		{outcome: pool.Busy, what: "a full pool", options: pool.PoolOptions{Queue: pool.NoQueue, MaxInFlight: 1}, script: (*connection).hold,
			worker: pool.NoWorker, call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				done := start(ctx, p, "first", nil)
				requireRunning(s.t, done)
				_, err := p.Call(ctx, "m", nil)
				return err
			}},
		{outcome: pool.Unavailable, what: "no worker that starts again", worker: pool.NoWorker,
			call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				s.spawned = func(p *process) { p.exitsEarly = "exit status 1" }
				s.process(0).exit("exit status 1")
				pass(time.Minute)
				_, err := p.Call(ctx, "m", nil)
				return err
			}},
		{outcome: pool.Closed, what: "a pool that was shut down", worker: pool.NoWorker,
			call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				require.NoError(s.t, p.Shutdown(ctx))
				_, err := p.Call(ctx, "m", nil)
				return err
			}},
		{outcome: pool.Closed, what: "a shutdown that waits no longer", script: (*connection).hold,
			call: func(ctx context.Context, s *stage, p *pool.Pool) error {
				done := start(ctx, p, "m", nil)
				requireRunning(s.t, done)
				ended, cancel := context.WithCancel(ctx)
				cancel()
				require.Error(s.t, p.Shutdown(ended))
				return (<-done).err
			}},
	} {
		t.Run(string(way.outcome)+": "+way.what, func(t *testing.T) {
			onStage(t, frame.Enhanced, func(s *stage) {
				var r record
				s.script = way.script
				way.options.Workers, way.options.Hooks = 1, r.hooks()
				p := s.started(way.options)
				if way.call == nil {
					way.call = func(ctx context.Context, s *stage, p *pool.Pool) error {
						_, err := p.Call(ctx, "m", nil)
						return err
					}
				}
				err := way.call(s.t.Context(), s, p)
				all := slices.DeleteFunc(r.take(), func(e any) bool {
					switch e := e.(type) {
					case pool.CallBegan:
						return e.Method != "m"
					case pool.CallEnded:
						return e.Method != "m"
					}
					return true
				})
				require.Len(s.t, all, 2, "one begin and one end")
				require.Equal(s.t, pool.CallBegan{Method: "m"}, all[0])
				got := all[1].(pool.CallEnded)
				require.Equal(s.t, way.outcome, got.Outcome)
				require.Equal(s.t, way.worker, got.Worker)
				if way.outcome == pool.Panicked {
					require.Error(s.t, got.Err)
				} else {
					require.Equal(s.t, err, got.Err, "what Call returns")
				}
			})
		})
	}
}

func TestACallBeforeStartIsTold(t *testing.T) {
	var r record
	onStage(t, frame.Enhanced, func(s *stage) {
		p := s.pool(pool.PoolOptions{Workers: 1, Hooks: r.hooks()})
		_, err := p.Call(s.t.Context(), "m", nil)
		require.ErrorIs(s.t, err, pool.ErrNotStarted)
		require.Equal(s.t, []any{
			pool.CallBegan{Method: "m"},
			pool.CallEnded{Method: "m", Outcome: pool.NotStarted, Err: err, Worker: pool.NoWorker},
		}, r.take())
		var none context.Context
		_, err = p.Call(none, "m", nil)
		require.ErrorIs(s.t, err, pool.ErrNilContext)
		require.Empty(s.t, r.take(), "a call with a nil context is no call")
	})
}

// Waited is the time in the queue, and no other: not that at the worker, though both end together where the request was
// sent by whoever granted the slot.
func TestTheWaitForASlotIsToldWithItsTime(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		var r record
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				<-time.After(3 * time.Second)
				c.answer(m.ID, "null")
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 1, Hooks: r.hooks()})
		r.take()
		first := start(s.t.Context(), p, "first", nil)
		pass(time.Second)
		second := start(s.t.Context(), p, "second", nil)
		pass(time.Second)
		require.Equal(s.t, []any{
			pool.CallBegan{Method: "first"}, pool.CallBegan{Method: "second"}, pool.CallQueued{Method: "second"},
		}, r.take())
		ctx, cancel := context.WithTimeout(s.t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := p.Call(ctx, "third", nil)
		require.ErrorIs(s.t, err, context.DeadlineExceeded)
		require.Equal(s.t, []any{
			pool.CallBegan{Method: "third"}, pool.CallQueued{Method: "third"},
			pool.CallEnded{
				Method: "third", Outcome: pool.TimedOut, Err: err, Worker: pool.NoWorker,
				Duration: 500 * time.Millisecond, Waited: 500 * time.Millisecond,
			},
		}, r.take())
		<-first
		<-second
		require.Equal(s.t, []any{
			pool.CallEnded{Method: "first", Outcome: pool.Answered, Duration: 3 * time.Second},
			pool.CallEnded{Method: "second", Outcome: pool.Answered, Duration: 5 * time.Second, Waited: 2 * time.Second},
		}, r.take())
	})
}

func TestTheLifeOfAWorkerIsTold(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		var r record
		s.spawned = func(p *process) {
			switch p.number {
			case 0:
				p.startAfter = 2 * time.Second
			case 1:
				p.exitsEarly = "exit status 3"
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1, Hooks: r.hooks(), HealthInterval: 10 * time.Second,
			HealthTimeout: time.Second, HungTimeout: time.Minute, RestartMin: time.Second, RestartMax: time.Second})
		all := r.take()
		require.Len(s.t, all, 2)
		first := all[0].(pool.WorkerStarted)
		require.GreaterOrEqual(s.t, first.Duration, 2*time.Second)
		first.Duration = 0
		require.Equal(s.t, pool.WorkerStarted{PID: 1000}, first)
		require.Equal(s.t, "pool started", all[1])

		pass(5 * time.Second)
		s.process(0).exit("signal: killed")
		pass(4 * time.Second)
		all = r.take()
		require.Len(s.t, all, 3)
		require.Equal(s.t, pool.WorkerEnded{PID: 1000, Reason: pool.WorkerDied, Status: "signal: killed", Lived: 5 * time.Second}, all[0])
		require.ErrorContains(s.t, all[1].(pool.RestartFailed).Err, "exit status 3")
		require.Equal(s.t, pool.WorkerStarted{PID: 1002, Restart: true}, all[2])

		s.process(0).setMute(true)
		pass(2 * time.Minute)
		all = r.take()
		checks := toldOf[pool.HealthChecked](all)
		require.Equal(s.t, pool.CheckUnhealthy, checks[0].Result)
		require.ErrorIs(s.t, checks[0].Err, context.DeadlineExceeded)
		require.Equal(s.t, time.Second, checks[0].Duration)
		ends := toldOf[pool.WorkerEnded](all)
		require.Len(s.t, ends, 1)
		require.Equal(s.t, pool.WorkerHung, ends[0].Reason)
		require.Equal(s.t, pool.HealthChecked{Result: pool.CheckHealthy}, all[len(all)-1])

		require.NoError(s.t, p.Shutdown(s.t.Context()))
		all = r.take()
		require.Len(s.t, all, 2)
		require.Equal(s.t, pool.WorkerStopped, all[0].(pool.WorkerEnded).Reason)
		require.Equal(s.t, "pool stopped", all[1])
	})
}

func TestAWorkerThatNoConnectionReachesIsToldUnreachable(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		var r record
		s.script = func(c *connection) {
			if c.number > 0 {
				c.hold()
			}
		}
		s.started(pool.PoolOptions{Workers: 1, Hooks: r.hooks()})
		pass(time.Hour)
		ends := toldOf[pool.WorkerEnded](r.take())
		require.NotEmpty(s.t, ends)
		require.Equal(s.t, pool.WorkerUnreachable, ends[0].Reason)
	})
}

// [HLT-2] A worker with much work is no sick one.
func TestACheckOfABusyWorkerIsToldAsThat(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		var r record
		p := s.started(pool.PoolOptions{Workers: 1, Hooks: r.hooks(), HealthInterval: 10 * time.Second, HealthTimeout: 4 * time.Second})
		s.process(0).setMute(true)
		pass(11 * time.Second)
		requireEcho(s.t, p, "1")
		pass(5 * time.Second)
		checks := toldOf[pool.HealthChecked](r.take())
		require.Len(s.t, checks, 1)
		require.Equal(s.t, pool.CheckBusy, checks[0].Result)
		require.Error(s.t, checks[0].Err)
	})
}

// No lock is held while a hook runs, and nothing waits for itself. Each hook asks for the health of all and makes a
// call, which is told, too, but goes no deeper.
func TestHooksMayUseThePool(t *testing.T) {
	type inHook struct{}
	inBothFramings(t, func(s *stage) {
		var p *pool.Pool
		used := map[string]int{}
		var mu sync.Mutex
		use := func(name string, ctx context.Context) {
			if ctx.Value(inHook{}) != nil {
				return
			}
			mu.Lock()
			used[name]++
			mu.Unlock()
			p.Health()
			for _, w := range p.Workers() {
				w.Health()
			}
			ctx, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), inHook{}, true), time.Second)
			defer cancel()
			_, _ = p.Call(ctx, "from a hook", nil)
		}
		none := context.Background()
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				<-time.After(time.Second / 10)
				c.answer(m.ID, "null")
			}
		}
		p = s.pool(pool.PoolOptions{Workers: 2, MaxInFlight: 1, HealthInterval: time.Second, Hooks: &pool.Hooks{
			PoolStarted: func(*pool.Pool) { use("PoolStarted", none) },
			PoolStopped: func(*pool.Pool) { use("PoolStopped", none) },
			CallBegan: func(ctx context.Context, _ pool.CallBegan) context.Context {
				use("CallBegan", ctx)
				return nil
			},
			CallQueued:    func(ctx context.Context, _ pool.CallQueued) { use("CallQueued", ctx) },
			CallEnded:     func(ctx context.Context, _ pool.CallEnded) { use("CallEnded", ctx) },
			WorkerStarted: func(pool.WorkerStarted) { use("WorkerStarted", none) },
			WorkerEnded:   func(pool.WorkerEnded) { use("WorkerEnded", none) },
			RestartFailed: func(pool.RestartFailed) { use("RestartFailed", none) },
			HealthChecked: func(pool.HealthChecked) { use("HealthChecked", none) },
		}})
		require.NoError(s.t, p.Start(s.t.Context()))
		s.mu.Lock()
		s.spawned = func(p *process) {
			if p.number == 1 {
				p.exitsEarly = "exit status 3"
			}
		}
		s.mu.Unlock()
		var calls []<-chan outcome
		for range 5 {
			calls = append(calls, start(s.t.Context(), p, "m", nil))
		}
		pass(500 * time.Millisecond)
		s.process(0).exit("signal: killed")
		for _, done := range calls {
			<-done
		}
		pass(time.Minute)
		require.NoError(s.t, p.Shutdown(s.t.Context()))
		require.Len(s.t, used, 9, "%v", used)
	})
}

// [BPR-4] Slots come back from a call whose hook panics, wherever it is then. The panic is that of the call.
func TestAHookThatPanicsTakesNoSlotAlong(t *testing.T) {
	explode := func(method string) {
		if method == "panics" {
			panic("hook")
		}
	}
	const cancelled = "CallQueued with a slot" // whose request is never answered
	for name, hooks := range map[string]*pool.Hooks{
		"CallBegan": {CallBegan: func(ctx context.Context, e pool.CallBegan) context.Context {
			explode(e.Method)
			return ctx
		}},
		"CallQueued in the queue": {CallQueued: func(_ context.Context, e pool.CallQueued) { explode(e.Method) }},
		cancelled: {CallQueued: func(_ context.Context, e pool.CallQueued) {
			<-time.After(1500 * time.Millisecond) // the first call has ended
			explode(e.Method)
		}},
		"CallQueued after the end": {CallQueued: func(_ context.Context, e pool.CallQueued) {
			<-time.After(time.Minute) // this call has ended, too, if its request was sent with its slot
			explode(e.Method)
		}},
		"CallEnded": {CallEnded: func(_ context.Context, e pool.CallEnded) { explode(e.Method) }},
	} {
		for size, body := range map[string]string{"small": "", "large": string(make([]byte, 20_000))} {
			t.Run(name+", "+size, func(t *testing.T) {
				onStage(t, frame.Enhanced, func(s *stage) {
					s.script = func(c *connection) {
						for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
							<-time.After(time.Second)
							if m.Method != "panics" || name != cancelled {
								c.answer(m.ID, "null")
							}
						}
					}
					p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 1, Hooks: hooks})
					first := start(s.t.Context(), p, "m", nil)
					synctest.Wait()
					require.PanicsWithValue(s.t, "hook", func() { _, _ = p.Call(s.t.Context(), "panics", body) })
					require.NoError(s.t, (<-first).err)
					pass(time.Minute)
					h := p.Health()
					require.Zero(s.t, h.InFlight)
					require.Zero(s.t, h.Waiting)
					_, err := p.Call(s.t.Context(), "m", nil)
					require.NoError(s.t, err)
				})
			})
		}
	}
}

func TestJoinedHooksAreCalledInOrderWithOneContext(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		var r record
		type key struct{}
		hooks := func(name string) *pool.Hooks {
			return &pool.Hooks{
				PoolStarted: func(*pool.Pool) { r.add(name + " PoolStarted") },
				CallBegan: func(ctx context.Context, _ pool.CallBegan) context.Context {
					before, _ := ctx.Value(key{}).(string)
					return context.WithValue(ctx, key{}, before+name)
				},
				CallEnded: func(ctx context.Context, _ pool.CallEnded) {
					r.add(fmt.Sprint(name, " CallEnded ", ctx.Value(key{})))
				},
			}
		}
		silent := &pool.Hooks{CallBegan: func(context.Context, pool.CallBegan) context.Context { return nil }}
		p := s.started(pool.PoolOptions{Workers: 1, Hooks: pool.JoinHooks(hooks("a"), nil, silent, hooks("b"))})
		requireEcho(s.t, p, "1")
		require.Equal(s.t, []any{"a PoolStarted", "b PoolStarted", "a CallEnded ab", "b CallEnded ab"}, r.take())
	})
	require.Equal(t, pool.Hooks{}, *pool.JoinHooks(nil, &pool.Hooks{}), "what nobody has set costs nothing")
}

// The context of a hook is not that of the call: a hook cannot cancel it.
func TestTheContextOfAHookDoesNotEndTheCall(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1, Hooks: &pool.Hooks{
			CallBegan: func(ctx context.Context, _ pool.CallBegan) context.Context {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return ctx
			},
		}})
		requireEcho(s.t, p, "1")
	})
}

// What the end of a process or of the pool cuts off says nothing about the health of anybody.
func TestACheckThatIsCutOffIsNotTold(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		var r record
		p := s.started(pool.PoolOptions{Workers: 1, Hooks: r.hooks(), HealthInterval: 10 * time.Second, HealthTimeout: 8 * time.Second})
		s.process(0).setMute(true)
		pass(11 * time.Second)
		require.Len(s.t, s.process(0).healthCalls(), 1)
		s.process(0).exit("signal: killed")
		pass(5 * time.Second)
		s.process(0).setMute(true)
		pass(10 * time.Second)
		require.Len(s.t, s.process(0).healthCalls(), 1)
		require.NoError(s.t, p.Shutdown(s.t.Context()))
		require.Empty(s.t, toldOf[pool.HealthChecked](r.take()))
	})
}
