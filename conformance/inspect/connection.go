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

// ConnectionInspector reads both directions of one connection between a pool and a worker, and sees besides
// what is wrong in each what is wrong between them: answers to no request, second answers, IDs used again
// while they are outstanding.
//
// It counts on the order in which it is told: bytes are told before they are passed on, so that no answer
// is told before its request. It is not safe for concurrent use.
type ConnectionInspector struct {
	pool, worker *Inspector
	due          map[uint64][]dueAnswer // by the ID that the answer is to bear
	dues         int
	large        int  // of them those that a worker with a lower limit would refuse
	refused      bool // one was
	strays       int  // error answers that may come under any ID: to what cannot be read [MSG-11] or is a violation
	open         int  // answers that may come under any ID: to what SPEC.md leaves open
	past         pastIDs
	final        bool // a violation of the pool has ended the connection: nothing behind it may run [MSG-13]
	apart        bool // from here on each direction is judged by itself
	messages     map[messageKind]int
}

// dueAnswer is one message of the pool that may be answered.
type dueAnswer struct {
	kind      messageKind
	enveloped bool
	health    bool
	cancelled bool
	large     bool // a worker with a lower limit may refuse it
	odd       bool // a worker may find it unreadable, and answer under 0 and standing alone
	final     bool // it stands behind a violation that ended the connection, or is it
}

const (
	// dueLimit is how many answers are waited for at most. Beyond it the two directions are judged apart:
	// of cancelled requests that are never answered [CAN-4] a long connection gathers any number.
	dueLimit = 1 << 18
	// largeFrom is the payload from which on a worker could have a limit that it is over.
	largeFrom = 64 << 10
)

// NewConnection makes an inspector of both directions. The framing is that of the pool's bytes and
// counts for both [STR-7]; the sender is left empty.
func NewConnection(o Options) (*ConnectionInspector, error) {
	if o.Sender != "" {
		return nil, fmt.Errorf("a connection has two senders: leave %q away", o.Sender)
	}
	o.Sender = spec.RolePool
	pool, err := New(o)
	if err != nil {
		return nil, err
	}
	worker := *pool
	worker.options.Sender = spec.RoleWorker
	return &ConnectionInspector{
		pool: pool, worker: &worker, due: map[uint64][]dueAnswer{}, messages: map[messageKind]int{},
	}, nil
}

// Write takes the next bytes that the pool or the worker sent and returns the frames that they complete.
func (c *ConnectionInspector) Write(sender spec.Role, data []byte) []Frame {
	if sender == spec.RolePool {
		return c.fromPool(c.pool.Write(data))
	}
	if c.worker.framing == "" {
		c.worker.framing = c.pool.framing // told by its own bytes where it speaks first
	}
	return c.fromWorker(c.worker.Write(data))
}

// End tells that the sender sends no more. The frame that it cut off, if any, is returned as by
// [Inspector.End]; whoever ends a process or gives up a call may cut one off [CAN-10], so that by itself
// is no fault.
func (c *ConnectionInspector) End(sender spec.Role) []Frame {
	if sender == spec.RolePool {
		return c.fromPool(c.pool.End())
	}
	return c.fromWorker(c.worker.End())
}

// Framing is that of the connection, empty as long as it is not known.
func (c *ConnectionInspector) Framing() spec.Framing {
	if c.pool.framing != "" {
		return c.pool.framing
	}
	return c.worker.framing
}

// Counts are the messages that were seen, in a stream that could be read.
type Counts struct{ Requests, Cancellations, Answers, Unreadable int }

// Counts tells how many messages were seen so far.
func (c *ConnectionInspector) Counts() Counts {
	return Counts{
		c.messages[isRequest], c.messages[isCancellation], c.messages[isAnswer],
		c.messages[isUnreadable] + c.messages[isLeftOpen],
	}
}

func (c *ConnectionInspector) fromPool(frames []Frame) []Frame {
	for i := range frames {
		f := &frames[i]
		if !f.Whole {
			c.apart = true // what a worker still answers then is left open
			break
		}
		c.messages[f.said.kind]++
		if !c.apart {
			c.sent(f)
		}
	}
	return frames
}

