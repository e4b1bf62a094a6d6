package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// model is what SPEC.md says of a worker, for one history.
//
// It keeps what is certain: for each connection whether it must be open, may be closed or must be closed, and for each
// message what its answer may be, and whether one must, may or must not come. Facts change only by what the suite did or
// surely saw. Its methods are called under the lock of the player.
type model struct {
	traits    traits
	conns     []*conn
	causes    []cause
	step      int // the one that is being done
	failure   *explore.Failure
	seen      map[string]bool // features
	exercised map[string]bool // clauses

	exits      []*ask // requests of `exit` that must run
	recovering bool   // the steps of the history are over
	exited     bool
	signal     string // that was sent; empty for none
	signalAt   time.Time
}

// traits are properties of the worker that SPEC.md leaves open and that decide what must come. They are measured once; where
// the measurement is in doubt, they demand less.
type traits struct {
	concurrent bool // an answer on one connection came while a handler of another one slept
	overtakes  bool // the same on one connection
	idle       int  // what `inflight` returns while nothing else runs
	within     func(pid int) bool
}

// life is what a connection must be.
type life int

const (
	mustStayOpen life = iota
	mayClose
	mustClose
)

// conn is one connection, as the model sees it.
type conn struct {
	name    string
	framing spec.Framing // by the first two bytes [STR-7]; empty before them
	spoken  spec.Framing // that the suite encodes in
	pending []byte       // sent, and not decoded yet
	in      []byte       // received, and not decoded yet
	life    life
	clause  string // why it must be closed
	behind  string // the clause that a handler breaks that runs nevertheless
	asks    []*ask
	strays  []uint64 // IDs of cancellations that cancelled nothing
	reading bool     // the suite reads what comes
	halved  bool     // the suite has closed its sending half
	ours    bool     // the suite has closed it
	ended   bool     // the worker has
	anyByte bool     // what comes may be in any framing: the first frame was damaged
	replies int
}

// ask is a message that may be answered.
type ask struct {
	meaning
	step      int
	at        time.Time
	must      bool // an answer must come
	forbidden bool // it must not run
	answered  bool
	by        *wire.Answer // the answer, once it is answered
	size      int          // of the payload that it came in
	cancelled bool
	sleep     time.Duration // of the method sleep
	handler   bool          // a handler runs for it
	code      int           // of the method exit
}

// endless reports whether the handler ends only when it is cancelled.
func (a *ask) endless() bool { return a.handler && a.sleep >= time.Minute }

// cause is something in the history that may explain a failure: the clauses that are broken if the worker does not answer
// or closes the connection, and if it dies.
type cause struct {
	conn         *conn // nil for causes that concern all
	alive, death string
	elsewhere    string // if another connection suffers
	step         int
	weight       int // the heaviest explains
}

func (m *model) fail(f explore.Failure) {
	if m.failure == nil {
		f.Step = m.step
		if m.recovering {
			f.Want += ", in the plain round that ends every history"
		}
		m.failure = &f
	}
}

func (m *model) exercise(clauses ...string) {
	for _, c := range clauses {
		if c != "" {
			m.exercised[c] = true
		}
	}
}

// blame returns the clause that explains best what happened to a connection, nil for the process.
func (m *model) blame(c *conn, usual string, clause func(cause) string) string {
	best := cause{weight: -1}
	found := usual
	for _, k := range m.causes {
		name := clause(k)
		if k.conn != nil && c != nil && k.conn != c {
			name = k.elsewhere
		}
		if name != "" && k.weight > best.weight {
			best, found = k, name
		}
	}
	return found
}

func alive(k cause) string { return k.alive }
func death(k cause) string { return k.death }

// because adds a cause.
func (m *model) because(k cause) {
	k.step = m.step
	m.causes = append(m.causes, k)
}

