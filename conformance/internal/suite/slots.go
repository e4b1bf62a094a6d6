package suite

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
)

// slots says when another case may begin.
//
// So many cases run at once as the options say. Unless the user has set that number, a case that has gone on for long while
// the processors have nothing to do gives its slot to another: it waits for something that does not come, and a subject
// with many faults would otherwise be waited for in one case after the other.
type slots struct {
	parallel int           // cases at once
	most     int           // cases at once, with those that have given their slots away
	long     time.Duration // how long a case runs before it may give its slot away
	idle     func() bool   // whether the processors had little to do since the last call
	ended    chan struct{} // a case has ended

	mu      sync.Mutex
	running []*holder // in the order in which they began
}

// holder is a case that runs.
type holder struct {
	began time.Time
	given bool // it has given its slot away
}

const (
	// casesPerProcessor keeps the processors busy, although most cases wait most of the time.
	casesPerProcessor = 4
	// mostPerSlot bounds the processes, descriptors and memory that all the cases hold.
	mostPerSlot = 5
	// lookEvery is how often the processors are asked whether they are idle, while something waits for that.
	lookEvery = 200 * time.Millisecond
)

// MostAtOnce returns how many cases run at once at most, unless the user has set that.
func MostAtOnce() int { return mostPerSlot * casesPerProcessor * runtime.GOMAXPROCS(0) }

// newSlots returns the slots of a run.
func newSlots(o *Options) *slots {
	s := &slots{parallel: o.Parallel, most: o.Parallel, long: o.Patience / 40, idle: func() bool { return false }, ended: make(chan struct{}, 1)}
	if o.Parallel == 0 {
		s.parallel, s.most = MostAtOnce()/mostPerSlot, MostAtOnce()
		s.idle = idleMeter()
	}
	return s
}

// take waits until a case may begin. It returns a function to call when the case has ended, and nil if the context ends
// first.
func (s *slots) take(ctx context.Context) (end func()) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	s.idle() // since now
	for idle := false; ctx.Err() == nil; {
		if end := s.begin(idle); end != nil {
			return end
		}
		idle = false
		select {
		case <-s.ended:
		case <-look.C:
			idle = s.idle()
		case <-ctx.Done():
		}
	}
	return nil
}

// begin begins a case if a slot is free. If the processors are idle, cases that have gone on for long give their slots away
// before.
func (s *slots) begin(idle bool) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := 0
	for _, h := range s.running {
		h.given = h.given || idle && time.Since(h.began) >= s.long
		if !h.given {
			taken++
		}
	}
	if taken >= s.parallel || len(s.running) >= s.most {
		return nil
	}
	h := &holder{began: time.Now()}
	s.running = append(s.running, h)
	return func() { s.end(h) }
}

func (s *slots) end(h *holder) {
	s.mu.Lock()
	s.running = slices.DeleteFunc(s.running, func(o *holder) bool { return o == h })
	s.mu.Unlock()
	select {
	case s.ended <- struct{}{}:
	default:
	}
}

// idleMeter returns a function that reports whether half of the processors that this process may use were idle since the
// last call. It reports false where the system does not say.
func idleMeter() func() bool {
	last, at := proc.Idle(), time.Now()
	return func() bool {
		was, began := last, at
		last, at = proc.Idle(), time.Now()
		return last-was > at.Sub(began)*time.Duration(runtime.GOMAXPROCS(0))/2
	}
}
