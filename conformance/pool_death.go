package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A crash is one way for a worker to die with calls on it.
type crash struct {
	name, cause string
	// read is set where the worker has read the requests whole, so that their handlers may have run.
	// Of any other a pool may know that they cannot have, and send them elsewhere.
	read bool
	die  func(s *stage) crashed
}

// crashed is what a crash left: the calls that were on the worker, and those that were elsewhere.
type crashed struct {
	victim          *scriptedWorker
	onIt, elsewhere []held
}

var crashes = []crash{
	{
		name: "that-is-killed-with-calls-on-it", read: true,
		cause: "the end of the process or of its connections is not told to the calls that wait for answers, or is told to all",
		die:   func(s *stage) crashed { return crashAfterReading(s, (*scriptedWorker).die) },
	},
	{
		name: "that-exits-with-calls-on-it", read: true,
		cause: "an exit with status 0 is not taken for a death",
		die:   func(s *stage) crashed { return crashAfterReading(s, func(w *scriptedWorker) { w.exit(0) }) },
	},
	{
		name: "that-is-killed-before-it-reads-a-call", read: false,
		cause: "a reset of the connection is not taken for its end",
		die:   crashBeforeReading,
	},
	{
		name: "that-is-killed-in-the-middle-of-an-answer", read: true,
		cause: "the reader of an answer that was cut off waits for the rest, or hands out what there is",
		die: func(s *stage) crashed {
			return crashAfterReading(s, func(w *scriptedWorker) {
				for _, r := range s.arrivals() {
					if r.worker == w {
						answer := r.frame(okAnswer(r.id, quote(strings.Repeat("z", 1<<20))))
						r.writeDone(answer[:len(answer)/2])
						break
					}
				}
				w.die()
			})
		},
	},
	{
		name: "that-is-killed-while-the-pool-writes", read: false,
		cause: "a write that fails leaves its call, or those behind it, waiting",
		die:   crashWhileWriting,
	},
}

