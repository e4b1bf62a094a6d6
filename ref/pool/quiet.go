package pool

import (
	"net"
	"syscall"
)

// peeker tells whether anything has come on a connection that nobody reads, without taking it. Whatever
// did, an answer sent twice, garbage or the end, is not to meet the next call [RID-5] [RID-6] [RID-7].
// It takes about a microsecond.
type peeker struct {
	raw  syscall.RawConn // nil where the connection cannot be looked into: what came is seen later
	err  error
	peek func(fd uintptr) bool // made once, for a lone call pays for each allocation
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

// isQuiet is for the one alone who may read.
func (p *peeker) isQuiet() bool {
	if p.raw == nil {
		return true
	}
	p.err = nil
	_ = p.raw.Read(p.peek) // what fails here fails the next read as well
	return p.err == syscall.EAGAIN
}
