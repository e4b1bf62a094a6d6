package worker

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/internal/worker"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Player plays histories on one process of the worker.
type Player struct {
	command  worker.Command
	framings []spec.Framing
	running  *worker.Running
	traits   traits
	gauge    *side // reads `inflight`
	pacer    *side // asks `health`, so that what was written before has been read

	// Of the history that is being played:
	mu      sync.Mutex
	m       *model
	links   map[string]*link
	changed chan struct{} // closed and replaced at each change
	events  []result.Event
	began   time.Time
	waiting explore.Waiting
	blocked string
	dirty   bool // handlers may be left over
}

// mostEvents is how many events of a history are kept.
const mostEvents = 200

func (p *Player) note(where, note string, args ...any) {
	p.event(result.Event{Where: where, Note: fmt.Sprintf(note, args...)})
}

func (p *Player) event(e result.Event) {
	e.At = time.Since(p.began)
	if len(p.events) < mostEvents {
		p.events = append(p.events, e)
	}
}

func (p *Player) saw(where string, framing spec.Framing, data []byte) {
	const kept = 512
	p.event(result.Event{Where: where, Framing: framing, Bytes: slices.Clone(data[:min(len(data), kept)]), Total: len(data)})
}

func (p *Player) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// received is called with what came on a connection.
func (p *Player) received(c *conn, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(data) == 0 || c.ours {
		return
	}
	for _, f := range p.m.got(c, data) {
		framing := c.framing
		if framing == "" {
			framing = c.spoken
		}
		whole := wire.Encode(framing, f.ID, f.Payload)
		p.saw(c.name+" ← worker", framing, whole)
	}
	p.notify()
}

// ended is called when the worker has closed a connection.
func (p *Player) ended(c *conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !c.ours {
		p.m.closed(c)
		p.note(c.name+" ← worker", "the connection ended: %v", err)
	}
	p.notify()
}

// Play implements [explore.Session].
func (p *Player) Play(ctx context.Context, h explore.History, waiting explore.Waiting) (o explore.Outcome) {
	waiting.PID = p.running.PID
	p.mu.Lock()
	p.m = &model{traits: p.traits, seen: map[string]bool{}, exercised: map[string]bool{}}
	p.links, p.changed, p.events, p.began, p.waiting, p.blocked = map[string]*link{}, make(chan struct{}), nil, time.Now(), waiting, ""
	p.mu.Unlock()
	watching := make(chan struct{})
	watched := make(chan struct{})
	go p.watchExit(watching, watched)
	last := len(h.Steps)
	for i, step := range h.Steps {
		p.mu.Lock()
		p.m.step = i
		over := p.m.failure != nil || p.m.exited || p.blocked != ""
		p.mu.Unlock()
		if over || ctx.Err() != nil {
			last = i
			break
		}
		p.do(ctx, step, i)
	}
	p.mu.Lock()
	fine := p.m.failure == nil && p.blocked == "" && ctx.Err() == nil
	p.m.step = max(0, last-1)
	p.mu.Unlock()
	if fine {
		p.recover(ctx)
	}
	for _, l := range p.links {
		p.leave(l)
	}
	if fine {
		p.settleAfter(ctx)
	}
	close(watching)
	<-watched
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil && p.m.failure != nil && p.m.failure.NotSeen {
		p.m.failure = nil
	}
	return explore.Outcome{
		Failure: p.m.failure, Blocked: p.blocked, Events: p.events, Over: p.dirty || p.m.exited || p.m.signal != "" || p.m.failure != nil || p.blocked != "",
		Features: slices.Sorted(maps.Keys(p.m.seen)), Exercised: slices.Sorted(maps.Keys(p.m.exercised)),
	}
}

// watchExit hands the end of the process to the model.
func (p *Player) watchExit(stop <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	select {
	case <-p.running.Exited():
		p.mu.Lock()
		defer p.mu.Unlock()
		p.note("worker", "ended: %s", p.running.HowItEnded())
		p.m.died(p.running.Status(), p.running.HowItEnded())
		p.notify()
	case <-stop:
	}
}