func poolDeathCases() []poolCase {
	var all []poolCase
	for _, c := range crashes {
		all = append(all, poolCase{
			Case: Case{
				Name: "a-worker-" + c.name + "-fails-them-alone", Clauses: []string{"HLT-4"}, Framings: bothFramings, Cause: c.cause,
			},
			run: func(t *poolT) {
				s := crashStage(t)
				after := c.die(s)
				s.set(func() { s.called = func(r *poolRequest) { r.answer(r.body) } })
				for _, h := range after.onIt {
					h.because = ", because it was on the worker that died"
					if c.read {
						h.fails("HLT-4")
					} else {
						h.getsOwnOrFails("HLT-4")
					}
				}
				s.release("HLT-4", after.elsewhere)
				s.deathIsKnown("HLT-4", after.victim)
				for range 6 { // the dead worker does not come back
					s.call().succeeds("HLT-4")
				}
			},
		})
	}
	return append(all,
		poolCase{
			Case: Case{
				Name: "the-error-says-that-the-worker-died", Clauses: []string{"HLT-5"}, Framings: bothFramings,
				Cause: "the error of the read or the write is returned bare",
			},
			run: func(t *poolT) {
				for _, c := range crashes {
					t.Note("case", "next: a worker %s", c.name)
					s := crashStage(t)
					after := c.die(s)
					s.set(func() { s.called = func(r *poolRequest) { r.answer(r.body) } })
					for _, h := range after.onIt {
						if h.wait("HLT-5"); c.read || h.err != nil {
							h.fails("HLT-5", WorkerDied)
						}
					}
					s.clear()
				}
			},
		},
		poolCase{
			Case: Case{
				Name: "the-error-says-that-the-request-may-have-run", Clauses: []string{"HLT-5"}, Framings: bothFramings,
				Cause: "the error does not tell a call whose request was sent from one whose request was not",
			},
			run: func(t *poolT) {
				for _, c := range crashes {
					if c.read {
						t.Note("case", "next: a worker %s", c.name)
						s := crashStage(t)
						for _, h := range c.die(s).onIt {
							h.fails("HLT-5", MayHaveRun)
						}
						s.clear()
					}
				}
			},
		},
		poolCase{
			Case: Case{
				Name: "a-call-that-was-never-sent-cannot-have-run", Clauses: []string{"HLT-5"}, Framings: bothFramings,
				Cause: "every failure is said to have run perhaps",
			},
			run: neverSent,
		},
		poolCase{
			Case: Case{
				Name: "a-worker-that-died-is-restarted", Clauses: []string{"HLT-6"}, Framings: bothFramings,
				Cause: "nothing restarts a worker, or the new process is never counted as healthy, or an exit with status 0 is taken for one that was asked for",
			},
			run: restarted,
		},
		poolCase{
			Case: Case{
				Name: "restarts-back-off", Clauses: []string{"HLT-7"},
				Cause: "the delay is constant, or starts anew because the process had been started at all",
			},
			run: restartsBackOff,
		},
		poolCase{
			Case: Case{
				Name: "no-call-is-sent-twice-after-a-crash", Clauses: []string{"HLT-8"}, Framings: bothFramings,
				Cause: "a call whose worker died is tried again on another one, though its handler may have run",
			},
			run: func(t *poolT) {
				for _, c := range crashes {
					if !c.read {
						continue
					}
					t.Note("case", "next: a worker %s", c.name)
					s := crashStage(t)
					after := c.die(s)
					for _, h := range after.onIt {
						s.sentOnce(h)
					}
					s.release("HLT-8", after.elsewhere)
					s.clear()
				}
			},
		},
		poolCase{
			Case: Case{
				Name: "no-call-is-sent-twice-after-its-connection-broke", Clauses: []string{"HLT-8"}, Framings: bothFramings,
				Cause: "a call whose connection broke is tried again on a new one, though its handler may have run",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 2
				s.hold()
				s.start()
				for _, breaking := range []func(r *poolRequest){
					(*poolRequest).closeConnection,
					func(r *poolRequest) { r.send(r.frame([]byte("no JSON"))) },
					func(r *poolRequest) { r.send(claim(s.options.Framing, r.id, 1<<31)) },
				} {
					h := s.fill("HLT-8", 1)[0]
					breaking(h.at)
					s.sentOnce(h)
				}
			},
		},
	)
}

// crashStage is a pool of 2 workers, of which neither comes back when it dies.
func crashStage(t *poolT) *stage {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.hold()
	s.start()
	s.set(func() { s.appears = neverListens })
	return s
}

func crashAfterReading(s *stage, die func(*scriptedWorker)) crashed {
	var c crashed
	clause := s.t.cites[0]
	calls := s.fill(clause, 4)
	c.victim = calls[0].at.worker
	for _, h := range calls {
		if h.at.worker == c.victim {
			c.onIt = append(c.onIt, h)
		} else {
			c.elsewhere = append(c.elsewhere, h)
		}
	}
	die(c.victim)
	return c
}

// crashBeforeReading has as many calls as there are slots, and a worker that reads none of its share.
func crashBeforeReading(s *stage) crashed {
	clause := s.t.cites[0]
	c := crashed{victim: s.worker(clause, 1)}
	c.victim.readOnly(0)
	var calls []*poolCall
	for range 4 {
		calls = append(calls, s.call())
	}
	s.until(clause, "2 of 4 calls reach the worker that reads", func() bool { return len(s.requests) == 2 })
	for _, call := range calls {
		call.parks()
		h := held{poolCall: call}
		for _, r := range s.arrivals() {
			if r.method == call.method {
				h.at = r
			}
		}
		if h.at == nil {
			c.onIt = append(c.onIt, h)
		} else {
			c.elsewhere = append(c.elsewhere, h)
		}
	}
	c.victim.die()
	return c
}

