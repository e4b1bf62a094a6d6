// Package message encodes and reads the JSON messages that PyProc frames carry: requests,
// responses and cancellations.
//
// A body is a json.RawMessage and stays one: it is copied into a message, or is a part of the
// message it came in, and is never decoded. Reading checks that the whole message is JSON in
// UTF-8, in one pass.
//
// The clauses named in brackets, such as [MSG-3], are those of conformance/SPEC.md.
package message

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Tail ends a message that AppendRequestHead or AppendResponseHead began.
const Tail = "}"

// AppendRequest appends a request to dst. An empty body is sent as null. The body must be JSON:
// it is copied as it is, so a caller that got it from elsewhere asks [Check] first [MSG-17].
func AppendRequest(dst []byte, id uint64, method string, body json.RawMessage) []byte {
	dst = AppendRequestHead(dst, id, method)
	dst = appendBody(dst, body)
	return append(dst, Tail...)
}

// AppendRequestHead appends what comes before the body of a request. Body and [Tail] complete it;
// so a large body can be written from where it is.
func AppendRequestHead(dst []byte, id uint64, method string) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"method":`...)
	dst = appendString(dst, method)
	return append(dst, `,"body":`...)
}

// AppendResponse appends the answer of a call that succeeded. An empty body is sent as null, for
// an answer always has one [MSG-1]. The body must be JSON, as in AppendRequest.
func AppendResponse(dst []byte, id uint64, body json.RawMessage) []byte {
	dst = AppendResponseHead(dst, id)
	dst = appendBody(dst, body)
	return append(dst, Tail...)
}

// AppendResponseHead appends what comes before the body of such an answer; see AppendRequestHead.
func AppendResponseHead(dst []byte, id uint64) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	return append(dst, `,"ok":true,"body":`...)
}

// AppendErrorResponse appends the answer of a call that failed.
func AppendErrorResponse(dst []byte, id uint64, text string) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"ok":false,"error":`...)
	dst = appendString(dst, text)
	return append(dst, '}')
}

// AppendCancellation appends a cancellation of the request id, in its envelope. An empty reason is
// left out [CAN-9].
func AppendCancellation(dst []byte, id uint64, reason string) []byte {
	dst = BeginEnvelope(dst, TypeCancellation)
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	if reason != "" {
		dst = append(dst, `,"reason":`...)
		dst = appendString(dst, reason)
	}
	dst = append(dst, '}')
	return EndEnvelope(dst)
}

// Type is the type of an envelope.
type Type string

const (
	TypeRequest      Type = "request"
	TypeResponse     Type = "response"
	TypeCancellation Type = "cancellation"
)

// BeginEnvelope appends what comes before the message in an envelope: append the message next, and
// then [EndEnvelope].
func BeginEnvelope(dst []byte, t Type) []byte {
	dst = append(dst, `{"type":`...)
	dst = appendString(dst, string(t))
	return append(dst, `,"payload":`...)
}

// EndEnvelope ends what BeginEnvelope began.
func EndEnvelope(dst []byte) []byte { return append(dst, '}') }

func appendBody(dst []byte, body json.RawMessage) []byte {
	if len(body) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, body...)
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD, as in
// encoding/json: a message is UTF-8 whatever a caller names its methods.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	plain := 0 // s[plain:i] needs no escape and is not yet appended
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[plain:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= utf8.RuneSelf:
			dst = append(dst, `\ufffd`...)
		default:
			const hex = "0123456789abcdef"
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&0xf])
		}
		i++
		plain = i
	}
	dst = append(dst, s[plain:]...)
	return append(dst, '"')
}
