package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

// Request returns a request without an envelope. The body is JSON, or empty for none.
func Request(id uint64, method, body string) []byte {
	if body == "" {
		return fmt.Appendf(nil, `{"id":%d,"method":%s}`, id, Quote(method))
	}
	return fmt.Appendf(nil, `{"id":%d,"method":%s,"body":%s}`, id, Quote(method), body)
}

// Envelope returns a message in an envelope of that type.
func Envelope(kind string, message []byte) []byte {
	return fmt.Appendf(nil, `{"type":%s,"payload":%s}`, Quote(kind), message)
}

// Cancellation returns a cancellation, with a reason unless that is empty.
func Cancellation(id uint64, reason string) []byte {
	if reason == "" {
		return fmt.Appendf(nil, `{"type":"cancellation","payload":{"id":%d}}`, id)
	}
	return fmt.Appendf(nil, `{"type":"cancellation","payload":{"id":%d,"reason":%s}}`, id, Quote(reason))
}

// OKAnswer returns a response without an envelope. The body is JSON.
func OKAnswer(id uint64, body string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"ok":true,"body":%s}`, id, body)
}

// ErrorAnswer returns an error response without an envelope.
func ErrorAnswer(id uint64, text string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"ok":false,"error":%s}`, id, Quote(text))
}

// Quote returns a string as JSON.
func Quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil { // a string always has an encoding
		return `""`
	}
	return string(b)
}

// Message is one payload, read as [MSG-3] demands.
type Message struct {
	Type      string // type of its envelope; empty without one
	Enveloped bool
	Fields    map[string]json.RawMessage
}

// ReadMessage reads a message, with or without an envelope. It returns an error if the payload is not a JSON object.
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

// WholeNumber reads a whole number in any form that JSON allows, such as 5.0.
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

// Object returns the fields of a JSON object.
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

// IsString reports whether a JSON value is a string.
func IsString(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '"'
}

// ID returns the ID of the message. It returns an error for an ID that [MSG-10] does not allow.
func (m Message) ID() (uint64, error) {
	raw := strings.TrimSpace(string(m.Fields["id"]))
	id, err := strconv.ParseUint(raw, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("no ID of 64 bits: %q", raw)
	}
	return id, nil
}

// Answer is a response of a worker.
type Answer struct {
	ID        uint64
	OK        bool
	Body      json.RawMessage
	Error     string
	Enveloped bool
}

// ReadAnswer reads a response. It returns an error for one that [MSG-1] does not allow.
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