// feed takes bytes that the suite sends on the connection.
func (m *model) feed(c *conn, data []byte) {
	if c.life == mustClose {
		m.forbid(c, data)
		return
	}
	c.pending = append(c.pending, data...)
	for len(c.pending) > 0 && c.life != mustClose {
		if c.framing == "" {
			if len(c.pending) < 2 {
				return
			}
			c.framing = spec.Basic
			if c.pending[0] == spec.Magic0 && c.pending[1] == spec.Magic1 {
				c.framing = spec.Enhanced
			}
			m.exercise("STR-7")
		}
		f, used, err := wire.DecodeOne(c.framing, c.pending, spec.DefaultMaxPayload)
		switch {
		case err != nil:
			c.anyByte = c.anyByte || len(c.asks) == 0
			damaged := c.pending
			m.violate(c, "WRK-15", "WRK-14", framingCause(err))
			m.forbidDamaged(c, damaged)
			return
		case used == 0:
			return
		}
		c.pending = c.pending[used:]
		m.message(c, f)
	}
}

// framingCause returns how a framing error shows in the features.
func framingCause(err error) string {
	for _, kind := range spec.FramingErrors() {
		if errors.Is(err, kind) {
			return string(kind)
		}
	}
	return "?"
}

// violate notes that the connection must be closed from now on.
func (m *model) violate(c *conn, clause, behind, what string) {
	c.life, c.clause, c.behind = mustClose, clause, behind
	c.pending = nil
	m.exercise(clause, behind, "WRK-16")
	m.because(cause{conn: c, death: "WRK-16", elsewhere: "WRK-16", weight: 50})
	m.feature("sent " + what)
}

// forbid notes the requests in bytes behind a violation. The suite sends whole frames, so they can be told apart.
func (m *model) forbid(c *conn, data []byte) {
	framing := c.spoken
	for len(data) > 0 {
		f, used, err := wire.DecodeOne(framing, data, spec.DefaultMaxPayload)
		if err != nil || used == 0 {
			m.forbidDamaged(c, data)
			return
		}
		m.forbidMessage(c, f)
		data = data[used:]
	}
}

// forbidDamaged notes the request in a damaged frame.
func (m *model) forbidDamaged(c *conn, data []byte) {
	size := c.spoken.HeaderSize()
	if len(data) <= size {
		return
	}
	f := spec.Frame{Payload: data[size:]}
	if c.spoken == spec.Enhanced {
		f.ID = wire.ReadHeader(data).ID
	}
	m.forbidMessage(c, f)
}

func (m *model) forbidMessage(c *conn, f spec.Frame) {
	what := read(c.spoken, f.ID, f.Payload)
	if what.kind == request || what.kind == violation {
		a := m.newAsk(what)
		a.forbidden = true
		c.asks = append(c.asks, a)
	}
}

func (m *model) newAsk(what meaning) *ask {
	a := &ask{meaning: what, step: m.step, at: time.Now()}
	if what.method != "" || what.kind == request {
		var in struct{ MS, Code float64 }
		_ = json.Unmarshal([]byte(what.body), &in)
		switch what.method {
		case "sleep":
			a.sleep = time.Duration(in.MS) * time.Millisecond
		case "exit":
			a.code = int(in.Code)
		}
		a.handler = true
	}
	return a
}

// message takes one whole frame that the suite sends.
func (m *model) message(c *conn, f spec.Frame) {
	what := read(c.framing, f.ID, f.Payload)
	m.feature(fmt.Sprintf("sent %d %s", what.kind, known(what.method)))
	switch what.kind {
	case violation:
		a := m.newAsk(what)
		a.forbidden = true
		c.asks = append(c.asks, a)
		m.violate(c, "MSG-13", "MSG-13", "a header that differs")
		return
	case cancellation, ignored:
		m.cancel(c, what)
		return
	case open:
		c.life = max(c.life, mayClose)
		c.asks = append(c.asks, &ask{meaning: meaning{kind: open, ids: []uint64{0, f.ID}}, step: m.step})
		return
	}
	a := m.newAsk(what)
	a.handler = a.handler && what.kind == request
	a.must = true
	if !m.allowsRepeat(c, a) {
		return
	}
	c.asks = append(c.asks, a)
	m.because(m.causeOf(c, a))
	m.exercise(what.clause)
	if a.method == "exit" && a.kind == request {
		a.must = false
		if c.life == mustStayOpen {
			m.exits = append(m.exits, a)
		}
	}
}

