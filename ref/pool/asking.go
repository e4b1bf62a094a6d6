package pool

import (
	"io"
	"os"
	"syscall"
)

// A caller that reads sends its request from inside a read: after it was seen that there is nothing to be read, and
// before that is waited for. So what came while nobody read, an answer sent twice, garbage or the end, is no matter
// of its call [RID-5] [RID-7]; and the look costs nothing, for it is the read that would find nothing anyway.

// asking is a request that is to go out from inside a read. It is for the one who has the turn.
type asking struct {
	raw  syscall.RawConn // nil where the connection offers no reads that do not block: the request goes out first
	step func(fd uintptr) bool

	request request
	call    *pendingCall // nil once it is pending, or cannot be
	unsent  error        // why the request has not gone out
	reads   int          // reads that found something before

	room []byte // where step reads to
	n    int    // how many bytes it did
	err  error
}

// maxReads is after how many reads that found something the request goes out nonetheless. It is more than a socket
// holds, and an end where more keeps coming.
const maxReads = 100

func (m *multiplexed) prepareToAsk() {
	m.asking.step = m.readStep // made once, for a lone call pays for each allocation
	if sc, ok := m.conn.(syscall.Conn); ok {
		m.asking.raw, _ = sc.SyscallConn()
	}
}

// readOrAsk reads what is there; if nothing is, it sends the request and reads what comes.
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

// readStep is for syscall.RawConn: it reads, and reports false where there is to be waited for something to read.
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

// ask makes the call pending and sends its request, and reports whether an answer may come.
func (m *multiplexed) ask() bool {
	a := &m.asking
	c := a.call
	a.call = nil
	m.mu.Lock()
	enters := m.enter(a.request.id, c)
	m.mu.Unlock()
	if enters {
		a.unsent = m.send(a.request, c)
	}
	return a.unsent == nil
}
