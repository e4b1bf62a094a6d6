package pool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// [CAN-1] [CAN-2] [CAN-4]
func TestACancelledCallReturnsAtOnceAndTellsTheWorker(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		messages := make(chan sent, 10)
		s.script = func(c *connection) {
			for m, ok := c.next(); ok; m, ok = c.next() {
				messages <- m
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 1})
		for range 3 {
			ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
			began := time.Now()
			_, err := p.Call(ctx, "sleep", nil)
			cancel()
			require.ErrorIs(s.t, err, context.DeadlineExceeded)
			require.ErrorIs(s.t, err, pool.ErrMayHaveRun)
			require.Equal(s.t, 5*time.Second, time.Since(began))

			request, cancellation := <-messages, <-messages
			require.Equal(s.t, request.ID, cancellation.cancels)
			if s.framing == frame.Enhanced {
				require.Equal(s.t, request.ID, cancellation.header)
			}
			var m struct {
				Type    string
				Payload struct{ Reason string }
			}
			require.NoError(s.t, json.Unmarshal([]byte(cancellation.payload), &m))
			require.Equal(s.t, "cancellation", m.Type)
			require.NotEmpty(s.t, m.Payload.Reason)
			synctest.Wait()
			require.Zero(s.t, p.Health().InFlight, "the slot is back though no answer came")
		}
	})
}

// [CAN-3]
func TestTheLateAnswerToACancelledCallIsDropped(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = func(c *connection) {
			var late []func()
			for m, ok := c.next(); ok; m, ok = c.next() {
				switch {
				case m.cancels != 0:
					for _, answer := range late {
						answer()
					}
				case m.Method == "late":
					late = append(late, func() { c.answer(m.ID, `"late"`) })
				default:
					for _, answer := range late {
						answer()
					}
					c.answer(m.ID, string(m.Body))
				}
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1})
		for i := range 10 {
			ctx, cancel := context.WithCancel(s.t.Context())
			call := start(ctx, p, "late", nil)
			synctest.Wait()
			cancel()
			if i%2 == 0 {
				synctest.Wait()
			}
			requireEcho(s.t, p, fmt.Sprint(i))
			if o := <-call; i%2 == 0 || o.err != nil {
				require.ErrorIs(s.t, o.err, context.Canceled)
			} else {
				require.Equal(s.t, `"late"`, string(o.body), "the answer was the first")
			}
		}
	})
}

// A call that is cancelled when its answer comes returns one of the two, and breaks nothing.
func TestACancellationAndTheAnswerAtTheSameMoment(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 2, MaxInFlight: 2})
		for i := range 500 {
			ctx, cancel := context.WithCancel(s.t.Context())
			call := start(ctx, p, "echo", i)
			go cancel()
			if o := <-call; o.err == nil {
				require.Equal(s.t, fmt.Sprint(i), string(o.body))
			} else {
				require.ErrorIs(s.t, o.err, context.Canceled)
			}
		}
		synctest.Wait()
		require.Zero(s.t, p.Health().InFlight)
		requireEcho(s.t, p, `1`)
	})
}

// [CAN-10]
func TestACallThatCannotBeWrittenReturnsWithItsContext(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		read := make(chan struct{})
		s.script = func(c *connection) {
			<-read
			echo(c)
		}
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 2})
		for range 2 {
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
			began := time.Now()
			_, err := p.Call(ctx, "echo", 1)
			cancel()
			require.ErrorIs(s.t, err, context.DeadlineExceeded)
			require.Equal(s.t, time.Second, time.Since(began))
		}
		if s.framing == frame.Enhanced {
			require.Equal(s.t, 2, p.Health().InFlight, "slots come back when the cancellations have gone out")
		}
		close(read)
		synctest.Wait()
		require.Zero(s.t, p.Health().InFlight)
		requireEcho(s.t, p, `1`)
	})
}

// [BPR-4] The connection breaks before the cancellation is sent.
func TestTheSlotOfACancelledCallComesBackWhenItsConnectionBreaks(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		over := make(chan struct{})
		s.script = func(c *connection) {
			if c.number == 0 {
				<-over
				return
			}
			echo(c)
		}
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 2})
		ctx, cancel := context.WithCancel(s.t.Context())
		calls := []<-chan outcome{start(ctx, p, "echo", 1), start(ctx, p, "echo", 2)}
		synctest.Wait()
		cancel()
		for _, c := range calls {
			require.ErrorIs(s.t, (<-c).err, context.Canceled)
		}
		s.process(0).exit("killed")
		close(over)
		pass(time.Minute)
		require.Zero(s.t, p.Health().InFlight)
		requireEcho(s.t, p, `1`)
	})
}

// A body may be changed when the call has returned, for whatever reason. With real sockets, on which large bodies are
// written from the caller's memory.
func TestABodyIsTheCallersAgainWhenTheCallReturns(t *testing.T) {
	for _, framing := range []frame.Framing{frame.Enhanced, frame.Basic} {
		t.Run(framing.String(), func(t *testing.T) {
			read := make(chan struct{})
			got := make(chan string, 10)
			listener := listen(t)
			p := overSocket(t, listener, pool.PoolOptions{Framing: framing}, func(conn net.Conn) {
				<-read
				frames, err := frame.NewReader(conn, frame.Options{Framing: framing})
				require.NoError(t, err)
				for {
					f, err := frames.ReadFrame()
					if err != nil {
						return
					}
					got <- string(f.Payload)
				}
			})
			body := []byte(`"` + strings.Repeat("x", 4<<20) + `"`)
			ctx, cancel := context.WithCancel(t.Context())
			began := make(chan struct{})
			errs := make(chan error)
			go func() {
				close(began)
				_, err := p.Call(ctx, "echo", json.RawMessage(body))
				errs <- err
			}()
			<-began
			require.Eventually(t, func() bool { return p.Health().InFlight == 1 }, time.Minute, time.Millisecond)
			cancel()
			require.ErrorIs(t, <-errs, context.Canceled)
			clear(body)
			close(read)
			if framing == frame.Enhanced {
				require.Contains(t, <-got, strings.Repeat("x", 4<<20))
				require.Contains(t, <-got, "cancellation")
			}
		})
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	require.NoError(t, err)
	return l
}

// overSocket starts a pool of one worker, which is a script in this process, with real sockets.
func overSocket(t *testing.T, l net.Listener, o pool.PoolOptions, script func(net.Conn)) *pool.Pool {
	t.Helper()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				script(conn)
			})
		}
	})
	o.Workers = 1
	o.HealthInterval = time.Hour
	o.Spawn = func(pool.ProcessSpec) (pool.Process, error) {
		return &process{stage: &stage{t: t}, exited: make(chan struct{})}, nil
	}
	o.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", l.Addr().String())
	}
	p, err := pool.NewPool(o)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := p.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		l.Close()
		all.Wait()
	})
	return p
}