// do does one step. A step whose connection is missing does nothing.
func (p *Player) do(ctx context.Context, s explore.Step, i int) {
	switch s.Do {
	case "settle":
		p.settle(ctx)
		return
	case "connect":
		p.connect(s)
		return
	case "signal":
		p.signal(ctx, s)
		return
	case "churn":
		p.churn(ctx, s)
		return
	}
	l := p.links[s.Conn]
	if l == nil || l.c.ours {
		return
	}
	switch s.Do {
	case "request", "cancel", "message", "bytes":
		p.send(l, s)
	case "read-stop", "read-go":
		on := s.Do == "read-go"
		p.mu.Lock()
		l.c.reading = on
		if !on {
			p.m.exercise("WRK-8")
			p.m.because(cause{conn: l.c, elsewhere: "WRK-8", weight: 25})
		}
		p.note(l.c.name, "the suite reads: %v", on)
		p.mu.Unlock()
		l.setReading(on)
	case "half-close":
		p.mu.Lock()
		done := l.c.halved
		p.flushHeld(l)
		p.m.halfClosed(l.c)
		p.note(l.c.name+" → worker", "the sending half is closed")
		p.mu.Unlock()
		if !done {
			l.send([][]byte{nil})
		}
	case "close":
		p.leave(l)
	}
}

// flushHeld puts what is held back before what follows. The caller holds the lock.
func (p *Player) flushHeld(l *link) {
	if len(l.held) > 0 {
		held := l.held
		l.held = nil
		l.mu.Lock()
		l.queue = append(l.queue, held)
		l.changed.Broadcast()
		l.mu.Unlock()
	}
}

// send sends the bytes of a step.
func (p *Player) send(l *link, s explore.Step) {
	data := Bytes(s, l.c.spoken)
	p.mu.Lock()
	if l.c.halved || len(data) == 0 {
		p.mu.Unlock()
		return
	}
	where := l.c.name + " → worker"
	if len(s.Cut) > 0 {
		where += ", in pieces"
		if len(l.c.pending) == 0 && l.c.replies == 0 && s.Cut[0] == 1 && l.c.framing == "" {
			p.m.because(cause{conn: l.c, alive: "STR-7", weight: 12})
		}
	}
	p.saw(where, l.c.spoken, data)
	before := len(l.c.pending)
	p.m.feed(l.c, data)
	if len(l.c.pending) > 0 && before == 0 {
		p.m.exercise("WRK-8")
		p.m.because(cause{conn: l.c, elsewhere: "WRK-8", weight: 25})
	}
	out := append(l.held, data...)
	l.held = nil
	if s.Hold {
		l.held = out
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	offset := len(out) - len(data)
	var cut []int
	for _, at := range s.Cut {
		cut = append(cut, offset+at)
	}
	l.send(pieces(out, cut))
}

func (p *Player) connect(s explore.Step) {
	if p.links[s.Conn] != nil {
		return
	}
	conn, err := dial(p.running.Socket())
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if !p.m.going() && !errors.Is(err, syscall.EAGAIN) {
			select {
			case <-p.running.Exited():
			default:
				p.m.fail(explore.Failure{Rule: "connections-are-accepted", Clause: p.m.blame(nil, "WRK-7", func(k cause) string { return k.elsewhere }),
					Kin: []string{"WRK-8", "WRK-16"}, Want: "a connection", Got: err.Error()})
			}
		}
		return
	}
	p.open(s.Conn, s.Framing, conn)
}

func (p *Player) open(name string, framing spec.Framing, uc *net.UnixConn) *link {
	if framing == "" {
		framing = spec.Enhanced
	}
	if !slices.Contains(p.framings, framing) {
		framing = p.framings[0]
	}
	c := &conn{name: name, spoken: framing, reading: true}
	for _, o := range p.m.conns {
		if o.spoken != framing {
			p.m.because(cause{alive: "STR-7", elsewhere: "STR-7", weight: 3})
		}
	}
	p.m.connected(c)
	p.note(name, "connects, %s", framing)
	l := newLink(p, c, uc)
	p.links[name] = l
	return l
}

