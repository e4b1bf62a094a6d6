package pool

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// Who reads a connection of many calls? To wake a goroutine that reads, for it to wake the caller, costs a lone
// caller more than all else that is done for it here, above all where that wakes threads on other processors. So
// there is a turn to read. A caller that finds it free takes it, and reads until its own answer has come; what
// comes for others it hands out. A goroutine has the turn while calls wait whose callers do not read, and when
// no calls come for a while.

// unread is about how long nobody reads where no calls come. Then the goroutine does, to see the connection end
// and what comes unasked.
const unread = 10 * time.Millisecond

// errEnough ends the reading of whoever has nothing more to wait for.
var errEnough = errors.New("pool: enough was read")

// read hands out answers in the goroutine's turns, until the connection ends.
func (m *multiplexed) read() {
	for {
		err := m.readOn()
		if err == errEnough {
			err = nil
			if m.leaveTurn() {
				err = m.awaitTurn()
			}
		}
		if err != nil {
			m.fail(err)
			return
		}
	}
}

// lead sends a request and reads in its caller's turn, until its answer has come or its context ends, and passes
// the turn on. The error is that of a request that was not sent.
func (m *multiplexed) lead(ctx context.Context, r request, c *pendingCall) error {
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, func() { m.interrupt(r.id) })()
	}
	err, unsent := m.askAndReadOn(r, c)
	if err != errEnough && !errors.Is(err, os.ErrDeadlineExceeded) {
		m.goDown() // before the goroutine comes to it, or calls that have no part in this would come here
	}
	m.passTurn(err)
	return unsent
}

// readOn reads answers and hands them out, until that is enough or reading fails.
func (m *multiplexed) readOn() error {
	for {
		answer, err := readAnswer(m.frames, frame.Enhanced)
		if err != nil {
			m.deliver()
			return err
		}
		m.arrived = append(m.arrived, answer)
	}
}

// deliverThenRead is the connection as the frame reader sees it: before it reads on, which may
// take any time, what has arrived is delivered. So callers whose answers came in one read are woken
// together, and their next requests go out together.
type deliverThenRead struct{ *multiplexed }

func (d deliverThenRead) Read(b []byte) (int, error) {
	if d.deliver() {
		return 0, errEnough
	}
	if d.asking.call != nil {
		return d.readOrAsk(b)
	}
	return d.conn.Read(b)
}

// takeTurn gives a caller the turn if it is free. m.mu is locked.
func (m *multiplexed) takeTurn(id uint64) bool {
	if m.taken {
		return false
	}
	m.taken, m.leader = true, id
	return true
}

// isEnough reports whether whoever has the turn waits for nothing more. m.mu is locked.
func (m *multiplexed) isEnough() bool {
	switch {
	case m.leader == 0:
		return len(m.pending) == 0 && !m.down.Load()
	case m.asking.call != nil:
		return false
	}
	_, waits := m.pending[m.leader]
	return !waits
}

// leaveTurn ends a turn of the goroutine, if that is still enough.
func (m *multiplexed) leaveTurn() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken = !m.isEnough()
	return !m.taken
}

// passTurn ends a caller's turn, and with what its reading did. The goroutine has the next if there is anything
// for it to do.
func (m *multiplexed) passTurn(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leader = 0
	if err == errEnough {
		err = nil
	}
	if m.interrupted {
		m.interrupted = false
		_ = m.conn.SetReadDeadline(m.readUntil) // what fails here fails the next read as well
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
	}
	if err != nil || len(m.pending) > 0 || m.down.Load() || m.wanted {
		m.giveTurn(err)
	} else {
		m.taken = false
	}
}

// giveTurn gives the goroutine the turn, or the error that ended a caller's. m.mu is locked.
func (m *multiplexed) giveTurn(err error) {
	m.taken, m.wanted = true, false
	m.turn <- err // never full: it is the goroutine's turn until it has taken this
}

// awaitTurn waits until the goroutine has the turn again: it was given it, or no calls came for a while.
func (m *multiplexed) awaitTurn() error {
	ticker := time.NewTicker(unread)
	defer ticker.Stop()
	tick := ticker.C
	for seen := m.answers(); ; {
		select {
		case err := <-m.turn:
			return err
		case <-tick:
		}
		if now := m.answers(); now != seen {
			seen = now
			continue
		}
		m.mu.Lock()
		if !m.taken {
			m.taken = true
			m.mu.Unlock()
			return nil
		}
		m.wanted = true // a caller reads, for as long as it may take: then is soon enough
		m.mu.Unlock()
		tick = nil
	}
}

// interrupt ends the reading of a caller whose context has ended, if it still reads.
func (m *multiplexed) interrupt(id uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leader == id {
		m.interrupted = true
		_ = m.conn.SetReadDeadline(time.Unix(1, 0)) // ends a read that is under way
	}
}
