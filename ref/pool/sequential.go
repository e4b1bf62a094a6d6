package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
)

// sequential is the link of the basic framing, whose frames have no request ID. Each call has a connection of its own,
// a lane. The caller's goroutine writes and reads it. A lane is used again only if its call got its answer, and else
// closed [RID-6].
type sequential struct {
	dial  func(context.Context) (net.Conn, error)
	max   int // payload bytes of one frame
	owner linkOwner
	log   *slog.Logger

	answered atomic.Uint64
	ended    chan struct{} // closed when the link is down and has no users

	mu       sync.Mutex
	down     bool
	users    int // calls, and cancellations that are being sent
	idle     []*lane
	inUse    map[*lane]struct{}
	hasEnded bool // ended is closed
}

type lane struct {
	conn   net.Conn
	peeker *peeker
	frames *frame.Reader
	buf    []byte
	reused bool // it was idle, and the worker may have closed it meanwhile
}

// cancelTime bounds the time to write a cancellation. After it the lane is closed, which cancels the request as well
// [CAN-8].
const cancelTime = time.Second

// newSequential returns a link with conn as its first lane.
func newSequential(conn net.Conn, dial func(context.Context) (net.Conn, error), maxPayload int,
	owner linkOwner, log *slog.Logger) (*sequential, error) {
	s := &sequential{
		dial: dial, max: maxPayload, owner: owner, log: log,
		ended: make(chan struct{}), inUse: make(map[*lane]struct{}),
	}
	first, err := newLane(conn, maxPayload)
	if err != nil {
		return nil, err
	}
	s.idle = append(s.idle, first)
	return s, nil
}

func newLane(conn net.Conn, maxPayload int) (*lane, error) {
	frames, err := frame.NewReader(conn, frame.Options{Framing: frame.Basic, MaxPayload: maxPayload})
	return &lane{conn: conn, peeker: newPeeker(conn), frames: frames}, err
}

// start takes no request: its caller has to write it.
func (s *sequential) start(*pendingCall) bool { return false }
func (s *sequential) flush()                  {}

func (s *sequential) call(ctx context.Context, c *pendingCall) (message.Response, error) {
	r := c.request
	l, err := s.takeLane(ctx)
	if err != nil {
		r.slot.free()
		return message.Response{}, err
	}
	defer s.leave()

	// A deadline in the past ends a read or write that waits.
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetDeadline(time.Unix(1, 0)) })
	answer, err := s.exchange(l, r)
	stopped := stop()
	if err == nil {
		s.put(l, stopped)
		r.slot.free()
		return answer, nil
	}
	var out *requestError
	if !errors.As(err, &out) {
		s.put(l, stopped) // too large; nothing was sent
		r.slot.free()
		return message.Response{}, err
	}
	if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return message.Response{}, s.cancel(ctx, l, r, out)
	}
	s.put(l, false)
	defer r.slot.free()
	if out.sent == 0 && l.reused {
		return message.Response{}, errUnsent
	}
	why := s.owner.callError(ctx, out.err)
	switch {
	case out.sent > 0:
		return message.Response{}, mayHaveRun(why)
	case errors.Is(why, ErrWorkerDied):
		return message.Response{}, errUnsent
	}
	return message.Response{}, why
}

// requestError is the error that broke a lane.
type requestError struct {
	err   error
	sent  int  // bytes of the request
	whole bool // all of them
}

