package pool

import (
	"bytes"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
)

// outbox writes the frames of many callers to one connection, as many as possible in one write.
//
// A caller adds its frame to the batch that is gathering. If nobody writes, it writes the batch itself, so that a lone
// caller needs no other goroutine, but only what the socket takes at once. A goroutine writes the rest. So no caller
// ever blocks in a write [CAN-10].
type outbox struct {
	conn    net.Conn
	raw     syscall.RawConn // nil if the connection has no writes that do not block
	framing frame.Framing
	max     int    // payload bytes of one frame
	broken  func() // called once if a write fails

	mu        sync.Mutex // never held while writing
	gathering batch
	added     int64 // bytes added so far: the position of the next frame in the stream
	busy      bool  // somebody writes, and looks again at gathering afterwards
	idle      sync.Cond
	closed    bool

	// For the one who has set busy only.
	writing batch
	wait    bool // the write may wait for the socket
	failure error
	step    func(fd uintptr) bool

	// woken is the number of callers whose answers came together and who have not called since.
	woken atomic.Int64

	sent atomic.Int64 // bytes that were sent, or may have been
}

// batch is a part of the stream: buf, with the lent bodies at their places in it.
type batch struct {
	buf       []byte
	lent      []lentAt
	cancelled []slot // of the calls whose cancellations are in it
	written   int    // bytes of buf
}

type lentAt struct {
	at   int // its place in buf
	body *lentBody
}

// lentBody is a large body that is written from its caller's memory: two copies of a megabyte would cost more than
// everything else that the pool does with it.
type lentBody struct {
	mu   sync.Mutex
	rest []byte // not written yet
}

// takeBack copies what is still to be written, so that the caller's memory is its own again.
func (l *lentBody) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = bytes.Clone(l.rest)
}

const (
	// lendFrom is the size of a body from which two more writes cost less than a copy (measured on Unix sockets).
	lendFrom = 64 << 10

	// letOthersAdd yields at most so many times, and for so long. On a busy processor one yield may take longer.
	maxYields    = 20
	maxYieldTime = 20 * time.Microsecond

	// keepBuffer is the largest buffer that is kept for the next batch.
	keepBuffer = 256 << 10
)

func newOutbox(conn net.Conn, options frame.Options, broken func()) *outbox {
	o := &outbox{conn: conn, framing: options.Framing, max: options.MaxPayload, broken: broken}
	o.idle.L = &o.mu
	o.step = o.writeStep
	if sc, ok := conn.(syscall.Conn); ok {
		o.raw, _ = sc.SyscallConn() // without it, a goroutine does every write
	}
	return o
}

// request adds the frame of a request, which is then written. It sets c.start and, if the body is lent, c.lent. The
// error is errUnsent or frame.ErrTooLarge.
func (o *outbox) request(c *pendingCall) error {
	if o.raw != nil && len(c.body) >= lendFrom {
		return o.lend(c)
	}
	o.mu.Lock()
	if err := o.addLocked(c); err != nil {
		o.mu.Unlock()
		return err
	}
	o.unlockAndWrite(true)
	return nil
}

// add is request without the writing. flush follows.
func (o *outbox) add(c *pendingCall) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.addLocked(c)
}

// flush writes what add has added, unless somebody else does.
func (o *outbox) flush() {
	o.mu.Lock()
	if len(o.gathering.buf) == 0 {
		o.mu.Unlock()
		return
	}
	o.unlockAndWrite(false) // who could add to it may be woken only after this
}

func (o *outbox) addLocked(c *pendingCall) error {
	o.woken.Add(-1)
	if o.closed {
		return errUnsent
	}
	b := &o.gathering
	start := len(b.buf)
	b.buf = frame.BeginFrame(b.buf, o.framing)
	b.buf = message.AppendRequest(b.buf, c.id, c.method, c.body)
	if err := frame.CheckPayload(len(b.buf)-start-o.framing.HeaderSize(), o.max); err != nil {
		b.buf = b.buf[:start]
		return err
	}
	frame.EndFrame(b.buf, start, o.framing, c.id)
	c.start = o.added
	o.added += int64(len(b.buf) - start)
	return nil
}

func (o *outbox) lend(c *pendingCall) error {
	o.woken.Add(-1)
	header := o.framing.HeaderSize()
	head := frame.BeginFrame(make([]byte, 0, 256), o.framing)
	head = message.AppendRequestHead(head, c.id, c.method)
	size := len(head) - header + len(c.body) + len(message.Tail)
	if err := frame.CheckPayload(size, o.max); err != nil {
		return err
	}
	frame.AppendHeader(head[:0], o.framing, c.id, head[header:], c.body, []byte(message.Tail))

	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return errUnsent
	}
	c.start = o.added
	c.lent = &lentBody{rest: c.body}
	b := &o.gathering
	b.buf = append(b.buf, head...)
	b.lent = append(b.lent, lentAt{len(b.buf), c.lent})
	b.buf = append(b.buf, message.Tail...)
	o.added += int64(header + size)
	o.unlockAndWrite(true)
	return nil
}

// cancellation adds the cancellation of a request that was added before. Once it has gone out, it frees the slot, for
// which linger was called [E11].
func (o *outbox) cancellation(id uint64, s slot, reason string) {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		s.freeLingering()
		return
	}
	b := &o.gathering
	start := len(b.buf)
	b.buf = appendCancellation(b.buf, o.framing, id, reason, o.max)
	b.cancelled = append(b.cancelled, s)
	o.added += int64(len(b.buf) - start)
	o.unlockAndWrite(true)
}

