package pool

import (
	"context"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
)

// multiplexed is one connection with many calls outstanding. Whoever holds the turn reads, and hands out answers by
// request ID. The outbox writes.
type multiplexed struct {
	conn    net.Conn
	framing frame.Framing
	out     *outbox
	owner   linkOwner
	log     *slog.Logger

	// For the holder of the turn only.
	frames  *frame.Reader
	arrived []message.Response // not yet delivered
	ending  []*pendingCall     // whose answers are being delivered
	asking  asking
	refused refused

	answered atomic.Uint64
	down     atomic.Bool
	ended    chan struct{} // closed when the link is down and all its calls have returned
	cause    error         // why; set before

	mu      sync.Mutex
	pending map[uint64]*pendingCall // by request ID
	turn    readTurn
}

const notAdded = math.MaxInt64

// drainTime bounds how long answers are still read after the peer has ended or accepts no more requests. What it
// sent before has already arrived.
const drainTime = time.Second

func newMultiplexed(conn net.Conn, o frame.Options, owner linkOwner, log *slog.Logger) (*multiplexed, error) {
	m := &multiplexed{
		conn: conn, framing: o.Framing, owner: owner, log: log,
		ended: make(chan struct{}), pending: make(map[uint64]*pendingCall),
	}
	m.turn = readTurn{mu: &m.mu, conn: conn, state: readerReads, handed: make(chan error, 1)}
	frames, err := frame.NewReader(deliverThenRead{m}, o)
	if err != nil {
		return nil, err
	}
	m.frames = frames
	m.prepareToAsk()
	m.out = newOutbox(conn, o, m.expire)
	go m.read()
	return m, nil
}

// A caller that takes the turn to read sends its request from inside its read: asking.go says why.
func (m *multiplexed) call(ctx context.Context, c *pendingCall) (message.Response, error) {
	if c.ended {
		return m.finish(c)
	}
	if c.started {
		return m.await(ctx, c)
	}
	c.start = notAdded
	reads, err := m.takeTurn(c)
	switch {
	case reads:
		var readErr error
		readErr, err = m.askAndRead(ctx, c)
		m.passTurn(readErr)
	case err == nil:
		err = m.send(c)
	}
	if err != nil {
		if !c.freed {
			c.slot.free()
		}
		return message.Response{}, err
	}
	return m.await(ctx, c)
}

// start takes a request while somebody reads. A body that would be lent is left to its caller, because its checksum
// takes long.
func (m *multiplexed) start(c *pendingCall) bool {
	c.start = notAdded
	m.mu.Lock()
	enters := m.turn.state != free && len(c.body) < lendFrom && m.enter(c)
	m.mu.Unlock()
	return enters && (m.out.add(c) == nil || !m.withdraw(c.id)) // if fail has ended the call, done is or will be ready
}

func (m *multiplexed) flush() { m.out.flush() }

// takeTurn takes the turn to read for a call and reports true, or makes the call pending, for another to read its
// answer. The error is errUnsent if the link takes no more calls.
func (m *multiplexed) takeTurn(c *pendingCall) (reads bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.turn.take(c.id):
		return true, nil
	case m.enter(c):
		return false, nil
	}
	return false, errUnsent
}

