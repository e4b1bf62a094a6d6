package pool

import (
	"context"
	"time"

	"github.com/pyproctest/pyproctest/ref/message"
)

// pendingCall is a call on its way. It waits for a slot, and then for its answer.
type pendingCall struct {
	request
	link link // to the worker of its slot

	// done tells its caller that it was granted a slot, that it was refused one, or that a call that was sent has
	// ended. It has room for one, so that the sender never waits.
	done   chan struct{}
	answer message.Response
	err    error
	left   bool // its context has ended the call

	// For the scheduler.
	arrival    arrival
	waits      bool // it is in the queue
	started    bool // who granted the slot has sent the request, too
	ended      bool // and done has told that it has ended
	prev, next *pendingCall
	queued     time.Time     // when it began to wait
	waited     time.Duration // in the queue, so far

	// For the link. Whoever removes the call from the calls that are pending there, the holder of the turn or the
	// caller whose context has ended, decides how the call ends. So it ends once [RID-4].
	start int64     // where its request begins in the stream; notAdded before it was added
	freed bool      // its slot is free; fail may have ended the call while its request was being sent
	lent  *lentBody // the body, if it is written from the caller's memory
}

func newPendingCall() *pendingCall { return &pendingCall{done: make(chan struct{}, 1)} }

// reset makes a call whose done is empty ready for another request.
func (c *pendingCall) reset(r request) { *c = pendingCall{request: r, done: c.done} }

// wait waits for done. It reports false if the context ends before.
func (c *pendingCall) wait(ctx context.Context) bool {
	over := ctx.Done()
	if over == nil { // then there is no need to select, which takes twice as long
		<-c.done
		return true
	}
	select {
	case <-c.done:
		return true
	case <-over:
		return false
	}
}

// queue holds the calls that wait for a slot, in order of arrival.
type queue struct {
	first, last *pendingCall
	length      int
	timed       bool // it keeps how long calls wait
}

// insert adds a call after those that arrived before it. That is nearly always the end.
func (q *queue) insert(c *pendingCall) {
	before := q.last
	for before != nil && before.arrival > c.arrival {
		before = before.prev
	}
	after := q.first
	if before != nil {
		after = before.next
	}
	q.join(before, c)
	q.join(c, after)
	c.waits = true
	q.length++
	if q.timed {
		c.queued = time.Now()
	}
}

func (q *queue) remove(c *pendingCall) {
	q.join(c.prev, c.next)
	c.waits, c.prev, c.next = false, nil, nil
	q.length--
	if q.timed {
		c.waited += time.Since(c.queued)
	}
}

// join makes two calls neighbours. nil stands for the end of the queue.
func (q *queue) join(a, b *pendingCall) {
	if a == nil {
		q.first = b
	} else {
		a.next = b
	}
	if b == nil {
		q.last = a
	} else {
		b.prev = a
	}
}
