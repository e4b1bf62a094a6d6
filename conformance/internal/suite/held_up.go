package suite

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/result"
)

// heldUp adds up for how long this process did not get to run, or could not make a folder, while a case ran. The limits
// that a case gives its subject go on meanwhile, and what the suite itself owes the subject within them comes late.
type heldUp struct {
	mu   sync.Mutex
	sum  time.Duration
	turn time.Time // when the turn that is waited for should have come; zero: none is
}

const (
	// turnEvery is how often a case sees whether it gets its turn.
	turnEvery = 100 * time.Millisecond
	// lateFrom is by how much a turn that counts is late: many cases at once make each other wait for less, which no limit
	// that a case sets is short enough to feel.
	lateFrom = 200 * time.Millisecond
)

// watch measures until the context ends.
func (h *heldUp) watch(ctx context.Context, takeATurn func(waited time.Duration)) {
	tick := time.NewTimer(turnEvery)
	defer tick.Stop()
	for {
		h.mu.Lock()
		h.turn = time.Now().Add(turnEvery)
		h.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-tick.C:
			takeATurn(turnEvery)
		}
		h.mu.Lock()
		h.sum += h.lateLocked()
		h.turn = time.Time{}
		h.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		tick.Reset(turnEvery)
	}
}

// lateLocked is by how much the turn that is waited for is late.
func (h *heldUp) lateLocked() time.Duration {
	if late := time.Since(h.turn); !h.turn.IsZero() && late >= lateFrom {
		return late
	}
	return 0
}

// matters reports for how long the case was held up, if that is long enough for a right subject to fail it: a tenth of the
// patience, and a fifth of the time that the case took.
func (h *heldUp) matters(elapsed, patience time.Duration) (time.Duration, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := h.sum + h.lateLocked()
	return sum, sum > patience/10 && sum > elapsed/5
}

// moreTrials is how often a case is run again that did not pass while the suite was held up.
const moreTrials = 2

// again runs a case again that did not pass in trials of which one was held up. A subject that never passes is told what was
// found. Of one that failed and passed nothing is known.
func again(ctx context.Context, j Job, o *Options, first result.Result, trials ...*T) result.Result {
	r, longest := first, time.Duration(0)
	for range moreTrials {
		doubtful := false
		for _, t := range trials {
			if held, matters := t.heldUp.matters(r.Elapsed, o.Patience); matters && t.limits.Load() {
				doubtful, longest = true, max(longest, held)
			}
		}
		if !doubtful || o.Run.Err() != nil || !slices.Contains([]result.Status{result.StatusFail, result.StatusShould, result.StatusBlocked}, r.Status) {
			break
		}
		trial := startAlone(ctx, j, o)
		r, trials = <-trial.result, []*T{trial.t}
	}
	switch {
	case len(first.Findings) == 0 || len(r.Findings) > 0:
		return r
	case r.Status != result.StatusPass:
		return first
	}
	r.Status, r.Timeline = result.StatusBlocked, first.Timeline
	r.Reason = fmt.Sprintf("this machine held up the suite for %v while the case ran. It failed then, and passed when it was run again: "+
		"run it with less beside it, for instance with --parallel 1", longest.Round(time.Millisecond))
	for _, f := range first.Findings {
		r.Timeline = append(r.Timeline, result.Event{At: first.Elapsed, Where: "suite",
			Note: fmt.Sprintf("the first trial found, for %s: expected %s, got %s", f.Clause, f.Want, f.Got)})
	}
	return r
}
