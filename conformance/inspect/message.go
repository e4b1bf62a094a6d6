package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// messageKind says what a payload is meant to be.
type messageKind string

const (
	isRequest      messageKind = "request"
	isCancellation messageKind = "cancellation"
	isAnswer       messageKind = "answer"
	isUnreadable   messageKind = "message that cannot be read" // as any of these
	isLeftOpen     messageKind = "message that is not judged"  // SPEC.md leaves it open
)

// content is what a payload says, as far as it can be read.
type content struct {
	kind      messageKind
	id        uint64
	hasID     bool
	enveloped bool
	method    string // of a request
	ok        bool   // of an answer
	body      json.RawMessage
	text      string // of an error answer
}

// String says in a few words what the payload says.
func (c content) String() string {
	id := "without a readable ID"
	if c.hasID {
		id = fmt.Sprint(c.id)
	}
	switch c.kind {
	case isRequest:
		return fmt.Sprintf("request %s, method %q", id, text.Clip(c.method, 60))
	case isCancellation:
		return "cancellation of " + id
	case isAnswer:
		if c.ok {
			return "answer " + id + ", ok"
		}
		return fmt.Sprintf("answer %s, error %q", id, text.Clip(c.text, 60))
	}
	return string(c.kind)
}

// judge reads the payload of a frame and returns what it says and what is wrong with it. What a receiver must accept, such
// as unknown fields, is not wrong [MSG-4].
func judge(f Frame, payload []byte) (content, []Violation) {
	j := &judgement{frame: f, payload: payload, at: f.Offset + int64(f.Framing.HeaderSize())}
	m, ok := j.read()
	if !ok {
		return j.content, j.violations
	}
	j.content.enveloped = m.Enveloped
	j.content.kind = j.kindOf(m)
	if j.content.kind == isUnreadable || j.content.kind == isLeftOpen {
		j.content.id, j.content.hasID = readID(m)
		return j.content, j.violations
	}
	j.id(m)
	switch j.content.kind {
	case isRequest:
		j.request(m)
	case isAnswer:
		j.answer(m)
	}
	return j.content, j.violations
}

// judgement collects what one payload says and what is wrong with it.
type judgement struct {
	frame      Frame
	payload    []byte
	at         int64 // offset of the payload in the stream
	content    content
	violations []Violation
}

// violates records a violation at an offset in the stream.
func (j *judgement) violates(clause string, offset int64, want, got string) {
	j.violations = append(j.violations, Violation{Clause: clause, Offset: offset, Want: want, Got: got})
}

// wellFormed returns the clause that demands well-formed messages of the sender.
func (j *judgement) wellFormed() string {
	if j.frame.Sender == spec.RoleWorker {
		return "MSG-1"
	}
	return "MSG-17"
}

// read returns the message, and false with a violation if the payload is none.
func (j *judgement) read() (wire.Message, bool) {
	j.content.kind = isUnreadable
	m, err := wire.ReadMessage(j.payload)
	isUTF8 := utf8.Valid(j.payload)
	if err == nil && isUTF8 {
		return m, true
	}
	want := map[spec.Role]string{
		spec.RolePool:   "a request or a cancellation, a JSON object in UTF-8",
		spec.RoleWorker: "a response, a JSON object in UTF-8",
		"":              "a message, a JSON object in UTF-8",
	}[j.frame.Sender]
	if !isUTF8 {
		at := firstNotUTF8(j.payload)
		j.violates(j.wellFormed(), j.at+int64(at), want, fmt.Sprintf("no UTF-8 from byte %d of the payload on", at))
		return wire.Message{}, false
	}
	clause, at := j.wellFormed(), int64(0)
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(j.payload, new(json.RawMessage)), &syntax) {
		if strings.Contains(syntax.Error(), "max depth") { // perhaps well-formed, but nested deeper than encoding/json reads
			j.content.kind = isLeftOpen
			return wire.Message{}, false
		}
		at, err = max(0, syntax.Offset-1), fmt.Errorf("no JSON: %w", syntax)
		if j.frame.Sender == spec.RoleWorker && noNumber(j.payload[at:]) {
			clause, want = "MSG-8", "an answer without NaN and Infinity, which are no JSON"
		}
	}
	if len(j.payload) == 0 {
		err = errors.New("an empty payload")
	}
	j.violates(clause, j.at+at, want, err.Error())
	return wire.Message{}, false
}

