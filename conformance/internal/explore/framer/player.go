package framer

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/framer"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Subject is the framer under test. It implements [explore.Subject].
type Subject struct {
	Make     framer.Open
	Framings []spec.Framing
	Called   string // its name
	Remote   bool   // the framer is in another process, which does not read and write at the same time
}

// Role implements [explore.Subject].
func (s *Subject) Role() spec.Role { return spec.RoleFramer }

// Name implements [explore.Subject].
func (s *Subject) Name() string { return s.Called }

// Open implements [explore.Subject]. A framer is made for each history, so there is nothing to prepare.
func (s *Subject) Open(context.Context) (explore.Session, error) { return session{s}, nil }

type session struct{ s *Subject }

func (session) Close() {}

// Play implements [explore.Session].
func (s session) Play(ctx context.Context, h explore.History, w explore.Waiting) explore.Outcome {
	limit := h.Options.MaxPayload
	if limit == 0 {
		limit = spec.DefaultMaxPayload // [FRM-13]
	}
	framing := h.Options.Framing
	if framing == "" {
		framing = spec.Enhanced
	}
	p := &player{
		m: &model{framing: framing, writeError: errFull, limit: limit, isDefault: h.Options.MaxPayload == 0, seen: map[string]bool{}, exercised: map[string]bool{}, lanes: map[string]*lane{}},
		w: w, ctx: ctx, began: time.Now(), changed: make(chan struct{}), lanes: map[string]chan *write{}, reads: make(chan struct{}, len(h.Steps)+1),
		remote: s.s.Remote,
	}
	p.in = newSource()
	p.out = newSink(p.notify)
	p.play(s.s, h)
	p.mu.Lock()
	defer p.mu.Unlock()
	o := explore.Outcome{Failure: p.m.failure, Blocked: p.blocked, Events: p.events, Exercised: slices.Sorted(maps.Keys(p.m.exercised))}
	if !hasSeveralLanes(h) { // what shows there depends on who is faster, and a seed is to give the same histories again
		o.Features = slices.Sorted(maps.Keys(p.m.seen))
	}
	return o
}

func hasSeveralLanes(h explore.History) bool {
	lanes := map[string]bool{}
	for _, s := range h.Steps {
		if s.Do == "write" {
			lanes[s.Lane] = true
		}
	}
	return len(lanes) > 1
}

// player plays one history on a framer of its own. One goroutine reads, and one writes for each lane.
type player struct {
	m       *model
	w       explore.Waiting
	ctx     context.Context
	in      *source
	out     *sink
	framer  framer.Framer
	remote  bool
	began   time.Time
	reads   chan struct{}
	lanes   map[string]chan *write
	held    []byte
	blocked string
	over    bool // what comes from now on is not judged

	mu      sync.Mutex
	changed chan struct{}
	events  []result.Event
	asked   int // reads that were begun
	done    int // reads that have returned
	writes  []*write
}

// mostEvents is how many events of a history are kept.
const mostEvents = 100

func (p *player) event(e result.Event) {
	if e.At = time.Since(p.began); len(p.events) < mostEvents {
		p.events = append(p.events, e)
	}
}

func (p *player) note(where, note string, args ...any) {
	if len(p.events) < mostEvents {
		p.event(result.Event{Where: where, Note: fmt.Sprintf(note, args...)})
	}
}

func (p *player) notify() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *player) changes() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

func (p *player) play(s *Subject, h explore.History) {
	if !p.protect("making the framer", func() {
		p.framer = s.Make(struct {
			io.Reader
			io.Writer
		}{p.in, p.out}, framer.Options{Framing: p.m.framing, MaxPayload: h.Options.MaxPayload})
	}) {
		return
	}
	go p.read()
	for i, step := range h.Steps {
		p.mu.Lock()
		p.m.step = i
		over := p.m.failure != nil || p.blocked != ""
		p.mu.Unlock()
		if over || p.ctx.Err() != nil {
			break
		}
		p.do(step)
		if step.Do != "write" || !step.Hold {
			p.settle()
		}
	}
	p.mu.Lock()
	fine := p.m.failure == nil && p.blocked == "" && p.ctx.Err() == nil
	p.mu.Unlock()
	p.flush()
	if fine {
		p.finish()
	}
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.in.close()
	p.out.release()
	close(p.reads)
	for _, l := range p.lanes {
		close(l)
	}
	if r, ok := p.framer.(framer.Remote); ok {
		_ = r.Close()
	}
}

// finish lets what waits go on, and looks at all that was written.
func (p *player) finish() {
	p.out.limit(-1, nil)
	p.settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m.failure == nil && p.blocked == "" && p.allReturned() {
		got, broken, at, _ := p.out.state()
		p.m.output(got, broken, at)
	}
}

func (p *player) allReturned() bool {
	return !slices.ContainsFunc(p.writes, func(w *write) bool { return !w.returned })
}

