package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

// The suite writes messages by hand and reads them with encoding/json; neither comes from an
// implementation under test.

// Request is the JSON of a request standing alone. The body is JSON, or empty for none.
func Request(id uint64, method, body string) []byte {
	if body == "" {
		return fmt.Appendf(nil, `{"id":%d,"method":%s}`, id, Quote(method))
	}
	return fmt.Appendf(nil, `{"id":%d,"method":%s,"body":%s}`, id, Quote(method), body)
}

// Envelope puts a message into an envelope.
func Envelope(kind string, message []byte) []byte {
	return fmt.Appendf(nil, `{"type":%s,"payload":%s}`, Quote(kind), message)
}

// Cancellation is the JSON of a cancellation, with a reason unless that is empty.
func Cancellation(id uint64, reason string) []byte {
	if reason == "" {
		return fmt.Appendf(nil, `{"type":"cancellation","payload":{"id":%d}}`, id)
	}
	return fmt.Appendf(nil, `{"type":"cancellation","payload":{"id":%d,"reason":%s}}`, id, Quote(reason))
}

// OKAnswer and errorAnswer are the JSON of responses standing alone.
func OKAnswer(id uint64, body string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"ok":true,"body":%s}`, id, body)
}

func ErrorAnswer(id uint64, text string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"ok":false,"error":%s}`, id, Quote(text))
}

func Quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil { // a string always has an encoding
		return `""`
	}
	return string(b)
}

// Message is what one payload says, read as [MSG-3] wants it.
type Message struct {
	Type      string // of its envelope, empty where it stands alone
	Enveloped bool
	Fields    map[string]json.RawMessage
}

func ReadMessage(payload []byte) (Message, error) {
	fields, err := Object(payload)
	if err != nil {
		return Message{}, err
	}
	var kind string
	inner, hasPayload := fields["payload"]
	if hasPayload && json.Unmarshal(fields["type"], &kind) == nil && IsString(fields["type"]) {
		fields, err = Object(inner)
		if err != nil {
			return Message{}, fmt.Errorf("the payload of the envelope: %w", err)
		}
		return Message{Type: kind, Enveloped: true, Fields: fields}, nil
	}
	return Message{Fields: fields}, nil
}

// WholeNumber reads a number however JSON writes it, such as 5.0.
func WholeNumber(text []byte) (int, error) {
	var f float64
	if err := json.Unmarshal(text, &f); err != nil {
		return 0, err
	}
	if n := int(f); float64(n) == f {
		return n, nil
	}
	return 0, fmt.Errorf("%s is no whole number", text)
}

func Object(data []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(data, &fields)
	switch {
	case err == nil && fields != nil:
		return fields, nil
	case json.Valid(data):
		return nil, fmt.Errorf("no JSON object: %s", text.Clip(text.Printable(data), 120))
	}
	return nil, fmt.Errorf("no well-formed JSON: %s", text.Clip(text.Printable(data), 120))
}

func IsString(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '"'
}

// ID reads the message's ID as [MSG-10] wants it.
func (m Message) ID() (uint64, error) {
	raw := strings.TrimSpace(string(m.Fields["id"]))
	id, err := strconv.ParseUint(raw, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("no ID of 64 bits: %q", raw)
	}
	return id, nil
}

// Answer is a response of a worker, checked to be one.
type Answer struct {
	ID        uint64
	OK        bool
	Body      json.RawMessage
	Error     string
	Enveloped bool
}

// ReadAnswer reads a response and refuses what [MSG-1] does not allow.
func ReadAnswer(payload []byte) (Answer, error) {
	m, err := ReadMessage(payload)
	if err != nil {
		return Answer{}, err
	}
	if m.Enveloped && m.Type != "response" {
		return Answer{}, fmt.Errorf("an envelope of type %q where a response was due", m.Type)
	}
	a := Answer{Enveloped: m.Enveloped}
	if a.ID, err = m.ID(); err != nil {
		return Answer{}, err
	}
	switch ok := strings.TrimSpace(string(m.Fields["ok"])); ok {
	case "true":
		a.OK = true
		if a.Body = m.Fields["body"]; a.Body == nil {
			return Answer{}, fmt.Errorf(`"ok": true without a "body"`)
		}
	case "false":
		if !IsString(m.Fields["error"]) {
			return Answer{}, fmt.Errorf(`"ok": false without a string "error"`)
		}
		if err := json.Unmarshal(m.Fields["error"], &a.Error); err != nil {
			return Answer{}, fmt.Errorf("the error text: %w", err)
		}
	default:
		return Answer{}, fmt.Errorf(`"ok" is %q and neither true nor false`, ok)
	}
	return a, nil
}
