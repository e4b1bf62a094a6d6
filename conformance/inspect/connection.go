package inspect

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Connection inspects both directions of one connection between a pool and a worker. It reports what is wrong in each of
// them, and what is wrong between them: answers without a request, second answers, IDs that are used again while they are
// outstanding.
//
// The order of the calls matters: write bytes to it before you pass them on, so that it never sees an answer before its
// request. It is not safe for concurrent use.
type Connection struct {
	pool, worker *Stream
	due          map[uint64][]dueAnswer // by the ID that the answer must have
	dues         int
	large        int  // how many of them a worker with a lower limit would refuse
	oneRefused   bool // the worker has refused one of them
	anyIDErrors  int  // error answers that may come with any ID, because they answer what cannot be read [MSG-11] or a violation
	anyIDAnswers int  // answers that may come with any ID, because SPEC.md leaves open how they come
	history      idHistory
	final        bool // a violation of the pool has ended the connection: nothing after it may run [MSG-13]
	separate     bool // from now on each direction is judged by itself
	messages     map[messageKind]int
}

// dueAnswer is one message of the pool that may be answered.
type dueAnswer struct {
	kind      messageKind
	enveloped bool
	health    bool
	cancelled bool
	large     bool // a worker with a lower limit may refuse it
	unusual   bool // a worker may find it unreadable, and answer with the ID 0 and without an envelope
	final     bool // it is a violation that ends the connection, or comes after one
}

const (
	// dueLimit is the most due answers that are remembered. Beyond it each direction is judged by itself. A long
	// connection collects any number of them, because cancelled requests need no answer [CAN-4].
	dueLimit = 1 << 18
	// largeFrom is the size of a frame in bytes from which on it may be over a worker's lower limit.
	largeFrom = 64 << 10
)

// NewConnection returns a new Connection. It returns an error for an invalid option, and for a Sender, which must be empty.
// The framing of the pool's bytes holds for both directions [STR-7].
func NewConnection(o Options) (*Connection, error) {
	if o.Sender != "" {
		return nil, fmt.Errorf("a connection has two senders: leave %q away", o.Sender)
	}
	o.Sender = spec.RolePool
	pool, err := NewStream(o)
	if err != nil {
		return nil, err
	}
	worker := *pool
	worker.options.Sender = spec.RoleWorker
	return &Connection{
		pool: pool, worker: &worker, due: map[uint64][]dueAnswer{}, messages: map[messageKind]int{},
	}, nil
}

// Write inspects the next bytes that the pool or the worker sent. It returns the frames that they complete.
func (c *Connection) Write(sender spec.Role, data []byte) []Frame {
	if sender == spec.RolePool {
		return c.fromPool(c.pool.Write(data))
	}
	if c.worker.framing == "" {
		c.worker.framing = c.pool.framing // if the worker sends first, its own bytes tell
	}
	return c.fromWorker(c.worker.Write(data))
}

// End says that the sender sends no more bytes. It returns the frame that was cut off, if any, as [Stream.End] does. A
// peer that ends a process or gives up a call may cut a frame off [CAN-10], so that alone is not a fault.
func (c *Connection) End(sender spec.Role) []Frame {
	if sender == spec.RolePool {
		return c.fromPool(c.pool.End())
	}
	return c.fromWorker(c.worker.End())
}

// Framing returns the framing of the connection. It is empty until the first bytes have shown it.
func (c *Connection) Framing() spec.Framing {
	if c.pool.framing != "" {
		return c.pool.framing
	}
	return c.worker.framing
}

// Counts has how many messages of each kind were seen.
type Counts struct{ Requests, Cancellations, Answers, Unreadable int }

// Counts returns how many messages were seen so far.
func (c *Connection) Counts() Counts {
	return Counts{
		c.messages[isRequest], c.messages[isCancellation], c.messages[isAnswer],
		c.messages[isUnreadable] + c.messages[isLeftOpen],
	}
}

func (c *Connection) fromPool(frames []Frame) []Frame {
	for i := range frames {
		f := &frames[i]
		if !f.Whole {
			c.separate = true // which answers still come then is left open
			break
		}
		c.messages[f.content.kind]++
		if !c.separate {
			c.trackSent(f)
		}
	}
	return frames
}

func (c *Connection) fromWorker(frames []Frame) []Frame {
	for i := range frames {
		f := &frames[i]
		if !f.Whole {
			c.inOtherFraming(f)
			c.separate = true
			break
		}
		c.messages[f.content.kind]++
		if !c.separate {
			c.answered(f)
		}
	}
	return frames
}

