package conformance

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

// peer is the suite's end of one connection to a worker. A goroutine of its own goes on reading while
// the case writes: a caller that only writes can block a right worker, and itself.
type peer struct {
	t       *workerT
	process *process
	name    string
	framing Framing
	conn    *net.UnixConn
	done    chan struct{} // closed when nothing is read any more

	lastID uint64 // the last ID that ask took

	mu       sync.Mutex
	asked    map[uint64]int // requests by ID
	answered map[uint64]int // answers by ID
	changed  chan struct{}  // closed and replaced at each change of what follows
	replies  []reply        // not taken yet, in the order of arrival
	repeated bool           // an answer came twice
	heard    time.Time      // when something came last
	ended    error          // why reading ended; io.EOF for a clean end
}

// reply is one frame of the worker, and what it says where it can be read as an answer.
type reply struct {
	Frame
	at     time.Time
	answer answer
	err    error
}

// saysOK reports whether the reply is meant as the result of a handler, however wrong it is otherwise.
func (r reply) saysOK() bool {
	m, err := readMessage(r.Payload)
	return r.answer.OK || err == nil && string(m.Fields["ok"]) == "true"
}

// errNoFrame is why reading ends where the worker sent something else.
var errNoFrame = errors.New("the worker sent no frame")

// readableLimit is far above any limit of a worker, so that an answer over the limit can be shown.
const readableLimit = 1 << 29

func newPeer(p *process, conn *net.UnixConn, framing Framing) *peer {
	p.t.peers++
	q := &peer{
		t: p.t, process: p, name: fmt.Sprintf("connection %d", p.t.peers), framing: framing, conn: conn,
		done: make(chan struct{}), asked: map[uint64]int{}, answered: map[uint64]int{}, changed: make(chan struct{}),
	}
	p.t.Note(q.name, "opened, for the %s framing", framing)
	p.t.Cleanup(func() { _ = conn.Close() })
	return q
}

// readOn begins to read. Reading ends with the connection, at the latest when the case ends.
func (q *peer) readOn() {
	go q.read()
	q.t.Cleanup(func() {
		_ = q.conn.Close()
		<-q.done
	})
}

func (q *peer) read() {
	defer close(q.done)
	where := q.name + " ← worker"
	var pending []byte
	block := make([]byte, 64<<10)
	for {
		n, err := q.conn.Read(block)
		pending = append(pending, block[:n]...)
		q.mu.Lock()
		q.heard = time.Now()
		q.mu.Unlock()
		for len(pending) > 0 {
			f, used, bad := decodeOne(q.framing, pending, readableLimit)
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
				q.t.Note(where, "%s", endWord(err))
			}
			q.end(err)
			return
		}
	}
}

func endWord(err error) string {
	switch {
	case err == io.EOF:
		return "the connection was closed"
	case errors.Is(err, syscall.ECONNRESET):
		return "the connection was reset"
	}
	return err.Error()
}

