package pool

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// scriptedWorker is one worker process, as the case that scripts it sees it.
type scriptedWorker struct {
	s         *stage
	number    int // in the order of appearance, from 1; a restarted worker has a number of its own
	pid       int
	startedAt time.Time // when the process was started, as well as that is known
	path      string    // of its socket
	control   net.Conn

	writing sync.Mutex // one order at a time

	// Under the lock of the stage:
	conns         map[uint32]*connection
	confirmations map[uint32]chan string // by tag
	lastTag       uint32
	listening     bool // it was told to
	hung          bool // it reads and answers nothing, health calls included
	signals       []string
	healthCalls   int  // health calls that came
	calls         int  // other requests that came
	bytesReceived int  // bytes, of all connections
	exited        bool // the process has ended
	exitedAt      time.Time
}

// connection is one connection of the pool to a worker.
type connection struct {
	number     uint32
	data       []byte // received and not yet decoded
	unreadable bool   // what came cannot be read as frames
	ended      bool
}

// serve reads the events of one process until it ends.
func (s *stage) serve(control net.Conn) {
	defer func() { _ = control.Close() }()
	events := bufio.NewReaderSize(control, 64<<10)
	hello, err := scripted.Read(events)
	if err != nil {
		return
	}
	pid, path, _ := strings.Cut(string(hello.Data), " ")
	w := &scriptedWorker{s: s, path: path, control: control, conns: map[uint32]*connection{}, confirmations: map[uint32]chan string{}}
	w.pid, _ = strconv.Atoi(pid)
	w.startedAt = proc.StartTime(w.pid)
	s.mu.Lock()
	if s.cleared {
		s.mu.Unlock()
		return // it was started so late, by a Start that had failed already, that nobody would end it
	}
	s.workers = append(s.workers, w)
	w.number = len(s.workers)
	appears := s.onAppear
	s.notifyLocked()
	s.mu.Unlock()
	w.note("appears, process %d, socket path %q", w.pid, w.path)
	s.serving.Go(func() { appears(w) })
	for {
		m, err := scripted.Read(events)
		if err != nil {
			break
		}
		w.handleEvent(m)
	}
	s.mu.Lock()
	w.exited, w.exitedAt = true, time.Now()
	for _, c := range w.conns {
		w.endLocked(c)
	}
	for tag, done := range w.confirmations {
		done <- "the process has ended"
		delete(w.confirmations, tag)
	}
	s.notifyLocked()
	s.mu.Unlock()
	w.note("has ended")
}

func (w *scriptedWorker) handleEvent(m scripted.Message) {
	s := w.s
	s.mu.Lock()
	s.seq++
	var then []func()
	switch m.Kind {
	case scripted.EventAccepted:
		w.conns[m.Conn] = &connection{number: m.Conn}
	case scripted.EventReceived:
		w.bytesReceived += len(m.Data)
		then = w.decodeLocked(w.conns[m.Conn], m.Data)
	case scripted.EventEnded:
		c := w.conns[m.Conn]
		w.note("connection %d: %s", c.number, m.Data)
		w.endLocked(c)
		if len(c.data) > 0 {
			s.t.Saw(fmt.Sprintf("%s ← pool, connection %d, the last bytes", w.name(), c.number), s.options.Framing, c.data)
		}
	case scripted.EventSignal:
		w.signals = append(w.signals, string(m.Data))
		w.note("gets the signal %q", m.Data)
		if string(m.Data) == syscall.SIGTERM.String() {
			terminated := s.onSIGTERM
			then = append(then, func() { terminated(w) })
		}
	case scripted.EventDone:
		if done := w.confirmations[m.Tag]; done != nil {
			done <- string(m.Data)
			delete(w.confirmations, m.Tag)
		}
	}
	s.notifyLocked()
	s.mu.Unlock()
	for _, f := range then {
		f()
	}
}

