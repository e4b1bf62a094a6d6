// Package message encodes and reads the JSON messages that PyProc frames carry: requests,
// responses and cancellations.
//
// A body is a json.RawMessage and is never decoded. Writing copies it into the message. Reading
// returns it as a part of the message, and checks in one pass that the whole message is JSON in
// UTF-8.
//
// Names in brackets, such as [MSG-3], are clauses of conformance/SPEC.md.
package message

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Tail is the end of a message that AppendRequestHead or AppendResponseHead began.
const Tail = "}"

// AppendRequest appends a request to dst and returns the extended slice. An empty body becomes null.
// The body must be JSON in UTF-8 and is not checked: call [Check] first if it may be anything else
// [MSG-17].
func AppendRequest(dst []byte, id uint64, method string, body json.RawMessage) []byte {
	dst = AppendRequestHead(dst, id, method)
	dst = appendBody(dst, body)
	return append(dst, Tail...)
}

// AppendRequestHead appends the part of a request before its body. Append the body and [Tail] next,
// or write them on their own, to avoid a copy of a large body.
func AppendRequestHead(dst []byte, id uint64, method string) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"method":`...)
	dst = appendString(dst, method)
	return append(dst, `,"body":`...)
}

// AppendResponse appends a response with "ok": true. An empty body becomes null, because such a
// response always has a body [MSG-1]. The body must be JSON in UTF-8 and is not checked.
func AppendResponse(dst []byte, id uint64, body json.RawMessage) []byte {
	dst = AppendResponseHead(dst, id)
	dst = appendBody(dst, body)
	return append(dst, Tail...)
}

// AppendResponseHead appends the part of such a response before its body. See AppendRequestHead.
func AppendResponseHead(dst []byte, id uint64) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	return append(dst, `,"ok":true,"body":`...)
}

// AppendErrorResponse appends a response with "ok": false and the given error text.
func AppendErrorResponse(dst []byte, id uint64, text string) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"ok":false,"error":`...)
	dst = appendString(dst, text)
	return append(dst, '}')
}

// AppendCancellation appends a cancellation of the request id, in its envelope. It omits an empty
// reason [CAN-9].
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

// BeginEnvelope appends the part of an envelope before its message. Append the message next, and then
// call [EndEnvelope].
func BeginEnvelope(dst []byte, t Type) []byte {
	dst = append(dst, `{"type":`...)
	dst = appendString(dst, string(t))
	return append(dst, `,"payload":`...)
}

// EndEnvelope appends the end of an envelope that BeginEnvelope began.
func EndEnvelope(dst []byte) []byte { return append(dst, '}') }

func appendBody(dst []byte, body json.RawMessage) []byte {
	if len(body) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, body...)
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD, as in
// encoding/json, because a message must be UTF-8 [MSG-17].
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	plain := 0 // s[plain:i] needs no escape and was not appended yet
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
