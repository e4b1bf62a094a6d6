package pool

import (
	"container/list"
	"context"
	"fmt"
	"sync"
)

// scheduler decides which call goes to which worker, and when. A slot is the right to have one
// request at one worker; a caller that finds none free waits its turn [BPR-5].
type scheduler struct {
	perWorker int // slots of each worker
	queue     int // how many may wait; 0 means any number

	mu      sync.Mutex
	refuse  error // why no call is taken, or nil
	seats   []seat
	next    int       // where the round robin goes on
	waiters list.List // of *waiter, in order of arrival
	arrived uint64    // callers so far
	calls   int       // that hold a slot and have not returned
	drained chan struct{}
}

// seat is what the scheduler knows of one worker.
type seat struct {
	link     link  // nil until the worker was up once
	up       bool  // it may be given calls
	hopeless error // why its latest restart failed; nil while it may come up by itself
	taken    int   // slots
	lingers  int   // of them, those of calls that returned before their slot was free
}

type waiter struct {
	turn    turn
	granted chan grant // has room for one: whoever grants never waits
}

// turn is a caller's place among all callers. One that was given a link which proved broken keeps it when
// it comes again, or others would be served before it [BPR-5]. The zero turn is that of a new caller.
type turn uint64

// grant is a slot and the link to use it on, or the reason why there will be none.
type grant struct {
	slot slot
	link link
	err  error
}

// slot is the right to have one request at one worker. The zero slot is that of a health call,
// which needs none [E10].
type slot struct {
	of     *scheduler
	worker int
}

func newScheduler(workers, perWorker, queue int) *scheduler {
	return &scheduler{perWorker: perWorker, queue: queue, refuse: ErrNotStarted, seats: make([]seat, workers)}
}

// acquire takes a slot of the next healthy worker that has one, or waits for one. It sets the turn of a new
// caller.
func (s *scheduler) acquire(ctx context.Context, t *turn) (grant, error) {
	s.mu.Lock()
	if *t == 0 {
		s.arrived++
		*t = turn(s.arrived)
	}
	if s.refuse != nil {
		err := s.refuse
		s.mu.Unlock()
		return grant{}, err
	}
	if i := s.pick(); i >= 0 {
		g := s.grant(i)
		s.mu.Unlock()
		return g, nil
	}
	if err := s.whyNotWait(); err != nil {
		s.mu.Unlock()
		return grant{}, err
	}
	w := &waiter{turn: *t, granted: make(chan grant, 1)}
	place := s.lineUp(w)
	s.mu.Unlock()

	select {
	case g := <-w.granted:
		return g, g.err
	case <-ctx.Done():
		return grant{}, s.leave(ctx, w, place)
	}
}

// lineUp puts a waiter behind those that arrived before it: nearly always at the end.
func (s *scheduler) lineUp(w *waiter) *list.Element {
	for e := s.waiters.Back(); e != nil; e = e.Prev() {
		if e.Value.(*waiter).turn < w.turn {
			return s.waiters.InsertAfter(w, e)
		}
	}
	return s.waiters.PushFront(w)
}

// leave takes a waiter out of the queue, and gives the slot back that it may have been granted at
// the same moment [BPR-3].
func (s *scheduler) leave(ctx context.Context, w *waiter, place *list.Element) error {
	s.mu.Lock()
	select {
	case g := <-w.granted:
		s.mu.Unlock()
		if g.err == nil {
			g.slot.free()
		}
	default:
		s.waiters.Remove(place)
		s.mu.Unlock()
	}
	return contextError(ctx)
}

// pick finds the next worker in turn that is up and has a free slot. The turn moves on from the
// worker picked, so that the share of one that is passed over is spread evenly [SEL-1] [SEL-2].
func (s *scheduler) pick() int {
	for n := range s.seats {
		i := s.next + n
		if i >= len(s.seats) {
			i -= len(s.seats)
		}
		if seat := &s.seats[i]; seat.up && seat.taken < s.perWorker {
			s.next = i + 1
			if s.next == len(s.seats) {
				s.next = 0
			}
			return i
		}
	}
	return -1
}

