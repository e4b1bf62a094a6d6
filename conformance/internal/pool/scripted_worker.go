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
	number    int // in the order of appearance, from 1; the process that replaces another has a number of its own
	pid       int
	startedAt time.Time // of the process; without /proc, the time of its first event
	path      string    // of its socket
	control   net.Conn
	orders    *scripted.Orders

	// Under the lock of the stage:
	conns         map[uint32]*connection
	confirmations map[uint32]chan error // by tag of the order
	lastTag       uint32
	listening     bool       // the case has ordered it to listen
	hung          bool       // it answers nothing, health calls included
	hungSince     time.Time  // when it was ordered to hang
	unanswered    []*request // health calls that arrived while it hung
	inherited     []string   // the peers of the connections that the process had when it began
	signals       []string
	healthCalls   int       // health calls that arrived
	calls         int       // other requests that arrived
	bytesReceived int       // on all connections
	stoppedAt     time.Time // when it got its first signal
	exitOrdered   bool      // the case has ordered it to exit or to die
	exited        bool
	exitedAt      time.Time
}

// connection is one connection of the pool to a worker.
type connection struct {
	number     uint32
	data       []byte // received and not decoded yet
	unreadable bool   // data cannot be decoded as frames
	ended      bool
}

// errExited says that an order was not carried out because the process has exited.
var errExited = errors.New("the process has ended")

// serve reads the events of one process until it exits.
func (s *stage) serve(control net.Conn) {
	defer func() { _ = control.Close() }()
	events := bufio.NewReaderSize(control, 64<<10)
	hello, err := scripted.Read(events)
	if err != nil {
		return
	}
	w := s.addWorker(control, string(hello.Data))
	if w == nil {
		return
	}
	for {
		m, err := scripted.Read(events)
		if err != nil {
			break
		}
		w.handleEvent(m)
	}
	w.markExited()
}

// addWorker adds the process that said hello to the stage and runs the script's onAppear for it. It returns nil if the
// stage has been cleared: a Start that had failed already started the process too late for anybody to end it.
func (s *stage) addWorker(control net.Conn, hello string) *scriptedWorker {
	pid, path, _ := strings.Cut(hello, " ")
	w := &scriptedWorker{
		s: s, path: path, control: control, orders: scripted.NewOrders(),
		conns: map[uint32]*connection{}, confirmations: map[uint32]chan error{},
	}
	w.pid, _ = strconv.Atoi(pid)
	w.startedAt = proc.StartTime(w.pid)
	s.mu.Lock()
	if s.cleared {
		s.mu.Unlock()
		return nil
	}
	s.workers = append(s.workers, w)
	w.number = len(s.workers)
	onAppear := s.onAppear
	s.notifyLocked()
	s.mu.Unlock()
	w.note("appears, process %d, socket path %q", w.pid, w.path)
	s.serving.Go(func() { w.orders.Write(control) })
	s.serving.Go(func() { onAppear(w) })
	return w
}

// markExited ends the connections and the outstanding orders of a process whose control socket has ended.
func (w *scriptedWorker) markExited() {
	w.orders.End()
	w.s.withLock(func() {
		w.exited, w.exitedAt = true, time.Now()
		for _, c := range w.conns {
			w.endLocked(c)
		}
		for tag, done := range w.confirmations {
			done <- errExited
			delete(w.confirmations, tag)
		}
		w.s.notifyLocked()
	})
	w.note("has ended")
}

// handleEvent records an event of the process and runs the script for it.
func (w *scriptedWorker) handleEvent(m scripted.Message) {
	s := w.s
	s.mu.Lock()
	s.seq++
	var script []func() // to be called without the lock
	switch m.Kind {
	case scripted.EventAccepted:
		w.conns[m.Conn] = &connection{number: m.Conn}
	case scripted.EventReceived:
		w.bytesReceived += len(m.Data)
		script = w.decodeLocked(w.conns[m.Conn], m.Data)
	case scripted.EventEnded:
		c := w.conns[m.Conn]
		w.note("connection %d: %s", c.number, m.Data)
		w.endLocked(c)
		if len(c.data) > 0 {
			s.t.Saw(fmt.Sprintf("%s ← pool, connection %d, the last bytes", w.name(), c.number), s.options.Framing, c.data)
		}
	case scripted.EventSignal:
		if len(w.signals) == 0 {
			w.stoppedAt = time.Now()
		}
		w.signals = append(w.signals, string(m.Data))
		w.note("gets the signal %q", m.Data)
		if name := string(m.Data); name == syscall.SIGTERM.String() || name == syscall.SIGINT.String() {
			onStop := s.onStop
			script = append(script, func() { onStop(w) })
		}
	case scripted.EventInherited:
		w.inherited = append(w.inherited, string(m.Data))
	case scripted.EventDone:
		if done := w.confirmations[m.Tag]; done != nil {
			var err error
			if len(m.Data) > 0 {
				err = errors.New(string(m.Data))
			}
			done <- err
			delete(w.confirmations, m.Tag)
		}
	}
	s.notifyLocked()
	s.mu.Unlock()
	for _, f := range script {
		f()
	}
}

