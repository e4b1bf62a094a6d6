package pool

import (
	"bytes"
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

// outbox writes the frames of many callers to one connection, as many as there are in one write.
//
// A caller adds its frame to the batch that is gathering. If nobody writes, it writes the batch
// itself, so that a lone caller needs no other goroutine; but only as far as the socket takes it
// at once. What would block goes to a goroutine: no caller is ever stuck in a write [CAN-10].
type outbox struct {
	conn   net.Conn
	raw    syscall.RawConn // nil where the connection offers no writes that do not block
	max    int             // payload bytes of one frame
	broken func()          // called once if a write fails

	mu        sync.Mutex // never held while writing
	gathering batch
	added     int64 // bytes that were ever added: the position of the next frame in the stream
	busy      bool  // somebody writes, and will look again when done
	idle      sync.Cond
	closed    bool

	// For the one who made busy true alone.
	writing batch
	wait    bool // the socket may be waited for
	failure error
	step    func(fd uintptr) bool

	// woken is the number of callers whose answers came together and who have not called since.
	woken atomic.Int64

	sent atomic.Int64 // bytes that went out, or may have
}

// batch is a part of the stream: buf, with the lent bodies put in where they belong.
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

// lentBody is a large body that is written from where its caller has it, for two copies of a
// megabyte cost more than all else that is done with it here.
type lentBody struct {
	mu   sync.Mutex
	rest []byte // not yet written
}

// takeBack makes the caller's memory its own again, whatever is still to be written.
func (l *lentBody) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = bytes.Clone(l.rest)
}

const (
	// lendFrom is the size of a body from which two writes more cost less than a copy (measured on
	// Unix sockets).
	lendFrom = 64 << 10

	// Others are let go first so many times, and for so long; on a processor that is busy with other
	// work once may take longer.
	maxYields    = 20
	maxYieldTime = 20 * time.Microsecond

	// keepBuffer is the largest buffer that is kept for the next batch.
	keepBuffer = 256 << 10
)

func newOutbox(conn net.Conn, maxPayload int, broken func()) *outbox {
	o := &outbox{conn: conn, max: maxPayload, broken: broken}
	o.idle.L = &o.mu
	o.step = o.writeStep
	if sc, ok := conn.(syscall.Conn); ok {
		o.raw, _ = sc.SyscallConn() // without it, every write goes to a goroutine
	}
	return o
}

// request adds the frame of a request, and sees to it that it is written. It sets c.start, and
// c.lent where the body is lent. The error is errUnsent, or frame.ErrTooLarge.
func (o *outbox) request(r request, c *pendingCall) error {
	o.woken.Add(-1)
	if o.raw != nil && len(r.body) >= lendFrom {
		return o.lend(r, c)
	}
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return errUnsent
	}
	b := &o.gathering
	start := len(b.buf)
	b.buf = frame.BeginFrame(b.buf, frame.Enhanced)
	b.buf = message.AppendRequest(b.buf, r.id, r.method, r.body)
	if err := frame.CheckPayload(len(b.buf)-start-frame.FrameHeaderSize, o.max); err != nil {
		b.buf = b.buf[:start]
		o.mu.Unlock()
		return err
	}
	frame.EndFrame(b.buf, start, frame.Enhanced, r.id)
	c.start = o.added
	o.added += int64(len(b.buf) - start)
	o.unlockAndWrite()
	return nil
}

func (o *outbox) lend(r request, c *pendingCall) error {
	const header = frame.FrameHeaderSize
	head := frame.BeginFrame(make([]byte, 0, 256), frame.Enhanced)
	head = message.AppendRequestHead(head, r.id, r.method)
	size := len(head) - header + len(r.body) + len(message.Tail)
	if err := frame.CheckPayload(size, o.max); err != nil {
		return err
	}
	frame.AppendHeader(head[:0], frame.Enhanced, r.id, head[header:], r.body, []byte(message.Tail))

	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return errUnsent
	}
	c.start = o.added
	c.lent = &lentBody{rest: r.body}
	b := &o.gathering
	b.buf = append(b.buf, head...)
	b.lent = append(b.lent, lentAt{len(b.buf), c.lent})
	b.buf = append(b.buf, message.Tail...)
	o.added += int64(header + size)
	o.unlockAndWrite()
	return nil
}

// cancellation adds the cancellation of a request that was added before, and frees the slot, which
// lingers, once it has gone out [E11].
func (o *outbox) cancellation(id uint64, s slot, reason string) {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		s.freeLingering()
		return
	}
	b := &o.gathering
	start := len(b.buf)
	b.buf = frame.BeginFrame(b.buf, frame.Enhanced)
	b.buf = message.AppendCancellation(b.buf, id, reason)
	frame.EndFrame(b.buf, start, frame.Enhanced, id)
	b.cancelled = append(b.cancelled, s)
	o.added += int64(len(b.buf) - start)
	o.unlockAndWrite()
}

// unlockAndWrite unlocks o.mu and, if nobody else writes, writes what has gathered.
func (o *outbox) unlockAndWrite() {
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
	o.letOthersAdd()
	o.swap()
	whole, err := o.write(false)
	switch {
	case err != nil:
		o.fail(err)
	case !whole:
		go o.writeOn()
	case !o.finished():
		go o.writeAll() // it came meanwhile, and is not for this caller to wait for
	}
}

// letOthersAdd waits a moment for the callers that were woken together and have not called again:
// their frames and this one then go out in one write, which doubles the calls a second. It takes
// about a microsecond if they do not call, and nothing of a caller that was woken alone.
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

// writeOn writes the rest of a batch, and then all there is.
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

// swap takes the batch that has gathered, and lets the next one gather.
func (o *outbox) swap() {
	o.mu.Lock()
	o.writing, o.gathering = o.gathering, o.writing
	o.mu.Unlock()
}

// finished ends a batch that is written. If nothing has gathered meanwhile it ends writing, too.
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
	if len(o.gathering.buf) > 0 {
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

// close takes no more frames, and waits until nobody writes: from then on, what was sent is known.
// The connection must have been closed, or that may take for ever.
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

// write writes the rest of the batch, or without wait as much of it as the socket takes at once,
// and reports whether that was all.
func (o *outbox) write(wait bool) (bool, error) {
	if o.raw == nil {
		all := len(o.writing.buf)
		o.sent.Add(int64(all)) // beforehand, for the peer may act before Write returns
		n, err := o.conn.Write(o.writing.buf)
		o.sent.Add(int64(n - all))
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

// writeStep is for syscall.RawConn: it writes until all is written, which it reports by true, or
// until the socket takes no more, which it reports by whether it shall not be called again.
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