// allowsRepeat decides what an ID that was asked for before does to the connection. It reports whether the request counts.
func (m *model) allowsRepeat(c *conn, a *ask) bool {
	for _, earlier := range c.asks {
		if earlier.answered || earlier.forbidden || !shares(earlier.ids, a.ids) {
			continue
		}
		sure := earlier.endless() && !earlier.cancelled && c.life == mustStayOpen && earlier.kind == request && a.kind == request
		if sure { // an hour's sleep is outstanding whatever else happens [MSG-14]
			a.forbidden = true
			c.asks = append(c.asks, a)
			m.violate(c, "MSG-14", "MSG-14", "an ID that is outstanding")
			return false
		}
		a.must = false
		if earlier.kind == request || a.kind == request {
			c.life = max(c.life, mayClose)
		}
	}
	for _, other := range m.conns {
		if other == c || a.kind != request {
			continue
		}
		for _, o := range other.asks {
			if !o.answered && shares(o.ids, a.ids) {
				m.exercise("MSG-14")
				m.because(cause{conn: c, alive: "MSG-14", elsewhere: "MSG-14", weight: 20})
			}
		}
	}
	return true
}

func shares(a, b []uint64) bool {
	return slices.ContainsFunc(a, func(id uint64) bool { return slices.Contains(b, id) })
}

// cancel takes a cancellation.
func (m *model) cancel(c *conn, what meaning) {
	m.exercise(what.clause, "CAN-6")
	hit := false
	for _, a := range c.asks {
		if !a.answered && !a.forbidden && what.kind == cancellation && shares(a.ids, what.ids) {
			a.cancelled, a.must, hit = true, false, true
			if a.endless() {
				m.exercise("CAN-5")
			}
		}
	}
	if what.kind != cancellation {
		m.because(cause{conn: c, alive: "CAN-6", death: "CAN-6", weight: 30})
		return
	}
	if !hit {
		c.strays = append(c.strays, what.ids[0])
		m.because(cause{conn: c, alive: "CAN-6", death: "CAN-6", weight: 30})
		for _, other := range m.conns {
			if other != c && slices.ContainsFunc(other.asks, func(a *ask) bool { return !a.answered && shares(a.ids, what.ids) }) {
				m.exercise("CAN-7")
			}
		}
		return
	}
	m.because(cause{conn: c, alive: what.clause, death: "CAN-5", weight: 10})
}

// known returns the method if it is one of [WRK-21], so that features do not grow with made-up names.
func known(method string) string {
	if slices.Contains([]string{"echo", "fail", "sleep", "pid", "blob", "unserializable", "exit", "inflight", "health"}, method) {
		return method
	}
	return "unknown"
}

// causeOf returns what a message may explain.
func (m *model) causeOf(c *conn, a *ask) cause {
	k := cause{conn: c, weight: 1}
	set := func(clause string, weight int) {
		if weight > k.weight {
			k.alive, k.death, k.weight = clause, clause, weight
		}
	}
	if a.clause != "" {
		set(a.clause, 15)
	}
	switch {
	case a.kind == unreadable || a.kind == unknownType:
		set(a.clause, 40)
	case known(a.method) == "unknown":
		set("WRK-10", 30)
	case a.method == "fail":
		set("WRK-11", 30)
	case a.method == "unserializable":
		set("WRK-12", 30)
	case a.method == "blob" && len(a.body) >= len(`{"size":10000000}`):
		set("WRK-13", 30)
	}
	if depth(a.body) > 20 {
		set("MSG-9", 35)
	}
	if len(a.ids) > 0 && a.ids[0] > 1<<32 {
		set("MSG-5", 5)
	}
	if clause := m.exerciseOf(a); clause != "" {
		m.exercise(clause)
	}
	return k
}

func (m *model) exerciseOf(a *ask) string {
	m.exercise("MSG-1")
	if a.kind == request {
		m.exercise("RID-8", "WRK-9")
		if a.ids[0] > 1<<53 {
			m.exercise("MSG-5")
		}
	}
	switch a.method {
	case "echo":
		if depth(a.body) > 20 {
			m.exercise("MSG-9")
		}
		return "MSG-7"
	case "fail":
		return "WRK-11"
	case "unserializable":
		return "WRK-12"
	case "health":
		return "WRK-20"
	case "sleep", "pid", "inflight", "exit":
		return "WRK-21"
	case "blob":
		if len(a.body) >= len(`{"size":10000000}`) {
			return "WRK-13"
		}
		return "WRK-21"
	}
	if a.kind == request {
		return "WRK-10"
	}
	return ""
}

