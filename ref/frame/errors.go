package frame

import (
	"errors"
	"fmt"
	"io"
)

// Kind names what is wrong with a frame, as the specification does. Each Kind is an error to test
// for, as in errors.Is(err, ErrBadCRC).
type Kind string

const (
	ErrBadMagic  Kind = "bad_magic"  // the enhanced frame does not begin with "PY" [FRM-6]
	ErrBadLength Kind = "bad_length" // the length field is below 18 [FRM-7]
	ErrTooLarge  Kind = "too_large"  // the payload exceeds the maximum [FRM-8] [FRM-12]
	ErrTruncated Kind = "truncated"  // the stream ended inside a frame [STR-2]
	ErrBadCRC    Kind = "bad_crc"    // the payload does not match its checksum [CRC-4]
)

// Error returns the name of the kind.
func (k Kind) Error() string { return string(k) }

// FrameError reports which frame is wrong, and how. It wraps its Kind.
type FrameError struct {
	Kind     Kind
	Offset   int64  // of the frame, in bytes from the start of the stream; -1 without a stream
	Found    string // what the frame has
	Expected string // what it should have
	Advice   string // what to do about it
}

func (e *FrameError) Error() string {
	where := ""
	if e.Offset >= 0 {
		where = fmt.Sprintf(" in the frame at offset %d of the stream", e.Offset)
	}
	return fmt.Sprintf("frame: %s%s: found %s, expected %s; %s", e.Kind, where, e.Found, e.Expected, e.Advice)
}

// Unwrap returns the Kind.
func (e *FrameError) Unwrap() error { return e.Kind }

// WriteError reports that a frame was not written whole. It wraps Err, the error of the underlying
// writer.
//
// If a part of the frame was written, the error is final: it also wraps io.ErrShortWrite, and every
// later write returns it, because the peer would take the next bytes for the rest of the broken
// frame [STR-6]. If nothing was written, a later write may succeed.
type WriteError struct {
	Written int   // bytes written
	Size    int   // bytes to write
	Err     error // of the underlying writer; nil if it wrote less without an error
}

func (e *WriteError) Error() string {
	cause := "the writer gave no reason"
	if e.Err != nil {
		cause = e.Err.Error()
	}
	advice := "nothing was written, so the frame may be written again"
	if e.Final() {
		advice = "the rest of the frame is missing, so nothing more can be written: close the stream"
	}
	return fmt.Sprintf("frame: wrote %d of %d bytes: %s; %s", e.Written, e.Size, cause, advice)
}

// Final reports whether every later write fails with the same error.
func (e *WriteError) Final() bool { return e.Written > 0 || e.Err == nil }

// Unwrap returns the wrapped errors.
func (e *WriteError) Unwrap() []error {
	var wrapped []error
	if e.Final() {
		wrapped = append(wrapped, io.ErrShortWrite)
	}
	if e.Err != nil {
		wrapped = append(wrapped, e.Err)
	}
	return wrapped
}

// OptionsError reports an invalid field of Options.
type OptionsError struct {
	Field string
	Value int
	Want  string
}

func (e *OptionsError) Error() string {
	return fmt.Sprintf("frame: Options.%s is %d; set it to %s", e.Field, e.Value, e.Want)
}

// noStream is the Offset of an error without a stream.
const noStream = -1

const closeConnection = "frames can no longer be told apart on this stream: close it"

func badMagic(offset int64, b []byte) error {
	return &FrameError{
		Kind: ErrBadMagic, Offset: offset,
		Found:    fmt.Sprintf("the bytes % x", b[:2]),
		Expected: fmt.Sprintf("%x %x", MagicByte1, MagicByte2),
		Advice:   "check that the peer speaks the enhanced framing; " + closeConnection,
	}
}

func badLength(offset int64, length uint32) error {
	return &FrameError{
		Kind: ErrBadLength, Offset: offset,
		Found:    fmt.Sprintf("length %d", length),
		Expected: fmt.Sprintf("%d or more", FrameHeaderSize),
		Advice:   "check that the peer counts the header in the length; " + closeConnection,
	}
}

func tooLarge(offset int64, size uint64, maxPayload int) error {
	return &FrameError{
		Kind: ErrTooLarge, Offset: offset,
		Found:    fmt.Sprintf("a payload of %d bytes", size),
		Expected: fmt.Sprintf("at most %d", maxPayload),
		Advice:   "raise MaxPayload on both sides or send less at once",
	}
}

func truncated(offset int64, expected, found int) error {
	return &FrameError{
		Kind: ErrTruncated, Offset: offset,
		Found:    fmt.Sprintf("the end of the stream after %d bytes", found),
		Expected: fmt.Sprintf("at least %d", expected),
		Advice:   "the peer went away in the middle of a frame: see why it ended",
	}
}

func badCRC(offset int64, found, expected uint32) error {
	return &FrameError{
		Kind: ErrBadCRC, Offset: offset,
		Found:    fmt.Sprintf("CRC32C %08x in the header", found),
		Expected: fmt.Sprintf("%08x as computed from the payload", expected),
		Advice:   "check that the peer sums the payload alone, with the Castagnoli polynomial; " + closeConnection,
	}
}

var errBadReader = errors.New("frame: the underlying reader returned an impossible count")