// kindOf returns what the message is meant to be. If its sender sends no such message, it records a violation.
func (j *judgement) kindOf(m wire.Message) messageKind {
	_, hasOK := m.Fields["ok"]
	_, hasMethod := m.Fields["method"]
	kind := isUnreadable
	switch {
	case m.Enveloped && m.Type == "cancellation":
		kind = isCancellation
	case m.Enveloped && m.Type == "request":
		kind = isRequest
	case m.Enveloped && m.Type == "response":
		kind = isAnswer
	case m.Enveloped:
		want := map[spec.Role]string{
			spec.RolePool: "request or cancellation", spec.RoleWorker: "response", "": "request, response or cancellation",
		}[j.frame.Sender]
		j.violates(j.wellFormed(), j.value("type"), "an envelope of type "+want, fmt.Sprintf("the type %q", text.Clip(m.Type, 60)))
		return isUnreadable
	case j.frame.Sender == spec.RolePool, j.frame.Sender == "" && hasMethod && !hasOK:
		return isRequest
	case j.frame.Sender == spec.RoleWorker, hasOK:
		return isAnswer
	default:
		j.violates("MSG-17", j.at, "a message: a request has a method, a response has ok", text.Clip(text.Printable(j.payload), 100))
		return isUnreadable
	}
	switch {
	case j.frame.Sender == spec.RolePool && kind == isAnswer:
		j.violates("MSG-17", j.value("type"), "a request or a cancellation", "a response, which a pool does not send")
		return isLeftOpen // so is what a worker does with it
	case j.frame.Sender == spec.RoleWorker && kind != isAnswer:
		j.violates("MSG-1", j.value("type"), "a response", fmt.Sprintf("a %s, which a worker does not send", kind))
		return isUnreadable
	}
	return kind
}

// id reads the ID and compares it with the ID in the header.
func (j *judgement) id(m wire.Message) {
	j.content.id, j.content.hasID = readID(m)
	raw, there := m.Fields["id"]
	switch {
	case !there:
		clause := map[messageKind]string{isRequest: "MSG-17", isCancellation: "CAN-2", isAnswer: "MSG-1"}[j.content.kind]
		j.violates(clause, j.at, fmt.Sprintf("an id in the %s", j.content.kind), "no field of that name")
	case !j.content.hasID:
		j.violates("MSG-10", j.field("id", m), "an ID that is an integer from 0 to 2^64-1", text.Clip(string(raw), 60))
	case j.frame.Framing == spec.Enhanced && j.frame.HeaderID != j.content.id:
		clause := map[messageKind]string{isRequest: "RID-3", isCancellation: "CAN-2", isAnswer: "RID-8"}[j.content.kind]
		j.violates(clause, j.frame.Offset+6, fmt.Sprintf("the ID of the message, %d, in its header", j.content.id), fmt.Sprintf("%d in the header", j.frame.HeaderID))
	}
	if j.content.hasID && j.content.id == 0 && j.content.kind != isAnswer {
		j.violates("RID-1", j.field("id", m), "an ID other than 0", fmt.Sprintf("a %s with the ID 0", j.content.kind))
	}
}

func readID(m wire.Message) (uint64, bool) {
	id, err := m.ID()
	return id, err == nil
}

// request checks the method.
func (j *judgement) request(m wire.Message) {
	raw, there := m.Fields["method"]
	switch {
	case !there:
		j.violates("MSG-17", j.at, "a method in the request", "no field of that name")
	case !wire.IsString(raw) || json.Unmarshal(raw, &j.content.method) != nil:
		j.violates("MSG-17", j.field("method", m), "a method that is a string", text.Clip(string(raw), 60))
	default:
		return
	}
	j.content.kind = isUnreadable // as a request [MSG-11]
}

// answer checks ok, body and error.
func (j *judgement) answer(m wire.Message) {
	switch ok := strings.TrimSpace(string(m.Fields["ok"])); ok {
	case "true":
		j.content.ok, j.content.body = true, m.Fields["body"]
		if j.content.body == nil {
			j.violates("MSG-1", j.at, `a body beside "ok": true, null included`, "no field of that name")
		}
	case "false":
		raw, there := m.Fields["error"]
		if !wire.IsString(raw) || json.Unmarshal(raw, &j.content.text) != nil {
			got := "no field of that name"
			if there {
				got = text.Clip(string(raw), 60)
			}
			j.violates("MSG-1", j.field("error", m), `an error that is a string beside "ok": false`, got)
		}
	case "":
		j.violates("MSG-1", j.at, "ok in the response, true or false", "no field of that name")
	default:
		j.violates("MSG-1", j.field("ok", m), "ok in the response, true or false", text.Clip(ok, 60))
	}
}

// field returns where in the stream the value of a field of the message begins. It returns where the payload begins if the
// message has no such field.
func (j *judgement) field(name string, m wire.Message) int64 {
	if m.Enveloped {
		return j.value("payload", name)
	}
	return j.value(name)
}

// value returns where in the stream the value under these names begins, each name inside the object of the one before.
func (j *judgement) value(names ...string) int64 {
	at, text := int64(0), j.payload
	for _, name := range names {
		start, raw, ok := valueOf(text, name)
		if !ok {
			break
		}
		at, text = at+start, raw
	}
	return j.at + at
}

// valueOf returns the last value of that name in a well-formed object, which is the one that encoding/json uses.
func valueOf(object []byte, name string) (at int64, raw json.RawMessage, ok bool) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return 0, nil, false
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return 0, nil, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return 0, nil, false
		}
		if key == name {
			at, raw, ok = d.InputOffset()-int64(len(value)), value, true
		}
	}
	return at, raw, ok
}

// firstNotUTF8 returns the index of the first byte that is not UTF-8.
func firstNotUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// noNumber reports whether data begins with a word that some JSON libraries write for a float that is not finite. In
// "-Infinity" the error is after the sign.
func noNumber(data []byte) bool {
	return bytes.HasPrefix(data, []byte("NaN")) || bytes.HasPrefix(data, []byte("Infinity"))
}