// trackSent notes which answer is due to a message of the pool.
func (c *Connection) trackSent(f *Frame) {
	s := f.content
	d := dueAnswer{kind: s.kind, enveloped: s.enveloped, health: s.method == "health", large: len(f.Bytes) > largeFrom, final: c.final}
	differ := f.Framing == spec.Enhanced && s.hasID && s.id != f.HeaderID
	if differ && (s.kind == isRequest || s.kind == isCancellation) {
		c.final, d.final = true, true // [MSG-13]
		c.anyIDErrors++
	}
	switch {
	case s.kind == isCancellation:
		c.cancelled(f)
	case d.final:
		for _, id := range slices.Compact([]uint64{f.HeaderID, s.id}) {
			c.add(id, d)
		}
	case s.kind == isRequest && s.hasID:
		c.checkReuse(f)
		if s.id == 0 {
			d.kind = isLeftOpen
		}
		if f.Framing == spec.Basic || s.enveloped {
			d.unusual = isUnusual(f.Bytes[f.Framing.HeaderSize():])
		}
		if d.unusual && f.Framing == spec.Basic {
			c.anyIDErrors++
		}
		c.add(s.id, d)
	case differ: // which of the two IDs counts is left open
		c.anyIDAnswers++
	case f.Framing == spec.Enhanced:
		if d.kind == isRequest {
			d.kind = isUnreadable
		}
		c.add(f.HeaderID, d)
	case s.kind == isLeftOpen:
		c.anyIDAnswers++
	default:
		c.anyIDErrors++
	}
}

// cancelled notes that a request was cancelled.
func (c *Connection) cancelled(f *Frame) {
	id := f.content.id
	if !f.content.hasID {
		id = f.HeaderID
	}
	due := c.due[id]
	for i := range due {
		if !due[i].cancelled {
			due[i].cancelled = true
			return
		}
	}
	if len(due) == 0 {
		c.history.set(id, outcome{answered: c.history.of(id).answered, cancelled: true})
	}
}

// checkReuse reports a request with an ID that is still outstanding. An ID is outstanding until its answer may have begun.
func (c *Connection) checkReuse(f *Frame) {
	outstanding := slices.ContainsFunc(c.due[f.content.id], func(d dueAnswer) bool { return d.kind == isRequest && !d.cancelled })
	if !outstanding || c.answerBegun(f.content.id) {
		return
	}
	c.anyIDErrors++ // a worker may say why it closes the connection [MSG-14]
	f.violates("RID-2", f.idAt(), "an ID that is not outstanding on this connection", fmt.Sprintf("request %d while request %d is not answered", f.content.id, f.content.id))
}

// answerBegun reports whether the worker has begun a frame that may have the ID.
func (c *Connection) answerBegun(id uint64) bool {
	begun := c.worker.pending
	if c.worker.framing == spec.Basic || len(begun) < 14 {
		return len(begun) > 0
	}
	return binary.BigEndian.Uint64(begun[6:]) == id
}

// add notes a due answer under an ID.
func (c *Connection) add(id uint64, d dueAnswer) {
	if c.dues == dueLimit {
		c.separate, c.due = true, nil
		return
	}
	c.due[id] = append(c.due[id], d)
	c.dues++
	if d.large {
		c.large++
	}
}

// take removes and returns a due answer with the ID, if possible one to a message of the same form. only says that it was
// the only one.
func (c *Connection) take(id uint64, enveloped bool) (d dueAnswer, only, ok bool) {
	due := c.due[id]
	if len(due) == 0 {
		return dueAnswer{}, false, false
	}
	at := max(0, slices.IndexFunc(due, func(d dueAnswer) bool { return d.enveloped == enveloped }))
	d = due[at]
	if c.due[id] = slices.Delete(due, at, at+1); len(due) == 1 {
		delete(c.due, id)
	}
	c.dues--
	if d.large {
		c.large--
	}
	if d.unusual && c.pool.framing == spec.Basic && c.anyIDErrors > 0 {
		c.anyIDErrors--
	}
	c.history.set(id, outcome{answered: true, cancelled: d.cancelled})
	return d, len(due) == 1, true
}

// answered matches a message of the worker with a due answer and judges it.
func (c *Connection) answered(f *Frame) {
	s := f.content
	switch {
	case s.kind != isAnswer || !s.hasID:
		if f.Framing == spec.Basic {
			c.separate = true // which request it answers is not known
			return
		}
		c.take(f.HeaderID, s.enveloped)
		return
	case f.Framing == spec.Enhanced && f.HeaderID != s.id:
		c.separate = true // final for the connection [MSG-13]
		return
	}
	d, only, ok := c.take(s.id, s.enveloped)
	if !ok {
		c.judgeUnexpected(f)
		return
	}
	switch {
	case d.final && s.ok:
		f.violates("MSG-13", f.idAt(), "no handler that runs once a header and its message bore different IDs", "the answer to a request from then on")
	case d.kind == isUnreadable && s.ok:
		f.violates("MSG-11", f.idAt(), "an error answer to what is no request", "an answer with ok: true")
	case d.kind != isRequest || d.cancelled || d.final || !only: // how it must be answered is left open, or not known
	case !s.ok && (d.unusual || d.large): // the worker may have refused it without reading it
	case d.enveloped != s.enveloped:
		forms := map[bool]string{true: "in an envelope", false: "standing alone"}
		f.violates("MSG-2", f.payloadAt(), fmt.Sprintf("an answer %s, the way its request came", forms[d.enveloped]), "one "+forms[s.enveloped])
	case d.health && s.ok:
		if problem := notHealthy(s.body); problem != "" {
			f.violates("WRK-20", f.payloadAt(), `an object with "status": "healthy" and the process ID as "pid"`, problem)
		}
	}
}