func (q *peer) deliver(f Frame) {
	r := reply{Frame: f, at: time.Now()}
	if r.answer, r.err = readAnswer(f.Payload); r.err == nil && !utf8.Valid(f.Payload) {
		r.err = errors.New("no well-formed UTF-8")
	}
	told := false
	q.change(func() {
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
		q.t.Found(Finding{
			Clause: "MSG-1", Want: fmt.Sprintf("exactly one answer to request %d", r.answer.ID),
			Got: "one more: " + clip(printable(f.Payload), 100), Dump: q.dump(r),
		})
	}
}

func (q *peer) end(err error) { q.change(func() { q.ended = err }) }

func (q *peer) change(f func()) {
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
	if err := q.conn.SetWriteDeadline(time.Now().Add(q.t.Patience())); err != nil {
		q.t.Note(where, "%v", err)
	}
	if n, err := q.conn.Write(data); err != nil {
		q.t.Note(where, "only %d of %d bytes went out: %v", n, len(data), err)
	}
}

// message sends one right frame that is to be answered.
func (q *peer) message(id uint64, payload []byte) {
	q.expect(id)
	q.send(encode(q.framing, id, payload))
}

// expect has one answer more come under the ID; any beyond that are repeated [MSG-1].
func (q *peer) expect(id uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked[id]++
}

// cancel sends a cancellation, which is never answered [CAN-6].
func (q *peer) cancel(id uint64, payload []byte) { q.send(encode(q.framing, id, payload)) }

// request sends one request. The body is JSON, or empty for none.
func (q *peer) request(id uint64, method, body string) {
	q.message(id, request(id, method, body))
}

// ask sends one request under the next ID, from 1 on. Cases that choose IDs choose larger ones.
func (q *peer) ask(method, body string) (id uint64) {
	q.lastID++
	q.request(q.lastID, method, body)
	return q.lastID
}

// call sends one request and waits for its answer; see await.
func (q *peer) call(clause, method, body string) answer {
	return q.await(clause, q.ask(method, body))
}

// served opens a connection and has one call answered on it, so that what comes after does not rest on
// whether several connections are served at once [WRK-7].
func (p *process) served(framing Framing) *peer {
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

// wait waits for a reply that matches and takes it. It gives up when the connection has ended or nothing has
// come for as long as the limit.
func (q *peer) wait(limit time.Duration, match func(reply) bool) (reply, bool) {
	began := time.Now()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		q.mu.Lock()
		i := slices.IndexFunc(q.replies, match)
		if i >= 0 {
			r := q.replies[i]
			q.replies = slices.Delete(q.replies, i, i+1)
			q.mu.Unlock()
			return r, true
		}
		ended, changed, since := q.ended, q.changed, time.Since(began)
		if q.heard.After(began) {
			since = time.Since(q.heard)
		}
		q.mu.Unlock()
		if ended != nil || since >= limit {
			return reply{}, false
		}
		timer.Reset(limit - since)
		select {
		case <-changed:
		case <-timer.C:
		case <-q.t.Context().Done():
			return reply{}, false
		}
	}
}

// hasID reports whether the reply is the answer to a request with that ID, or may be meant as it.
func (q *peer) hasID(id uint64) func(reply) bool {
	return func(r reply) bool {
		if q.framing == Enhanced && r.ID == id {
			return true
		}
		return r.err != nil && q.framing == Basic || r.err == nil && r.answer.ID == id
	}
}

// await waits for the answer to the request with that ID. The clause is the one that does not hold
// where nothing comes; what comes and is no answer breaks a clause of its own. Both end the case.
func (q *peer) await(clause string, id uint64) answer {
	return q.awaitReply(clause, id).answer
}

func (q *peer) awaitReply(clause string, id uint64) reply {
	want := fmt.Sprintf("an answer under ID %d on %s", id, q.name)
	r, ok := q.wait(q.t.Patience(), q.hasID(id))
	if !ok {
		q.silent(clause, want)
	}
	q.mustBeAnswer(clause, r)
	q.mustMatchHeader(r)
	return r
}

// mustMatchHeader records where an answer bears different IDs in its message and its header.
func (q *peer) mustMatchHeader(r reply) {
	if q.framing == Enhanced && r.ID != r.answer.ID {
		q.t.Found(Finding{
			Clause: "RID-8", Want: "an answer under the ID of its request, in its message and in its header",
			Got: fmt.Sprintf("ID %d in the message, %d in the header", r.answer.ID, r.ID), Dump: q.dump(r),
		})
	}
}

// next waits for whatever comes next, where only one request is outstanding.
func (q *peer) next(clause, want string) reply {
	r, ok := q.wait(q.t.Patience(), func(reply) bool { return true })
	if !ok {
		q.silent(clause, want)
	}
	return r
}

// mustBeAnswer ends the case where the reply is no well-formed answer.
func (q *peer) mustBeAnswer(clause string, r reply) {
	if r.err == nil {
		return
	}
	f := Finding{Clause: "MSG-1", Want: `a response, {"id", "ok": true, "body"} or {"id", "ok": false, "error"}`, Got: r.err.Error(), Dump: q.dump(r)}
	if says := string(r.Payload); strings.Contains(says, "NaN") || strings.Contains(says, "Infinity") {
		f.Clause, f.Want = "MSG-8", "an answer without NaN and Infinity, which are no JSON"
	}
	if clause == setUp {
		q.t.Blocked("the case could not be set up: expected %s; got: %s\n%s", f.Want, f.Got, f.Dump)
	}
	q.t.Found(f)
	runtime.Goexit()
}

func (q *peer) dump(r reply) string {
	data := encode(q.framing, r.ID, r.Payload)
	return dump(q.framing, data[:min(len(data), keptBytes)], len(data), dumpRows)
}

// silent ends the case where what must come did not. Answers under IDs that nobody asked under are the
// likely reason, and break [RID-8].
func (q *peer) silent(clause, want string) {
	q.mu.Lock()
	ended, strays := q.ended, []string{}
	for _, r := range q.replies {
		if r.err == nil && q.asked[r.answer.ID] == 0 {
			strays = append(strays, fmt.Sprint(r.answer.ID))
		}
	}
	asked := slices.Sorted(maps.Keys(q.asked))
	q.mu.Unlock()
	if len(strays) > 0 {
		q.t.breach(or(clause, "RID-8"), want, fmt.Sprintf("answers under %s, where %s asked only under %s",
			clip(strings.Join(strays, ", "), 60), q.name, clip(strings.Trim(fmt.Sprint(asked), "[]"), 60)))
	}
	if errors.Is(ended, errNoFrame) {
		clause = or(clause, "STR-7")
	}
	q.t.breach(clause, want, q.fate())
}

// or keeps setUp and else takes the other clause.
func or(clause, other string) string {
	if clause == setUp {
		return setUp
	}
	return other
}

// fate tells what became of the connection instead of an answer.
func (q *peer) fate() string {
	q.mu.Lock()
	ended := q.ended
	q.mu.Unlock()
	if ended == nil {
		return fmt.Sprintf("nothing on %s within %v%s", q.name, q.t.Patience(), q.process.obituary())
	}
	return fmt.Sprintf("%s: %s%s", q.name, endWord(ended), q.process.obituary())
}

// mustEnd waits until the worker has closed the connection: an end, a reset and a broken pipe are all
// fine [WRK-15]. Answers that came before are left alone.
func (q *peer) mustEnd(clause, want string) {
	timer := time.NewTimer(q.t.Patience())
	defer timer.Stop()
	select {
	case <-q.done:
	case <-timer.C:
		q.t.FailNow(clause, want, "%s was still open after %v%s", q.name, q.t.Patience(), q.process.obituary())
	case <-q.t.Context().Done():
		q.t.Blocked("the case ran out of time")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if errors.Is(q.ended, errNoFrame) {
		q.t.FailNow("STR-7", fmt.Sprintf("answers in the %s framing", q.framing), "%v", q.ended)
	}
}

// left takes the replies that nobody took.
func (q *peer) left() []reply {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.replies
	q.replies = nil
	return left
}

// nothingElse fails the clause where the worker sent more than what was taken. Later calls stand as a
// barrier: what is sent beside an answer comes no later than the answers after it.
func (q *peer) nothingElse(clause, want string) {
	for range 3 {
		q.call(setUp, "echo", `"barrier"`)
	}
	left := q.left()
	for i, r := range left {
		if i == 3 {
			q.t.Fail(clause, want, "%d more that nobody asked for", len(left)-i)
			break
		}
		q.t.Found(Finding{Clause: clause, Want: want, Got: "one more: " + clip(printable(r.Payload), 100), Dump: q.dump(r)})
	}
}