// got takes bytes that came on the connection.
func (m *model) got(c *conn, data []byte) (frames []spec.Frame) {
	c.in = append(c.in, data...)
	for len(c.in) > 0 && m.failure == nil {
		framing := c.framing
		if framing == "" {
			framing = c.spoken
		}
		f, used, err := wire.DecodeOne(framing, c.in, answerLimit)
		switch {
		case err != nil && (c.anyByte || c.life == mustClose):
			c.in = nil
			return frames
		case err != nil:
			m.fail(explore.Failure{
				Rule: "answers-in-kind", Clause: "STR-7", Kin: []string{"RID-8"}, Want: fmt.Sprintf("frames of the %s framing on %s", framing, c.name),
				Got: err.Error(), Dump: wire.Dump(framing, c.in[:min(len(c.in), 256)], len(c.in), wire.DumpRows),
			})
			return frames
		case used == 0:
			return frames
		}
		f.Payload = slices.Clone(f.Payload)
		frames = append(frames, f)
		c.in = c.in[used:]
		m.answer(c, f, framing)
	}
	return frames
}

// exchange gives the answer to a message that has one already, where that one fits another message with the same ID: which of
// them is whose nobody knows.
func (m *model) exchange(c *conn, waiting []*ask, got wire.Answer, size int) bool {
	for _, x := range c.asks {
		if x.by == nil || !slices.Contains(x.ids, got.ID) || m.judge(c, x, got, size, false) != nil {
			continue
		}
		for _, y := range waiting {
			if m.judge(c, y, *x.by, x.size, false) == nil {
				y.answered, y.by, y.size = true, x.by, x.size
				x.by, x.size = &got, size
				return true
			}
		}
	}
	return false
}

// mostParticular returns the messages in an order in which those come first that fewer answers fit: an error fits a message
// that cannot be read whatever its text is, and a large request that may be refused.
func mostParticular(asks []*ask) []*ask {
	freedom := func(a *ask) int {
		switch {
		case a.kind != request:
			return 1
		case depth(a.body) > surelyRead || len(a.body) > spec.DefaultMaxPayload/6:
			return 2
		}
		return 0
	}
	return slices.SortedStableFunc(slices.Values(asks), func(a, b *ask) int { return freedom(a) - freedom(b) })
}

// answerLimit is the largest answer that is read, in bytes: over max_payload, so that one that is too large is shown.
const answerLimit = 1 << 28

