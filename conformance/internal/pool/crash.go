package pool

import (
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// A crash is one way for a worker to die with calls on it.
type crash struct {
	name, cause string
	// read is set where the worker has read the requests whole, so that their handlers may have run.
	// Of any other a pool may know that they cannot have, and send them elsewhere.
	requestsRead bool
	die          func(s *stage) crashResult
}

// crashResult is what a crash left: the calls that were on the worker, and those that were elsewhere.
type crashResult struct {
	victim              *scriptedWorker
	onVictim, elsewhere []heldCall
}

var crashes = []crash{
	{
		name: "that-is-killed-with-calls-on-it", requestsRead: true,
		cause: "the end of the process or of its connections is not told to the calls that wait for answers, or is told to all",
		die:   func(s *stage) crashResult { return crashAfterReading(s, (*scriptedWorker).die) },
	},
	{
		name: "that-exits-with-calls-on-it", requestsRead: true,
		cause: "an exit with status 0 is not taken for a death",
		die:   func(s *stage) crashResult { return crashAfterReading(s, func(w *scriptedWorker) { w.exit(0) }) },
	},
	{
		name: "that-is-killed-before-it-reads-a-call", requestsRead: false,
		cause: "a reset of the connection is not taken for its end",
		die:   crashBeforeReading,
	},
	{
		name: "that-is-killed-in-the-middle-of-an-answer", requestsRead: true,
		cause: "the reader of an answer that was cut off waits for the rest, or hands out what there is",
		die: func(s *stage) crashResult {
			return crashAfterReading(s, func(w *scriptedWorker) {
				for _, r := range s.requestsSoFar() {
					if r.worker == w {
						answer := r.frame(wire.OKAnswer(r.id, wire.Quote(strings.Repeat("z", 1<<20))))
						r.writeAndWait(answer[:len(answer)/2])
						break
					}
				}
				w.die()
			})
		},
	},
	{
		name: "that-is-killed-while-the-pool-writes", requestsRead: false,
		cause: "a write that fails leaves its call, or those behind it, waiting",
		die:   crashWhileWriting,
	},
}

// crashStage is a pool of 2 workers, of which neither comes back when it dies.
func crashStage(t *T) *stage {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.holdRequests()
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	return s
}

func crashAfterReading(s *stage, die func(*scriptedWorker)) crashResult {
	var c crashResult
	clause := s.t.clauses[0]
	calls := s.holdCalls(clause, 4)
	c.victim = calls[0].req.worker
	for _, h := range calls {
		if h.req.worker == c.victim {
			c.onVictim = append(c.onVictim, h)
		} else {
			c.elsewhere = append(c.elsewhere, h)
		}
	}
	die(c.victim)
	return c
}

// crashBeforeReading has as many calls as there are slots, and a worker that reads none of its share.
func crashBeforeReading(s *stage) crashResult {
	clause := s.t.clauses[0]
	c := crashResult{victim: s.worker(clause, 1)}
	c.victim.readOnly(0)
	var calls []*call
	for range 4 {
		calls = append(calls, s.call())
	}
	if !s.eventually(func() bool { return len(s.requests) == 2 }) {
		s.t.Blocked("2 of 4 calls do not reach the worker that reads, see BPR-7 and SEL-1; %s", s.scene())
	}
	for _, call := range calls {
		call.waitUntilParked()
		h := heldCall{call: call}
		for _, r := range s.requestsSoFar() {
			if r.method == call.method {
				h.req = r
			}
		}
		if h.req == nil {
			c.onVictim = append(c.onVictim, h)
		} else {
			c.elsewhere = append(c.elsewhere, h)
		}
	}
	c.victim.die()
	return c
}

// crashWhileWriting has the pool in the middle of writing 1 MB, which no socket holds, to a worker that does not read on.
func crashWhileWriting(s *stage) crashResult {
	var c crashResult
	clause := s.t.clauses[0]
	calls := s.holdCalls(clause, 2)
	before := map[*scriptedWorker]int{}
	for _, w := range s.workersSoFar() {
		w.readOnly(64 << 10)
		s.withLock(func() { before[w] = w.bytesReceived })
	}
	big := s.callBody(wire.Quote(strings.Repeat("y", 1<<20)))
	if !s.eventually(func() bool {
		for w, n := range before {
			if w.bytesReceived >= n+32<<10 {
				c.victim = w
			}
		}
		return c.victim != nil
	}) {
		s.t.Blocked("a request of 1 MB does not begin to come beside 2 calls, see BPR-7 if calls run one by one; %s", s.scene())
	}
	for w := range before {
		if w != c.victim {
			w.readOnly(scripted.ReadAll)
		}
	}
	for _, h := range append(calls, heldCall{call: big}) {
		if h.req == nil || h.req.worker == c.victim {
			c.onVictim = append(c.onVictim, h)
		} else {
			c.elsewhere = append(c.elsewhere, h)
		}
	}
	c.victim.die()
	return c
}
