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

// messageKind is what a payload is meant as.
type messageKind string

const (
	isRequest      messageKind = "request"
	isCancellation messageKind = "cancellation"
	isAnswer       messageKind = "answer"
	isUnreadable   messageKind = "message that cannot be read" // as any of these
	isLeftOpen     messageKind = "message that is not judged"  // neither right nor wrong by SPEC.md
)

// said is what a payload says, as far as it can be read.
type said struct {
	kind      messageKind
	id        uint64
	hasID     bool
	enveloped bool
	method    string // of a request
	ok        bool   // of an answer
	body      json.RawMessage
	text      string // of an error answer
}

func (s said) String() string {
	id := "without a readable ID"
	if s.hasID {
		id = fmt.Sprint(s.id)
	}
	switch s.kind {
	case isRequest:
		return fmt.Sprintf("request %s, method %q", id, text.Clip(s.method, 60))
	case isCancellation:
		return "cancellation of " + id
	case isAnswer:
		if s.ok {
			return "answer " + id + ", ok"
		}
		return fmt.Sprintf("answer %s, error %q", id, text.Clip(s.text, 60))
	}
	return string(s.kind)
}

// judge reads the payload of a frame and says what is wrong with it. What a receiver must bear, such as
// unknown fields, is not wrong [MSG-4].
func judge(f Frame, payload []byte) (said, []Violation) {
	j := &judgement{frame: f, payload: payload, at: f.Offset + int64(f.Framing.HeaderSize())}
	m, ok := j.read()
	if !ok {
		return j.said, j.violations
	}
	j.said.enveloped = m.Enveloped
	j.said.kind = j.kindOf(m)
	if j.said.kind == isUnreadable || j.said.kind == isLeftOpen {
		j.said.id, j.said.hasID = readID(m)
		return j.said, j.violations
	}
	j.id(m)
	switch j.said.kind {
	case isRequest:
		j.request(m)
	case isAnswer:
		j.answer(m)
	}
	return j.said, j.violations
}

// judgement is the reading of one payload.
type judgement struct {
	frame      Frame
	payload    []byte
	at         int64 // of the payload in the stream
	said       said
	violations []Violation
}

func (j *judgement) breaks(clause string, offset int64, want, got string) {
	j.violations = append(j.violations, Violation{Clause: clause, Offset: offset, Want: want, Got: got})
}

// wellFormed is the clause that asks for a message of the sender's to be well-formed.
func (j *judgement) wellFormed() string {
	if j.frame.Sender == spec.RoleWorker {
		return "MSG-1"
	}
	return "MSG-17"
}

func (j *judgement) read() (wire.Message, bool) {
	j.said.kind = isUnreadable
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
		j.breaks(j.wellFormed(), j.at+int64(at), want, fmt.Sprintf("no UTF-8 from byte %d of the payload on", at))
		return wire.Message{}, false
	}
	clause, at := j.wellFormed(), int64(0)
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(j.payload, new(json.RawMessage)), &syntax) {
		if strings.Contains(syntax.Error(), "max depth") { // well-formed for all we know: deeper than encoding/json goes
			j.said.kind = isLeftOpen
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
	j.breaks(clause, j.at+at, want, err.Error())
	return wire.Message{}, false
}

// kindOf says what the message is meant as, and what is wrong where it is nothing that its sender sends.
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
		j.breaks(j.wellFormed(), j.value("type"), "an envelope of type "+want, fmt.Sprintf("the type %q", text.Clip(m.Type, 60)))
		return isUnreadable
	case j.frame.Sender == spec.RolePool, j.frame.Sender == "" && hasMethod && !hasOK:
		return isRequest
	case j.frame.Sender == spec.RoleWorker, hasOK:
		return isAnswer
	default:
		j.breaks("MSG-17", j.at, "a message: a request has a method, a response has ok", text.Clip(text.Printable(j.payload), 100))
		return isUnreadable
	}
	switch {
	case j.frame.Sender == spec.RolePool && kind == isAnswer:
		j.breaks("MSG-17", j.value("type"), "a request or a cancellation", "a response, which a pool does not send")
		return isLeftOpen // what a worker does with it is
	case j.frame.Sender == spec.RoleWorker && kind != isAnswer:
		j.breaks("MSG-1", j.value("type"), "a response", fmt.Sprintf("a %s, which a worker does not send", kind))
		return isUnreadable
	}
	return kind
}

