package tap

import (
	"slices"
	"sync"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// queue holds what passed on a connection until it is inspected, in the order in which it passed. Putting
// never waits: what would make it longer than its bound makes it overflow, once and for all.
type queue struct {
	bound int // in bytes

	mu         sync.Mutex
	pieces     []piece
	size       int
	overflowed bool
	told       bool // that it did
	closed     bool
	changed    chan struct{} // has room for one
}

// piece is some bytes of a sender, or its end.
type piece struct {
	sender spec.Role
	data   []byte
	end    bool
}

func newQueue(bound int) *queue { return &queue{bound: bound, changed: make(chan struct{}, 1)} }

// put takes a copy of the bytes.
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
		q.pieces = append(q.pieces, piece{sender: sender, data: slices.Clone(data)})
	}
	q.wake()
}

func (q *queue) end(sender spec.Role) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.overflowed {
		q.pieces = append(q.pieces, piece{sender: sender, end: true})
	}
	q.wake()
}

// close tells that nothing more is put.
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

// take waits for what was put and takes all of it. What is taken counts for the bound until done says that
// it was inspected. That the queue overflowed is told once, and nothing comes after the last.
func (q *queue) take() (pieces []piece, overflowed, last bool) {
	for {
		q.mu.Lock()
		pieces, overflowed, last = q.pieces, q.overflowed && !q.told, q.closed
		q.pieces, q.told = nil, q.overflowed
		q.mu.Unlock()
		if len(pieces) > 0 || overflowed || last {
			return pieces, overflowed, last
		}
		<-q.changed
	}
}

func (q *queue) done(p piece) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.size -= len(p.data)
}