// protect runs f, and takes a panic for a failure. It reports whether f returned.
func (p *player) protect(doing string, f func()) (returned bool) {
	defer func() {
		if r := recover(); r != nil {
			p.mu.Lock()
			if p.over {
				p.mu.Unlock()
				return
			}
			want, _ := p.m.next()
			clause, kin := "STR-3", []string{"FRM-7"}
			if p.m.final == nil && len(want.errs) > 0 {
				clause, _ = p.m.blameRead(want, spec.Frame{}, nil)
			}
			p.m.fail(explore.Failure{Rule: "no-panic", Clause: clause, Kin: kin, Want: doing + " without a panic", Got: fmt.Sprintf("panic: %v\n%s", r, clipStack(debug.Stack()))})
			p.mu.Unlock()
			p.notify()
		}
	}()
	f()
	return true
}

func clipStack(stack []byte) string {
	lines := strings.Split(string(stack), "\n")
	return strings.Join(lines[:min(len(lines), 16)], "\n")
}

// read does the reads that the history asks for.
func (p *player) read() {
	for range p.reads {
		var f spec.Frame
		var err error
		if !p.protect("a read", func() { f, err = p.framer.ReadFrame() }) {
			return
		}
		p.mu.Lock()
		if p.over || p.cannotKnow(err) {
			p.mu.Unlock()
			p.notify()
			return
		}
		p.note("framer → caller", "%s", describeGot(f, err))
		f.Payload = slices.Clone(f.Payload)
		if p.m.failure == nil {
			p.m.got(f, err)
		}
		p.done++
		p.mu.Unlock()
		p.notify()
	}
}

// cannotKnow notes an error that comes from the framer's process and not from the framer.
func (p *player) cannotKnow(err error) bool {
	switch {
	case errors.Is(err, suite.Crashed):
		p.m.fail(explore.Failure{Rule: "no-panic", Clause: "STR-3", Want: "a framer whose process lives", Got: text.OneLine(err)})
		return true
	case errors.Is(err, suite.Unreachable):
		p.blocked = text.OneLine(err)
		return true
	case errors.Is(err, spec.Unsupported):
		p.blocked = "not offered: " + text.OneLine(err)
		return true
	}
	return false
}

// flush lets what is held back arrive.
func (p *player) flush() {
	if len(p.held) > 0 {
		p.in.arrive(piece{data: p.held})
		p.held = nil
	}
}

func (p *player) do(s explore.Step) {
	switch s.Do {
	case "frame", "bytes", "claim":
		p.arrive(s)
	case "nothing":
		p.flush()
		p.mu.Lock()
		behind := p.m.ended || p.m.broken != nil
		p.m.inParts = true
		p.mu.Unlock()
		if !behind && !p.remote {
			p.in.arrive(piece{})
		}
	case "end", "read-error":
		err := io.EOF
		if s.Do == "read-error" {
			if err = readErrors[s.How]; err == nil {
				err = readErrors["reset"]
			}
		}
		p.flush()
		p.mu.Lock()
		if p.m.ended || p.m.broken != nil {
			p.mu.Unlock()
			return
		}
		if err == io.EOF {
			p.m.ended = true
		} else {
			p.m.broken = err
		}
		p.note("peer → framer", "%v", err)
		p.mu.Unlock()
		p.in.arrive(piece{err: err})
	case "read":
		p.flush()
		p.mu.Lock()
		p.asked++
		p.note("caller → framer", "ReadFrame")
		p.mu.Unlock()
		p.reads <- struct{}{}
	case "write":
		p.write(s)
	case "room":
		if _, broken, _, _ := p.out.state(); broken {
			return // what a second failure means depends on whether the first one was final
		}
		if p.remote {
			p.out.limit(max(s.Count, 1), errFull)
			return
		}
		failure := writeErrors[s.How]
		if failure == nil {
			failure = errFull
		}
		p.out.limit(s.Count, failure)
		p.mu.Lock()
		p.m.writeError = failure
		p.note("framer → peer", "the stream takes %d bytes more, and then fails: %v", s.Count, failure)
		p.mu.Unlock()
	case "stall":
		if !p.remote {
			p.out.limit(s.Count, nil)
			p.mu.Lock()
			p.note("framer → peer", "the stream takes %d bytes more, and then waits", s.Count)
			p.mu.Unlock()
		}
	case "flow":
		p.out.limit(-1, nil)
	}
}

// arrive lets bytes arrive.
func (p *player) arrive(s explore.Step) {
	data := Bytes(s, p.m.framing)
	p.mu.Lock()
	if p.m.ended || p.m.broken != nil || len(data) == 0 {
		p.mu.Unlock()
		return
	}
	p.m.inParts = p.m.inParts || len(p.m.in) > 0 || len(s.Cut) > 0
	p.m.in = append(p.m.in, data...)
	p.event(result.Event{Where: "peer → framer", Framing: p.m.framing, Bytes: slices.Clone(data[:min(len(data), 256)]), Total: len(data)})
	p.mu.Unlock()
	all := append(p.held, data...)
	p.held = nil
	if s.Hold {
		p.held = all
		return
	}
	offset, from := len(all)-len(data), 0
	for _, at := range s.Cut {
		if at += offset; at > from && at < len(all) {
			p.in.arrive(piece{data: all[from:at:at]})
			from = at
		}
	}
	p.in.arrive(piece{data: all[from:]})
}

