package explore

import (
	"context"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
)

// Waiting says how long to wait for what must come.
//
// Time is counted in ticks. A tick counts only if the canary, a process of the suite's own, was served in it, and if the
// subject used no processor time to speak of: on a machine that is stopped or overloaded no time passes, and a subject that
// works is not hanging. A subject that only works is given up once it has used several times the patience of processor time,
// or, where it does not get that, nothing is said of it.
type Waiting struct {
	Patience time.Duration
	Canary   *Canary
	Hasty    bool       // a machine that serves little is no excuse: only a suspicion rests on it
	PID      func() int // of the subject, whose descendants count too; 0 if it lives in this process
}

const (
	ticksOfPatience = 20
	patiences       = 6 // that a subject may work
	mostTicks       = patiences * ticksOfPatience
)

// Until waits until ok returns true, and reports whether it did. ok is called at once, after each receive from changed,
// which may be nil, and at each tick. blocked is true if the machine served too little to say anything.
func (w Waiting) Until(ctx context.Context, changed func() <-chan struct{}, ok func() bool) (came, blocked bool) {
	tick := max(w.Patience/ticksOfPatience, time.Millisecond)
	timer := time.NewTimer(tick)
	defer timer.Stop()
	quiet, served, used, known := 0, 0, time.Duration(0), false
	worked := time.Duration(0)
	for all := 0; ; {
		var c <-chan struct{}
		if changed != nil {
			c = changed()
		}
		if ok() {
			return true, false
		}
		select {
		case <-c:
			continue
		case <-ctx.Done():
			return ok(), true
		case <-timer.C:
		}
		all++
		healthy := w.Canary.served()
		if healthy {
			served++
		}
		now := w.used()
		idle := known && now-used < tick/50+1 || now == 0
		if known {
			worked += max(0, now-used)
		}
		used, known = now, true
		if healthy && idle {
			quiet++
		}
		hung := quiet >= ticksOfPatience || worked >= patiences*w.Patience
		if hung || all >= mostTicks && w.Hasty || all >= 2*mostTicks {
			if ok() { // it may have come while the suite itself waited for a processor
				return true, false
			}
			return false, !w.Hasty && (!hung || served < all/2)
		}
		timer.Reset(tick)
	}
}

// used returns the processor time of the subject, 0 if that is not known.
func (w Waiting) used() (sum time.Duration) {
	if w.PID == nil || w.PID() == 0 {
		return 0
	}
	for _, pid := range proc.Within(w.PID()) {
		one, _ := proc.Of(pid)
		sum += one.Used
	}
	return sum
}