// dial connects, and tries again while the backlog is full.
func dial(path string) (conn *net.UnixConn, err error) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		conn, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		<-tick.C
	}
	return conn, err
}

// leave closes a connection, as a caller that goes away does.
func (p *Player) leave(l *link) {
	p.mu.Lock()
	if l.c.ours {
		p.mu.Unlock()
		return
	}
	p.flushHeld(l)
	p.m.left(l.c)
	p.note(l.c.name, "the suite closes it")
	p.mu.Unlock()
	l.drained(writtenSoon)
	l.close()
}

// settle waits until everything has come that must.
func (p *Player) settle(ctx context.Context) {
	for _, l := range p.links {
		p.mu.Lock()
		p.flushHeld(l)
		p.mu.Unlock()
	}
	p.awaitOwed(ctx)
	p.readGauge(ctx)
}

func (p *Player) awaitOwed(ctx context.Context) {
	var owed *explore.Failure
	came, blocked := p.waiting.Until(ctx, p.changes, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		owed = p.m.owed()
		return owed == nil || p.m.failure != nil || !owed.NotSeen
	})
	p.mu.Lock()
	lost := owed != nil && !owed.NotSeen
	p.mu.Unlock()
	if lost { // perhaps because the process ends: that is seen a moment later
		timer := time.NewTimer(200 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-p.running.Exited():
			p.Await(func() bool { return p.m.exited })
		case <-timer.C:
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case blocked:
		p.blocked = "the machine served nothing"
	case lost && !p.m.exited, !came:
		p.m.fail(*owed)
	}
}

