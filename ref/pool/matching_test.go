package pool_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// [MSG-5] [MSG-7] [RID-1] [RID-2] [RID-3]
func TestRequestsAsAWorkerSeesThem(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		var mu sync.Mutex
		var got []sent
		s.script = func(c *connection) {
			for m, ok := c.next(); ok; m, ok = c.next() {
				mu.Lock()
				got = append(got, m)
				mu.Unlock()
				c.answer(m.ID, string(m.Body))
			}
		}
		p := s.pool(pool.PoolOptions{Workers: 2})
		pool.SetLastID(p, math.MaxUint64-2)
		require.NoError(s.t, p.Start(s.t.Context()))
		bodies := []string{`null`, `false`, `0`, `""`, `18446744073709551615`, `{"a" : [1, 2.5]}`}
		for _, body := range bodies {
			requireEcho(s.t, p, body)
		}
		ids := map[uint64]bool{}
		for i, m := range got {
			require.Equal(s.t, "echo", m.Method)
			require.Equal(s.t, bodies[i], string(m.Body), "a raw body goes out as it is")
			if s.framing == frame.Enhanced {
				require.Equal(s.t, m.ID, m.header)
			}
			ids[m.ID] = true
		}
		require.Len(s.t, ids, len(bodies))
		require.NotContains(s.t, ids, uint64(0))
		require.Contains(s.t, ids, uint64(math.MaxUint64))
		require.Contains(s.t, ids, uint64(1), "after the last ID comes the first, not 0")

		_, err := p.Call(s.t.Context(), "a\"b\\\u2028\xff", map[string]any{"a": nil})
		require.NoError(s.t, err)
		require.Equal(s.t, "a\"b\\\u2028\ufffd", got[len(bodies)].Method)
		require.JSONEq(s.t, `{"a":null}`, string(got[len(bodies)].Body))

		_, err = p.Call(s.t.Context(), "echo", json.RawMessage(nil))
		require.NoError(s.t, err)
		require.Equal(s.t, "null", string(got[len(bodies)+1].Body))
	})
}

// [MSG-4] [MSG-15]
func TestAnswersInEveryFormThatIsAllowed(t *testing.T) {
	for form, want := range map[string]string{
		`{"id":%d,"ok":true,"body":{"a":1}}`:                               `{"a":1}`,
		`{"id":%d,"ok":true}`:                                              `null`,
		`{"body":1,"ok":true,"id":%d}`:                                     `1`,
		`{"id":%d,"ok":true,"body":2,"more":{"id":7}}`:                     `2`,
		`{"type":"response","payload":{"id":%d,"ok":true,"body":3}}`:       `3`,
		`{"id":%d,"ok":true,"body":4,"type":"odd"}`:                        `4`,
		` { "id" : %d , "ok" : true , "body" : 9007199254740993 } `:        `9007199254740993`,
		`{"payload":{"body":5,"ok":true,"id":%d},"type":"response","x":1}`: `5`,
	} {
		t.Run(want, func(t *testing.T) {
			inBothFramings(t, func(s *stage) {
				s.script = func(c *connection) {
					for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
						c.send(m.ID, fmt.Sprintf(form, m.ID))
					}
				}
				answer, err := s.started(pool.PoolOptions{Workers: 1}).Call(s.t.Context(), "get", nil)
				require.NoError(s.t, err)
				require.Equal(s.t, want, string(answer))
			})
		})
	}
}

// [MSG-16]
func TestAnErrorAnswerReachesItsCallerAndThePoolGoesOn(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				if m.Method == "fail" {
					c.answerError(m.ID, "ValueError: \"é\"")
					continue
				}
				c.answer(m.ID, string(m.Body))
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 1})
		for range 3 {
			_, err := p.Call(s.t.Context(), "fail", nil)
			var remote *pool.RemoteError
			require.ErrorAs(s.t, err, &remote)
			require.Equal(s.t, "ValueError: \"é\"", remote.Message)
			require.NotErrorIs(s.t, err, pool.ErrMayHaveRun, "what it did, the worker knows")
			requireEcho(s.t, p, `1`)
		}
	})
}

// [RID-4]
func TestAnswersInReverseOrderReachTheirCallers(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		const n = 8
		var mu sync.Mutex
		waiting := map[int]func(){}
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				var i int
				require.NoError(s.t, json.Unmarshal(m.Body, &i))
				mu.Lock()
				waiting[i] = func() { c.answer(m.ID, fmt.Sprint(i)) }
				mu.Unlock()
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: n})
		var calls []<-chan outcome
		for i := range n {
			calls = append(calls, start(s.t.Context(), p, "get", i))
		}
		synctest.Wait()
		require.Len(s.t, waiting, n)
		for i := n - 1; i >= 0; i-- {
			waiting[i]()
			o := <-calls[i]
			require.NoError(s.t, o.err)
			require.Equal(s.t, fmt.Sprint(i), string(o.body))
			if i > 0 {
				requireRunning(s.t, calls[0])
			}
		}
	})
}

