package pool

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// stage brings one pool and its scripted workers together. All that the workers see arrives here in one order, and the
// model takes it under one lock.
type stage struct {
	p       *player
	framing spec.Framing
	dir     string
	sockets string
	program string
	control net.Listener
	serving sync.WaitGroup
}

// process is one worker process, as the stage sees it. Its fields are under the lock of the player.
type process struct {
	number    int // in the order of appearance, from 1
	pid       int
	path      string
	control   net.Conn
	orders    *scripted.Orders
	conns     map[uint32]*wireConn
	lastTag   uint32
	confirmed map[uint32]bool
	listens   bool
	mute      bool // it answers no health call
	stalled   bool // it does not read
	loose     bool // it has been, so that the pool may close its connections
	ordered   bool // the suite has ordered it to exit, to die or not to listen
	dying     bool // the suite has ordered it to die
	signals   []string
	exited    bool
	past      bool   // it had ended when the pool was last as new
	status    uint32 // with which it exits at once
	silent    bool   // it never listens
	printing  []uint32
	health    []*arrival // health calls that wait while it answers none
	checks    checks     // the health calls that it got
}

// lastWords are what a process prints that exits at once, at the end of a line that does not end.
const (
	lastWords    = "no such thing as luck"
	lastWordsTag = 1 << 30
)

// wireConn is one connection of the pool to a worker process.
type wireConn struct {
	number  uint32
	data    []byte
	held    []byte // to be sent with what follows
	cutting bool   // an answer is being sent in pieces
	behind  []byte // to be sent when it is out
	broken  bool   // the suite has sent something on it that ends it, or it is closed
	spoiled bool   // the suite has sent something on it that ends it
	told    bool   // a call on it has returned because of that
	noted   bool   // the suite has sent something on it that a pool may be unable to read
	noticed bool   // the pool has certainly read that, and had time to give the connection up
	loose   bool   // the pool may close it, with all calls on it
	ended   bool
}

// arrival is a request at a worker process.
type arrival struct {
	at        *process
	conn      *wireConn
	id        uint64
	method    string
	enveloped bool
	call      *call // nil for a health call
	answered  bool  // an answer was ordered
	strayed   bool  // a stray answer bears its ID, and may have ended it
	atStop    bool  // it came when Shutdown was called
	withdrawn bool  // its cancellation or the end of its connection came
}

// outstanding reports whether it counts as at its worker.
func (a *arrival) outstanding() bool { return !a.answered && !a.withdrawn }

func newStage(p *player, framing spec.Framing) (*stage, error) {
	dir, err := suite.SocketDir()
	if err != nil {
		return nil, err
	}
	s := &stage{p: p, framing: framing, dir: dir, sockets: filepath.Join(dir, "s")}
	if s.program, err = os.Executable(); err == nil {
		err = os.Mkdir(s.sockets, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, scripted.Argument), []byte("# The pool under test starts this as its worker.\n"), 0o600)
	}
	if err == nil {
		s.control, err = net.Listen("unix", filepath.Join(dir, "c"))
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.serving.Go(s.admit)
	return s, nil
}

func (s *stage) close() {
	_ = s.control.Close()
	s.p.mu.Lock()
	for _, w := range s.p.m.processes {
		_ = w.control.Close() // the process exits
	}
	s.p.mu.Unlock()
	s.serving.Wait()
	_ = os.RemoveAll(s.dir)
}

func (s *stage) admit() {
	for {
		conn, err := s.control.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.serve(conn) })
	}
}

// serve takes the events of one process until it exits.
func (s *stage) serve(control net.Conn) {
	defer func() { _ = control.Close() }()
	events := bufio.NewReaderSize(control, 64<<10)
	hello, err := scripted.Read(events)
	if err != nil {
		return
	}
	pid, path, _ := strings.Cut(string(hello.Data), " ")
	w := &process{path: path, control: control, orders: scripted.NewOrders(), conns: map[uint32]*wireConn{}, confirmed: map[uint32]bool{}}
	w.pid, _ = strconv.Atoi(pid)
	p := s.p
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return
	}
	p.m.appears(w)
	p.note(w.name(), "appears, process %d", w.pid)
	listens, binds := !w.silent, p.m.fate[w.number] == "bound"
	w.listens = listens
	exits := p.m.exitsAtOnce(w)
	if p.m.fate[w.number] == "exit" {
		w.status = 3
	}
	p.changedLocked()
	p.mu.Unlock()
	s.serving.Go(func() { w.orders.Write(control) })
	defer w.orders.End()
	switch {
	case exits:
		w.order(scripted.Message{Kind: scripted.OrderStderr, Data: []byte("a line before the last\n" + lastWords), Tag: lastWordsTag})
	case binds:
		w.order(scripted.Message{Kind: scripted.OrderBind})
	case listens:
		w.order(scripted.Message{Kind: scripted.OrderListen})
	}
	for {
		m, err := scripted.Read(events)
		if err != nil {
			break
		}
		p.mu.Lock()
		do := s.event(w, m)
		p.changedLocked()
		p.mu.Unlock()
		for _, f := range do {
			f()
		}
	}
	p.mu.Lock()
	w.exited = true
	for _, c := range w.conns {
		p.m.connEnded(w, c)
	}
	if !p.over {
		p.note(w.name(), "has ended")
		p.m.exits(w)
	}
	p.changedLocked()
	p.mu.Unlock()
}

// spoiled reports whether the suite has sent something on any connection of the worker that ends it, or may. A pool may give up
// the whole worker then.
func (w *process) spoiled() bool {
	for _, c := range w.conns {
		if c.spoiled || c.noted || c.loose {
			return true
		}
	}
	return false
}

