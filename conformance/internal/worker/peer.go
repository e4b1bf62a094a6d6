package worker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// peer is the suite's end of one connection to a worker. A goroutine of its own goes on reading while
// the case writes: a caller that only writes can block a right worker, and itself.
type peer struct {
	t       *T
	process *process
	name    string
	framing spec.Framing
	conn    *net.UnixConn
	done    chan struct{} // closed when nothing is read any more

	lastID    uint64 // the last ID that ask took
	firstByte []byte // what awaitFirstByte has read

	mu       sync.Mutex
	asked    map[uint64]int // requests by ID
	answered map[uint64]int // answers by ID
	changed  chan struct{}  // closed and replaced at each change of what follows
	replies  []reply        // not taken yet, in the order of arrival
	repeated bool           // an answer came twice
	lastRead time.Time      // when something came last
	ended    error          // why reading ended; io.EOF for a clean end
}

// errNoFrame is why reading ends where the worker sent something else.
var errNoFrame = errors.New("the worker sent no frame")

// readableLimit is far above any limit of a worker, so that an answer over the limit can be shown.
const readableLimit = 1 << 29

func newPeer(p *process, conn *net.UnixConn, framing spec.Framing) *peer {
	p.t.peers++
	q := &peer{
		t: p.t, process: p, name: fmt.Sprintf("connection %d", p.t.peers), framing: framing, conn: conn,
		done: make(chan struct{}), asked: map[uint64]int{}, answered: map[uint64]int{}, changed: make(chan struct{}),
	}
	p.t.Note(q.name, "opened, for the %s framing", framing)
	p.t.Cleanup(func() { _ = conn.Close() })
	return q
}

// awaitFirstByte waits until the first byte of an answer has come, and reads no more than that: a worker that
// answers with more than a socket holds is now writing, and stays so until startReading.
func (q *peer) awaitFirstByte() {
	first := make([]byte, 1)
	err := q.withDeadline(q.conn.SetReadDeadline, func() error {
		_, err := q.conn.Read(first)
		return err
	})
	if err != nil {
		q.t.stepFailed(setUp, "the first byte of an answer on "+q.name, fmt.Sprintf("%v%s", err, q.process.exitSuffix()))
	}
	q.firstByte = first
	q.t.Note(q.name, "the first byte of an answer came; the rest is left unread")
}

// patiently reads or writes while the worker is at work, as a [deadline] has it.
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

// startReading begins to read. Reading ends with the connection, at the latest when the case ends.
func (q *peer) startReading() {
	go q.read()
	q.t.Cleanup(func() {
		_ = q.conn.Close()
		<-q.done
	})
}

func (q *peer) read() {
	defer close(q.done)
	where := q.name + " ← worker"
	pending := q.firstByte
	block := make([]byte, 64<<10)
	for {
		n, err := q.conn.Read(block)
		pending = append(pending, block[:n]...)
		q.mu.Lock()
		q.lastRead = time.Now()
		q.mu.Unlock()
		for len(pending) > 0 {
			f, used, bad := wire.DecodeOne(q.framing, pending, readableLimit)
			if bad != nil {
				q.t.Saw(where, q.framing, pending)
				q.end(fmt.Errorf("%w of the %s framing: %w", errNoFrame, q.framing, bad))
				return
			}
			if used == 0 {
				break
			}
			q.t.Saw(where, q.framing, pending[:used])
			q.deliver(f)
			pending = pending[used:]
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

func endText(err error) string {
	switch {
	case err == io.EOF:
		return "the connection was closed"
	case errors.Is(err, syscall.ECONNRESET):
		return "the connection was reset"
	}
	return err.Error()
}

func (q *peer) deliver(f spec.Frame) {
	r := reply{Frame: f, at: time.Now()}
	if r.answer, r.err = wire.ReadAnswer(f.Payload); r.err == nil && !utf8.Valid(f.Payload) {
		r.err = errors.New("no well-formed UTF-8")
	}
	told := false
	q.update(func() {
		if r.err == nil {
			q.answered[r.answer.ID]++
			if n := q.asked[r.answer.ID]; n > 0 && q.answered[r.answer.ID] > n {
				told, q.repeated = !q.repeated, true
				return
			}
		}
		q.replies = append(q.replies, r)
	})
	if told { // once for each connection
		q.t.Found(result.Finding{
			Clause: "MSG-1", Want: fmt.Sprintf("exactly one answer to request %d", r.answer.ID),
			Got: "one more: " + text.Excerpt(f.Payload), Dump: q.dump(r),
		})
	}
}

// isOver tells whether nothing comes any more.
func (q *peer) readingEnded() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

func (q *peer) end(err error) { q.update(func() { q.ended = err }) }

func (q *peer) update(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
	close(q.changed)
	q.changed = make(chan struct{})
}

// send writes bytes as they are. That the worker has closed the connection is noted and no more: what
// does not come back shows it.
func (q *peer) send(data []byte) {
	where := q.name + " → worker"
	q.t.Saw(where, q.framing, data)
	sent := 0
	err := q.withDeadline(q.conn.SetWriteDeadline, func() error {
		n, err := q.conn.Write(data[sent:])
		sent += n
		return err
	})
	if err != nil {
		q.t.Note(where, "only %d of %d bytes went out: %v", sent, len(data), err)
	}
}

// message sends one right frame that is to be answered.
func (q *peer) sendMessage(id uint64, payload []byte) {
	q.expect(id)
	q.send(wire.Encode(q.framing, id, payload))
}

// expect has one answer more come under the ID; any beyond that are repeated [MSG-1].
func (q *peer) expect(id uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked[id]++
}

// cancel sends a cancellation, which is never answered [CAN-6].
func (q *peer) cancel(id uint64, payload []byte) { q.send(wire.Encode(q.framing, id, payload)) }

// request sends one request. The body is JSON, or empty for none.
func (q *peer) request(id uint64, method, body string) {
	q.sendMessage(id, wire.Request(id, method, body))
}

// ask sends one request under the next ID, from 1 on. Cases that choose IDs choose larger ones.
func (q *peer) ask(method, body string) (id uint64) {
	q.lastID++
	q.request(q.lastID, method, body)
	return q.lastID
}

// call sends one request and waits for its answer; see await.
func (q *peer) call(clause, method, body string) wire.Answer {
	return q.await(clause, q.ask(method, body))
}

// served opens a connection and has one call answered on it, so that what comes after does not rest on
// whether several connections are served at once [WRK-7].
func (p *process) connectServed(framing spec.Framing) *peer {
	q := p.connect(setUp, framing)
	q.call(setUp, "echo", `"served"`)
	return q
}

// closeSending closes the sending half of the connection.
func (q *peer) closeSending() {
	q.t.Note(q.name+" → worker", "the sending half is closed")
	if err := q.conn.CloseWrite(); err != nil {
		q.t.Note(q.name+" → worker", "%v", err)
	}
}

// close goes away.
func (q *peer) close() {
	q.t.Note(q.name, "closed by the caller")
	_ = q.conn.Close()
}