// answer judges one frame of the worker.
func (m *model) answer(c *conn, f spec.Frame, framing spec.Framing) {
	c.replies++
	data := wire.Encode(framing, f.ID, f.Payload)
	dump := wire.Dump(framing, data[:min(len(data), 512)], len(data), wire.DumpRows)
	fail := func(rule, clause, want, got string, kin ...string) {
		m.fail(explore.Failure{Rule: rule, Clause: clause, Kin: kin, Want: want, Got: got, Dump: dump})
	}
	got, err := wire.ReadAnswer(f.Payload)
	if err == nil && !utf8.Valid(f.Payload) {
		err = errors.New("no well-formed UTF-8")
	}
	if err != nil {
		clause := "MSG-1"
		for _, a := range c.asks {
			switch {
			case a.answered:
			case a.clause == "MSG-10":
				clause = "MSG-10"
			case a.method == "echo" && clause == "MSG-1" && !json.Valid(f.Payload):
				clause = "MSG-7"
			}
		}
		if bytes.Contains(f.Payload, []byte("Infinity")) || bytes.Contains(f.Payload, []byte("NaN")) {
			clause = "MSG-8"
		}
		fail("answers-are-well-formed", clause, "a well-formed answer on "+c.name, err.Error()+": "+text.Excerpt(f.Payload), "MSG-8", "MSG-1")
		return
	}
	if framing == spec.Enhanced && f.ID != got.ID && c.life != mustClose {
		fail("answers-bear-one-id", "RID-8", fmt.Sprintf("the ID %d in the header too", got.ID), fmt.Sprintf("%d in the header", f.ID), "MSG-5")
		return
	}
	m.feature(fmt.Sprintf("answer %v %s", got.OK, class(got.Error)))
	var first *problem
	fitting := mostParticular(slices.DeleteFunc(slices.Clone(c.asks), func(a *ask) bool { return a.answered || a.forbidden || !slices.Contains(a.ids, got.ID) }))
	for _, strict := range []bool{true, false} { // where two messages share an ID, the answer is that of the one it fits
		for _, a := range fitting {
			p := m.judge(c, a, got, len(f.Payload), strict)
			if p == nil {
				a.answered, a.by, a.size = true, &got, len(f.Payload)
				m.exercise(a.clause)
				return
			}
			if first == nil || !strict {
				first = p
			}
		}
	}
	if m.exchange(c, fitting, got, len(f.Payload)) {
		return
	}
	switch {
	case c.life == mustClose && !got.OK && !strings.HasPrefix(got.Error, ranText):
		return // it may say what is wrong before it closes
	case first != nil:
		fail(first.rule, first.clause, first.want, first.got+": "+text.Excerpt(f.Payload), first.kin...)
		return
	}
	for _, a := range c.asks {
		if a.forbidden && slices.Contains(a.ids, got.ID) {
			fail("nothing-runs-behind-a-violation", c.behind, fmt.Sprintf("no handler runs for what step %d sends", a.step+1), "an answer to it: "+text.Excerpt(f.Payload), c.clause)
			return
		}
	}
	if c.life == mayClose && !got.OK {
		return
	}
	p := m.unasked(c, got)
	fail(p.rule, p.clause, p.want, text.Excerpt(f.Payload), p.kin...)
}

// ranText begins the message of each `fail` that the generator draws, so that its answer shows that the handler ran.
const ranText = "on purpose"

type problem struct {
	rule, clause string
	kin          []string
	want, got    string
}

// unasked says what is wrong with an answer that nobody waits for.
func (m *model) unasked(c *conn, got wire.Answer) problem {
	p := problem{rule: "answers-bear-the-id-of-their-request", clause: "RID-8", kin: []string{"MSG-5", "MSG-11", "MSG-1"}, want: "no answer but those that are due on " + c.name}
	if slices.ContainsFunc(c.asks, func(a *ask) bool { return a.answered && slices.Contains(a.ids, got.ID) }) {
		p.rule, p.clause, p.want = "one-answer-each", "MSG-1", fmt.Sprintf("exactly one answer to request %d", got.ID)
		p.kin = nil
	}
	if slices.Contains(c.strays, got.ID) || len(c.strays) > 0 && !got.OK && got.ID == 0 ||
		slices.ContainsFunc(c.asks, func(a *ask) bool { return a.cancelled && slices.Contains(a.ids, got.ID) }) {
		return problem{rule: "cancellations-are-not-answered", clause: "CAN-6", kin: []string{"MSG-1"}, want: "no answer to a cancellation"}
	}
	for _, a := range c.asks {
		if a.answered || a.forbidden {
			continue
		}
		for _, id := range a.ids {
			switch {
			case a.kind == unreadable || a.kind == unknownType:
				if got.ID == 0 && !got.OK {
					p.clause, p.want = "MSG-11", fmt.Sprintf("an error answer under the ID in the header, %d", id)
				}
			case got.ID != 0 && (got.ID == uint64(float64(id)) || uint32(got.ID) == uint32(id)):
				p.clause, p.want = "MSG-5", fmt.Sprintf("the answer under the ID %d", id)
			}
		}
	}
	return p
}