// [RID-5]
func TestAnswersWithIDsOfNoCallReachNobody(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				c.answer(m.ID+1000, `"unknown"`)
				c.answer(m.ID, string(m.Body))
				c.answer(m.ID, `"repeated"`)
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1})
		for i := range 20 {
			requireEcho(s.t, p, fmt.Sprint(i))
		}
		require.Len(s.t, s.process(0).connections(), 1, "nothing was wrong with the connection")
	})
}

// [MSG-13] [RID-7] [BPR-4] [HLT-5] [HLT-8]
func TestWhatIsFinalForAConnectionIsNotForTheWorker(t *testing.T) {
	const id = 1
	cases := map[string]func(c *connection){
		"two IDs that differ": func(c *connection) { c.send(id, `{"id":2,"ok":true,"body":"wrong"}`) },
		"no JSON":             func(c *connection) { c.send(id, `{"id":1,"ok":tr`) },
		"no UTF-8":            func(c *connection) { c.send(id, "{\"id\":1,\"ok\":true,\"body\":\"\xff\"}") },
		"no object":           func(c *connection) { c.send(id, `[1]`) },
		"no ID":               func(c *connection) { c.send(id, `{"ok":true,"body":1}`) },
		"an ID of a fraction": func(c *connection) { c.send(id, `{"id":1.0,"ok":true,"body":1}`) },
		"no ok":               func(c *connection) { c.send(id, `{"id":1,"body":1}`) },
		"a request":           func(c *connection) { c.send(id, `{"type":"request","payload":{"id":1,"method":"x"}}`) },
		"empty":               func(c *connection) { c.send(id, ``) },
		"half a frame": func(c *connection) {
			whole := frame.AppendFrame(nil, c.stage.framing, id, []byte(`{"id":1,"ok":true,"body":1}`))
			c.raw(whole[:len(whole)-1])
			c.hangUp()
		},
		"hanging up": func(c *connection) { c.hangUp() },
	}
	for _, f := range []frame.Framing{frame.Enhanced, frame.Basic} {
		for name, b := range damaged(f, id) {
			cases[f.String()+" "+name] = func(c *connection) { c.raw(b) }
		}
	}
	for name, do := range cases {
		t.Run(name, func(t *testing.T) {
			inBothFramings(t, func(s *stage) {
				other := map[frame.Framing]string{frame.Enhanced: "basic ", frame.Basic: "enhanced "}[s.framing]
				if strings.HasPrefix(name, other) || s.framing == frame.Basic && name == "two IDs that differ" {
					return // not a fault in this framing
				}
				var mu sync.Mutex
				requests := map[string]int{}
				s.script = func(c *connection) {
					for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
						mu.Lock()
						requests[string(m.Body)]++
						mu.Unlock()
						if m.Method == "spoil" {
							do(c)
							c.hold()
							return
						}
						c.answer(m.ID, string(m.Body))
					}
				}
				p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 2})
				spoilt := start(s.t.Context(), p, "spoil", "spoil")
				o := <-spoilt
				require.ErrorIs(s.t, o.err, pool.ErrMayHaveRun)
				require.NotErrorIs(s.t, o.err, pool.ErrWorkerDied)
				require.Empty(s.t, o.body)
				t.Log(o.err)
				for i := range 4 {
					requireEcho(s.t, p, fmt.Sprint(i))
				}
				synctest.Wait()
				require.Len(s.t, s.all(), 1, "the process goes on")
				require.Zero(s.t, p.Health().InFlight)
				for body, n := range requests {
					require.Equal(s.t, 1, n, "%s was sent more than once", body)
				}
			})
		})
	}
}

// [RID-7] The connection breaks while no call is on it. A net.Pipe offers no look at what has arrived, so the pool
// notices garbage when it reads, which is soon without calls. [TestWhatComesOnAnIdleConnectionReachesNoCall] has real
// sockets.
func TestAnIdleConnectionThatBreaksFailsNoCall(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1})
		requireEcho(s.t, p, `0`)
		for i := range 4 {
			synctest.Wait()
			conns := s.process(0).connections()
			last := conns[len(conns)-1]
			if i%2 == 0 {
				last.conn.Close()
			} else if s.framing == frame.Enhanced {
				last.raw([]byte("no frame at all, as whoever reads will see"))
				pass(50 * time.Millisecond)
			}
			requireEcho(s.t, p, fmt.Sprint(i))
		}
		require.Len(s.t, s.all(), 1)
	})
}

// [MSG-11] In the basic framing the answer to a request that the worker could not read has the ID 0.
func TestARequestThatTheWorkerCannotReadDoesNotHang(t *testing.T) {
	onStage(t, frame.Basic, func(s *stage) {
		s.script = func(c *connection) {
			m, ok := c.nextCall()
			for ; ok && m.Method != "odd"; m, ok = c.nextCall() {
				c.answer(m.ID, string(m.Body))
			}
			c.answerError(0, "malformed message")
			c.hold()
		}
		p := s.started(pool.PoolOptions{Workers: 1})
		_, err := p.Call(s.t.Context(), "odd", nil)
		require.ErrorContains(t, err, "malformed message")
		requireEcho(s.t, p, `1`)
	})
}

