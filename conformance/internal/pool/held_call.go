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
// blocks the case if the pool runs fewer calls at once than the case needs and the case is not about that [BPR-7]. A call that
// ends before while the pool counts a worker as unhealthy, as on a machine that has held up a health check, is made again.
func (s *stage) holdCalls(clause string, n int) []heldCall {
	var all []heldCall
	for range n {
		all = append(all, heldCall{call: s.call()})
	}
	want := fmt.Sprintf("%d calls are at the workers at once", n)
	for again := 0; ; again++ {
		there, ended := 0, -1
		s.eventually(func() bool {
			there, ended = s.arrivedLocked(all)
			return there >= n || ended >= 0
		})
		if there >= n {
			s.mostHeld = max(s.mostHeld, n)
			return all
		}
		if ended < 0 {
			s.blockIfFewer(there, n)
			s.t.FailNow(clause, want, "%d are after %v; %s", there, s.t.Patience(), s.scene())
		}
		c := all[ended].call
		c.wait(clause)
		if s.wellAgain(clause) || again == n {
			s.blockIfFewer(there, n)
			s.t.FailNow(clause, want, "%d are, and %s has returned: %s; %s", there, c.shown(), c.outcome(), s.scene())
		}
		for i, h := range all { // what others ended with was so before all were healthy again, too
			if h.req == nil && h.ended() {
				s.t.Note("case", "%s ended while a worker counted as unhealthy; next: another call in its place", h.shown())
				all[i] = heldCall{call: s.call()}
			}
		}
	}
}

// blockIfFewer ends the case where the pool runs fewer calls at once than the n that it needs, and that is not what it is about.
func (s *stage) blockIfFewer(there, n int) {
	if there > 0 && n > s.mostHeld && !s.t.covers("BPR-7") {
		s.t.Blocked("only %d of %d calls run at once, see BPR-7; %s", there, n, s.scene())
	}
}

// wellAgain reports whether the pool counts every worker as healthy, and waits until it does if not.
func (s *stage) wellAgain(clause string) bool {
	well := func() bool { return s.health(clause).Healthy == s.options.Workers }
	if well() {
		return true
	}
	s.t.Settle(well)
	return false
}

// arrivedLocked sets the requests of the calls that are at a worker. It returns how many these are, and the first call that has
// ended before, or -1.
func (s *stage) arrivedLocked(all []heldCall) (there, ended int) {
	ended = -1
	for i, h := range all {
		at := slices.IndexFunc(s.requests, func(r *request) bool { return r.method == h.method })
		switch {
		case at >= 0:
			all[i].req = s.requests[at]
			there++
		case ended < 0 && h.ended():
			ended = i
		}
	}
	return there, ended
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
