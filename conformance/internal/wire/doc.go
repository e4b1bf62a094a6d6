// Package wire is the suite's own codec: frames and messages to bytes and back, hex dumps, and equality of JSON values.
//
// It is separate from ref/frame and ref/message, so that a bug of the reference cannot hide itself. It imports spec and
// internal/text. Read codec.go for frames and message.go for messages.
package wire
