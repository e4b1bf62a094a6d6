package message

import (
	"bytes"
	"encoding/json"
)

// Request asks a worker for a call.
type Request struct {
	ID     uint64
	Method string
	Body   json.RawMessage // a part of the payload; null if it was absent [MSG-6]

	// Enveloped reports that the request came in an envelope. Its response must have one too [MSG-2].
	Enveloped bool
}

// Response answers a Request.
type Response struct {
	ID    uint64
	OK    bool
	Body  json.RawMessage // if OK: a part of the payload; null if it was absent [MSG-15]
	Error string          // if not OK
}

// Cancellation tells a worker that its caller no longer waits for the answer to the request ID.
type Cancellation struct {
	ID     uint64
	Reason string // empty if it was absent [CAN-9]
}

// ParseResponse reads a response, alone or in its envelope [MSG-15]. Keys may have any order. Unknown
// keys are ignored [MSG-4], and of a repeated key the last counts. The whole payload must be JSON in
// UTF-8.
//
// The Body of the response is a part of the payload, not a copy. The error is a *MessageError.
func ParseResponse(payload []byte) (Response, error) {
	if r, ok := canonicalResponse(payload); ok {
		return r, nil
	}
	var m object
	if err := m.read(payload, TypeResponse); err != nil {
		return Response{}, err
	}
	id, err := m.id()
	if err != nil {
		return Response{}, err
	}
	switch ok := m.fields[keyOK]; string(m.raw(ok)) {
	case "true":
		return Response{ID: id, OK: true, Body: m.body()}, nil
	case "false":
		text, err := m.text(keyError, "error", id)
		if err != nil {
			return Response{}, err
		}
		return Response{ID: id, Error: text}, nil
	default:
		return Response{}, m.refuse(ErrShape, ok, `true or false as "ok"`, id)
	}
}

// ParseRequest reads a request, alone or in its envelope [MSG-2], by the rules of ParseResponse. The
// error is a *MessageError. Its ID is the one to send the error answer under [MSG-11].
func ParseRequest(payload []byte) (Request, error) {
	var m object
	if err := m.read(payload, TypeRequest); err != nil {
		return Request{}, err
	}
	id, err := m.id()
	if err != nil {
		return Request{}, err
	}
	method, err := m.text(keyMethod, "method", id)
	if err != nil {
		return Request{}, err
	}
	return Request{ID: id, Method: method, Body: m.body(), Enveloped: m.enveloped}, nil
}

// ParseCancellation reads a cancellation, which always has its envelope, by the rules of
// ParseResponse. The error is a *MessageError, of kind ErrType for any other message.
func ParseCancellation(payload []byte) (Cancellation, error) {
	var m object
	if err := m.read(payload, TypeCancellation); err != nil {
		return Cancellation{}, err
	}
	if !m.enveloped {
		return Cancellation{}, &MessageError{Kind: ErrType, Found: "no envelope", Want: string(TypeCancellation)}
	}
	id, err := m.id()
	if err != nil {
		return Cancellation{}, err
	}
	if m.fields[keyReason] == (span{}) {
		return Cancellation{ID: id}, nil
	}
	reason, err := m.text(keyReason, "reason", id)
	if err != nil {
		return Cancellation{}, err
	}
	return Cancellation{ID: id, Reason: reason}, nil
}

// Check checks that body may be sent in a message: that it is one JSON value in UTF-8, or empty. The
// error is a *MessageError.
func Check(body json.RawMessage) error {
	if len(body) == 0 {
		return nil
	}
	s := scanner{b: body}
	return s.whole(s.value(s.space(0), 0))
}

// canonicalResponse reads a response with its keys in the usual order and no space between them. It
// reports false for any other, which the general way reads.
func canonicalResponse(payload []byte) (Response, bool) {
	const head, isOK = `{"id":`, `,"ok":true,"body":`
	if !bytes.HasPrefix(payload, []byte(head)) {
		return Response{}, false
	}
	s := scanner{b: payload}
	begin := len(head)
	i := begin
	for i < len(payload) && '0' <= payload[i] && payload[i] <= '9' {
		i++
	}
	id, ok := parseID(payload[begin:i])
	if !ok || payload[begin] == '0' && i > begin+1 {
		return Response{}, false
	}
	if !bytes.HasPrefix(payload[i:], []byte(isOK)) {
		return Response{}, false
	}
	i += len(isOK)
	end := s.value(i, 1)
	if end != len(payload)-1 || payload[end] != '}' {
		return Response{}, false
	}
	return Response{ID: id, OK: true, Body: payload[i:end:end]}, true
}
