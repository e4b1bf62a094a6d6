package pool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// heldCall is a call whose request waits at a worker.
type heldCall struct {
	*call
	req *request
}

// holdCalls makes n calls and waits until all of them are at the workers at once. The script must hold requests. It
// blocks the case if the pool runs fewer calls at once than the case needs and the case is not about that [BPR-7].
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
			s.t.Blocked("only %d of %d calls run at once, see BPR-7; %s", there, n, s.scene())
		}
		s.t.FailNow(clause, fmt.Sprintf("%d calls are at the workers at once", n), "%d are after %v; %s", there, s.t.Patience(), s.scene())
	}
	s.mostHeld = max(s.mostHeld, n)
	return all
}

// countArrivedLocked counts the calls whose requests have arrived at a worker.
func (s *stage) countArrivedLocked(calls []*call) int {
	there := 0
	for _, c := range calls {
		if slices.ContainsFunc(s.requests, func(r *request) bool { return r.method == c.method }) {
			there++
		}
	}
	return there
}

// release answers held calls and requires each to get its own answer.
func (s *stage) release(clause string, calls []heldCall) {
	for _, h := range calls {
		h.req.answer(h.body)
	}
	for _, h := range calls {
		h.succeeds(clause)
	}
}

// laterCallsSucceed makes calls until three have got their own answers. A call may fail while the pool counts a worker as
// unhealthy; the pool must count every worker as healthy again. Afterwards the script holds requests.
func (s *stage) laterCallsSucceed(clause string) {
	s.echoRequests()
	well := func(h spec.Health) bool { return h.Healthy == s.options.Workers }
	for answered := 0; answered < 3; {
		before := s.health(clause)
		c := s.call()
		c.wait(clause)
		if c.err != nil && (!well(before) || !well(s.health(clause))) {
			s.unlessIgnored("HealthInterval", "a worker counts as unhealthy after this until the next check")
			s.healthBecomes(clause, "every worker counts as healthy again, so that later calls get their own answers", well)
			continue
		}
		c.succeeds(clause)
		answered++
	}
	s.holdRequests()
}

// laterCallsSucceedAfterStrays is like laterCallsSucceed, after answers that no call waits for. The pool may close a
// connection because of them, so up to five calls may fail before.
func (s *stage) laterCallsSucceedAfterStrays(clause string) {
	s.echoRequests()
	for range 5 {
		c := s.call()
		c.getsOwnAnswerOrFails(clause)
		if c.err == nil {
			break
		}
	}
	s.laterCallsSucceed(clause)
}

// waitUntilParked waits until the goroutine that runs the call is parked in the pool, so that what the case does next
// comes after it. It waits for a short time only, and finds nothing: a pool may hand its calls to other goroutines.
func (c *call) waitUntilParked() { c.s.waitUntilParked(&c.goroutine, c.done) }

// waitUntilParked waits until a goroutine is parked or done is closed, for a quarter of the patience at most. The ID of
// the goroutine is read under the lock of the stage. If the pool lives in another process, all threads of that process
// must be parked.
func (s *stage) waitUntilParked(goroutine *string, done <-chan struct{}) {
	ctx, cancel := context.WithTimeout(s.t.WholeRun(), s.t.Patience()/4)
	defer cancel()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for inRow := 0; inRow < 2 && !isClosed(done); { // twice in a row, because it may only be on its way
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if s.isParked(goroutine) {
			inRow++
		} else {
			inRow = 0
		}
	}
}

// isParked reports whether the goroutine or, if the pool lives in another process, every thread of that waits.
func (s *stage) isParked(goroutine *string) bool {
	var id string
	var processes []int
	s.withLock(func() { id, processes = *goroutine, s.poolProcesses })
	if len(processes) > 0 {
		return !slices.ContainsFunc(processes, proc.Busy)
	}
	return id != "" && proc.Halted(proc.Goroutines()[id])
}