// [MSG-11] It does not say which request that was. The others on the connection still get their answers, if these come
// soon; until the worker answers them, nobody can know which call has failed.
func TestARequestThatTheWorkerCannotReadFailsAlone(t *testing.T) {
	for _, slow := range []bool{false, true} {
		t.Run(fmt.Sprintf("slow=%t", slow), func(t *testing.T) {
			onStage(t, frame.Basic, func(s *stage) {
				var held []sent // "good", "odd", "good"
				s.script = func(c *connection) {
					for len(held) < 3 {
						m, ok := c.nextCall()
						if !ok {
							return
						}
						held = append(held, m)
					}
					if c.n > 0 {
						echo(c)
						return
					}
					c.answerError(0, "malformed message")
					if !slow {
						pass(time.Millisecond)
						c.answer(held[2].ID, "2")
						pass(time.Millisecond)
						c.answer(held[0].ID, "0")
					}
					c.hold()
				}
				p := s.started(pool.PoolOptions{Workers: 1})
				var calls []<-chan outcome
				for _, method := range []string{"good", "odd", "good"} {
					calls = append(calls, start(s.t.Context(), p, method, nil))
					synctest.Wait()
				}
				began := time.Now()
				for i, call := range calls {
					got := <-call
					if i != 1 && !slow {
						require.NoError(t, got.err)
						require.Equal(t, fmt.Sprint(i), string(got.body))
						continue
					}
					require.ErrorContains(t, got.err, "malformed message")
					require.ErrorIs(t, got.err, pool.ErrMayHaveRun)
				}
				require.Equal(t, slow, time.Since(began) >= time.Second)
				requireEcho(s.t, p, `1`)
				require.Zero(t, p.Health().InFlight)
				require.Len(t, s.all(), 1, "the worker is not restarted")
			})
		})
	}
}

func TestCallIntoDecodesTheAnswer(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1})
		var got struct{ A uint64 }
		require.NoError(t, p.CallInto(s.t.Context(), "echo", map[string]uint64{"a": 1 << 63}, &got))
		require.Equal(t, uint64(1<<63), got.A)
		var text string
		err := p.CallInto(s.t.Context(), "echo", 7, &text)
		require.ErrorContains(t, err, "cannot decode the answer")
		require.ErrorIs(t, err, pool.ErrMayHaveRun)
	})
}

// [BPR-4]
func TestABodyThatCannotBeSentIsRefusedBeforeItIsSent(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1, MaxInFlight: 1, MaxPayload: 200})
		for range 3 {
			_, err := p.Call(context.Background(), "echo", make(chan int))
			require.ErrorContains(s.t, err, "cannot be encoded")
			_, err = p.Call(context.Background(), "echo", math.NaN())
			require.ErrorContains(s.t, err, "cannot be encoded")
			_, err = p.Call(context.Background(), "echo", strings.Repeat("x", 170)) // with the rest over 200
			require.ErrorIs(s.t, err, frame.ErrTooLarge)
			_, err = p.Call(context.Background(), "echo", strings.Repeat("x", 1000))
			require.ErrorIs(s.t, err, frame.ErrTooLarge)
			require.NotErrorIs(s.t, err, pool.ErrMayHaveRun)
			requireEcho(s.t, p, `1`)
		}
	})
}

// [MSG-17] A body that is not JSON would be a malformed message, or, in the middle of one, another message.
func TestARawBodyThatIsNotJSONIsRefused(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1})
		for _, body := range []string{`{"a":`, `NaN`, `1,"method":"exit"`, "\"\xff\"", ` `} {
			_, err := p.Call(s.t.Context(), "echo", json.RawMessage(body))
			var wrong *message.MessageError
			require.ErrorAs(s.t, err, &wrong, "%q", body)
			require.ErrorContains(s.t, err, "the body is not JSON")
			require.NotErrorIs(s.t, err, pool.ErrMayHaveRun)
		}
		requireEcho(s.t, p, `1`)
		require.Len(s.t, s.process(0).connections(), 1)
	})
}

// [CAN-1] Also if something else is wrong with the call.
func TestACallWhoseContextHasEndedSendsNothing(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		requests := 0
		s.script = func(c *connection) {
			for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
				requests++
				c.answer(m.ID, string(m.Body))
			}
		}
		p := s.started(pool.PoolOptions{Workers: 1, MaxPayload: 100})
		ctx, cancel := context.WithCancel(s.t.Context())
		cancel()
		for _, body := range []any{1, make(chan int), strings.Repeat("x", 1000), json.RawMessage(`{`)} {
			_, err := p.Call(ctx, "echo", body)
			require.ErrorIs(s.t, err, context.Canceled)
			require.NotErrorIs(s.t, err, pool.ErrMayHaveRun)
		}
		pass(time.Second)
		require.Zero(s.t, requests)
	})
}
