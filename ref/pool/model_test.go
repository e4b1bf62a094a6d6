package pool_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// model is how a pool must look from outside: where each call is, and how it has ended. It does not know connections,
// and of time it knows only that enough has passed.
type model struct {
	crew
	phase   phase
	seats   []seat
	next    int          // where the round robin goes on
	waiting []int        // calls, in order of arrival
	calls   map[int]call // by number
	hurried bool         // Shutdown was not to wait for calls any more
}

// crew is the size of a pool.
type crew struct {
	framing            frame.Framing
	workers, perWorker int
	queue              int
}

func (c crew) String() string {
	return fmt.Sprintf("%d workers of %d, queue %d, %v", c.workers, c.perWorker, c.queue, c.framing)
}

type phase int

const (
	unmade phase = iota // there is no pool yet
	fresh               // not started
	running
	closing // Shutdown waits for calls
	closed
)

// seat is one worker.
type seat struct {
	up   bool // given calls
	mute bool // answers no health call
	dead bool // and no other process is ready yet
}

type call struct {
	at         int // the worker that has it, or nobody
	ended      end // "" while it goes on
	mayHaveRun bool
	withdrawn  bool // it was at a worker when its context ended
}

const nobody = -1

// end is how a call ends.
type end string

const (
	answered    end = "its own answer"
	refusedByIt end = "the worker's error"
	canceled    end = "the error of its context"
	busy        end = "busy"
	notStarted  end = "not started"
	shut        end = "closed"
	died        end = "worker died"
	broken      end = "a broken connection"
)

// clauseOf returns the clause that demands an end.
var clauseOf = map[end]string{
	answered: "RID-4", refusedByIt: "MSG-16", canceled: "CAN-1", busy: "BPR-6",
	notStarted: "STA-8", shut: "SHD-1", died: "HLT-4", broken: "RID-7",
}

func (m model) clone() model {
	m.seats = slices.Clone(m.seats)
	m.waiting = slices.Clone(m.waiting)
	m.calls = maps.Clone(m.calls)
	return m
}

// taken returns the number of requests at worker w.
func (m *model) taken(w int) int {
	n := 0
	for _, c := range m.calls {
		if c.at == w {
			n++
		}
	}
	return n
}

// atWorkers and ofWorker return calls by their numbers.
func (m *model) atWorkers() []int {
	return m.callsWhere(func(c call) bool { return c.at != nobody })
}
func (m *model) ofWorker(w int) []int {
	return m.callsWhere(func(c call) bool { return c.at == w })
}

func (m *model) callsWhere(is func(call) bool) []int {
	var which []int
	for n, c := range m.calls {
		if is(c) {
			which = append(which, n)
		}
	}
	slices.Sort(which)
	return which
}

// call makes a new call, which gets a slot, waits for one, or is refused.
func (m *model) call(n int) {
	switch {
	case m.phase == fresh:
		m.calls[n] = call{at: nobody, ended: notStarted}
		return
	case m.phase != running:
		m.calls[n] = call{at: nobody, ended: shut}
		return
	}
	for i := range m.seats { // [SEL-1] [SEL-3]
		if w := (m.next + i) % m.workers; m.seats[w].up && m.taken(w) < m.perWorker {
			m.next = w + 1
			m.calls[n] = call{at: w}
			return
		}
	}
	if m.queue == pool.NoQueue || m.queue > 0 && len(m.waiting) >= m.queue {
		m.calls[n] = call{at: nobody, ended: busy}
		return
	}
	m.calls[n] = call{at: nobody}
	m.waiting = append(m.waiting, n)
}

// end ends calls. Their slots go to calls that wait [BPR-4] [BPR-5].
func (m *model) end(how end, mayHaveRun bool, which ...int) {
	for _, n := range which {
		c := m.calls[n]
		w := c.at
		c = call{at: nobody, ended: how, mayHaveRun: mayHaveRun, withdrawn: how == canceled && w != nobody}
		m.calls[n] = c
		if w == nobody {
			m.waiting = slices.DeleteFunc(m.waiting, func(other int) bool { return other == n })
		} else {
			m.serve(w)
		}
	}
	if m.phase == closing && len(m.atWorkers()) == 0 {
		m.close()
	}
}

func (m *model) serve(w int) {
	for m.seats[w].up && m.taken(w) < m.perWorker && len(m.waiting) > 0 {
		m.calls[m.waiting[0]] = call{at: w}
		m.waiting = m.waiting[1:]
	}
}

func (m *model) setUp(w int, up bool) {
	m.seats[w].up = up
	m.serve(w)
}

// shutDown refuses calls that wait, and lets running ones finish [SHD-1] [SHD-2].
func (m *model) shutDown() {
	if m.phase == closing || m.phase == closed {
		return
	}
	m.phase = closing
	m.end(shut, false, slices.Clone(m.waiting)...)
	if len(m.atWorkers()) == 0 {
		m.close()
	}
}

func (m *model) close() {
	m.phase = closed
	for w := range m.seats {
		m.seats[w] = seat{dead: true}
	}
}

func (m *model) healthy() int {
	n := 0
	for _, s := range m.seats {
		if s.up {
			n++
		}
	}
	return n
}