func (c *ConnectionInspector) fromWorker(frames []Frame) []Frame {
	for i := range frames {
		f := &frames[i]
		if !f.Whole {
			c.inOtherFraming(f)
			c.apart = true
			break
		}
		c.messages[f.said.kind]++
		if !c.apart {
			c.answered(f)
		}
	}
	return frames
}

// sent takes a message of the pool in.
func (c *ConnectionInspector) sent(f *Frame) {
	s := f.said
	d := dueAnswer{kind: s.kind, enveloped: s.enveloped, health: s.method == "health", large: len(f.Bytes) > largeFrom, final: c.final}
	differ := f.Framing == spec.Enhanced && s.hasID && s.id != f.Header
	if differ && (s.kind == isRequest || s.kind == isCancellation) {
		c.final, d.final = true, true // [MSG-13]
		c.strays++
	}
	switch {
	case s.kind == isCancellation:
		c.cancelled(f)
	case d.final:
		for _, id := range slices.Compact([]uint64{f.Header, s.id}) {
			c.add(id, d)
		}
	case s.kind == isRequest && s.hasID:
		c.reused(f)
		if s.id == 0 {
			d.kind = isLeftOpen
		}
		if f.Framing == spec.Basic || s.enveloped {
			d.odd = isOdd(f.Bytes[f.Framing.HeaderSize():])
		}
		if d.odd && f.Framing == spec.Basic {
			c.strays++
		}
		c.add(s.id, d)
	case differ: // whether that ID counts is left open
		c.open++
	case f.Framing == spec.Enhanced:
		if d.kind == isRequest {
			d.kind = isUnreadable
		}
		c.add(f.Header, d)
	case s.kind == isLeftOpen:
		c.open++
	default:
		c.strays++
	}
}

func (c *ConnectionInspector) cancelled(f *Frame) {
	id := f.said.id
	if !f.said.hasID {
		id = f.Header
	}
	due := c.due[id]
	for i := range due {
		if !due[i].cancelled {
			due[i].cancelled = true
			return
		}
	}
	if len(due) == 0 {
		c.past.set(id, past{answered: c.past.of(id).answered, cancelled: true})
	}
}

// reused looks whether the ID of a request is outstanding. It is not, once its answer may have begun.
func (c *ConnectionInspector) reused(f *Frame) {
	outstanding := slices.ContainsFunc(c.due[f.said.id], func(d dueAnswer) bool { return d.kind == isRequest && !d.cancelled })
	if !outstanding || c.answerBegun(f.said.id) {
		return
	}
	c.strays++ // of a worker that says why it closes the connection [MSG-14]
	f.breaks("RID-2", f.idAt(), "an ID that is not outstanding on this connection", fmt.Sprintf("request %d while request %d is not answered", f.said.id, f.said.id))
}

// answerBegun tells whether the frame that the worker has begun may bear the ID.
func (c *ConnectionInspector) answerBegun(id uint64) bool {
	begun := c.worker.pending
	if c.worker.framing == spec.Basic || len(begun) < 14 {
		return len(begun) > 0
	}
	return binary.BigEndian.Uint64(begun[6:]) == id
}

func (c *ConnectionInspector) add(id uint64, d dueAnswer) {
	if c.dues == dueLimit {
		c.apart, c.due = true, nil
		return
	}
	c.due[id] = append(c.due[id], d)
	c.dues++
	if d.large {
		c.large++
	}
}

// take gives out a due answer under the ID, one that came in the same form if there is any.
func (c *ConnectionInspector) take(id uint64, enveloped bool) (d dueAnswer, only, ok bool) {
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
	if d.odd && c.pool.framing == spec.Basic && c.strays > 0 {
		c.strays--
	}
	c.past.set(id, past{answered: true, cancelled: d.cancelled})
	return d, len(due) == 1, true
}

