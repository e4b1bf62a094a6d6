package pool_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// asked is a request that a worker of onRestedConnection holds.
type asked struct {
	*connection
	sent
}

// onRestedConnection runs a test with a pool on whose only connection nobody reads: one call was answered, and no time
// has passed since. So the caller of the next call reads. All calls but echo are held.
func onRestedConnection(t *testing.T, play func(*stage, *pool.Pool, <-chan asked)) {
	onStage(t, frame.Enhanced, func(s *stage) {
		held := make(chan asked, 10)
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				if m.Method == "echo" {
					c.answer(m.ID, string(m.Body))
				} else {
					held <- asked{c, m}
				}
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 4})
		requireEcho(s.t, p, `"rested"`)
		play(s, p, held)
	})
}

func requireAnswer(t *testing.T, done <-chan outcome, want string) {
	t.Helper()
	synctest.Wait()
	select {
	case o := <-done:
		require.NoError(t, o.err)
		require.Equal(t, want, string(o.body))
	default:
		require.Fail(t, "the call is not over")
	}
}

// [RID-4]
func TestACallerThatReadsHandsOutWhatComesForOthers(t *testing.T) {
	onRestedConnection(t, func(s *stage, p *pool.Pool, held <-chan asked) {
		reads := start(s.t.Context(), p, "hold", nil)
		first := <-held
		waits := start(s.t.Context(), p, "hold", nil)
		second := <-held
		second.answer(second.ID, "2")
		requireAnswer(s.t, waits, "2")
		requireRunning(s.t, reads)

		waits = start(s.t.Context(), p, "hold", nil)
		third := <-held
		first.answer(first.ID, "1")
		requireAnswer(s.t, reads, "1")
		requireRunning(s.t, waits)
		third.answer(third.ID, "3")
		requireAnswer(s.t, waits, "3") // without any time passing
	})
}

// [CAN-4] Other calls are not affected, and the deadline that ended the read is removed.
func TestACallerThatReadsLeavesAtOnceWhenItsContextEnds(t *testing.T) {
	for name, others := range map[string]bool{"alone": false, "beside another": true} {
		t.Run(name, func(t *testing.T) {
			onRestedConnection(t, func(s *stage, p *pool.Pool, held <-chan asked) {
				ctx, cancel := context.WithCancel(s.t.Context())
				reads := start(ctx, p, "hold", nil)
				first := <-held
				var waits <-chan outcome
				var second asked
				if others {
					waits = start(s.t.Context(), p, "hold", nil)
					second = <-held
				}
				pass(5 * time.Second)
				cancel()
				began := time.Now()
				o := <-reads
				require.ErrorIs(s.t, o.err, context.Canceled)
				require.ErrorIs(s.t, o.err, pool.ErrMayHaveRun)
				require.Equal(s.t, began, time.Now())

				pass(time.Hour)
				first.answer(first.ID, `"late"`)
				if others {
					requireRunning(s.t, waits)
					second.answer(second.ID, "2")
					requireAnswer(s.t, waits, "2")
				}
				requireEcho(s.t, p, `"after"`)
				require.Len(s.t, s.process(0).connections(), 1)
			})
		})
	}
}

// A context that ends when the answer comes, or before the call, does not affect the next caller.
func TestContextsThatEndBesideAnswersLeaveTheConnectionWhole(t *testing.T) {
	onRestedConnection(t, func(s *stage, p *pool.Pool, held <-chan asked) {
		for i := range 100 {
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Duration(i)*time.Millisecond)
			done := start(ctx, p, "hold", nil)
			if i > 0 {
				m := <-held
				<-time.After(time.Duration(i) * time.Millisecond)
				m.answer(m.ID, "1")
				<-done
			}
			requireEcho(s.t, p, "2")
			cancel()
		}
		require.Len(s.t, s.process(0).connections(), 1)
	})
}

// [RID-7]
func TestTheEndOfAConnectionIsSeenWhoeverReads(t *testing.T) {
	t.Run("a caller", func(t *testing.T) {
		onRestedConnection(t, func(s *stage, p *pool.Pool, held <-chan asked) {
			reads := start(s.t.Context(), p, "hold", nil)
			first := <-held
			waits := start(s.t.Context(), p, "hold", nil)
			<-held
			first.hangUp()
			for _, done := range []<-chan outcome{reads, waits} {
				require.ErrorIs(s.t, (<-done).err, pool.ErrMayHaveRun)
			}
			requireEcho(s.t, p, `"after"`)
			require.Len(s.t, s.process(0).connections(), 2)
		})
	})
	t.Run("nobody", func(t *testing.T) {
		onRestedConnection(t, func(s *stage, p *pool.Pool, _ <-chan asked) {
			s.process(0).connections()[0].hangUp()
			pass(10 * time.Second) // also for the process to end, if that was it
			require.Len(s.t, s.process(0).connections(), 2, "the connection is made anew without a call")
			requireEcho(s.t, p, `"after"`)
		})
	})
	t.Run("nobody, and a call comes first", func(t *testing.T) {
		onRestedConnection(t, func(s *stage, p *pool.Pool, _ <-chan asked) {
			s.process(0).connections()[0].hangUp()
			requireEcho(s.t, p, `"after"`)
			require.Len(s.t, s.process(0).connections(), 2)
		})
	})
	t.Run("the goroutine, after a while", func(t *testing.T) {
		onRestedConnection(t, func(s *stage, p *pool.Pool, _ <-chan asked) {
			pass(time.Hour)
			s.process(0).connections()[0].hangUp()
			pass(10 * time.Second)
			require.Len(s.t, s.process(0).connections(), 2)
			requireEcho(s.t, p, `"after"`)
		})
	})
}

// [STR-3] [RID-7] Garbage after an answer, in the same read, ends the connection but not the call.
func TestGarbageBehindTheAnswerOfACallerThatReads(t *testing.T) {
	stray := frame.AppendFrame(nil, frame.Enhanced, 7, []byte(`{"id":7,"ok":true}`))
	for name, x := range map[string]struct {
		behind, later string // what comes with the answer, and after it
		connections   int
	}{
		"no frame":          {"this is no frame at all", "", 2},
		"another ID":        {string(frame.AppendFrame(nil, frame.Enhanced, 7, []byte(`{"id":8,"ok":true}`))), "", 2},
		"a part of a frame": {string(stray[:30]), string(stray[30:]), 1},
	} {
		t.Run(name, func(t *testing.T) {
			onRestedConnection(t, func(s *stage, p *pool.Pool, held <-chan asked) {
				reads := start(s.t.Context(), p, "hold", nil)
				m := <-held
				answer := frame.AppendFrame(nil, frame.Enhanced, m.ID, fmt.Appendf(nil, `{"id":%d,"ok":true,"body":1}`, m.ID))
				m.raw(append(answer, x.behind...))
				requireAnswer(s.t, reads, "1")
				m.raw([]byte(x.later))
				pass(10 * time.Second) // also for the process to end, if that was it
				requireEcho(s.t, p, `"after"`)
				require.Len(s.t, s.process(0).connections(), x.connections)
			})
		})
	}
}

// [SHD-2] [SHD-4]
func TestShutdownWhileACallerReads(t *testing.T) {
	onRestedConnection(t, func(s *stage, p *pool.Pool, held <-chan asked) {
		reads := start(s.t.Context(), p, "hold", nil)
		m := <-held
		down := make(chan error, 1)
		go func() { down <- p.Shutdown(context.Background()) }()
		requireRunning(s.t, reads)
		m.answer(m.ID, "1")
		requireAnswer(s.t, reads, "1")
		require.NoError(s.t, <-down)
	})
}
