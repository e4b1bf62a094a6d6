package worker

import (
	"net"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// side is a connection of the suite beside the history, on which it asks one thing at a time. It decides nothing but what
// its answers show.
type side struct {
	conn    *net.UnixConn
	framing spec.Framing

	mu      sync.Mutex
	in      []byte
	last    uint64 // ID of the last request
	answers map[uint64]sideAnswer
	changed chan struct{} // closed and replaced at each answer, and when reading has ended
}

type sideAnswer struct {
	wire.Answer
	at time.Time
}

// sideIDs is where the IDs of the suite's own requests begin: far from those that a history draws, so that a worker that
// confuses connections is found by the history's own, and small enough for one that reads them as doubles.
const sideIDs = 1 << 50

func openSide(path string, framing spec.Framing) (*side, error) {
	conn, err := dial(path)
	if err != nil {
		return nil, err
	}
	s := &side{conn: conn, framing: framing, last: sideIDs, answers: map[uint64]sideAnswer{}, changed: make(chan struct{})}
	go s.read()
	return s, nil
}

func (s *side) read() {
	block := make([]byte, 4096)
	for {
		n, err := s.conn.Read(block)
		s.mu.Lock()
		s.in = append(s.in, block[:n]...)
		for {
			f, used, bad := wire.DecodeOne(s.framing, s.in, 1<<20)
			if bad != nil || used == 0 {
				break
			}
			if a, bad := wire.ReadAnswer(f.Payload); bad == nil {
				if a.ID < sideIDs { // a worker that changes IDs: the history's own connections show that
					a.ID = s.last
				}
				if _, before := s.answers[a.ID]; !before {
					s.answers[a.ID] = sideAnswer{a, time.Now()}
				}
			}
			s.in = s.in[used:]
		}
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// begin sends a request and returns its ID.
func (s *side) begin(method, body string) (id uint64) {
	s.mu.Lock()
	s.last++
	id = s.last
	s.mu.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = s.conn.Write(wire.Encode(s.framing, id, wire.Request(id, method, body)))
	return id
}

// answeredAt returns when the request was answered, zero if it was not.
func (s *side) answeredAt(id uint64) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers[id].at
}

// number returns the number that the request was answered with.
func (s *side) number(id uint64) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.answers[id]
	if !ok {
		return 0, false
	}
	n, err := wire.WholeNumber(a.Body)
	return n, err == nil
}

func (s *side) changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// inflight asks how many handlers run, and waits for that long at most.
func (s *side) inflight(limit time.Duration) (n int, ok bool) {
	id := s.begin("inflight", "null")
	s.awaitID(id, limit)
	return s.number(id)
}

// awaitID waits for the answer to the request, for that long at most.
func (s *side) awaitID(id uint64, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		s.mu.Lock()
		_, done := s.answers[id]
		changed := s.changed
		s.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		}
	}
}

func (s *side) close() {
	if s != nil {
		_ = s.conn.Close()
	}
}

// pace waits until the worker has answered something that was asked after all that was written before, or a moment is over.
// So a worker that serves its connections in turn has read what was written. Nothing follows from it.
func (p *Player) pace() {
	p.pacer.awaitID(p.pacer.begin("health", "null"), writtenSoon)
}