// passTurn ends a caller's turn, whose reading ended with err.
func (m *multiplexed) passTurn(err error) {
	if err == errEnough {
		err = nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn.pass(err, len(m.pending) > 0 || m.down.Load())
}

// await waits for the answer to a request that was sent.
func (m *multiplexed) await(ctx context.Context, c *pendingCall) (message.Response, error) {
	if !c.wait(ctx) {
		if m.withdraw(c.id) {
			return message.Response{}, m.cancel(ctx, c)
		}
		<-c.done // the answer came at the same moment
	}
	return m.finish(c)
}

// finish returns the answer to a call that has ended.
func (m *multiplexed) finish(c *pendingCall) (message.Response, error) {
	if c.lent != nil {
		c.lent.takeBack() // a wrong answer may come before the whole request was sent
	}
	return c.answer, c.err
}

// enter makes a call pending, unless the link is down. m.mu must be locked.
func (m *multiplexed) enter(c *pendingCall) bool {
	if m.down.Load() {
		return false
	}
	m.pending[c.id] = c
	return true
}

// send sends the request of a pending call. If it returns an error, the call is not pending any more.
func (m *multiplexed) send(c *pendingCall) error {
	err := m.out.request(c)
	if err != nil && !m.withdraw(c.id) {
		<-c.done // fail has ended the call at the same moment
	}
	return err
}

// withdraw removes a call from pending. It reports false if another has, so that done is or will be ready.
func (m *multiplexed) withdraw(id uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, waiting := m.pending[id]
	delete(m.pending, id)
	return waiting
}

// cancel ends a call whose context has ended. It waits neither for the worker [CAN-4] nor until the cancellation is
// written [CAN-10].
func (m *multiplexed) cancel(ctx context.Context, c *pendingCall) error {
	err := contextError(ctx)
	c.left = true
	c.slot.linger()
	m.out.cancellation(c.id, c.slot, err.Error())
	if c.lent != nil {
		c.lent.takeBack()
	}
	return mayHaveRun(err) // what was not sent yet will be
}

// deliver hands out the answers that have arrived, and reports whether that was enough for the holder of the turn.
func (m *multiplexed) deliver() (enough bool) {
	if len(m.arrived) == 0 {
		return false
	}
	m.answered.Add(uint64(len(m.arrived)))
	dropped := m.arrived[:0]
	m.mu.Lock()
	for _, answer := range m.arrived {
		c := m.pending[answer.ID]
		if c == nil {
			dropped = append(dropped, answer)
			continue
		}
		delete(m.pending, answer.ID)
		c.answer = answer
		m.ending = append(m.ending, c)
	}
	enough = m.isEnough()
	m.mu.Unlock()
	m.end(m.ending)
	m.ending = m.ending[:0]
	if len(dropped) > 0 {
		// Late after a cancellation, repeated, or with an unknown ID [CAN-3] [RID-5].
		m.log.Debug("answers dropped: no call waits for them", "count", len(dropped), "first ID", dropped[0].ID)
	}
	clear(m.arrived)
	m.arrived = m.arrived[:0]
	return enough
}

// end ends calls that were pending, and clears the slice. Their slots are free before their callers are woken, so
// that the requests that wait for them are on their way meanwhile.
func (m *multiplexed) end(calls []*pendingCall) {
	m.out.woken.Store(int64(len(calls)))
	n := 0
	var s slot
	for _, c := range calls {
		if c.slot != (slot{}) {
			s = c.slot
			n++
		}
	}
	s.freeAll(n)
	for i, c := range calls {
		calls[i] = nil
		c.freed = true
		c.done <- struct{}{}
	}
}

// fail ends all calls of the connection. Their errors say whether the request may have run.
func (m *multiplexed) fail(err error) {
	if m.refused.why != nil {
		err = m.refused.why
	}
	m.goDown()
	m.cause = err
	why := m.owner.callError(context.Background(), err)
	_ = m.conn.Close()
	m.out.close()
	sent := m.out.sent.Load()

	m.mu.Lock()
	for _, c := range m.pending {
		c.err = errUnsent
		if sent > c.start {
			c.err = mayHaveRun(why)
		}
		m.ending = append(m.ending, c)
	}
	m.pending = nil
	m.mu.Unlock()
	m.end(m.ending)
	close(m.ended)
}

func (m *multiplexed) goDown() {
	m.mu.Lock()
	m.down.Store(true)
	m.turn.wake()
	m.mu.Unlock()
	m.owner.linkDown(m)
}

func (m *multiplexed) expire() {
	m.mu.Lock()
	m.turn.setDeadline(time.Now().Add(drainTime))
	m.mu.Unlock()
	m.goDown()
}

func (m *multiplexed) answers() uint64       { return m.answered.Load() }
func (m *multiplexed) isDown() bool          { return m.down.Load() }
func (m *multiplexed) lost() <-chan struct{} { return m.ended }
func (m *multiplexed) failure() error        { return m.cause }