// unlockAndWrite unlocks o.mu. If nobody writes, it writes what has gathered. Before, it may let others add to that.
func (o *outbox) unlockAndWrite(letOthersAdd bool) {
	if o.busy {
		o.mu.Unlock()
		return
	}
	o.busy = true
	o.mu.Unlock()
	if o.raw == nil {
		go o.writeAll()
		return
	}
	if letOthersAdd {
		o.letOthersAdd()
	}
	o.swap()
	whole, err := o.write(false)
	switch {
	case err != nil:
		o.fail(err)
	case !whole:
		go o.writeOn()
	case !o.finished():
		go o.writeAll() // frames of others, for which this caller must not wait
	}
}

// letOthersAdd waits for a moment for callers that were woken together with this one and have not called again. Then
// their frames go out in one write, which doubles the calls per second. It takes about a microsecond if they do not
// call, and no time if the caller was woken alone.
func (o *outbox) letOthersAdd() {
	if o.woken.Load() <= 0 {
		return
	}
	began := time.Now()
	for i := 0; i < maxYields && o.woken.Load() > 0 && time.Since(began) < maxYieldTime; i++ {
		runtime.Gosched()
	}
	o.woken.Store(0)
}

// writeOn writes the rest of a batch, and then all that has gathered.
func (o *outbox) writeOn() {
	if _, err := o.write(true); err != nil {
		o.fail(err)
		return
	}
	if !o.finished() {
		o.writeAll()
	}
}

func (o *outbox) writeAll() {
	for {
		o.swap()
		if _, err := o.write(true); err != nil {
			o.fail(err)
			return
		}
		if o.finished() {
			return
		}
	}
}

// swap makes the batch that has gathered the one to write.
func (o *outbox) swap() {
	o.mu.Lock()
	o.writing, o.gathering = o.gathering, o.writing
	o.mu.Unlock()
}

// finished ends a batch that was written. It reports whether nothing has gathered meanwhile, so that nobody writes any
// more.
func (o *outbox) finished() bool {
	b := &o.writing
	for _, s := range b.cancelled {
		s.freeLingering()
	}
	clear(b.lent)
	*b = batch{buf: b.buf[:0], lent: b.lent[:0], cancelled: b.cancelled[:0]}
	if cap(b.buf) > keepBuffer {
		b.buf = nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.gathering.buf) > 0 || len(o.gathering.cancelled) > 0 {
		return false
	}
	o.busy = false
	o.idle.Broadcast()
	return true
}

func (o *outbox) fail(err error) {
	for _, s := range o.writing.cancelled {
		s.freeLingering()
	}
	o.writing = batch{}
	o.mu.Lock()
	o.closed = true
	o.busy = false
	o.idle.Broadcast()
	o.mu.Unlock()
	o.broken()
}

// close takes no more frames, and waits until nobody writes. Then it is certain what was sent. The connection must be
// closed before, or a write may never end.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	for o.busy {
		o.idle.Wait()
	}
	unsent := o.gathering.cancelled
	o.gathering = batch{}
	o.mu.Unlock()
	for _, s := range unsent {
		s.freeLingering()
	}
}

// write writes the rest of the batch or, unless wait is set, what the socket takes of it at once. It reports whether
// that was all.
func (o *outbox) write(wait bool) (bool, error) {
	all := len(o.writing.buf)
	if all == 0 {
		return true, nil // all cancellations of the batch were omitted
	}
	if o.raw == nil {
		o.sent.Add(int64(all)) // before, because the peer may act before Write returns
		n, err := o.conn.Write(o.writing.buf)
		o.sent.Add(int64(n - all))
		if n < all && err == nil {
			err = io.ErrShortWrite
		}
		return true, err
	}
	o.wait = wait
	err := o.raw.Write(o.step)
	if err == nil {
		err = o.failure
	}
	b := &o.writing
	return len(b.lent) == 0 && b.written == len(b.buf), err
}

// writeStep is for syscall.RawConn. It writes until all is written or the socket takes no more. It reports false to be
// called again when the socket takes more.
func (o *outbox) writeStep(fd uintptr) bool {
	b := &o.writing
	for {
		var n int
		var err error
		switch {
		case len(b.lent) > 0 && b.lent[0].at == b.written:
			l := b.lent[0].body
			l.mu.Lock()
			n, err = syscall.Write(int(fd), l.rest)
			if l.rest = l.rest[max(n, 0):]; len(l.rest) == 0 {
				l.rest = nil
				b.lent = b.lent[1:]
			}
			l.mu.Unlock()
		case len(b.lent) > 0:
			n, err = syscall.Write(int(fd), b.buf[b.written:b.lent[0].at])
			b.written += max(n, 0)
		case b.written < len(b.buf):
			n, err = syscall.Write(int(fd), b.buf[b.written:])
			b.written += max(n, 0)
		default:
			return true
		}
		o.sent.Add(int64(max(n, 0)))
		switch err {
		case nil, syscall.EINTR:
		case syscall.EAGAIN:
			return !o.wait
		default:
			o.failure = os.NewSyscallError("write", err)
			return true
		}
	}
}