// judgeUnexpected reports what is wrong, if anything, with an answer when none is due under its ID.
func (c *Connection) judgeUnexpected(f *Frame) {
	s := f.content
	before := c.history.of(s.id)
	switch {
	case c.anyIDAnswers > 0:
		c.anyIDAnswers--
	case c.anyIDErrors > 0 && !s.ok:
		c.anyIDErrors--
	case c.anyIDErrors > 0 && before == outcome{}:
		f.violates("MSG-11", f.idAt(), "an error answer to what is no request", "an answer with ok: true")
	case !s.ok && !c.oneRefused && c.mayBeRefused(): // a worker may say so before it closes the connection
		c.oneRefused = true
	case before.cancelled:
		f.violates("CAN-6", f.idAt(), "no answer to a cancellation", fmt.Sprintf("one more answer under ID %d, which nothing but a cancellation bore since its last answer", s.id))
	case before.answered:
		f.violates("MSG-1", f.idAt(), "exactly one answer to each request", fmt.Sprintf("one more answer under ID %d, which was answered before", s.id))
	default:
		f.violates("RID-8", f.idAt(), "the ID of a request on this connection", fmt.Sprintf("an answer under ID %d, which no request bore", s.id))
	}
}

// mayBeRefused reports whether the pool has sent, or begun to send, a frame that may be over a worker's lower limit.
func (c *Connection) mayBeRefused() bool {
	header := c.pool.framing.HeaderSize()
	return c.large > 0 || len(c.pool.pending) >= header && c.pool.claimed() > largeFrom
}

// inOtherFraming changes the violation of a worker that answers in the other framing to the clause for that.
func (c *Connection) inOtherFraming(f *Frame) {
	v := &f.Violations[0]
	if f.Offset != 0 || c.pool.framing == "" || len(f.Bytes) < spec.BasicHeader {
		return
	}
	enhanced := f.Bytes[0] == spec.Magic0 && f.Bytes[1] == spec.Magic1
	length := int64(binary.BigEndian.Uint32(f.Bytes))
	if v.Kind == spec.TooLarge && f.Framing == spec.Basic && enhanced || v.Kind == spec.BadMagic && length <= int64(c.worker.options.MaxPayload) {
		v.Clause, v.Want = "STR-7", fmt.Sprintf("answers in the framing of the requests, %s", f.Framing)
	}
}

// violates adds a violation to the frame.
func (f *Frame) violates(clause string, at int64, want, got string) {
	f.Violations = append(f.Violations, Violation{Clause: clause, Offset: at, Want: want, Got: got})
}

// payloadAt returns where in the stream the payload begins.
func (f *Frame) payloadAt() int64 { return f.Offset + int64(f.Framing.HeaderSize()) }

// idAt returns where in the stream the ID of the message begins.
func (f *Frame) idAt() int64 {
	j := judgement{payload: f.Bytes[f.Framing.HeaderSize():], at: f.payloadAt()}
	return j.field("id", wire.Message{Enveloped: f.content.enveloped})
}

// notHealthy says what is wrong with the answer to a health request, and is empty if nothing is.
func notHealthy(body json.RawMessage) string {
	fields, err := wire.Object(body)
	if err != nil {
		return err.Error()
	}
	var status string
	if json.Unmarshal(fields["status"], &status) != nil || status != "healthy" {
		return "the status " + text.Clip(string(fields["status"]), 60)
	}
	if pid := strings.TrimSpace(string(fields["pid"])); pid == "" || strings.Trim(pid, "0123456789") != "" {
		return "the pid " + text.Clip(pid, 60)
	}
	return ""
}

// isUnusual reports whether a worker may find this well-formed JSON unreadable: it is nested deeper than 100 levels
// [MSG-9], has a number beyond a double, or a lone surrogate. In doubt it reports true.
func isUnusual(text []byte) bool {
	depth, digits := 0, 0
	inString := false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '\\':
			if i++; i+1 < len(text) && text[i] == 'u' && (text[i+1] == 'd' || text[i+1] == 'D') {
				return true
			}
		case b == '"':
			inString = !inString
		case inString:
		case b == '[' || b == '{':
			depth++
		case b == ']' || b == '}':
			depth--
		case b >= '0' && b <= '9':
			if digits++; digits > 300 {
				return true
			}
			continue
		case b == 'e' || b == 'E':
			if i+1 < len(text) && strings.IndexByte("+-0123456789", text[i+1]) >= 0 {
				return true
			}
		}
		digits = 0
		if depth > 100 {
			return true
		}
	}
	return false
}
