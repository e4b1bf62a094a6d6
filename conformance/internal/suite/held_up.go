package suite

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/result"
)

// heldUp adds up for how long this process did not get to run, or could not make a folder, while cases ran. The limits that
// a case gives its subject go on meanwhile, and what the suite itself owes the subject within them comes late.
type heldUp struct {
	takeATurn func(waited time.Duration)

	mu    sync.Mutex
	cases int           // that run
	ended chan struct{} // closed when the last of them has ended
	sum   time.Duration
	turn  time.Time // when the turn that is waited for should have come; zero: none is
}

// process is for all cases of this process, whichever run they belong to, since all are held up at once.
var process = heldUp{takeATurn: TakeATurn}

const (
	// turnEvery is how often it is seen whether turns come.
	turnEvery = 200 * time.Millisecond
	// lateFrom is by how much a turn that counts is late: many cases at once make each other wait for less, which no limit
	// that a case sets is short enough to feel.
	lateFrom = 200 * time.Millisecond
)

// during returns a function that tells for how long the process has been held up since, and one to call when the case has
// ended, after which the first tells the same for ever.
func (h *heldUp) during() (held func() time.Duration, end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cases++; h.cases == 1 {
		h.ended, h.turn = make(chan struct{}), time.Time{}
		go h.watch(h.ended)
	}
	before := h.sumLocked()
	var after time.Duration
	over := false
	held = func() time.Duration {
		h.mu.Lock()
		defer h.mu.Unlock()
		if over {
			return after - before
		}
		return h.sumLocked() - before
	}
	end = func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		over, after = true, h.sumLocked()
		if h.cases--; h.cases == 0 {
			close(h.ended)
		}
	}
	return held, end
}

// watch measures until no case runs.
func (h *heldUp) watch(ended <-chan struct{}) {
	tick := time.NewTimer(turnEvery)
	defer tick.Stop()
	for {
		if !h.await(ended, time.Now().Add(turnEvery)) {
			return
		}
		select {
		case <-ended:
			return
		case <-tick.C:
			h.takeATurn(turnEvery)
		}
		h.came(ended)
		tick.Reset(turnEvery)
	}
}

// await notes when the next turn should come. It reports false if no case runs.
func (h *heldUp) await(ended <-chan struct{}, turn time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended != ended || h.cases == 0 {
		return false
	}
	h.turn = turn
	return true
}

// came notes that a turn has come.
func (h *heldUp) came(ended <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended == ended {
		h.sum, h.turn = h.sumLocked(), time.Time{}
	}
}

// sumLocked includes by how much the turn that is waited for is late.
func (h *heldUp) sumLocked() time.Duration {
	if late := time.Since(h.turn); !h.turn.IsZero() && late >= lateFrom {
		return h.sum + late
	}
	return h.sum
}

// heldTooLong reports for how long the process was held up during the case, and whether that is long enough for a right
// subject to fail it: a tenth of the patience, and a fifth of the time that the case took.
func (t *T) heldTooLong(elapsed, patience time.Duration) (time.Duration, bool) {
	held := t.held()
	return held, t.limits.Load() && held > patience/10 && held > elapsed/5
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
			if held, matters := t.heldTooLong(r.Elapsed, o.Patience); matters {
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