// judge says what is wrong with an answer to that message, nil for nothing.
func (m *model) judge(c *conn, a *ask, got wire.Answer, size int, strict bool) *problem {
	if a.kind == open {
		if strict {
			return &problem{}
		}
		return nil
	}
	wrong := func(rule, clause, want, came string, kin ...string) *problem {
		return &problem{rule, clause, append(kin, a.clause), want, came}
	}
	if got.Enveloped != a.enveloped && !a.openEnvelope && a.kind == request {
		clause := "MSG-2"
		if a.clause == "MSG-3" {
			clause = a.clause
		}
		return wrong("answers-come-the-way-of-their-request", clause, fmt.Sprintf("the answer to request %d in an envelope: %v", got.ID, a.enveloped),
			fmt.Sprintf("in an envelope: %v", got.Enveloped), "MSG-2", "MSG-3")
	}
	if size > spec.DefaultMaxPayload {
		return wrong("answers-fit", "WRK-13", "no answer over max_payload", fmt.Sprintf("one of %d bytes", size))
	}
	if a.kind != request {
		if got.OK {
			return wrong("what-is-no-request-gets-an-error", a.clause, "an error answer to what step "+fmt.Sprint(a.step+1)+" sends", "an answer \"ok\": true", "MSG-11")
		}
		return nil
	}
	if !strict && (a.cancelled || c.life == mayClose && !got.OK || m.signal != "" && !got.OK) {
		return nil // requests in the grace period may be refused
	}
	p := m.judgeMethod(c, a, got, wrong)
	if p != nil && !got.OK && a.clause != "" && slices.Contains([]string{"echo", "sleep", "pid", "blob", "inflight", "health"}, a.method) {
		p.kin, p.clause = append(p.kin, p.clause), a.clause // it was refused for what is special in it
	}
	return p
}

func (m *model) judgeMethod(c *conn, a *ask, got wire.Answer, wrong func(rule, clause, want, came string, kin ...string) *problem) *problem {
	says := func(words ...string) bool {
		lower := strings.ToLower(got.Error)
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(lower, strings.ToLower(w)) })
	}
	special := a.clause
	if special == "" {
		special = "MSG-1"
	}
	body := func(p *problem, ok bool) *problem {
		if ok {
			return nil
		}
		return p
	}
	switch a.method {
	case "echo":
		want := a.body
		if want == "" {
			want = "null"
		}
		if beyondDoubles(want) {
			return nil
		}
		if !got.OK {
			if depth(want) > surelyRead || len(want) > spec.DefaultMaxPayload/6 {
				return nil // [MSG-9]: 100 levels work, deeper may be refused; what a worker escapes or adds may be over max_payload [WRK-13]
			}
			clause := special
			if depth(want) > 20 {
				clause = "MSG-9"
			}
			return wrong("echo-returns-its-body", clause, "the answer to echo with "+text.Clip(want, 100), "the error "+wire.Quote(text.Clip(got.Error, 200)), "MSG-7", "MSG-4")
		}
		d := wire.DiffBody(want, got.Body)
		clause := "MSG-7"
		if a.body == "" {
			clause = "MSG-6"
		} else if a.clause == "MSG-4" || a.clause == "MSG-3" {
			clause = a.clause
		}
		return body(wrong("echo-returns-its-body", clause, "the body of the request, "+text.Clip(want, 100), d, "MSG-7", "MSG-8"), d == "")
	case "fail":
		var in struct{ Message string }
		_ = json.Unmarshal([]byte(a.body), &in)
		if len(in.Message) > spec.DefaultMaxPayload/6 && !got.OK && says(tooLarge...) {
			return nil // see judgeBlob
		}
		return body(wrong("exceptions-are-told", "WRK-11", "an error answer that carries "+wire.Quote(in.Message), "another answer"), !got.OK && strings.Contains(got.Error, in.Message))
	case "unserializable":
		return body(wrong("what-cannot-be-encoded-is-told", "WRK-12", "an error answer that says that the result cannot be encoded", "another answer"),
			!got.OK && says("serializ", "serialis", "encod", "json", "marshal", "represent", "convert", "dump"))
	case "sleep":
		return m.judgeSleep(c, a, got, wrong)
	case "pid":
		pid, err := wire.WholeNumber(got.Body)
		return body(wrong("pid-is-that-of-the-process", "WRK-21", "the ID of the process", "another answer"), got.OK && err == nil && m.traits.within(pid))
	case "inflight":
		n, err := wire.WholeNumber(got.Body)
		return body(wrong("inflight-is-a-number", "WRK-21", "a number", "another answer"), got.OK && err == nil && n >= 0)
	case "health":
		health, err := wire.Object(got.Body)
		var status string
		if err == nil {
			err = json.Unmarshal(health["status"], &status)
		}
		pid, err2 := wire.WholeNumber(health["pid"])
		return body(wrong("health-is-told", "WRK-20", `an object with "status": "healthy" and the process ID as "pid"`, "another answer"),
			got.OK && err == nil && err2 == nil && status == "healthy" && m.traits.within(pid))
	case "blob":
		return m.judgeBlob(a, got, says, wrong)
	case "exit":
		return wrong("exit-ends-the-process", "WRK-21", "`exit` ends the process without an answer", "an answer")
	}
	return body(wrong("unknown-methods-are-told", "WRK-10", "an error answer that says that there is no such method", "another answer"),
		!got.OK && (says(a.method, "method", "unknown", "not found", "no such") || len(a.method) > spec.DefaultMaxPayload/6 && says(tooLarge...)))
}

