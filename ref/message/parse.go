package message

import (
	"bytes"
	"encoding/json"
)

// Request asks a worker for a call.
type Request struct {
	ID     uint64
	Method string
	Body   json.RawMessage // a part of the payload it was read from; null where it was absent [MSG-6]

	// Enveloped says that the request came in an envelope and is to be answered in one [MSG-2].
	Enveloped bool
}

// Response answers a Request.
type Response struct {
	ID    uint64
	OK    bool
	Body  json.RawMessage // where OK: a part of the payload it was read from; null where it was absent [MSG-15]
	Error string          // where not OK
}

// Cancellation tells a worker that nobody waits for the answer to the request ID any more.
type Cancellation struct {
	ID     uint64
	Reason string // empty where it was absent [CAN-9]
}

// ParseResponse reads a response, standing alone or in its envelope [MSG-15]. Its keys may come in
// any order and unknown ones are ignored [MSG-4]; of a key that is repeated the last counts.
// The payload as a whole must be JSON in UTF-8. The error is a *MessageError.
//
// The Body is valid for as long as the payload.
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

// ParseRequest reads a request, standing alone or in its envelope [MSG-2], by the rules of
// ParseResponse. Where the error is a *MessageError with an ID, that is the ID to answer under
// [MSG-11].
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
// ParseResponse. A message of any other kind is ErrType.
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

// Check says whether body is what a message may carry: one JSON value in UTF-8, or empty. The
// error is a *MessageError.
func Check(body json.RawMessage) error {
	if len(body) == 0 {
		return nil
	}
	s := scanner{b: body}
	return s.whole(s.value(s.space(0), 0))
}

// canonicalResponse reads a response as workers of this protocol write it, with its keys in order
// and nothing between them. Whatever else it meets, the general way judges.
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