// crashWhileWriting has the pool in the middle of writing 4 MB to a worker that does not read on.
func crashWhileWriting(s *stage) crashed {
	var c crashed
	clause := s.t.cites[0]
	calls := s.fill(clause, 2)
	before := map[*scriptedWorker]int{}
	for _, w := range s.appeared() {
		w.readOnly(64 << 10)
		s.set(func() { before[w] = w.received })
	}
	big := s.callBody(quote(strings.Repeat("y", 4<<20)))
	s.until(clause, "the request begins to come", func() bool {
		for w, n := range before {
			if w.received >= n+32<<10 {
				c.victim = w
			}
		}
		return c.victim != nil
	})
	for w := range before {
		if w != c.victim {
			w.readOnly(readAll)
		}
	}
	for _, h := range append(calls, held{poolCall: big}) {
		if h.at == nil || h.at.worker == c.victim {
			c.onIt = append(c.onIt, h)
		} else {
			c.elsewhere = append(c.elsewhere, h)
		}
	}
	c.victim.die()
	return c
}

// sentOnce demands that a call that failed was not sent again. A pool that sends it again has the call
// wait for the second answer.
func (s *stage) sentOnce(h held) {
	times := 0
	s.until("HLT-8", h.method+" fails", func() bool {
		times = 0
		for _, r := range s.requests {
			if r.method == h.method {
				times++
			}
		}
		return h.ended() || times > 1
	})
	if times > 1 {
		s.t.FailNow("HLT-8", h.method+" comes to a worker once", "it came %d times, and nobody had asked for that", times)
	}
}

func neverSent(t *poolT) {
	s := t.stage()
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	s.set(func() { s.appears = neverListens })
	w := s.worker("HLT-5", 1)
	w.die()
	s.until("HLT-5", "the worker has ended", func() bool { return w.gone })
	s.healthBecomes("HLT-3", "no healthy worker", func(h Health) bool { return h.Healthy == 0 })
	ctx, cancel := context.WithTimeout(t.ctx, 200*time.Millisecond)
	defer cancel()
	c := s.callWith(ctx, "", "")
	c.fails("HLT-5")
	if errors.Is(c.err, MayHaveRun) {
		t.Fail("HLT-5", "a call that was made while no worker listened is not said to have run perhaps", "%s", c.outcome())
	}
}

func restarted(t *poolT) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	for round, die := range []func(*scriptedWorker){
		(*scriptedWorker).die,
		func(w *scriptedWorker) { w.exit(0) },
	} {
		die(s.worker("HLT-6", round+1))
		again := s.worker("HLT-6", round+3)
		s.until("HLT-6", "calls go to the worker that was restarted", func() bool { return again.listening })
		s.healthBecomes("HLT-6", "2 healthy workers after a restart", func(h Health) bool { return h.Healthy == 2 })
		for range 6 {
			s.call().succeeds("HLT-6")
		}
		if callsOf(s)[again] == 0 {
			t.FailNow("HLT-6", "the worker that was restarted takes calls again", "none of 6 came to it; %s", s.scene())
		}
	}
}

// restartsBackOff looks at the times between the starts of a worker that ends at each start.
func restartsBackOff(t *poolT) {
	s := t.stage()
	s.options.RestartBackoff, s.options.RestartBackoffMax = 40*time.Millisecond, time.Minute
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	var starts []time.Time
	s.set(func() {
		s.appears = func(w *scriptedWorker) {
			s.set(func() { starts = append(starts, time.Now()) })
			w.exit(1)
		}
	})
	s.worker("HLT-7", 1).die()
	const most = 10
	gaps := func() (g []time.Duration) {
		for i := 1; i < len(starts); i++ {
			g = append(g, starts[i].Sub(starts[i-1]).Round(time.Millisecond))
		}
		return g
	}
	// With jitter one gap may be shorter than the one before it, so sums of two are compared. The time
	// that a process takes to start is in each.
	grown := func(g []time.Duration) bool {
		n := len(g)
		return n >= 5 && g[n-1]+g[n-2] > 4*(g[0]+g[1])
	}
	s.becomes(func() bool { return grown(gaps()) || len(starts) > most })
	s.mu.Lock()
	g := gaps()
	s.mu.Unlock()
	if !grown(g) {
		t.FailNow("HLT-7", fmt.Sprintf("the delays before restarts grow, from %v on, while a worker ends at each start", s.options.RestartBackoff),
			"the starts came after %v", g)
	}
}
