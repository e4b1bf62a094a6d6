package pool

import (
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// crash is one way for a worker to die with calls on it.
type crash struct {
	name, cause string
	// requestsRead is set if the worker has read the requests whole, so that their handlers may have run. A pool may know
	// that other requests cannot have run, and send them to another worker.
	requestsRead bool
	die          func(s *stage) crashResult
}

// crashResult is what a crash left: the calls that were on the worker, and those that were elsewhere.
type crashResult struct {
	victim              *scriptedWorker
	onVictim, elsewhere []heldCall
}

// add adds a call to those that were on the victim or to the others. A call without a request is on the victim.
func (c *crashResult) add(h heldCall) {
	if h.req == nil || h.req.worker == c.victim {
		c.onVictim = append(c.onVictim, h)
	} else {
		c.elsewhere = append(c.elsewhere, h)
	}
}

var crashes = []crash{
	{
		name: "that-is-killed-with-calls-on-it", requestsRead: true,
		cause: "When a process or its connections end, the pool fails none of the calls that wait for answers, or fails all.",
		die:   killWithCalls,
	},
	{
		name: "that-exits-with-calls-on-it", requestsRead: true,
		cause: "The pool does not take an exit with status 0 for a death.",
		die:   exitWithCalls,
	},
	{
		name: "that-is-killed-before-it-reads-a-call", requestsRead: false,
		cause: "The pool does not take a reset of the connection for its end.",
		die:   killBeforeReading,
	},
	{
		name: "that-is-killed-in-the-middle-of-an-answer", requestsRead: true,
		cause: "The reader of an answer that was cut off waits for the rest, or hands out the part that it has.",
		die:   killWhileAnswering,
	},
	{
		name: "that-is-killed-while-the-pool-writes", requestsRead: false,
		cause: "A write that fails leaves its call, or the calls behind it, waiting.",
		die:   killWhileThePoolWrites,
	},
}

func killWithCalls(s *stage) crashResult {
	return crashAfterReading(s, (*scriptedWorker).die)
}

func exitWithCalls(s *stage) crashResult {
	return crashAfterReading(s, func(w *scriptedWorker) { w.exit(0) })
}

func killWhileAnswering(s *stage) crashResult {
	return crashAfterReading(s, func(w *scriptedWorker) {
		i := slices.IndexFunc(s.requestsSoFar(), func(r *request) bool { return r.worker == w })
		r := s.requestsSoFar()[i]
		answer := r.frame(wire.OKAnswer(r.id, wire.Quote(strings.Repeat("z", 1<<20))))
		_ = r.writeAndWait(answer[:len(answer)/2])
		w.die()
	})
}

// crashStage starts a pool of 2 workers. A process that replaces one of them never becomes ready.
func crashStage(t *T) *stage {
	s := t.stage()
	s.leastPayload = 2 << 20
	s.leastPayload = 2 << 20
	s.options.Workers, s.options.MaxInFlight = 2, 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.holdRequests()
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	return s
}

// crashAfterReading has calls at both workers, read whole, and lets one worker die.
func crashAfterReading(s *stage, die func(*scriptedWorker)) crashResult {
	var c crashResult
	clause := s.t.clauses[0]
	calls := s.holdCalls(clause, 4)
	c.victim = calls[0].req.worker
	for _, h := range calls {
		c.add(h)
	}
	die(c.victim)
	return c
}

// killBeforeReading makes as many calls as there are slots, while a worker reads none of its share.
func killBeforeReading(s *stage) crashResult {
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
		c.add(h)
	}
	c.victim.die()
	return c
}

// killWhileThePoolWrites lets the pool write 1 MB, which no socket holds, to a worker that stops reading.
func killWhileThePoolWrites(s *stage) crashResult {
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
		s.t.Blocked("a request of 1 MB does not begin to arrive beside 2 calls, see BPR-7 if calls run one by one; %s", s.scene())
	}
	for w := range before {
		if w != c.victim {
			w.readOnly(scripted.ReadAll)
		}
	}
	for _, h := range append(calls, heldCall{call: big}) {
		c.add(h)
	}
	c.victim.die()
	return c
}
