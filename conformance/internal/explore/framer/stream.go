package framer

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// Errors of the stream, as a socket reports them, by their names in a history. A framer passes them on [STR-10], whatever else
// it knows of them.
var (
	readErrors  = map[string]error{"timeout": socketError("read", os.ErrDeadlineExceeded), "reset": socketError("read", syscall.ECONNRESET)}
	writeErrors = map[string]error{
		"": errFull, "timeout": socketError("write", os.ErrDeadlineExceeded), "reset": socketError("write", syscall.ECONNRESET), "broken pipe": socketError("write", syscall.EPIPE),
	}
	errFull = errors.New("the peer takes no more")
)

func socketError(op string, err error) error {
	if number, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, number)
	}
	return &net.OpError{Op: op, Net: "unix", Err: err}
}

// source is what the framer reads. Bytes arrive as the history says; a Read takes from one piece at most, and waits while
// there is none.
type source struct {
	mu      sync.Mutex
	arrived *sync.Cond
	pieces  []piece
	waiting bool // a Read waits for bytes
	closed  bool
	behind  int // Reads behind the end
}

// piece is bytes that arrive together, or, where err is set, the end or an error of the stream behind them. Without either it
// is a Read of nothing, as io.Reader allows.
type piece struct {
	data []byte
	err  error
}

// mostAfterEnd is how often a framer may read behind the end of the stream before its goroutine is ended: one that asks for
// ever would outlive its history.
const mostAfterEnd = 10_000

func newSource() *source {
	s := &source{}
	s.arrived = sync.NewCond(&s.mu)
	return s
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pieces) == 0 && !s.closed {
		s.waiting = true
		s.arrived.Wait()
	}
	s.waiting = false
	if len(s.pieces) == 0 {
		return s.atEnd()
	}
	first := &s.pieces[0]
	switch {
	case first.err == io.EOF: // the end stays
		return s.atEnd()
	case first.err != nil, len(first.data) == 0:
		err := first.err
		s.pieces = s.pieces[1:]
		return 0, err
	}
	n := copy(p, first.data)
	first.data = first.data[n:]
	if len(first.data) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func (s *source) atEnd() (int, error) {
	if s.behind++; s.behind > mostAfterEnd {
		runtime.Goexit() // runs what the framer has deferred, and cannot be recovered by it as a panic could
	}
	return 0, io.EOF
}

func (s *source) arrive(p piece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pieces = append(s.pieces, p)
	s.arrived.Broadcast()
}

// close ends the stream, so that a framer that waits for bytes is let go.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.arrived.Broadcast()
}

// sink is what the framer writes to. One Write is never mixed with another [STR-5].
type sink struct {
	turn sync.Mutex // held by the Write under way

	mu       sync.Mutex
	moved    *sync.Cond
	got      []byte
	room     int   // bytes that it takes; negative for any number
	failure  error // when the room is used up: it fails with this, instead of waiting
	broken   bool  // a Write has failed
	brokenAt int   // bytes that were taken by then
	stalled  bool  // a Write waits for room
	released bool
	onMove   func()
}

func newSink(onMove func()) *sink {
	s := &sink{room: -1, onMove: onMove}
	s.moved = sync.NewCond(&s.mu)
	return s
}

// Write implements [io.Writer].
func (s *sink) Write(p []byte) (n int, err error) {
	s.mu.Lock()
	early := !s.broken
	s.mu.Unlock()
	n, err = s.write(p, early)
	s.onMove()
	for range turns {
		runtime.Gosched()
	}
	return n, err
}

// turns is how often other goroutines may run behind a Write, so that those that write at the same time meet.
const turns = 20

func (s *sink) write(p []byte, early bool) (n int, err error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	defer func() {
		s.stalled = false
		s.mu.Unlock()
	}()
	if s.broken && early { // it had begun when the stream failed: a framer that needs no lock cannot hold it back
		return len(p), nil
	}
	for n < len(p) {
		take := len(p) - n
		if s.room >= 0 && !s.released {
			take = min(take, s.room)
			s.room -= take
		}
		s.got = append(s.got, p[n:n+take]...)
		if n += take; n == len(p) || s.released {
			break
		}
		if failure := s.failure; failure != nil {
			if !s.broken {
				s.broken, s.brokenAt = true, len(s.got)
			}
			s.room, s.failure = -1, nil // what comes later must not come, and is kept to show it
			return n, failure
		}
		s.stalled = true
		s.moved.Wait()
	}
	return n, nil
}

// limit has the stream take so many bytes more, and then fail, or wait where failure is nil.
func (s *sink) limit(room int, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room, s.failure = room, failure
	s.moved.Broadcast()
}

// release lets everything go through from now on.
func (s *sink) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released = true
	s.moved.Broadcast()
}

// state returns what came, whether a Write has failed and after how many bytes, and whether one waits.
func (s *sink) state() (got []byte, broken bool, brokenAt int, stalled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[:len(s.got):len(s.got)], s.broken, s.brokenAt, s.stalled
}
