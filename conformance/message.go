package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The suite writes messages by hand and reads them with encoding/json; neither comes from an
// implementation under test.

// request is the JSON of a request standing alone. The body is JSON, or empty for none.
func request(id uint64, method, body string) []byte {
	if body == "" {
		return fmt.Appendf(nil, `{"id":%d,"method":%s}`, id, quote(method))
	}
	return fmt.Appendf(nil, `{"id":%d,"method":%s,"body":%s}`, id, quote(method), body)
}

// envelope puts a message into an envelope.
func envelope(kind string, message []byte) []byte {
	return fmt.Appendf(nil, `{"type":%s,"payload":%s}`, quote(kind), message)
}

// cancellation is the JSON of a cancellation, with a reason unless that is empty.
func cancellation(id uint64, reason string) []byte {
	if reason == "" {
		return fmt.Appendf(nil, `{"type":"cancellation","payload":{"id":%d}}`, id)
	}
	return fmt.Appendf(nil, `{"type":"cancellation","payload":{"id":%d,"reason":%s}}`, id, quote(reason))
}

// okAnswer and errorAnswer are the JSON of responses standing alone.
func okAnswer(id uint64, body string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"ok":true,"body":%s}`, id, body)
}

func errorAnswer(id uint64, text string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"ok":false,"error":%s}`, id, quote(text))
}

func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil { // a string always has an encoding
		return `""`
	}
	return string(b)
}

// message is what one payload says, read as [MSG-3] wants it.
type message struct {
	Type      string // of its envelope, empty where it stands alone
	Enveloped bool
	Fields    map[string]json.RawMessage
}

func readMessage(payload []byte) (message, error) {
	fields, err := object(payload)
	if err != nil {
		return message{}, err
	}
	var kind string
	inner, hasPayload := fields["payload"]
	if hasPayload && json.Unmarshal(fields["type"], &kind) == nil && isString(fields["type"]) {
		fields, err = object(inner)
		if err != nil {
			return message{}, fmt.Errorf("the payload of the envelope: %w", err)
		}
		return message{Type: kind, Enveloped: true, Fields: fields}, nil
	}
	return message{Fields: fields}, nil
}

// wholeNumber reads a number however JSON writes it, such as 5.0.
func wholeNumber(text []byte) (int, error) {
	var f float64
	if err := json.Unmarshal(text, &f); err != nil {
		return 0, err
	}
	if n := int(f); float64(n) == f {
		return n, nil
	}
	return 0, fmt.Errorf("%s is no whole number", text)
}

func object(text []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(text, &fields)
	switch {
	case err == nil && fields != nil:
		return fields, nil
	case json.Valid(text):
		return nil, fmt.Errorf("no JSON object: %s", clip(printable(text), 120))
	}
	return nil, fmt.Errorf("no well-formed JSON: %s", clip(printable(text), 120))
}

func isString(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '"'
}

// id reads the message's ID as [MSG-10] wants it.
func (m message) id() (uint64, error) {
	raw := strings.TrimSpace(string(m.Fields["id"]))
	id, err := strconv.ParseUint(raw, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("no ID of 64 bits: %q", raw)
	}
	return id, nil
}

// answer is a response of a worker, checked to be one.
type answer struct {
	ID        uint64
	OK        bool
	Body      json.RawMessage
	Error     string
	Enveloped bool
}

// readAnswer reads a response and refuses what [MSG-1] does not allow.
func readAnswer(payload []byte) (answer, error) {
	m, err := readMessage(payload)
	if err != nil {
		return answer{}, err
	}
	if m.Enveloped && m.Type != "response" {
		return answer{}, fmt.Errorf("an envelope of type %q where a response was due", m.Type)
	}
	a := answer{Enveloped: m.Enveloped}
	if a.ID, err = m.id(); err != nil {
		return answer{}, err
	}
	switch ok := strings.TrimSpace(string(m.Fields["ok"])); ok {
	case "true":
		a.OK = true
		if a.Body = m.Fields["body"]; a.Body == nil {
			return answer{}, fmt.Errorf(`"ok": true without a "body"`)
		}
	case "false":
		if !isString(m.Fields["error"]) {
			return answer{}, fmt.Errorf(`"ok": false without a string "error"`)
		}
		if err := json.Unmarshal(m.Fields["error"], &a.Error); err != nil {
			return answer{}, fmt.Errorf("the error text: %w", err)
		}
	default:
		return answer{}, fmt.Errorf(`"ok" is %q and neither true nor false`, ok)
	}
	return a, nil
}
