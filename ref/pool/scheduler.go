package pool

import (
	"container/list"
	"context"
	"fmt"
	"sync"
)

// scheduler decides which call goes to which worker, and when. A call needs a slot: the right to have one request at
// one worker. Callers that find no free slot wait, and are served in order of arrival [BPR-5].
type scheduler struct {
	perWorker int // slots of each worker
	queue     int // how many callers may wait; 0 means any number

	mu      sync.Mutex
	refuse  error // the error for all new calls, or nil
	seats   []seat
	next    int           // where the round robin continues
	waiters list.List     // of *waiter, in order of arrival
	arrived arrival       // of the latest caller
	calls   int           // that hold a slot and have not returned
	drained chan struct{} // closed when calls is 0, if close waits for that; else nil
}

// seat is the state of one worker.
type seat struct {
	link       link  // nil until the worker was up once
	up         bool  // it gets calls
	restartErr error // why its latest restart failed; nil if it did not
	taken      int   // slots
}

type waiter struct {
	arrival arrival
	granted chan grant // has room for one, so that the sender never waits
}

// arrival is a caller's number in order of arrival. A caller whose link was broken tries again under the same number,
// so that no later one is served before it [BPR-5].
type arrival uint64

// newCaller is the arrival of a caller that has no number yet.
const newCaller arrival = 0

// grant is a slot and the link to use it on, or the error of a caller that gets none.
type grant struct {
	slot slot
	link link
	err  error
}

// slot is the right to have one request at one worker. The zero slot is that of a health call, which needs none
// [E10].
type slot struct {
	of     *scheduler
	worker int
}

func newScheduler(workers, perWorker, queue int) *scheduler {
	return &scheduler{perWorker: perWorker, queue: queue, refuse: ErrNotStarted, seats: make([]seat, workers)}
}

// acquire takes a slot of the next healthy worker that has one, or waits for one. It gives a new caller its number.
func (s *scheduler) acquire(ctx context.Context, place *arrival) (grant, error) {
	s.mu.Lock()
	if *place == newCaller {
		s.arrived++
		*place = s.arrived
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
	w := &waiter{arrival: *place, granted: make(chan grant, 1)}
	waits := s.lineUp(w)
	s.mu.Unlock()

	select {
	case g := <-w.granted:
		return g, g.err
	case <-ctx.Done():
		return grant{}, s.leave(ctx, w, waits)
	}
}

// lineUp adds a waiter to the queue, after those that arrived before it. That is nearly always the end.
func (s *scheduler) lineUp(w *waiter) *list.Element {
	for e := s.waiters.Back(); e != nil; e = e.Prev() {
		if e.Value.(*waiter).arrival < w.arrival {
			return s.waiters.InsertAfter(w, e)
		}
	}
	return s.waiters.PushFront(w)
}

// leave removes a waiter from the queue, whose context has ended. It gives back a slot that the waiter was granted at
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

// pick returns the next worker that is up and has a free slot, or -1. The round robin continues after the worker
// picked, so that the share of a skipped worker is spread evenly [SEL-1] [SEL-2].
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
	if err := s.unavailable(); err != nil {
		return err
	}
	if s.queue == NoQueue || s.queue > 0 && s.waiters.Len() >= s.queue {
		return ErrBusy
	}
	return nil
}

// unavailable returns ErrUnavailable if the latest restart of every worker failed. A worker that is only unhealthy may
// become healthy by itself.
func (s *scheduler) unavailable() error {
	var last error
	for i := range s.seats {
		if s.seats[i].restartErr == nil {
			return nil
		}
		last = s.seats[i].restartErr
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, last)
}

// serve gives the free slots of worker i to callers that wait.
func (s *scheduler) serve(i int) {
	for s.seats[i].up && s.seats[i].taken < s.perWorker {
		first := s.waiters.Front()
		if first == nil {
			return
		}
		s.waiters.Remove(first).(*waiter).granted <- s.grant(i)
	}
}

// refuseWaiters ends the wait of all callers with an error.
func (s *scheduler) refuseWaiters(err error) {
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

// linger is called when the call returns before its slot is free, because the cancellation has not gone out yet
// [E11]. freeLingering follows.
func (t slot) linger() {
	if t.of == nil {
		return
	}
	t.of.mu.Lock()
	t.of.returned()
	t.of.mu.Unlock()
}

func (t slot) freeLingering() {
	if t.of == nil {
		return
	}
	t.of.mu.Lock()
	t.of.seats[t.worker].taken--
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

// open lets calls in, unless close was called before.
func (s *scheduler) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse == ErrNotStarted {
		s.refuse = nil
	}
}

// close refuses new calls and those that wait. It returns a channel that is closed once the calls that hold slots have
// returned [SHD-1] [SHD-2].
func (s *scheduler) close() <-chan struct{} {
	drained := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = ErrClosed
	s.refuseWaiters(ErrClosed)
	if s.calls == 0 {
		close(drained)
	} else {
		s.drained = drained
	}
	return drained
}

// up lets worker i get calls, on the given link, unless that is down already. It reports whether that changed
// anything.
func (s *scheduler) up(i int, l link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seat := &s.seats[i]
	if l.isDown() || seat.up && seat.link == l {
		return false
	}
	seat.link, seat.up, seat.restartErr = l, true, nil
	s.serve(i)
	return true
}

// down lets worker i get no calls until it is up again, unless it is up on another link by now: of several callers that
// find a link broken, one may say so late. It reports whether that changed anything.
func (s *scheduler) down(i int, l link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seat := &s.seats[i]
	if !seat.up || seat.link != l {
		return false
	}
	seat.up = false
	return true
}

// failed is called when a restart of worker i failed. If the latest restart of every worker failed, the callers that
// wait get an error instead of hanging.
func (s *scheduler) failed(i int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seats[i].up = false
	s.seats[i].restartErr = err
	if err := s.unavailable(); err != nil {
		s.refuseWaiters(err)
	}
}

// waiting returns the number of callers that wait for a slot.
func (s *scheduler) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiters.Len()
}

// state returns whether worker i is up, and how many of its slots are taken.
func (s *scheduler) state(i int) (up bool, taken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seats[i].up, s.seats[i].taken
}
