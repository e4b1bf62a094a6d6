package pool

import (
	"context"
	"errors"
	"os"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// errEnough ends the reading of a holder of the turn that waits for nothing more.
var errEnough = errors.New("pool: enough was read")

// read hands out answers in the turns of the reader, until the connection ends.
func (m *multiplexed) read() {
	for {
		err := m.readOn()
		if err == errEnough {
			err = nil
			if m.leaveTurn() {
				err = m.turn.await(m.answers)
			}
		}
		if err != nil {
			m.fail(err)
			return
		}
	}
}

// askAndRead sends a request and reads in its caller's turn, until its answer has come or its context ends. It
// returns the error that ended the reading, and why the request was not sent, if it was not.
func (m *multiplexed) askAndRead(ctx context.Context, c *pendingCall) (err, unsent error) {
	if ctx.Done() != nil {
		id := c.id // the function may run when the call has returned, and c is another
		defer context.AfterFunc(ctx, func() { m.turn.interrupt(id) })()
	}
	a := &m.asking
	a.call, a.unsent, a.reads = c, errUnsent, 0
	err = m.readOn()
	a.call, a.room = nil, nil
	return err, a.unsent
}

// readOn reads and delivers answers. It returns errEnough or the error of the connection.
func (m *multiplexed) readOn() error {
	for {
		answer, err := readAnswer(m.frames, m.framing)
		if err != nil {
			if err != errEnough && !errors.Is(err, os.ErrDeadlineExceeded) {
				m.goDown() // before a caller gets its answer, whose next call must not come here
			}
			m.deliver()
			return err
		}
		if m.framing == frame.Basic && answer.ID == 0 && !answer.OK {
			m.refuse(answer.Error)
			continue
		}
		m.arrived = append(m.arrived, answer)
	}
}

// refused counts the requests that the worker could not read. In the basic framing its answer does not say which they
// are [MSG-11]. It is for the holder of the turn.
type refused struct {
	requests int
	why      error // of the latest; nil if there is none
}

// refuse lets no more calls come here, and drainTime for the answers to all other calls. So a request that cannot be
// read fails alone, unless others take longer.
func (m *multiplexed) refuse(reason string) {
	m.refused.requests++
	m.refused.why = &violation{reason: "the worker could not read a request: " + reason}
	m.expire()
}

// onlyRefusedLeft reports whether all calls that can have an answer have it.
func (m *multiplexed) onlyRefusedLeft() bool {
	if m.refused.requests == 0 {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pending) <= m.refused.requests
}

// deliverThenRead is the connection as the frame reader sees it. It delivers what has arrived before it reads on,
// which may take any time. So callers whose answers came in one read are woken together, and their next requests
// go out together.
type deliverThenRead struct{ *multiplexed }

func (d deliverThenRead) Read(b []byte) (int, error) {
	if d.deliver() {
		return 0, errEnough
	}
	if d.onlyRefusedLeft() {
		return 0, d.refused.why
	}
	if d.asking.call != nil {
		return d.readOrAsk(b)
	}
	return d.conn.Read(b)
}

// isEnough reports whether the holder of the turn waits for nothing more. m.mu must be locked.
func (m *multiplexed) isEnough() bool {
	switch {
	case m.turn.state == readerReads:
		return len(m.pending) == 0 && !m.down.Load()
	case m.asking.call != nil:
		return false
	}
	_, waits := m.pending[m.turn.caller]
	return !waits
}

// leaveTurn ends a turn of the reader, unless a call came meanwhile.
func (m *multiplexed) leaveTurn() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isEnough() {
		return false
	}
	m.turn.leave()
	return true
}