// endLocked notes that nothing on the connection is at the worker any more.
func (w *scriptedWorker) endLocked(c *connection) {
	if c.ended {
		return
	}
	c.ended = true
	for _, r := range w.s.requests {
		if r.worker == w && r.conn == c && r.withdrawn == 0 {
			r.withdrawn = w.s.seq
		}
	}
}

// decodeLocked takes the frames out of what has come, and returns what to do about them.
func (w *scriptedWorker) decodeLocked(c *connection, data []byte) (then []func()) {
	s := w.s
	c.data = append(c.data, data...)
	for !c.unreadable {
		f, used, err := wire.DecodeOne(s.options.Framing, c.data, 64<<20)
		if err == nil && used == 0 {
			return then
		}
		where := fmt.Sprintf("%s ← pool, connection %d", w.name(), c.number)
		if err != nil {
			c.unreadable = true
			s.t.Saw(where, s.options.Framing, c.data)
			s.audit.reportUnreadable(fmt.Sprintf("no frame: %v", err))
			return then
		}
		s.t.Saw(where, s.options.Framing, c.data[:used])
		f.Payload = slices.Clone(f.Payload)
		c.data = c.data[used:]
		if f := w.messageLocked(c, f); f != nil {
			then = append(then, f)
		}
	}
	return then
}

// messageLocked takes one message in, and returns what to do about it.
func (w *scriptedWorker) messageLocked(c *connection, f spec.Frame) func() {
	s := w.s
	m, err := wire.ReadMessage(f.Payload)
	if err == nil && !utf8.Valid(f.Payload) {
		err = errors.New("the payload is no UTF-8")
	}
	if err != nil {
		s.audit.reportUnreadable(err.Error())
		return nil
	}
	id, err := m.ID()
	if err != nil {
		s.audit.reportUnreadable(err.Error())
		return nil
	}
	s.audit.checkHeader(f.ID, id, m)
	if m.Enveloped && m.Type == "cancellation" {
		w.cancelledLocked(c, id)
		return nil
	}
	r := &request{worker: w, conn: c, id: id, headerID: f.ID, enveloped: m.Enveloped, body: m.Fields["body"], arrived: s.seq}
	switch {
	case m.Enveloped && m.Type != "request":
		s.audit.reportUnreadable(fmt.Sprintf("an envelope of type %q", m.Type))
		return nil
	case !wire.IsString(m.Fields["method"]) || json.Unmarshal(m.Fields["method"], &r.method) != nil:
		s.audit.reportUnreadable("a request whose method is no string: " + text.Clip(text.Printable(f.Payload), 120))
		return nil
	}
	if r.body == nil {
		r.body = json.RawMessage("null")
	}
	s.audit.checkIDLocked(r)
	if r.method == "health" {
		w.healthCalls++
		if w.hung {
			return nil
		}
		return func() { r.answer(fmt.Appendf(nil, `{"status":"healthy","pid":%d}`, w.pid)) }
	}
	w.calls++
	s.requests = append(s.requests, r)
	s.audit.checkBoundsLocked(r)
	if w.hung {
		return nil
	}
	called := s.onRequest
	return func() { called(r) }
}

func (w *scriptedWorker) cancelledLocked(c *connection, id uint64) {
	for _, r := range w.s.requests {
		if r.worker == w && r.conn == c && r.id == id && r.withdrawn == 0 {
			r.withdrawn = w.s.seq
			r.cancelled = true
		}
	}
}

func (w *scriptedWorker) name() string { return fmt.Sprintf("worker %d", w.number) }

func (w *scriptedWorker) note(note string, args ...any) {
	if !w.s.clearing.Load() {
		w.s.t.Note(w.name(), note, args...)
	}
}

func (w *scriptedWorker) sceneLocked() string {
	state := "not listening"
	switch {
	case w.exited:
		state = "ended"
	case w.listening:
		state = "listening"
	}
	return fmt.Sprintf("%s %s, %d connections, %d calls and %d health calls came", w.name(), state, len(w.conns), w.calls, w.healthCalls)
}

func (w *scriptedWorker) hasExited() bool {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.exited
}
