package pool

import (
	"net"
	"syscall"
)

// peeker reports whether something has arrived on a connection that nobody reads, without reading it. Whatever that is,
// an answer sent twice, garbage or the end, the next call must not meet it [RID-5] [RID-6] [RID-7]. It takes about a
// microsecond.
type peeker struct {
	raw  syscall.RawConn // nil if the connection does not offer this
	err  error
	peek func(fd uintptr) bool // made once, to save an allocation per call
}

func newPeeker(conn net.Conn) *peeker {
	p := &peeker{}
	p.peek = func(fd uintptr) bool {
		var b [1]byte
		_, _, p.err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	}
	if sc, ok := conn.(syscall.Conn); ok {
		p.raw, _ = sc.SyscallConn()
	}
	return p
}

// isQuiet reports whether nothing has arrived. It must not overlap with reads of the connection.
func (p *peeker) isQuiet() bool {
	if p.raw == nil {
		return true
	}
	p.err = nil
	_ = p.raw.Read(p.peek) // an error here is returned by the next read too
	return p.err == syscall.EAGAIN
}
