package worker

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// connect opens a connection to the worker and reads from it in the background.
func (p *process) connect(why purpose, framing spec.Framing) *peer {
	q := p.connectUnread(why, framing)
	q.startReading()
	return q
}

// connectUnread opens a connection from which nothing is read until startReading.
func (p *process) connectUnread(why purpose, framing spec.Framing) *peer {
	conn, err := p.dial()
	if err != nil {
		p.t.stepFailed(why, "a connection to the worker", fmt.Sprintf("%v%s", err, p.exitSuffix()))
	}
	return newPeer(p, conn, framing)
}

// connectServed opens a connection and makes one call on it. After that, what the case tests does not depend on whether the
// worker serves several connections at once [WRK-7].
func (p *process) connectServed(framing spec.Framing) *peer {
	q := p.connect(setUp, framing)
	q.call(setUp, "echo", `"served"`)
	return q
}

// dial connects, and tries again while the worker's backlog is full.
func (p *process) dial() (*net.UnixConn, error) {
	var conn *net.UnixConn
	var err error
	p.t.Settle(func() bool {
		conn, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: p.socket, Net: "unix"})
		return !errors.Is(err, syscall.EAGAIN)
	})
	return conn, err
}
