package pool

import (
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
	next    int // where the round robin continues
	waiters queue
	arrived arrival       // of the latest caller
	calls   int           // that hold a slot and have not ended
	drained chan struct{} // closed when calls is 0, if close waits for that; else nil
}

// seat is the state of one worker.
type seat struct {
	link       link  // nil until the worker was up once
	up         bool  // it gets calls
	restartErr error // why its latest restart failed; nil if it did not
	taken      int   // slots
}

// arrival is a caller's number in order of arrival. A caller whose link was broken tries again under the same number,
// so that no later one is served before it [BPR-5].
type arrival uint64

// slot is the right to have one request at one worker. The zero slot is that of a health call, which needs none
// [E10].
type slot struct {
	of     *scheduler
	worker int
}

func newScheduler(workers, perWorker, queue int) *scheduler {
	return &scheduler{perWorker: perWorker, queue: queue, refuse: ErrNotStarted, seats: make([]seat, workers)}
}

// acquire takes a slot of the next healthy worker that has one. If there is none it puts the call in the queue and
// reports that it waits; await follows. It gives a new call its number.
func (s *scheduler) acquire(c *pendingCall) (waits bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.arrival == 0 {
		s.arrived++
		c.arrival = s.arrived
	}
	c.started, c.ended, c.freed = false, false, false
	if s.refuse != nil {
		return false, s.refuse
	}
	if i := s.pick(); i >= 0 {
		s.grant(c, i)
		return false, nil
	}
	if err := s.whyNotWait(); err != nil {
		return false, err
	}
	s.waiters.insert(c)
	return true, nil
}

// await waits for a slot. The request may have been sent, too, by whoever granted the slot: then the caller is woken
// once, when the call has ended, and not twice.
func (s *scheduler) await(ctx context.Context, c *pendingCall) error {
	switch {
	case !c.wait(ctx):
		return s.leave(ctx, c)
	case c.started:
		c.ended = true
		return nil
	}
	return c.err
}

// leave ends the wait of a call whose context has ended. It gives back a slot that the call was granted at the same
// moment [BPR-3]. If the request was sent, too, it is for the link to cancel it.
func (s *scheduler) leave(ctx context.Context, c *pendingCall) error {
	s.mu.Lock()
	if c.waits {
		s.waiters.remove(c)
		s.mu.Unlock()
		c.left = true
		return contextError(ctx)
	}
	s.mu.Unlock()
	if c.started {
		return nil
	}
	<-c.done
	if c.err == nil {
		c.slot.free()
	}
	c.left = true
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

func (s *scheduler) grant(c *pendingCall, i int) {
	s.seats[i].taken++
	s.calls++
	c.slot, c.link, c.err = slot{s, i}, s.seats[i].link, nil
}

func (s *scheduler) whyNotWait() error {
	if err := s.unavailable(); err != nil {
		return err
	}
	if s.queue == NoQueue || s.queue > 0 && s.waiters.length >= s.queue {
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

// serve gives the free slots of worker i to calls that wait, and has the link take their requests if it can. The
// link returned, if any, has such requests: the caller unlocks s.mu and then calls flush.
func (s *scheduler) serve(i int) (flush link) {
	for c := s.waiters.first; c != nil && s.seats[i].up && s.seats[i].taken < s.perWorker; c = s.waiters.first {
		s.waiters.remove(c)
		s.grant(c, i)
		c.started = true
		if c.link.start(c) {
			flush = c.link
			continue
		}
		c.started = false
		c.done <- struct{}{}
	}
	return flush
}

// unlockAndFlush unlocks s.mu, which must not be held while a request is written.
func (s *scheduler) unlockAndFlush(l link) {
	s.mu.Unlock()
	if l != nil {
		l.flush()
	}
}

// refuseWaiters ends the wait of all callers with an error.
func (s *scheduler) refuseWaiters(err error) {
	for c := s.waiters.first; c != nil; c = s.waiters.first {
		s.waiters.remove(c)
		c.err = err
		c.done <- struct{}{}
	}
}

// free gives the slot back when its call ends.
func (t slot) free() { t.freeAll(1) }

// freeAll gives back n slots like this one, of calls that end together. So those who wait for them are served
// together, too.
func (t slot) freeAll(n int) {
	if t.of == nil {
		return
	}
	t.of.mu.Lock()
	t.of.seats[t.worker].taken -= n
	t.of.returned(n)
	t.of.unlockAndFlush(t.of.serve(t.worker))
}

// linger is called when the call returns before its slot is free, because the cancellation has not gone out yet
// [E11]. freeLingering follows.
func (t slot) linger() {
	if t.of == nil {
		return
	}
	t.of.mu.Lock()
	t.of.returned(1)
	t.of.mu.Unlock()
}

func (t slot) freeLingering() {
	if t.of == nil {
		return
	}
	t.of.mu.Lock()
	t.of.seats[t.worker].taken--
	t.of.unlockAndFlush(t.of.serve(t.worker))
}

func (s *scheduler) returned(n int) {
	s.calls -= n
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
// ended [SHD-1] [SHD-2].
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
	seat := &s.seats[i]
	if l.isDown() || seat.up && seat.link == l {
		s.mu.Unlock()
		return false
	}
	seat.link, seat.up, seat.restartErr = l, true, nil
	s.unlockAndFlush(s.serve(i))
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
	return s.waiters.length
}

// state returns whether worker i is up, and how many of its slots are taken.
func (s *scheduler) state(i int) (up bool, taken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seats[i].up, s.seats[i].taken
}