// id reads the ID and compares it with that of the header.
func (j *judgement) id(m wire.Message) {
	j.said.id, j.said.hasID = readID(m)
	raw, there := m.Fields["id"]
	switch {
	case !there:
		clause := map[messageKind]string{isRequest: "MSG-17", isCancellation: "CAN-2", isAnswer: "MSG-1"}[j.said.kind]
		j.breaks(clause, j.at, fmt.Sprintf("an id in the %s", j.said.kind), "no field of that name")
	case !j.said.hasID:
		j.breaks("MSG-10", j.field("id", m), "an ID that is an integer from 0 to 2^64-1", text.Clip(string(raw), 60))
	case j.frame.Framing == spec.Enhanced && j.frame.Header != j.said.id:
		clause := map[messageKind]string{isRequest: "RID-3", isCancellation: "CAN-2", isAnswer: "RID-8"}[j.said.kind]
		j.breaks(clause, j.frame.Offset+6, fmt.Sprintf("the ID of the message, %d, in its header", j.said.id), fmt.Sprintf("%d in the header", j.frame.Header))
	}
	if j.said.hasID && j.said.id == 0 && j.said.kind != isAnswer {
		j.breaks("RID-1", j.field("id", m), "an ID other than 0", fmt.Sprintf("a %s with the ID 0", j.said.kind))
	}
}

func readID(m wire.Message) (uint64, bool) {
	id, err := m.ID()
	return id, err == nil
}

func (j *judgement) request(m wire.Message) {
	raw, there := m.Fields["method"]
	switch {
	case !there:
		j.breaks("MSG-17", j.at, "a method in the request", "no field of that name")
	case !wire.IsString(raw) || json.Unmarshal(raw, &j.said.method) != nil:
		j.breaks("MSG-17", j.field("method", m), "a method that is a string", text.Clip(string(raw), 60))
	default:
		return
	}
	j.said.kind = isUnreadable // as a request [MSG-11]
}

func (j *judgement) answer(m wire.Message) {
	switch ok := strings.TrimSpace(string(m.Fields["ok"])); ok {
	case "true":
		j.said.ok, j.said.body = true, m.Fields["body"]
		if j.said.body == nil {
			j.breaks("MSG-1", j.at, `a body beside "ok": true, null included`, "no field of that name")
		}
	case "false":
		raw, there := m.Fields["error"]
		if !wire.IsString(raw) || json.Unmarshal(raw, &j.said.text) != nil {
			got := "no field of that name"
			if there {
				got = text.Clip(string(raw), 60)
			}
			j.breaks("MSG-1", j.field("error", m), `an error that is a string beside "ok": false`, got)
		}
	case "":
		j.breaks("MSG-1", j.at, "ok in the response, true or false", "no field of that name")
	default:
		j.breaks("MSG-1", j.field("ok", m), "ok in the response, true or false", text.Clip(ok, 60))
	}
}

// field is where in the stream the value of a field of the message begins, its payload where it has none.
func (j *judgement) field(name string, m wire.Message) int64 {
	if m.Enveloped {
		return j.value("payload", name)
	}
	return j.value(name)
}

// value is where in the stream the value under these names begins, one object inside the other.
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

// valueOf finds the last value of that name in a well-formed object, as encoding/json does.
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

// noNumber tells whether data begins with a word that some JSON libraries write for what is no number.
// Where "-Infinity" is wrong is behind its sign.
func noNumber(data []byte) bool {
	return bytes.HasPrefix(data, []byte("NaN")) || bytes.HasPrefix(data, []byte("Infinity"))
}