// answered takes a message of the worker in.
func (c *ConnectionInspector) answered(f *Frame) {
	s := f.said
	switch {
	case s.kind != isAnswer || !s.hasID:
		if f.Framing == spec.Basic {
			c.apart = true // nobody knows whose answer that was
			return
		}
		c.take(f.Header, s.enveloped)
		return
	case f.Framing == spec.Enhanced && f.Header != s.id:
		c.apart = true // final for the connection [MSG-13]
		return
	}
	d, only, ok := c.take(s.id, s.enveloped)
	if !ok {
		c.unasked(f)
		return
	}
	switch {
	case d.final && s.ok:
		f.breaks("MSG-13", f.idAt(), "no handler that runs once a header and its message bore different IDs", "the answer to a request from then on")
	case d.kind == isUnreadable && s.ok:
		f.breaks("MSG-11", f.idAt(), "an error answer to what is no request", "an answer with ok: true")
	case d.kind != isRequest || d.cancelled || d.final || !only: // how it is answered is left open, or not known
	case !s.ok && (d.odd || d.large): // it may have been refused unread
	case d.enveloped != s.enveloped:
		forms := map[bool]string{true: "in an envelope", false: "standing alone"}
		f.breaks("MSG-2", f.payloadAt(), fmt.Sprintf("an answer %s, the way its request came", forms[d.enveloped]), "one "+forms[s.enveloped])
	case d.health && s.ok:
		if problem := notHealthy(s.body); problem != "" {
			f.breaks("WRK-20", f.payloadAt(), `an object with "status": "healthy" and the process ID as "pid"`, problem)
		}
	}
}

// unasked says what is wrong with an answer that nothing is due for, if anything is.
func (c *ConnectionInspector) unasked(f *Frame) {
	s := f.said
	before := c.past.of(s.id)
	switch {
	case c.open > 0:
		c.open--
	case c.strays > 0 && !s.ok:
		c.strays--
	case c.strays > 0 && before == past{}:
		f.breaks("MSG-11", f.idAt(), "an error answer to what is no request", "an answer with ok: true")
	case !s.ok && !c.refused && c.refusable(): // by a worker that says so before it closes the connection
		c.refused = true
	case before.cancelled:
		f.breaks("CAN-6", f.idAt(), "no answer to a cancellation", fmt.Sprintf("one more answer under ID %d, which nothing but a cancellation bore since its last answer", s.id))
	case before.answered:
		f.breaks("MSG-1", f.idAt(), "exactly one answer to each request", fmt.Sprintf("one more answer under ID %d, which was answered before", s.id))
	default:
		f.breaks("RID-8", f.idAt(), "the ID of a request on this connection", fmt.Sprintf("an answer under ID %d, which no request bore", s.id))
	}
}

// refusable tells whether the pool has sent, or begun to, what is over a limit lower than ours.
func (c *ConnectionInspector) refusable() bool {
	header := c.pool.framing.HeaderSize()
	return c.large > 0 || len(c.pool.pending) >= header && c.pool.claimed() > largeFrom
}

// inOtherFraming gives a worker that answers in the other framing the clause for that.
func (c *ConnectionInspector) inOtherFraming(f *Frame) {
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

func (f *Frame) breaks(clause string, at int64, want, got string) {
	f.Violations = append(f.Violations, Violation{Clause: clause, Offset: at, Want: want, Got: got})
}

func (f *Frame) payloadAt() int64 { return f.Offset + int64(f.Framing.HeaderSize()) }

// idAt is where the ID of a message begins that has one.
func (f *Frame) idAt() int64 {
	j := judgement{payload: f.Bytes[f.Framing.HeaderSize():], at: f.payloadAt()}
	return j.field("id", wire.Message{Enveloped: f.said.enveloped})
}

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

// isOdd tells whether a worker may find this well-formed JSON unreadable: nested deeper than 100 levels
// [MSG-9], with a number beyond a double or with a lone surrogate. It says yes too often rather than too seldom.
func isOdd(text []byte) bool {
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
