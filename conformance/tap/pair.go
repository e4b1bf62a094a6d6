package tap

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// pair is one connection of the pool and the connection to the worker that continues it.
type pair struct {
	pool, worker *net.UnixConn
	copies       *queue
	passed       [2]atomic.Int64 // bytes from the pool, and from the worker
}

const blockSize = 64 << 10

// run passes bytes both ways until both directions have ended.
func (p *pair) run() {
	var both sync.WaitGroup
	both.Go(func() { p.pump(p.worker, p.pool, spec.RolePool, &p.passed[0]) })
	both.Go(func() { p.pump(p.pool, p.worker, spec.RoleWorker, &p.passed[1]) })
	both.Wait()
	p.close()
}

func (p *pair) close() {
	_ = p.pool.Close()
	_ = p.worker.Close()
}

// pump passes the bytes of one sender on until the sender ends or the receiver takes no more.
//
// The inspection gets the bytes before the receiver does, so it never sees an answer before its request.
func (p *pair) pump(to, from *net.UnixConn, sender spec.Role, passed *atomic.Int64) {
	block := make([]byte, blockSize)
	for ended := false; !ended; {
		n, err := from.Read(block)
		if n > 0 {
			p.copies.put(sender, block[:n])
			written, err := to.Write(block[:n])
			passed.Add(int64(written))
			if err != nil {
				break // the receiver has gone
			}
		}
		if ended = err != nil; ended && !errors.Is(err, net.ErrClosed) {
			p.copies.end(sender)
		}
	}
	// However it ended: the sender can send no more, and the receiver gets no more.
	_ = to.CloseWrite()
	_ = from.CloseRead()
	// A sender that waits for room in the socket notices only when there is room again.
	_, _ = io.Copy(io.Discard, struct{ io.Reader }{from})
	if waitForHangup(from) {
		// The sender closed the connection in both directions, which the receiver must notice too [CAN-8]. Nobody
		// reads the other direction any more.
		p.close()
	}
}