// Await waits until ok, which is called under the lock, for a second at most.
func (p *Player) Await(ok func() bool) bool {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	for {
		p.mu.Lock()
		done, changed := ok(), p.changed
		p.mu.Unlock()
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

func (p *Player) changes() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// readGauge reads `inflight` until the model is content with what it shows.
func (p *Player) readGauge(ctx context.Context) {
	p.mu.Lock()
	skip := p.m.going() || p.m.exited || p.m.failure != nil || p.blocked != "" || p.m.heldUp(&conn{})
	p.mu.Unlock()
	if skip {
		return
	}
	var wrong *explore.Failure
	answered, asked := false, uint64(0)
	_, blocked := p.waiting.Until(ctx, p.gauge.changes, func() bool {
		if asked == 0 {
			asked = p.gauge.begin("inflight", "null")
		}
		n, ok := p.gauge.number(asked)
		if !ok {
			return p.hasExited()
		}
		asked, answered = 0, true
		p.mu.Lock()
		defer p.mu.Unlock()
		wrong = p.m.running(n - p.m.traits.idle)
		return wrong == nil || p.m.failure != nil || p.m.exited
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.m.exited || p.m.failure != nil:
	case blocked:
		p.blocked = "the machine served nothing"
	case !answered && wrong == nil:
		p.m.fail(explore.Failure{
			Rule: "other-connections-are-served", Clause: p.m.blame(nil, "WRK-9", func(k cause) string { return k.elsewhere }), Kin: []string{"WRK-8", "WRK-16", "WRK-25", "WRK-9"},
			NotSeen: true, Want: "an answer on another connection", Got: "none",
		})
	case wrong != nil:
		p.m.fail(*wrong)
	}
}

func (p *Player) hasExited() bool {
	select {
	case <-p.running.Exited():
		return true
	default:
		return false
	}
}

// recover ends a history: everything goes on again, handlers without an end are cancelled, and a connection that has seen
// nothing of it all is served.
func (p *Player) recover(ctx context.Context) {
	p.mu.Lock()
	p.m.recovering = true
	going := p.m.going() || p.m.exited
	var resume []*link
	for _, l := range p.links {
		p.flushHeld(l)
		if !l.c.reading && !l.c.ours {
			l.c.reading = true
			resume = append(resume, l)
			p.note(l.c.name, "the suite reads again")
		}
	}
	p.mu.Unlock()
	for _, l := range resume {
		l.setReading(true)
	}
	if going {
		p.settle(ctx)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(p.links)) {
		p.cancelEndless(p.links[name])
	}
	p.awaitOwed(ctx)
	p.mu.Lock()
	stop := p.m.failure != nil || p.m.exited || p.blocked != ""
	p.mu.Unlock()
	if stop {
		return
	}
	p.connect(explore.Step{Conn: "after", Framing: p.framings[0]})
	if l := p.links["after"]; l != nil {
		p.send(l, explore.Step{Do: "request", Conn: "after", ID: "1152921504606846977", Method: "echo", Body: `"still here"`})
	}
	p.settle(ctx)
}

// cancelEndless cancels the handlers of a connection that end only by that.
func (p *Player) cancelEndless(l *link) {
	p.mu.Lock()
	var ids []uint64
	if l.c.life == mustStayOpen && !l.c.ours && !l.c.halved && len(l.c.pending) == 0 {
		for _, a := range l.c.asks {
			if a.endless() && !a.answered && !a.forbidden && !a.cancelled {
				ids = append(ids, a.ids[0])
			}
		}
	}
	p.mu.Unlock()
	for _, id := range ids {
		p.send(l, explore.Step{Do: "cancel", Conn: l.c.name, ID: strconv.FormatUint(id, 10), Text: "the end"})
	}
}

// settleAfter looks at what is left when every connection of the history is closed.
func (p *Player) settleAfter(ctx context.Context) {
	p.mu.Lock()
	stop := p.m.failure != nil || p.m.exited || p.blocked != "" || p.m.going()
	p.mu.Unlock()
	if stop {
		return
	}
	p.readGauge(ctx)
	for range 40 { // what may still run must not be taken for handlers of the next history
		if n, ok := p.gauge.inflight(leftOver); ok && n <= p.traits.idle {
			return
		}
		p.gauge.awaitID(0, leftOver)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dirty = true
}

// leftOver is how long handlers that may still run get to end before the next history is given another process.
const leftOver = 10 * time.Millisecond

// outlasts is how long a handler must sleep so that it surely runs on when a second signal comes.
const outlasts = 1500 * time.Millisecond

// signal sends a signal, or two, and waits for the end of the worker.
func (p *Player) signal(ctx context.Context, s explore.Step) {
	for _, l := range p.links {
		p.mu.Lock()
		p.flushHeld(l)
		p.mu.Unlock()
	}
	p.mu.Lock()
	sleeping, longest := 0, time.Duration(0)
	for _, c := range p.m.conns {
		for _, a := range c.asks {
			if a.handler && !a.answered && !a.forbidden && a.sleep > 0 && c.life == mustStayOpen {
				sleeping, longest = sleeping+1, max(longest, a.sleep)
			}
		}
	}
	p.mu.Unlock()
	allRun := false
	if sleeping > 0 && p.traits.concurrent {
		n, ok := p.gauge.inflight(300 * time.Millisecond)
		p.mu.Lock()
		_, most, cancelled, gone := p.m.handlers()
		allRun = ok && n-p.m.traits.idle >= most+cancelled+gone && most+cancelled+gone >= sleeping
		p.mu.Unlock()
	}
	numbers := map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT}
	first, second, both := strings.Cut(s.How, ", then ")
	p.mu.Lock()
	p.m.signalled(s.How, allRun)
	p.note("worker", "is sent %s", s.How)
	p.mu.Unlock()
	if err := p.running.Signal(cmp.Or(numbers[first], syscall.SIGTERM)); err != nil {
		return
	}
	// A process that is on its way out has often its signals' default action back. So handlers must still have long to run, and
	// a worker that lets none finish [WRK-18] has ended when the pause is over.
	if both && allRun && longest >= outlasts {
		pause := time.NewTimer(150 * time.Millisecond)
		defer pause.Stop()
		select {
		case <-p.running.Exited():
		case <-pause.C:
			_ = p.running.Signal(cmp.Or(numbers[second], syscall.SIGTERM)) // it may have ended
		case <-ctx.Done():
		}
	}
	grace := p.command.GracePeriod()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.running.Exited():
	case <-timer.C:
	case <-ctx.Done():
	}
	came, blocked := p.waiting.Until(ctx, p.changes, p.hasExited)
	if came {
		p.Await(func() bool { return p.m.exited })
		for _, l := range p.links { // what was sent before the end is still read
			p.Await(func() bool { return l.c.ended || l.c.ours || !l.c.reading })
		}
	}
	_, err := os.Lstat(p.running.Socket())
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case came:
		p.m.stopped(p.running.Status(), p.running.HowItEnded(), err == nil, grace)
	case blocked:
		p.blocked = "the machine served nothing"
	default:
		p.m.fail(explore.Failure{
			Rule: "signals-end-the-worker", Clause: "WRK-17", Kin: []string{"WRK-18"}, NotSeen: true,
			Want: fmt.Sprintf("the worker exits within its grace period of %v after %s", grace, s.How), Got: "it still runs",
		})
	}
}

// churn opens connections and ends them, and looks at the descriptors of the worker.
func (p *Player) churn(ctx context.Context, s explore.Step) {
	before, known := proc.Descriptors(p.running.PID())
	if !known || len(p.links) > 0 {
		return
	}
	p.mu.Lock()
	p.m.exercise("WRK-26")
	p.note("suite", "opens and ends %d connections, %s", s.Count, s.How)
	p.mu.Unlock()
	framing := p.framings[0]
	for range s.Count {
		c, err := dial(p.running.Socket())
		if err != nil {
			continue
		}
		data := wire.Encode(framing, 1, wire.Request(1, "echo", "1"))
		if s.How == "cut off" {
			data = data[:len(data)-3]
		}
		_, _ = c.Write(data)
		_ = c.CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		for err == nil {
			_, err = c.Read(make([]byte, 256))
		}
		_ = c.Close()
	}
	after := 0
	came, blocked := p.waiting.Until(ctx, nil, func() bool {
		after, _ = proc.Descriptors(p.running.PID())
		return after < before+s.Count/2 || p.hasExited()
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if !came && !blocked {
		p.m.fail(explore.Failure{
			Rule: "ended-connections-leave-nothing", Clause: "WRK-26", NotSeen: true,
			Want: fmt.Sprintf("no more descriptors than the %d before %s", before, text.Plural(s.Count, "connection")), Got: fmt.Sprint(after),
		})
	}
}

// Close ends the worker.
func (p *Player) Close() {
	p.gauge.close()
	p.pacer.close()
	p.running.Discard()
}

// Bytes returns what a step sends in a framing; empty for one that sends nothing.
func Bytes(s explore.Step, framing spec.Framing) []byte {
	id, _ := strconv.ParseUint(s.ID, 10, 64)
	header := id
	if s.Header != "" {
		header, _ = strconv.ParseUint(s.Header, 10, 64)
	}
	switch s.Do {
	case "request":
		return wire.Encode(framing, header, requestOf(s, id))
	case "cancel":
		return wire.Encode(framing, header, wire.Cancellation(id, s.Text))
	case "message":
		payload := []byte(s.Text)
		if s.Hex != "" {
			payload, _ = hex.DecodeString(s.Hex)
		}
		return wire.Encode(framing, header, payload)
	case "bytes":
		data, _ := hex.DecodeString(s.Hex)
		return data
	}
	return nil
}

// requestOf returns the message of a request.
func requestOf(s explore.Step, id uint64) []byte {
	body := s.Body
	method := s.Method
	switch {
	case s.Size == 0:
	case method == "echo":
		body = `"` + strings.Repeat("x", s.Size) + `"`
	case method == "fail": // letters that some write as they came, and others in six bytes
		body = `{"message":"` + strings.Repeat("é", s.Size) + `"}`
	default: // of a method that there is not, the name
		method += strings.Repeat("x", s.Size)
	}
	message := wire.Request(id, method, body)
	if s.More != "" {
		message = append(append(message[:len(message)-1:len(message)-1], ',', ' '), s.More+"}"...)
	}
	if s.Envelope {
		message = wire.Envelope("request", message)
	}
	return message
}
