package message

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// The keys of this protocol.
const (
	keyUnknown = iota
	keyID
	keyOK
	keyBody
	keyError
	keyMethod
	keyReason
	keyType
	keyPayload
	keyCount
)

func keyOf(name []byte) int {
	switch string(name) {
	case "id":
		return keyID
	case "ok":
		return keyOK
	case "body":
		return keyBody
	case "error":
		return keyError
	case "method":
		return keyMethod
	case "reason":
		return keyReason
	case "type":
		return keyType
	case "payload":
		return keyPayload
	}
	return keyUnknown
}

// fields are the positions of the values in a message, by key.
type fields [keyCount]span

// span is a part of a message. It is empty if the key is absent.
type span struct{ begin, end int }

// object is a message that was read. Its fields are those of the message or, if that is an envelope,
// those of the object in it.
type object struct {
	fields
	payload   []byte
	enveloped bool
}

func (m *object) read(payload []byte, want Type) error {
	m.payload = payload
	s := scanner{b: payload}
	i := s.space(0)
	if i == len(payload) || payload[i] != '{' {
		if err := s.whole(s.value(i, 0)); err != nil {
			return err
		}
		return m.refuse(ErrShape, span{i, len(payload)}, "an object", 0)
	}
	var inner fields
	if err := s.whole(s.object(i, 0, &m.fields, &inner)); err != nil {
		return err
	}
	typ, content := m.fields[keyType], m.fields[keyPayload]
	if !m.isString(typ) || content == (span{}) {
		return nil // no envelope [MSG-3]
	}
	m.fields, m.enveloped = inner, true
	if !m.says(typ, want) {
		id, _ := parseID(m.raw(m.fields[keyID]))
		return m.refuse(ErrType, typ, strconv.Quote(string(want)), id)
	}
	if m.raw(content)[0] != '{' {
		return m.refuse(ErrShape, content, `an object as "payload"`, 0)
	}
	return nil
}

// raw returns the JSON text at a span. With its capacity an append cannot overwrite what follows.
func (m *object) raw(at span) []byte { return m.payload[at.begin:at.end:at.end] }

func (m *object) isString(at span) bool { return at != (span{}) && m.payload[at.begin] == '"' }

// says reports whether the string at a span is t.
func (m *object) says(at span, t Type) bool {
	raw := m.raw(at)
	return string(raw[1:len(raw)-1]) == string(t) || unquote(raw) == string(t)
}

func (m *object) id() (uint64, error) {
	at := m.fields[keyID]
	id, ok := parseID(m.raw(at))
	if !ok {
		return 0, m.refuse(ErrID, at, `an integer from 0 to 2^64-1 as "id"`, 0)
	}
	return id, nil
}

func (m *object) body() json.RawMessage {
	if at := m.fields[keyBody]; at != (span{}) {
		return m.raw(at)
	}
	return json.RawMessage("null")
}

func (m *object) text(key int, name string, id uint64) (string, error) {
	at := m.fields[key]
	if !m.isString(at) {
		return "", m.refuse(ErrShape, at, `a string as "`+name+`"`, id)
	}
	return unquote(m.raw(at)), nil
}

// refuse returns the error for a span that is not what was wanted.
func (m *object) refuse(kind Kind, at span, want string, id uint64) error {
	e := &MessageError{Kind: kind, Offset: at.begin, Found: "nothing", Want: want, ID: id}
	if at != (span{}) {
		e.Found = excerpt(m.raw(at))
	}
	return e
}

// excerpt returns the beginning of raw, short enough for a log line.
func excerpt(raw []byte) string {
	const most = 40
	if len(raw) > most {
		return strings.ToValidUTF8(string(raw[:most]), "") + "…"
	}
	return string(raw)
}

// parseID reads a JSON number as an ID, which has only digits [MSG-10]. The scanner has already
// refused leading zeros.
func parseID(raw []byte) (uint64, bool) {
	id := uint64(0)
	for _, c := range raw {
		d := uint64(c - '0')
		if d > 9 || id > (math.MaxUint64-d)/10 {
			return 0, false
		}
		id = id*10 + d
	}
	return id, len(raw) > 0
}

// unquote returns the text of a JSON string that the scanner has accepted.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var text string
	_ = json.Unmarshal(raw, &text) // accepts all that the scanner accepts
	return text
}