// endLocked marks the connection as ended and withdraws the requests that arrived on it.
func (w *scriptedWorker) endLocked(c *connection) {
	if c.ended {
		return
	}
	c.ended = true
	for _, r := range slices.Concat(w.s.requests, w.s.healthCalls) {
		if r.worker == w && r.conn == c && r.withdrawn == 0 {
			r.withdrawn = w.s.seq
		}
	}
}

// decodeLocked decodes the frames that have arrived whole, and returns the script's reactions to them.
func (w *scriptedWorker) decodeLocked(c *connection, data []byte) (script []func()) {
	s := w.s
	c.data = append(c.data, data...)
	for !c.unreadable {
		f, used, err := wire.DecodeOne(s.options.Framing, c.data, 64<<20)
		if err == nil && used == 0 {
			return script
		}
		where := fmt.Sprintf("%s ← pool, connection %d", w.name(), c.number)
		if err != nil {
			c.unreadable = true
			s.t.Saw(where, s.options.Framing, c.data)
			s.audit.reportUnreadable(fmt.Sprintf("bytes that are not a frame: %v", err))
			return script
		}
		s.t.Saw(where, s.options.Framing, c.data[:used])
		f.Payload = slices.Clone(f.Payload)
		c.data = c.data[used:]
		if f := w.messageLocked(c, f); f != nil {
			script = append(script, f)
		}
	}
	return script
}

// messageLocked records and audits one message, and returns the script's reaction to it, or nil for none.
func (w *scriptedWorker) messageLocked(c *connection, f spec.Frame) func() {
	s := w.s
	m, err := wire.ReadMessage(f.Payload)
	if err == nil && !utf8.Valid(f.Payload) {
		err = errors.New("the payload is not UTF-8")
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
	s.audit.checkSize(len(f.Payload))
	if m.Enveloped && m.Type == "cancellation" {
		s.audit.checkHeader(f.ID, id, kindCancellation)
		w.cancelledLocked(c, id)
		return nil
	}
	r := &request{worker: w, conn: c, id: id, headerID: f.ID, enveloped: m.Enveloped, body: m.Fields["body"], size: len(f.Payload), arrived: s.seq}
	switch {
	case m.Enveloped && m.Type != "request":
		s.audit.reportUnreadable(fmt.Sprintf("an envelope of type %q", m.Type))
		return nil
	case !wire.IsString(m.Fields["method"]) || json.Unmarshal(m.Fields["method"], &r.method) != nil:
		s.audit.reportUnreadable("a request whose method is not a string: " + text.Clip(text.Printable(f.Payload), 120))
		return nil
	}
	if r.body == nil {
		r.body = json.RawMessage("null")
	}
	if r.isHealth() {
		s.audit.checkHeader(f.ID, id, kindHealth)
		s.audit.checkIDLocked(r)
		return w.healthCallLocked(r)
	}
	s.audit.checkHeader(f.ID, id, kindRequest)
	s.audit.checkIDLocked(r)
	w.calls++
	s.requests = append(s.requests, r)
	s.audit.checkSentOnceLocked(r)
	s.audit.checkBoundsLocked(r)
	if w.hung {
		return nil
	}
	called := s.onRequest
	return func() { called(r) }
}

// healthCallLocked records a health call, and returns the script's reaction to it, or nil for none.
func (w *scriptedWorker) healthCallLocked(r *request) func() {
	w.healthCalls++
	w.s.healthCalls = append(slices.DeleteFunc(w.s.healthCalls, func(o *request) bool { return !o.outstandingLocked() }), r)
	if w.hung {
		w.unanswered = append(w.unanswered, r)
		return nil
	}
	called := w.s.onHealth
	return func() { called(r) }
}

// cancelledLocked withdraws the request that a cancellation names. Requests on other connections stay [CAN-7].
func (w *scriptedWorker) cancelledLocked(c *connection, id uint64) {
	for _, r := range slices.Concat(w.s.requests, w.s.healthCalls) {
		if r.worker == w && r.conn == c && r.id == id && r.withdrawn == 0 {
			r.withdrawn = w.s.seq
			r.cancelled = true
		}
	}
}

func (w *scriptedWorker) name() string { return fmt.Sprintf("worker %d", w.number) }

// note adds a line about the worker to the story of the case, unless the stage is being cleared.
func (w *scriptedWorker) note(note string, args ...any) {
	if !w.s.clearing.Load() {
		w.s.t.Note(w.name(), note, args...)
	}
}

// sceneLocked describes the worker for the scene.
func (w *scriptedWorker) sceneLocked() string {
	state := "not listening"
	switch {
	case w.exited:
		state = "ended"
	case w.listening:
		state = "listening"
	}
	return fmt.Sprintf("%s %s, %s, %s and %s arrived", w.name(), state,
		text.Plural(len(w.conns), "connection"), text.Plural(w.calls, "call"), text.Plural(w.healthCalls, "health call"))
}

func (w *scriptedWorker) hasExited() bool {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.exited
}
