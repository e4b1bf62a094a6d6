package worker

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// link is the suite's end of one connection of a history. One goroutine writes and one reads, so that neither the suite nor
// a right worker waits for the other for ever.
type link struct {
	p  *Player
	c  *conn
	uc *net.UnixConn

	mu      sync.Mutex
	changed *sync.Cond
	queue   [][]byte // pieces to write; nil closes the sending half
	held    []byte   // goes out with the next bytes
	writing bool
	closing bool
	reading bool
	goers   sync.WaitGroup
}

func newLink(p *Player, c *conn, uc *net.UnixConn) *link {
	l := &link{p: p, c: c, uc: uc, reading: true}
	l.changed = sync.NewCond(&l.mu)
	l.goers.Go(l.write)
	l.goers.Go(l.read)
	return l
}

// send queues the pieces, and waits a moment until they are written: the steps of a history go out in their order unless the
// worker does not read.
func (l *link) send(pieces [][]byte) {
	l.mu.Lock()
	l.queue = append(l.queue, pieces...)
	l.changed.Broadcast()
	l.mu.Unlock()
	l.drained(writtenSoon)
}

// writtenSoon is how long a step waits for its bytes to be written before the next one begins. Nothing follows from it.
const writtenSoon = 20 * time.Millisecond

// drained waits until everything is written, for that long at most.
func (l *link) drained(limit time.Duration) {
	over := false
	timer := time.AfterFunc(limit, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		over = true
		l.changed.Broadcast()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !over && !l.closing && (len(l.queue) > 0 || l.writing) {
		l.changed.Wait()
	}
}

func (l *link) write() {
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && !l.closing {
			l.changed.Wait()
		}
		if l.closing {
			l.mu.Unlock()
			return
		}
		piece := l.queue[0]
		l.queue = l.queue[1:]
		more := len(l.queue) > 0
		l.writing = true
		l.mu.Unlock()
		if piece == nil {
			_ = l.uc.CloseWrite()
		} else {
			_, _ = l.uc.Write(piece) // that it fails shows in what does not come
			if more {
				l.p.pace()
			}
		}
		l.mu.Lock()
		l.writing = false
		l.changed.Broadcast()
		l.mu.Unlock()
	}
}

func (l *link) read() {
	block := make([]byte, 64<<10)
	for {
		l.mu.Lock()
		for !l.reading && !l.closing {
			l.changed.Wait()
		}
		closing := l.closing
		l.mu.Unlock()
		if closing {
			return
		}
		n, err := l.uc.Read(block)
		l.p.received(l.c, block[:n])
		switch {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, net.ErrClosed):
			return
		default:
			l.p.ended(l.c, err)
			return
		}
	}
}

// setReading lets the link read, or stops it.
func (l *link) setReading(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = on
	at := time.Time{}
	if !on {
		at = time.Unix(1, 0) // long ago: a Read under way returns
	}
	_ = l.uc.SetReadDeadline(at)
	l.changed.Broadcast()
}

// close closes the connection. The worker sees a reset where answers were not read.
func (l *link) close() {
	l.mu.Lock()
	l.closing = true
	l.changed.Broadcast()
	l.mu.Unlock()
	_ = l.uc.Close()
	l.goers.Wait()
}

// pieces cuts the bytes at the offsets.
func pieces(data []byte, cut []int) (all [][]byte) {
	from := 0
	for _, at := range append(append([]int(nil), cut...), len(data)) {
		if at > from && at <= len(data) {
			all = append(all, data[from:at])
			from = at
		}
	}
	return all
}
