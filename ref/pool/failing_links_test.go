package pool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// answerAll answers every request, health calls too, and calls then after each answer. It returns when then reports
// false.
func answerAll(c *connection, then func() bool) {
	for {
		f, err := c.frames.ReadFrame()
		if err != nil {
			return
		}
		r, err := message.ParseRequest(f.Payload)
		if err != nil {
			continue // a cancellation
		}
		body := string(r.Body)
		if r.Method == "health" {
			body = `{"status":"healthy"}`
		}
		c.answer(r.ID, body)
		if !then() {
			return
		}
	}
}

// [RID-7] Every call gets its answer or an error. The pool backs off, and its log is bounded.
func TestAWorkerThatSendsGarbageAfterEachAnswerIsRestarted(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		s.script = func(c *connection) {
			answerAll(c, func() bool {
				c.raw([]byte("this is no frame at all"))
				return true
			})
		}
		var log bytes.Buffer
		p := s.started(pool.PoolOptions{Workers: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		began := time.Now()
		for time.Since(began) < 5*time.Minute {
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
			answer, err := p.Call(ctx, "echo", json.RawMessage(`1`))
			cancel()
			if err == nil {
				require.Equal(s.t, "1", string(answer))
			}
			pass(100 * time.Millisecond)
		}
		processes := s.all()
		connections := 0
		for _, proc := range processes {
			n := len(proc.connections())
			require.LessOrEqual(s.t, n, 6, "after six connections in a row that failed it is restarted")
			connections += n
		}
		require.Greater(s.t, len(processes), 5)
		require.Less(s.t, len(processes), 60, "restarts are backed off")
		require.Less(s.t, strings.Count(log.String(), "\n"), 12*len(processes))
		t.Logf("in 5 minutes: %d processes, %d connections, %d lines", len(processes), connections, strings.Count(log.String(), "\n"))
	})
}

// A worker may close a connection between two frames. It is not restarted, but the pool backs off.
func TestAWorkerThatClosesItsConnectionsIsNotRestarted(t *testing.T) {
	for name, x := range map[string]struct {
		after    time.Duration
		min, max int // connections in 5 minutes
	}{
		"after each answer":       {0, 10, 60},
		"after an idle 5 seconds": {5 * time.Second, 45, 61},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, frame.Enhanced, func(s *stage) {
				s.script = func(c *connection) {
					answerAll(c, func() bool {
						select {
						case <-time.After(x.after):
						case <-c.exited:
						}
						return false
					})
				}
				p := s.started(pool.PoolOptions{Workers: 1})
				requireEcho(s.t, p, `1`)
				pass(5 * time.Minute)
				require.Len(s.t, s.all(), 1)
				n := len(s.process(0).connections())
				require.GreaterOrEqual(s.t, n, x.min)
				require.LessOrEqual(s.t, n, x.max)
			})
		})
	}
}

// If a connection fails only now and then, the next one is made without a restart and without a wait.
func TestAConnectionThatFailsNowAndThenIsMadeAnewAtOnce(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1})
		for range 20 {
			requireEcho(s.t, p, `1`)
			conns := s.process(0).connections()
			conns[len(conns)-1].raw([]byte("this is no frame at all"))
			began := time.Now()
			pass(20 * time.Millisecond) // until the pool reads
			requireEcho(s.t, p, `2`)
			require.Less(s.t, time.Since(began), 30*time.Millisecond)
			pass(time.Minute)
		}
		require.Len(s.t, s.all(), 1)
	})
}

// Each call that fails ends a connection, but the log has no line for each.
func TestFailedCallsDoNotFillALog(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = func(c *connection) {
			if _, ok := c.nextCall(); ok {
				c.raw(damaged(s.framing, 1)["too_large"])
				c.hold()
			}
		}
		var log bytes.Buffer
		p := s.started(pool.PoolOptions{Workers: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		began := time.Now()
		for range 200 {
			_, err := p.Call(s.t.Context(), "echo", 1)
			require.ErrorIs(s.t, err, frame.ErrTooLarge)
			pass(50 * time.Millisecond)
		}
		n := strings.Count(log.String(), "connection failed")
		require.LessOrEqual(s.t, n, 1+int(time.Since(began)/time.Second), "one line per second at most")
		require.Contains(s.t, log.String(), "more since the last line")
	})
}

// shortConn writes less than it is given, without an error, while short is set.
type shortConn struct {
	net.Conn
	short *atomic.Bool
}

func (c shortConn) Write(b []byte) (int, error) {
	if c.short.Load() {
		return c.Conn.Write(b[:len(b)-1])
	}
	return c.Conn.Write(b)
}

// [STR-6] Dial may return any connection, also one that breaks the contract of io.Writer. No call hangs on it.
func TestAConnectionThatWritesLessWithoutAnErrorIsBroken(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var short atomic.Bool
		s.wrap = func(c net.Conn) net.Conn { return shortConn{c, &short} }
		p := s.started(pool.PoolOptions{Workers: 1})
		requireEcho(s.t, p, `1`)
		short.Store(true)
		done := start(s.t.Context(), p, "echo", 2)
		pass(10 * time.Second)
		select {
		case o := <-done:
			require.ErrorIs(s.t, o.err, pool.ErrMayHaveRun)
		default:
			require.Fail(s.t, "the call waits for ever")
		}
		short.Store(false)
		requireEcho(s.t, p, `3`)
	})
}

// [FRM-12] [CAN-9] A reason that does not fit is omitted, and so is a cancellation that does not fit without one.
func TestCancellationsAreWithinMaxPayload(t *testing.T) {
	for _, x := range []struct {
		name       string
		maxPayload int
		reason     error
		cancels    string // the payload, with the ID 1; empty for none
	}{
		{"the reason fits", 200, errors.New("done"),
			`{"type":"cancellation","payload":{"id":1,"reason":"context canceled: done"}}`},
		{"the reason is too large", 200, errors.New(strings.Repeat("long", 100)),
			`{"type":"cancellation","payload":{"id":1}}`},
		{"a cancellation is too large", 41, errors.New("done"), ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			inBothFramings(t, func(s *stage) {
				got := make(chan sent, 10)
				s.script = func(c *connection) {
					for m, ok := c.next(); ok; m, ok = c.next() {
						got <- m
						if m.cancels == 0 && m.Method == "echo" {
							c.answer(m.ID, string(m.Body))
						}
					}
				}
				p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 1, MaxPayload: x.maxPayload})
				ctx, cancel := context.WithCancelCause(s.t.Context())
				done := start(ctx, p, "x", nil)
				pass(time.Second)
				require.Equal(s.t, "x", (<-got).Method)
				cancel(x.reason)
				require.ErrorIs(s.t, (<-done).err, x.reason)
				pass(time.Second)
				if x.cancels != "" {
					require.Equal(s.t, x.cancels, (<-got).payload)
				}
				require.Empty(s.t, got)
				requireEcho(s.t, p, `1`) // the slot came back
			})
		})
	}
}

// The error says that the worker closed the connection.
func TestAnEndBetweenFramesIsTheWorkersChoice(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		s.script = func(c *connection) { c.nextCall() }
		p := s.started(pool.PoolOptions{Workers: 1})
		_, err := p.Call(s.t.Context(), "echo", 1)
		require.ErrorIs(s.t, err, io.EOF)
		require.ErrorContains(s.t, err, "its process lives")
	})
}