func (s *scheduler) grant(i int) grant {
	s.seats[i].taken++
	s.calls++
	return grant{slot: slot{s, i}, link: s.seats[i].link}
}

func (s *scheduler) whyNotWait() error {
	if err := s.hopeless(); err != nil {
		return err
	}
	if s.queue == NoQueue || s.queue > 0 && s.waiters.Len() >= s.queue {
		return ErrBusy
	}
	return nil
}

// hopeless is an error if no worker is up or may come up by itself.
func (s *scheduler) hopeless() error {
	var last error
	for i := range s.seats {
		if s.seats[i].hopeless == nil {
			return nil
		}
		last = s.seats[i].hopeless
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, last)
}

// serve gives the free slots of worker i to those who wait.
func (s *scheduler) serve(i int) {
	for s.seats[i].up && s.seats[i].taken < s.perWorker {
		first := s.waiters.Front()
		if first == nil {
			return
		}
		s.waiters.Remove(first).(*waiter).granted <- s.grant(i)
	}
}

func (s *scheduler) turnAway(err error) {
	for first := s.waiters.Front(); first != nil; first = s.waiters.Front() {
		s.waiters.Remove(first).(*waiter).granted <- grant{err: err}
	}
}

// free gives the slot back when its call returns.
func (t slot) free() {
	if t.of == nil {
		return
	}
	t.of.mu.Lock()
	t.of.seats[t.worker].taken--
	t.of.returned()
	t.of.serve(t.worker)
	t.of.mu.Unlock()
}

// linger says that the call returns while its request still counts as at the worker: the
// cancellation has not gone out yet [E11]. freeLingering follows.
func (t slot) linger() {
	if t.of == nil {
		return
	}
	t.of.mu.Lock()
	t.of.seats[t.worker].lingers++
	t.of.returned()
	t.of.mu.Unlock()
}

func (t slot) freeLingering() {
	if t.of == nil {
		return
	}
	t.of.mu.Lock()
	t.of.seats[t.worker].taken--
	t.of.seats[t.worker].lingers--
	t.of.serve(t.worker)
	t.of.mu.Unlock()
}

func (s *scheduler) returned() {
	s.calls--
	if s.calls == 0 && s.drained != nil {
		close(s.drained)
		s.drained = nil
	}
}

// open lets calls in, unless close came first.
func (s *scheduler) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse == ErrNotStarted {
		s.refuse = nil
	}
}

// close lets no more calls in, nor those that wait, and returns a channel that is closed once the
// calls that hold slots have returned [SHD-1] [SHD-2].
func (s *scheduler) close() <-chan struct{} {
	drained := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = ErrClosed
	s.turnAway(ErrClosed)
	if s.calls == 0 {
		close(drained)
	} else {
		s.drained = drained
	}
	return drained
}

// up lets worker i have calls, on the given link, unless that is down already. It reports whether
// that changed anything.
func (s *scheduler) up(i int, l link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seat := &s.seats[i]
	if l.isDown() || seat.up && seat.link == l {
		return false
	}
	seat.link, seat.up, seat.hopeless = l, true, nil
	s.serve(i)
	return true
}

// down keeps calls from worker i until it is up again. It reports whether that changed anything.
func (s *scheduler) down(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.seats[i].up
	s.seats[i].up = false
	return was
}

// failed says that a restart of worker i failed. When no other gives hope, those who wait are
// told so instead of hanging.
func (s *scheduler) failed(i int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seats[i].up = false
	s.seats[i].hopeless = err
	if err := s.hopeless(); err != nil {
		s.turnAway(err)
	}
}

// waiting is how many callers wait for a slot.
func (s *scheduler) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiters.Len()
}

// seat tells whether worker i is up, and how many of its slots are taken.
func (s *scheduler) seat(i int) (up bool, taken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seats[i].up, s.seats[i].taken
}
