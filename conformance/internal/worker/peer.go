package worker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// peer is the suite's end of one connection to a worker. A goroutine reads all the time while the case writes: if the suite
// only wrote, a worker that is right could block in writing its answers, and the suite in writing requests.
type peer struct {
	t       *T
	process *process
	name    string
	framing spec.Framing
	conn    *net.UnixConn
	done    chan struct{} // closed when reading has ended

	lastID    uint64 // of the requests that ask sent
	about     string // what is sent on it, for the text of a failure; empty where the case says it itself
	anyID     bool   // in the preflight: the worker does not answer under the IDs of requests
	firstByte []byte // what awaitFirstByte has read

	mu       sync.Mutex
	asked    map[uint64]int // requests by ID
	answered map[uint64]int // answers by ID
	changed  chan struct{}  // closed and replaced at each change of replies and ended
	replies  []reply        // that no step has taken, in the order of arrival
	repeated bool           // a second answer to one request has come
	lastRead time.Time      // when bytes came last
	ended    error          // why reading ended; io.EOF when the worker closed the connection between two frames
}

// reply is one frame of the worker and the answer in it.
type reply struct {
	spec.Frame
	at     time.Time // when it came
	answer wire.Answer
	err    error // why the payload is no well-formed answer
}

// saysOK reports whether the reply looks like the result of a handler, whatever else is wrong with it.
func (r reply) saysOK() bool {
	m, err := wire.ReadMessage(r.Payload)
	return r.answer.OK || err == nil && string(m.Fields["ok"]) == "true"
}

// errNoFrame is why reading ends when the worker sends something that is not a frame.
var errNoFrame = errors.New("the worker sent no frame")

// readableLimit is the largest payload that a peer reads, in bytes. It is far above max_payload, so that an answer over
// max_payload can be shown.
const readableLimit = 1 << 29

// idsOfAPeer is how many request IDs each peer has to itself, so that only a case that means to has the same ID outstanding on
// two connections [MSG-14].
const idsOfAPeer = 1_000_000

// newPeer returns the peer of an open connection, which is closed when the case ends. It reads nothing until startReading.
func newPeer(p *process, conn *net.UnixConn, framing spec.Framing) *peer {
	p.t.peers++
	q := &peer{
		t: p.t, process: p, name: fmt.Sprintf("connection %d", p.t.peers), framing: framing, conn: conn,
		lastID: uint64(p.t.peers) * idsOfAPeer,
		done:   make(chan struct{}), asked: map[uint64]int{}, answered: map[uint64]int{}, changed: make(chan struct{}),
	}
	p.t.Note(q.name, "opened, for the %s framing", framing)
	p.t.Cleanup(func() { _ = conn.Close() })
	return q
}

// send writes bytes as they are. If the worker has closed the connection, that is only noted: the answers that do not come
// will show it.
func (q *peer) send(data []byte) {
	where := q.name + " → worker"
	q.t.Saw(where, q.framing, data)
	_ = q.write(where, data)
}

// sendInPieces sends the bytes in pieces of that size, as send does.
func (q *peer) sendInPieces(data []byte, size int) {
	where := fmt.Sprintf("%s → worker, in pieces of %s", q.name, text.Plural(size, "byte"))
	q.t.Saw(where, q.framing, data)
	for piece := range slices.Chunk(data, size) {
		if q.write(where, piece) != nil {
			return
		}
	}
}

func (q *peer) write(where string, data []byte) error {
	sent := 0
	err := q.withDeadline(q.conn.SetWriteDeadline, func() error {
		n, err := q.conn.Write(data[sent:])
		sent += n
		return err
	})
	if err != nil {
		q.t.Note(where, "only %d of %d bytes went out: %v", sent, len(data), err)
	}
	return err
}

// offer sends what the worker takes at once or nearly so, and returns the rest.
func (q *peer) offer(data []byte) (rest []byte) {
	n := 0
	if err := q.conn.SetWriteDeadline(time.Now().Add(pollInterval)); err == nil {
		n, _ = q.conn.Write(data)
	}
	_ = q.conn.SetWriteDeadline(time.Time{})
	return data[n:]
}

// sendMessage sends one right frame whose message the worker must answer.
func (q *peer) sendMessage(id uint64, payload []byte) {
	q.expect(id)
	q.send(wire.Encode(q.framing, id, payload))
}

// expect allows one more answer under the ID. An answer beyond those is a second answer to a request [MSG-1].
func (q *peer) expect(id uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked[id]++
}

// expectError allows an error answer to what cannot be read as a request and has that ID in its header. In basic framing the
// answer may come under 0 as well [MSG-11].
func (q *peer) expectError(id uint64) {
	q.expect(id)
	if q.framing == spec.Basic {
		q.expect(0)
	}
}

// sendUnreadable sends one right frame that cannot be read as a request.
func (q *peer) sendUnreadable(id uint64, payload []byte) {
	q.expectError(id)
	q.send(wire.Encode(q.framing, id, payload))
}

// cancel sends a cancellation, which is never answered [CAN-6].
func (q *peer) cancel(id uint64, payload []byte) { q.send(wire.Encode(q.framing, id, payload)) }

// request sends one request. The body is JSON, or empty for none.
func (q *peer) request(id uint64, method, body string) {
	q.sendMessage(id, wire.Request(id, method, body))
}

// ask sends one request under the next ID. Those IDs count up from a multiple of idsOfAPeer; cases that choose IDs themselves
// choose others.
func (q *peer) ask(method, body string) (id uint64) {
	q.lastID++
	q.request(q.lastID, method, body)
	return q.lastID
}