// write begins a write in its lane.
func (p *player) write(s explore.Step) {
	name := s.Lane
	if p.remote {
		name = ""
	}
	id, _ := strconv.ParseUint(s.ID, 10, 64)
	payload := payloadOf(s)
	w := &write{step: p.m.step, lane: name, id: id, payload: payload, frame: wire.Encode(p.m.framing, id, payload), tooLarge: len(payload) > p.m.limit}
	queue := p.lanes[name]
	if queue == nil {
		queue = make(chan *write, 256)
		p.lanes[name] = queue
		go p.writeLane(queue)
	}
	p.mu.Lock()
	if p.m.lanes[name] == nil {
		p.m.lanes[name] = &lane{}
	}
	for _, o := range p.writes {
		if !o.returned && o.lane != name {
			p.m.several = true
		}
	}
	p.m.lanes[name].writes = append(p.m.lanes[name].writes, w)
	p.writes = append(p.writes, w)
	p.note("caller → framer", "WriteFrame, ID %d, %s", id, text.Plural(len(payload), "byte"))
	p.mu.Unlock()
	queue <- w
}

func (p *player) writeLane(queue chan *write) {
	for w := range queue {
		original := slices.Clone(w.payload)
		p.mu.Lock()
		before := p.m.told
		p.mu.Unlock()
		w.early = !before
		var err error
		if !p.protect("a write", func() { err = p.framer.WriteFrame(w.id, w.payload) }) {
			return
		}
		_, broken, at, _ := p.out.state()
		p.mu.Lock()
		if p.over || p.cannotKnow(err) {
			p.mu.Unlock()
			p.notify()
			return
		}
		p.note("framer → caller", "WriteFrame of step %d returned: %s", w.step+1, text.OneLine(err))
		w.open = w.early && broken
		if broken && !p.m.failed {
			p.m.failed = true
			p.m.within = p.withinAFrame(at)
		}
		p.m.told = p.m.told || broken && !w.tooLarge && (err != nil || !p.m.several)
		if p.m.failure == nil {
			p.m.wrote(w, err, before, original)
		}
		p.mu.Unlock()
		p.notify()
	}
}

// withinAFrame reports whether the stream failed when it had taken a part of a frame: the bytes before are then no whole
// frames. Where several lanes write, that is not looked at.
func (p *player) withinAFrame(at int) bool {
	whole := 0
	for _, w := range p.writes {
		if w.tooLarge {
			continue
		}
		if whole == at {
			return false
		}
		whole += len(w.frame)
		if whole > at {
			return !p.m.several
		}
	}
	return false
}

// settle waits until what must return has returned.
func (p *player) settle() {
	var missing *explore.Failure
	came, blocked := p.w.Until(p.ctx, p.changes, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		missing = p.owed()
		return missing == nil || p.m.failure != nil || p.blocked != ""
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case came:
	case blocked:
		p.blocked = "the machine served nothing"
	default:
		p.m.fail(*missing)
	}
}

// owed returns what must have returned and has not.
func (p *player) owed() *explore.Failure {
	_, _, _, stalled := p.out.state()
	p.m.writing = stalled
	if p.done < p.asked && len(p.held) == 0 {
		if f := p.m.missing(); f != nil {
			return f
		}
	}
	if stalled {
		return nil
	}
	for _, w := range p.writes {
		if !w.returned {
			return p.m.unreturned(w, p.done < p.asked)
		}
	}
	if p.m.writing || p.done < p.asked {
		p.m.exercise("STR-8")
	}
	return nil
}

// payloadOf returns the payload of a step: literal bytes, or so many of a pattern.
func payloadOf(s explore.Step) []byte {
	if s.Size > 0 {
		payload := make([]byte, s.Size)
		for i := range payload {
			payload[i] = byte(i * 7)
		}
		return payload
	}
	data, _ := hex.DecodeString(s.Hex)
	return data
}

// Bytes returns what arrives with a step.
func Bytes(s explore.Step, framing spec.Framing) []byte {
	id, _ := strconv.ParseUint(s.ID, 10, 64)
	switch s.Do {
	case "bytes":
		data, _ := hex.DecodeString(s.Hex)
		return data
	case "claim":
		return wire.Claim(framing, id, uint32(s.Count))
	case "frame":
		payload := payloadOf(s)
		if framing == spec.Basic || s.How == "" {
			return wire.Encode(framing, id, payload)
		}
		what, value, _ := strings.Cut(s.How, " ")
		n, _ := strconv.ParseUint(value, 10, 32)
		return wire.EncodeWith(id, payload, func(h *wire.Header) {
			switch what {
			case "crc-xor":
				h.CRC ^= uint32(n)
			case "magic":
				h.Magic = [2]byte{byte(n >> 8), byte(n)}
			case "length":
				h.Length = uint32(n)
			case "magic-0-length":
				h.Magic, h.Length = [2]byte{}, uint32(n)
			}
		})
	}
	return nil
}