// tooLarge are words of which an error answer in place of one that is too large has one [WRK-13].
var tooLarge = []string{"large", "big", "long", "size", "limit", "exceed", "max", "payload", "bytes", "over", "fit"}

func (m *model) judgeSleep(c *conn, a *ask, got wire.Answer, wrong func(rule, clause, want, came string, kin ...string) *problem) *problem {
	const tick = 2 * time.Millisecond // timers that count milliseconds may be early by one
	if got.OK && time.Since(a.at) >= a.sleep*9/10-tick {
		return nil
	}
	clause, kin := "WRK-21", []string{"CAN-6", "CAN-5", "CAN-7"}
	low := func(ids []uint64) bool {
		return slices.ContainsFunc(ids, func(id uint64) bool { return uint32(id) == uint32(a.ids[0]) || float64(id) == float64(a.ids[0]) })
	}
	switch {
	case slices.Contains(c.strays, a.ids[0]):
		clause = "CAN-6"
	case slices.ContainsFunc(m.conns, func(o *conn) bool {
		return o != c && (slices.Contains(o.strays, a.ids[0]) ||
			slices.ContainsFunc(o.asks, func(x *ask) bool { return x.cancelled && slices.Contains(x.ids, a.ids[0]) }))
	}):
		clause = "CAN-7"
	case low(c.strays):
		clause = "MSG-5"
		kin = append(kin, "CAN-6")
	case len(c.strays) > 0:
		clause = "CAN-6"
	case slices.ContainsFunc(c.asks, func(o *ask) bool { return o.cancelled }):
		clause = "CAN-5"
	}
	return wrong("a-sleep-ends-in-its-time", clause, fmt.Sprintf("no answer to request %d, which sleeps %v and which nobody cancelled", a.ids[0], a.sleep),
		fmt.Sprintf("one after %v", time.Since(a.at).Round(time.Millisecond)), kin...)
}

func (m *model) judgeBlob(a *ask, got wire.Answer, says func(...string) bool, wrong func(rule, clause, want, came string, kin ...string) *problem) *problem {
	var in struct{ Size int }
	_ = json.Unmarshal([]byte(a.body), &in)
	if !got.OK {
		if in.Size > spec.DefaultMaxPayload/6 { // characters may be escaped, and what stands around the body is the worker's own choice
			if says(tooLarge...) {
				return nil
			}
			return wrong("too-large-answers-are-told", "WRK-13", "an error answer that says that the answer is too large", "another text")
		}
		return wrong("blob-has-its-size", "WRK-21", fmt.Sprintf("a string of %d characters", in.Size), "the error "+wire.Quote(text.Clip(got.Error, 100)), "WRK-13")
	}
	var letters string
	err := json.Unmarshal(got.Body, &letters)
	if err != nil || len(letters) != in.Size || strings.ContainsFunc(letters, func(r rune) bool { return r > 0x7f }) {
		return wrong("blob-has-its-size", "WRK-21", fmt.Sprintf("a string of %d ASCII characters", in.Size), fmt.Sprintf("%d", len(letters)))
	}
	return nil
}

// class returns an error text without what varies.
func class(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r >= 'a' && r <= 'z' || r == ' ' {
			b.WriteRune(r)
		}
		if b.Len() > 40 {
			break
		}
	}
	return b.String()
}

func (m *model) feature(what string) { m.seen[what] = true }