// closeSending closes the sending half of the connection.
func (q *peer) closeSending() {
	q.t.Note(q.name+" → worker", "the sending half is closed")
	if err := q.conn.CloseWrite(); err != nil {
		q.t.Note(q.name+" → worker", "%v", err)
	}
}

// close closes the connection, as a caller that goes away does.
func (q *peer) close() {
	q.t.Note(q.name, "closed by the caller")
	_ = q.conn.Close()
}

// withDeadline calls do, which reads or writes, until it returns without a timeout or a [deadline] of the case's patience
// expires. Before each call it sets a short deadline on the connection with set.
func (q *peer) withDeadline(set func(time.Time) error, do func() error) error {
	d := q.process.deadline(q.t.Patience())
	defer d.stop()
	for {
		err := set(time.Now().Add(q.t.Patience() / 100))
		if err == nil {
			err = do()
		}
		if err == nil {
			return set(time.Time{})
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		select {
		case <-d.C:
			if d.expired() {
				return err
			}
		default:
		}
	}
}

// awaitFirstByte waits for the first byte of an answer and reads no more. If the answer is larger than the buffer of a
// socket, the worker is now in the middle of writing it, and stays there until startReading.
func (q *peer) awaitFirstByte(why purpose) {
	first := make([]byte, 1)
	err := q.withDeadline(q.conn.SetReadDeadline, func() error {
		_, err := q.conn.Read(first)
		return err
	})
	if err != nil {
		q.t.stepFailed(why, "the first byte of an answer on "+q.name, fmt.Sprintf("%v%s", err, q.process.exitSuffix()))
	}
	q.firstByte = first
	q.t.Note(q.name, "the first byte of an answer came; the rest is left unread")
}

// startReading reads in the background until the connection ends, at the latest at the end of the case.
func (q *peer) startReading() {
	go q.read()
	q.t.Cleanup(func() {
		_ = q.conn.Close()
		<-q.done
	})
}

// readingEnded reports whether no more replies can come.
func (q *peer) readingEnded() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended != nil
}

func (q *peer) read() {
	defer close(q.done)
	where := q.name + " ← worker"
	pending := q.firstByte
	block := make([]byte, 64<<10)
	for {
		n, err := q.conn.Read(block)
		q.mu.Lock()
		q.lastRead = time.Now()
		q.mu.Unlock()
		var bad error
		if pending, bad = q.deliverFrames(where, append(pending, block[:n]...)); bad != nil {
			q.end(bad)
			return
		}
		if err != nil {
			if len(pending) > 0 {
				q.t.Saw(where, q.framing, pending)
				err = fmt.Errorf("%w, %d bytes into a frame", err, len(pending))
			}
			if !errors.Is(err, net.ErrClosed) {
				q.t.Note(where, "%s", endText(err))
			}
			q.end(err)
			return
		}
	}
}

// deliverFrames delivers each whole frame and returns the bytes behind the last one.
func (q *peer) deliverFrames(where string, pending []byte) (rest []byte, err error) {
	for len(pending) > 0 {
		f, used, bad := wire.DecodeOne(q.framing, pending, readableLimit)
		if bad != nil {
			q.t.Saw(where, q.framing, pending)
			return nil, fmt.Errorf("%w of the %s framing: %w", errNoFrame, q.framing, bad)
		}
		if used == 0 {
			break
		}
		q.t.Saw(where, q.framing, pending[:used])
		q.deliver(f)
		pending = pending[used:]
	}
	return pending, nil
}

// deliver adds the frame to the replies, unless it is a second answer to a request. The first such answer on a connection is
// a finding.
func (q *peer) deliver(f spec.Frame) {
	r := reply{Frame: f, at: time.Now()}
	if r.answer, r.err = wire.ReadAnswer(f.Payload); r.err == nil && !utf8.Valid(f.Payload) {
		r.err = errors.New("no well-formed UTF-8")
	}
	firstRepeated := false
	q.update(func() {
		if r.err == nil {
			q.answered[r.answer.ID]++
			if n := q.asked[r.answer.ID]; n > 0 && q.answered[r.answer.ID] > n {
				firstRepeated, q.repeated = !q.repeated, true
				return
			}
		}
		q.replies = append(q.replies, r)
	})
	if firstRepeated {
		q.fail("MSG-1", fmt.Sprintf("exactly one answer to request %d", r.answer.ID), "one more: "+text.Excerpt(f.Payload), r)
	}
}

func (q *peer) end(err error) { q.update(func() { q.ended = err }) }

// update runs f under the lock and wakes everyone who waits for a change.
func (q *peer) update(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
	close(q.changed)
	q.changed = make(chan struct{})
}

// endText says how a connection ended.
func endText(err error) string {
	switch {
	case err == io.EOF:
		return "the connection was closed"
	case errors.Is(err, syscall.ECONNRESET):
		return "the connection was reset"
	}
	return err.Error()
}

// fail records that a reply breaks a clause, with a dump of the reply. The case goes on.
func (q *peer) fail(clause, want, got string, r reply) {
	q.t.Found(result.Finding{Clause: clause, Want: want, Got: got, Dump: q.dump(r)})
}

// dump shows the frame of a reply.
func (q *peer) dump(r reply) string {
	data := wire.Encode(q.framing, r.ID, r.Payload)
	return wire.Dump(q.framing, data[:min(len(data), suite.KeptBytes)], len(data), wire.DumpRows)
}