func (w *process) name() string { return fmt.Sprintf("worker %d", w.number) }

// order gives an order to the process. That the process has ended shows elsewhere.
func (w *process) order(m scripted.Message) { w.orders.Give(m) }

// event takes one event, under the lock, and returns what to do without it.
func (s *stage) event(w *process, m scripted.Message) (do []func()) {
	p := s.p
	switch m.Kind {
	case scripted.EventAccepted:
		w.conns[m.Conn] = &wireConn{number: m.Conn, loose: w.loose}
	case scripted.EventReceived:
		return s.received(w, w.conns[m.Conn], m.Data)
	case scripted.EventEnded:
		p.m.connEnded(w, w.conns[m.Conn])
	case scripted.EventSignal:
		w.signals = append(w.signals, string(m.Data))
		p.note(w.name(), "gets the signal %q", m.Data)
		p.m.signalled(w)
		if name := string(m.Data); name == syscall.SIGTERM.String() || name == syscall.SIGINT.String() {
			w.ordered = true
			return []func(){func() { w.order(scripted.Message{Kind: scripted.OrderExit}) }}
		}
	case scripted.EventDone:
		w.confirmed[m.Tag] = true
		if m.Tag == lastWordsTag { // which have gone out
			return []func(){func() { w.order(scripted.Message{Kind: scripted.OrderExit, Conn: w.status}) }}
		}
	}
	return nil
}

// received decodes what came on a connection.
func (s *stage) received(w *process, c *wireConn, data []byte) (do []func()) {
	p := s.p
	c.data = append(c.data, data...)
	for {
		f, used, err := wire.DecodeOne(s.framing, c.data, 64<<20)
		if err != nil {
			p.m.unreadable(fmt.Sprintf("bytes that are no frame: %v", err), c.data)
			c.data = nil
			return do
		}
		if used == 0 {
			return do
		}
		p.saw(w.name()+" ← pool", c.data[:used])
		f.Payload = append([]byte(nil), f.Payload...)
		c.data = c.data[used:]
		if f := s.message(w, c, f); f != nil {
			do = append(do, f)
		}
	}
}

func (s *stage) message(w *process, c *wireConn, f spec.Frame) func() {
	p := s.p
	m, err := wire.ReadMessage(f.Payload)
	if err == nil && !utf8.Valid(f.Payload) {
		err = errors.New("no well-formed UTF-8")
	}
	var id uint64
	if err == nil {
		id, err = m.ID()
	}
	if err != nil {
		p.m.unreadable(err.Error(), f.Payload)
		return nil
	}
	if m.Enveloped && m.Type == "cancellation" {
		p.m.cancellation(w, c, id, f.ID)
		return nil
	}
	a := &arrival{at: w, conn: c, id: id, enveloped: m.Enveloped}
	if m.Enveloped && m.Type != "request" || !wire.IsString(m.Fields["method"]) || json.Unmarshal(m.Fields["method"], &a.method) != nil {
		p.m.unreadable("neither a request nor a cancellation", f.Payload)
		return nil
	}
	body := m.Fields["body"]
	if body == nil {
		body = json.RawMessage("null")
	}
	p.m.arrives(a, f.ID, body, len(f.Payload))
	if a.call == nil && a.method == "health" {
		p.m.checked(w)
		if w.mute {
			w.health = append(w.health, a)
			return nil
		}
		w.checks.answered = time.Now()
		a.answered = true
		return func() { s.answerHealth(a) }
	}
	return nil
}

// answerHealth answers a health call as a healthy worker does [WRK-20].
func (s *stage) answerHealth(a *arrival) {
	s.reply(a, wire.OKAnswer(a.id, fmt.Sprintf(`{"status":"healthy","pid":%d}`, a.at.pid)))
}

// reply sends a message on the connection of the request, in an envelope if that came in one [MSG-2].
func (s *stage) reply(a *arrival, message []byte) {
	if a.enveloped {
		message = wire.Envelope("response", message)
	}
	data := wire.Encode(s.framing, a.id, message)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if a.conn.cutting {
		a.conn.behind = append(a.conn.behind, data...)
		return
	}
	s.send(a, data)
}

func (s *stage) send(a *arrival, data []byte) {
	a.at.order(scripted.Message{Kind: scripted.OrderWrite, Conn: a.conn.number, Data: data})
}

// sync waits until everything that is on its way to the workers has been taken.
func (s *stage) sync() {
	type asked struct {
		w   *process
		tag uint32
	}
	var all []asked
	s.p.mu.Lock()
	for _, w := range s.p.m.processes {
		if !w.exited {
			w.lastTag++
			all = append(all, asked{w, w.lastTag})
		}
	}
	s.p.mu.Unlock()
	for _, a := range all {
		a.w.order(scripted.Message{Kind: scripted.OrderSync, Tag: a.tag})
	}
	s.p.await(func() bool {
		for _, a := range all {
			if !a.w.exited && !a.w.confirmed[a.tag] {
				return false
			}
		}
		return true
	})
}

// left describes a process that is still there or was not reaped; empty if it is gone.
func (w *process) left() string {
	if err := syscall.Kill(w.pid, 0); err != nil {
		return ""
	}
	if w.exited {
		return fmt.Sprintf("process %d (%s) has ended and was not reaped", w.pid, w.name())
	}
	return fmt.Sprintf("process %d (%s) is still running", w.pid, w.name())
}

// socketLeft returns the name of a socket file that is still there; empty if there is none.
func (s *stage) socketLeft() (name string) {
	_ = filepath.WalkDir(s.sockets, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeSocket != 0 {
			name = filepath.Base(path)
		}
		return nil
	})
	return name
}
