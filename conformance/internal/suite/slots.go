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
// So many cases run at once as the options say. Unless the user has set that number, a case that has gone on for long gives
// its slot to another: it waits for something that does not come, and a subject with many faults would otherwise be waited
// for in one case after the other. While the processors work, perhaps for somebody else, that takes longer, and fewer cases
// run at once.
type slots struct {
	parallel int           // cases at once
	most     int           // cases at once, with those that have given their slots away
	long     time.Duration // how long a case runs before it gives its slot away where the processors are idle
	longer   time.Duration // and where they are not
	idle     func() bool   // whether the processors had little to do since the last call
	ended    chan struct{} // a case has ended

	wasIdle bool // at the last look of take

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
	// mostPerSlot bounds the processes and descriptors that all the cases hold: those of a subject with many faults wait for
	// something that does not come, and compute nothing meanwhile.
	mostPerSlot = 12
	// memoryOfACase is how much memory there must be for each case, with what its subject takes.
	memoryOfACase = 64 << 20
	// mostPerSlotAtWork is the same for processors that are not idle.
	mostPerSlotAtWork = 2
	// lookEvery is how often the processors are asked whether they are idle, while something waits for that.
	lookEvery = 200 * time.Millisecond
)

// MostAtOnce returns how many cases run at once at most, unless the user has set that.
func MostAtOnce() int { return mostPerSlot * casesPerProcessor * runtime.GOMAXPROCS(0) }

// mostFor returns how many cases may run at once where so much memory is available; 0 stands for memory of which nothing is known.
func mostFor(memory int64) int {
	parallel := casesPerProcessor * runtime.GOMAXPROCS(0)
	return max(mostPerSlotAtWork*parallel, min(MostAtOnce(), int(memory/memoryOfACase)))
}

// newSlots returns the slots of a run.
func newSlots(o *Options) *slots {
	s := &slots{
		parallel: o.Parallel, most: o.Parallel, long: o.Patience / 40, longer: o.Patience / 10,
		idle: func() bool { return false }, ended: make(chan struct{}, 1),
	}
	if o.Parallel == 0 {
		s.parallel, s.most = casesPerProcessor*runtime.GOMAXPROCS(0), mostFor(proc.AvailableMemory())
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
	for ctx.Err() == nil {
		if end := s.begin(); end != nil {
			return end
		}
		select {
		case <-s.ended:
		case <-look.C:
			s.wasIdle = s.idle()
		case <-ctx.Done():
		}
	}
	return nil
}

// begin begins a case if a slot is free. Cases that have gone on for long give their slots away before.
func (s *slots) begin() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	long, most := s.longer, min(s.most, s.parallel*mostPerSlotAtWork)
	if s.wasIdle {
		long, most = s.long, s.most
	}
	taken := 0
	for _, h := range s.running {
		h.given = h.given || time.Since(h.began) >= long
		if !h.given {
			taken++
		}
	}
	if taken >= s.parallel || len(s.running) >= most {
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

// idleMeter returns a function that reports whether a quarter of the processors that this process may use was idle since the
// last call: beside a program that keeps one of two of them busy, there is room as well. It reports false where the system does not say.
func idleMeter() func() bool {
	last, at := proc.Idle(), time.Now()
	return func() bool {
		was, began := last, at
		last, at = proc.Idle(), time.Now()
		return last-was > at.Sub(began)*time.Duration(runtime.GOMAXPROCS(0))/4
	}
}
