package pool

import (
	"fmt"
	"slices"
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
