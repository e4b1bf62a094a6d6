package pool

import (
	"errors"
	"os"
	"sync"
	"time"
)

// readTurn is the turn to read a connection that carries many calls. Whoever holds it reads, and hands out the
// answers for everybody.
//
// A goroutine that always reads would have to wake the caller of each answer. That costs a lone caller more than
// all other work of the pool, above all where it wakes a thread on another processor. So a caller that finds the
// turn free takes it, and reads until its own answer has come. The connection's own goroutine, the reader, has the
// turn while calls wait whose callers do not read, and after some time without calls.
//
//	state        event                        next state
//	free         take                         callerReads
//	             claim (by await), wake       readerReads
//	callerReads  claim (by await)             callerReads, and pass hands the turn to the reader
//	             interrupt                    callerReads, and the caller's read ends
//	             pass, nothing left to do     free
//	             pass, otherwise              readerReads
//	readerReads  leave                        free
//
// The first state is readerReads. Any other event in a state changes nothing.
type readTurn struct {
	mu   *sync.Mutex // the connection's; await and interrupt lock it, all other methods need it locked
	conn interface{ SetReadDeadline(time.Time) error }

	state       turnState
	caller      uint64     // in callerReads: the ID of the call whose caller reads
	claimed     bool       // the reader gets the turn next
	interrupted bool       // the caller's context has ended, and the read deadline of conn is in the past
	deadline    time.Time  // the read deadline of conn otherwise; zero means none
	handed      chan error // the turn on its way to the reader, with the error that ended the caller's reading; has room for one
}

type turnState uint8

const (
	free        turnState = iota // nobody reads
	callerReads                  // the caller of one call reads
	readerReads                  // the reader reads, or is about to
)

// claimAfter is about how long the turn stays free without calls. Then the reader takes it, to notice the end of
// the connection, and messages that no call waits for.
const claimAfter = 10 * time.Millisecond

// take gives the turn to the caller of the call id if it is free, and reports whether it was.
func (t *readTurn) take(id uint64) bool {
	if t.state != free {
		return false
	}
	t.state, t.caller = callerReads, id
	return true
}

// pass ends the turn of a caller, whose reading ended with err. The reader gets the turn next where err is not
// nil, where more reports that there is something left to read or to do, or where it has claimed the turn.
func (t *readTurn) pass(err error, more bool) {
	if t.interrupted {
		t.interrupted = false
		_ = t.conn.SetReadDeadline(t.deadline) // an error here is returned by the next read too
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil // of the caller's context, and not of the connection
		}
	}
	if err != nil || more || t.claimed {
		t.hand(err)
	} else {
		t.state = free
	}
}

// leave ends the turn of the reader, which calls await next.
func (t *readTurn) leave() { t.state = free }

// wake hands the turn to the reader if it is free.
func (t *readTurn) wake() {
	if t.state == free {
		t.hand(nil)
	}
}

func (t *readTurn) hand(err error) {
	t.state, t.claimed = readerReads, false
	t.handed <- err // does not block: the reader has received the one before, or the state would be readerReads
}

// await waits until the reader has the turn again, because it was handed over or because no answers came for
// claimAfter. It returns the error that ended the reading of the caller before.
func (t *readTurn) await(answers func() uint64) error {
	ticker := time.NewTicker(claimAfter)
	defer ticker.Stop()
	tick := ticker.C
	for seen := answers(); ; {
		select {
		case err := <-t.handed:
			return err
		case <-tick:
		}
		if now := answers(); now != seen {
			seen = now
			continue
		}
		if t.claim() {
			return nil
		}
		tick = nil // a caller reads, and will hand the turn over
	}
}

// claim gives the reader the turn if it is free, and reports whether it was. If not, the reader gets it next.
func (t *readTurn) claim() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == free {
		t.state = readerReads
		return true
	}
	t.claimed = t.state == callerReads // else it is already in handed
	return false
}

// interrupt ends the read of the caller of the call id, whose context has ended, if that caller still reads.
func (t *readTurn) interrupt(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == callerReads && t.caller == id {
		t.interrupted = true
		_ = t.conn.SetReadDeadline(time.Unix(1, 0)) // in the past
	}
}

// setDeadline sets the read deadline of the connection. A caller that was interrupted still stops reading at once.
func (t *readTurn) setDeadline(at time.Time) {
	t.deadline = at
	if !t.interrupted {
		_ = t.conn.SetReadDeadline(at) // an error here is returned by the next read too
	}
}