func (e *requestError) Error() string { return e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// exchange sends a request and reads its answer. The error is a *requestError if the lane cannot be used any more.
func (s *sequential) exchange(l *lane, r request) (message.Response, error) {
	sent, err := s.send(l, r)
	if err != nil {
		return message.Response{}, err
	}
	for {
		answer, err := readAnswer(l.frames, frame.Basic)
		if err != nil {
			return message.Response{}, &requestError{err, sent, true}
		}
		switch {
		case answer.ID == r.id:
			s.answered.Add(1) // only this one: any other answer does not show that the worker works
			return answer, nil
		case answer.ID == 0 && !answer.OK:
			// The worker could not read the request on this lane [MSG-11], so no other answer will come.
			err := &violation{reason: "the worker could not read the request: " + answer.Error}
			return message.Response{}, &requestError{err, sent, true}
		}
		s.log.Debug("answer dropped: no call waits for it", "id", answer.ID)
	}
}

func (s *sequential) send(l *lane, r request) (int, error) {
	const header = frame.BasicHeaderSize
	l.buf = frame.BeginFrame(l.buf[:0], frame.Basic)
	l.buf = message.AppendRequestHead(l.buf, r.id, r.method)
	size := len(l.buf) - header + len(r.body) + len(message.Tail)
	if err := frame.CheckPayload(size, s.max); err != nil {
		return 0, err
	}
	tail := []byte(message.Tail)
	frame.AppendHeader(l.buf[:0], frame.Basic, r.id, l.buf[header:], r.body, tail)
	pieces := net.Buffers{l.buf, r.body, tail}
	if len(r.body) < lendFrom {
		l.buf = append(append(l.buf, r.body...), tail...)
		pieces = net.Buffers{l.buf}
	}
	all := header + size
	sent, err := pieces.WriteTo(l.conn)
	if err == nil && int(sent) < all {
		err = io.ErrShortWrite
	}
	if err != nil {
		return 0, &requestError{err, int(sent), false}
	}
	return int(sent), nil
}

// cancel ends a call whose context has ended, without waiting for anything [CAN-4] [CAN-10]. If only a part of the
// request was sent, it closes the lane at once.
func (s *sequential) cancel(ctx context.Context, l *lane, r request, out *requestError) error {
	err := contextError(ctx)
	if !out.whole {
		s.put(l, false)
		r.slot.free()
	} else {
		r.slot.linger()
		s.mu.Lock()
		s.users++ // for the goroutine
		s.mu.Unlock()
		go s.sendCancellation(l, r, err.Error())
	}
	if out.sent > 0 {
		return mayHaveRun(err)
	}
	return err
}

func (s *sequential) sendCancellation(l *lane, r request, reason string) {
	defer s.leave()
	_ = l.conn.SetDeadline(time.Now().Add(cancelTime))
	l.buf = appendCancellation(l.buf[:0], frame.Basic, r.id, reason, s.max)
	if len(l.buf) > 0 {
		_, _ = l.conn.Write(l.buf) // if it fails, closing the lane cancels the request
	}
	s.put(l, false)
	r.slot.freeLingering()
}

// takeLane returns a lane for one call: an idle one, or else a new one.
func (s *sequential) takeLane(ctx context.Context) (*lane, error) {
	if !s.enter() {
		return nil, errUnsent
	}
	for l := s.takeIdle(); l != nil; l = s.takeIdle() {
		if l.frames.Buffered() == 0 && l.peeker.isQuiet() {
			return l, nil
		}
		s.put(l, false)
	}
	l, err := s.newLane(ctx)
	if err != nil {
		s.leave()
	}
	return l, err
}

// takeIdle takes the idle lane that was used last, or returns nil.
func (s *sequential) takeIdle() *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	l := s.idle[n-1]
	s.idle = s.idle[:n-1]
	s.inUse[l] = struct{}{}
	l.reused = true
	return l
}

func (s *sequential) newLane(ctx context.Context) (*lane, error) {
	conn, err := s.dial(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, contextError(ctx)
	case nobodyListens(err):
		s.goDown()
		return nil, errUnsent
	default:
		return nil, fmt.Errorf("no connection to the worker: %w", err)
	}
	l, err := newLane(conn, s.max)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	s.mu.Lock()
	s.inUse[l] = struct{}{}
	down := s.down
	s.mu.Unlock()
	if down {
		s.put(l, false)
		return nil, errUnsent
	}
	return l, nil
}

// put gives a lane back, to be used again or closed.
func (s *sequential) put(l *lane, again bool) {
	s.mu.Lock()
	delete(s.inUse, l)
	if again = again && !s.down; again {
		if cap(l.buf) > keepBuffer {
			l.buf = nil
		}
		s.idle = append(s.idle, l)
	}
	s.mu.Unlock()
	if !again {
		_ = l.conn.Close()
	}
}

// enter counts a call, and reports false if the link takes no more.
func (s *sequential) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return false
	}
	s.users++
	return true
}

func (s *sequential) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.endIfUnused()
}

func (s *sequential) endIfUnused() {
	if s.down && s.users == 0 && !s.hasEnded {
		s.hasEnded = true
		close(s.ended)
	}
}

func (s *sequential) goDown() { s.end(func(net.Conn) {}) }

func (s *sequential) expire() {
	soon := time.Now().Add(drainTime)
	s.end(func(c net.Conn) { _ = c.SetDeadline(soon) })
}

// end takes no more calls, closes the idle lanes, and calls inUse for the others.
func (s *sequential) end(inUse func(net.Conn)) {
	s.mu.Lock()
	s.down = true
	idle := s.idle
	s.idle = nil
	for l := range s.inUse {
		inUse(l.conn)
	}
	s.endIfUnused()
	s.mu.Unlock()
	for _, l := range idle {
		_ = l.conn.Close()
	}
	s.owner.linkDown(s)
}

func (s *sequential) answers() uint64 { return s.answered.Load() }

func (s *sequential) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

func (s *sequential) lost() <-chan struct{} { return s.ended }
func (s *sequential) failure() error        { return nil }
