package tap

import (
	"slices"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// queue holds what passed on a connection until it is inspected, in the order in which it passed. put never waits: if the
// queue would exceed its bound, it overflows for good.
type queue struct {
	bound int // in bytes

	mu         sync.Mutex
	pieces     []piece
	size       int
	overflowed bool
	reported   bool // take has returned that it overflowed
	closed     bool
	changed    chan struct{} // has room for one
}

// piece is some bytes of a sender, or its end.
type piece struct {
	sender spec.Role
	data   []byte
	end    bool
	at     time.Time // when it passed
}

func newQueue(bound int) *queue { return &queue{bound: bound, changed: make(chan struct{}, 1)} }

// put adds a copy of the bytes.
func (q *queue) put(sender spec.Role, data []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.overflowed:
		return
	case q.size+len(data) > q.bound:
		q.overflowed, q.pieces = true, nil
	default:
		q.size += len(data)
		q.pieces = append(q.pieces, piece{sender: sender, data: slices.Clone(data), at: time.Now()})
	}
	q.wake()
}

// end adds the end of a sender.
func (q *queue) end(sender spec.Role) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.overflowed {
		q.pieces = append(q.pieces, piece{sender: sender, end: true, at: time.Now()})
	}
	q.wake()
}

// close says that nothing more will be put.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// take waits until there is something in the queue and removes all of it. What it removes counts for the bound until done
// is called. It reports an overflow once. After the last pieces it reports last.
func (q *queue) take() (pieces []piece, overflowed, last bool) {
	for {
		q.mu.Lock()
		pieces, overflowed, last = q.pieces, q.overflowed && !q.reported, q.closed
		q.pieces, q.reported = nil, q.overflowed
		q.mu.Unlock()
		if len(pieces) > 0 || overflowed || last {
			return pieces, overflowed, last
		}
		<-q.changed
	}
}

// done says that a piece was inspected.
func (q *queue) done(p piece) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.size -= len(p.data)
}
