package pool

import (
	"fmt"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// heldCall is a call and its request, which waits at a worker.
type heldCall struct {
	*call
	req *request
}

// holdCalls makes n calls and waits until all of them are at the workers at once. The case holds requests.
func (s *stage) holdCalls(clause string, n int) []heldCall {
	var all []heldCall
	for range n {
		all = append(all, heldCall{call: s.call()})
	}
	arrived := func() int {
		there := 0
		for i, h := range all {
			for _, r := range s.requests {
				if r.method == h.method {
					all[i].req = r
					there++
				}
			}
		}
		return there
	}
	var there int
	if !s.eventually(func() bool { there = arrived(); return there >= n }) {
		if there > 0 && n > s.mostHeld && !s.t.covers("BPR-7") {
			s.t.Blocked("no more than %d of %d calls have come to run at once, see BPR-7; %s", there, n, s.scene())
		}
		s.t.FailNow(clause, fmt.Sprintf("%d calls are at the workers at once", n), "%d are after %v; %s", there, s.t.Patience(), s.scene())
	}
	s.mostHeld = max(s.mostHeld, n)
	return all
}

// countArrivedLocked counts the calls whose requests have come to a worker.
func (s *stage) countArrivedLocked(calls []*call) int {
	there := 0
	for _, c := range calls {
		if slices.ContainsFunc(s.requests, func(r *request) bool { return r.method == c.method }) {
			there++
		}
	}
	return there
}

// release answers held calls and sees each get its own answer.
func (s *stage) release(clause string, calls []heldCall) {
	for _, h := range calls {
		h.req.answer(h.body)
	}
	for _, h := range calls {
		h.succeeds(clause)
	}
}

// laterCallsSucceed demands that calls that are made now get their own answers. They may fail while the pool
// counts a worker as unhealthy, as long as that passes.
func (s *stage) laterCallsSucceed(clause string) {
	s.withLock(func() { s.onRequest = func(r *request) { r.answer(r.body) } })
	well := func(h spec.Health) bool { return h.Healthy == s.options.Workers }
	for answered := 0; answered < 3; {
		before := s.health(clause)
		c := s.call()
		c.wait(clause)
		if c.err != nil && (!well(before) || !well(s.health(clause))) {
			s.healthBecomes(clause, "every worker counts as healthy again, so that later calls get their own answers", well)
			continue
		}
		c.succeeds(clause)
		answered++
	}
	s.holdRequests()
}

// laterCallsSucceedAfterStrays demands that later calls get their own answers, once the pool has dealt with answers that
// nobody waits for. The calls that meet a connection just as it is closed for them may fail.
func (s *stage) laterCallsSucceedAfterStrays(clause string) {
	s.withLock(func() { s.onRequest = func(r *request) { r.answer(r.body) } })
	for range 5 {
		c := s.call()
		c.getsOwnAnswerOrFails(clause)
		if c.err == nil {
			break
		}
	}
	s.laterCallsSucceed(clause)
}

// waitUntilParked waits until the call has come to a halt within the pool, so that what the case does next comes
// after it. A pool may hand its calls to other goroutines, so nothing is found where it does not.
func (c *call) waitUntilParked() {
	c.s.waitUntilParked(func() (own string) { c.s.withLock(func() { own = c.goroutine }); return own }, c.ended)
}

// waitUntilParked waits until a goroutine has come to a halt or what it does has ended, for a while at most. Where the
// pool lives in another process, all that runs there must come to a halt.
func (s *stage) waitUntilParked(own func() string, ended func() bool) {
	timer := time.NewTimer(s.t.Patience() / 4)
	defer timer.Stop()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	var processes []int
	s.withLock(func() { processes = s.poolProcesses })
	rests := func() bool {
		if len(processes) > 0 {
			return !slices.ContainsFunc(processes, proc.Busy)
		}
		id := own()
		return id != "" && proc.Halted(proc.Goroutines()[id])
	}
	for halts := 0; halts < 2 && !ended(); {
		select {
		case <-tick.C:
		case <-s.t.Stopped():
			return
		case <-timer.C:
			return
		}
		if rests() {
			halts++
		} else {
			halts = 0
		}
	}
}
