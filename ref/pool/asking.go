package pool

import (
	"io"
	"os"
	"syscall"
)

// A caller that has the turn sends its request from inside of a read: after a first attempt has found nothing to
// read, and before it waits. So whatever has arrived while nobody read, an answer sent twice, garbage or the end, does
// not affect its call [RID-5] [RID-7]. That costs nothing, because a read always begins with such an attempt.

// asking is a call whose request is to be sent from inside of a read. It is for the holder of the turn.
type asking struct {
	raw  syscall.RawConn // nil if the connection has no reads that do not block; then the request is sent first
	step func(fd uintptr) bool

	call   *pendingCall // nil once it is pending, or the link is down
	unsent error        // why its request was not sent
	reads  int          // reads before it that found something

	room []byte // what step reads into
	n    int    // the bytes that step has read
	err  error
}

// maxReads bounds the reads before the request is sent, for a worker that never stops sending. They read more than a
// socket holds.
const maxReads = 100

func (m *multiplexed) prepareToAsk() {
	m.asking.step = m.readStep // made once, to save an allocation per call
	if sc, ok := m.conn.(syscall.Conn); ok {
		m.asking.raw, _ = sc.SyscallConn()
	}
}

// readOrAsk reads what is there. If nothing is, it sends the request and waits for something to read.
func (m *multiplexed) readOrAsk(b []byte) (int, error) {
	a := &m.asking
	if a.raw == nil || a.reads == maxReads {
		if !m.ask() {
			return 0, errEnough
		}
		return m.conn.Read(b)
	}
	a.reads++
	a.room, a.n, a.err = b, 0, nil
	if err := a.raw.Read(a.step); err != nil {
		return 0, err
	}
	return a.n, a.err
}

// readStep is for syscall.RawConn. It reads, and reports false to be called again when there is something to read.
func (m *multiplexed) readStep(fd uintptr) bool {
	a := &m.asking
	for {
		n, err := syscall.Read(int(fd), a.room)
		switch {
		case n > 0:
			a.n = n
		case err == nil:
			a.err = io.EOF
		case err == syscall.EINTR:
			continue
		case err != syscall.EAGAIN:
			a.err = os.NewSyscallError("read", err)
		case a.call == nil || m.ask():
			return false
		default:
			a.err = errEnough
		}
		return true
	}
}

// ask makes the call pending and sends its request. It reports whether an answer may come.
func (m *multiplexed) ask() bool {
	a := &m.asking
	c := a.call
	a.call = nil
	m.mu.Lock()
	enters := m.enter(c)
	m.mu.Unlock()
	if enters {
		a.unsent = m.send(c)
	}
	return a.unsent == nil
}
