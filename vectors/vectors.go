// Package vectors holds the golden vectors of the PyProc protocol: bytes, and
// what a conforming receiver makes of them. README.md tells how to use them and
// what each field means; conformance/SPEC.md has the clauses that they cite.
package vectors

import (
	"bytes"
	"embed"
	"encoding/json"
)

//go:generate go run ./gen -dir .

// FS holds enhanced.json, basic.json, streams.json, messages.json, history.json and
// schema.json, for a reader that wants the files themselves.
//
//go:embed *.json
var FS embed.FS

// A Set is all vectors of one version. The caller owns it.
type Set struct {
	Version  string // "major.minor"; a vector never changes its verdict within a major version
	Enhanced []FrameVector
	Basic    []FrameVector
	Streams  []FrameVector
	Messages []MessageVector
}

// Load parses the embedded files. It fails only if they are damaged.
func Load() (Set, error) { return load(FS) }

// A Version says which vectors a version of the set brought: their names, by clause.
type Version struct {
	Version string
	Added   map[string][]string
	Changed map[string][]string // given other bytes or another verdict; only where the first number is raised
	Removed map[string][]string // likewise
}

// Versions returns every version of the set, the newest last. It fails only if the embedded file is damaged.
func Versions() ([]Version, error) { return loadVersions(FS) }

// A FrameVector is a stream of bytes that ends after its last byte, and what a
// receiver reads from it.
type FrameVector struct {
	TcID       string // stable name
	Comment    string // what is right or wrong with the bytes
	Clause     string // name of a clause in SPEC.md, e.g. "FRM-7"
	Flags      []string
	Framing    Framing
	MaxPayload uint32 // the receiver's limit for one payload, in bytes
	Bytes      []byte
	Frames     []Frame   // what is handed out, before the error if there is one
	Error      ErrorKind // "" where the stream ends cleanly
	DecidedAt  int       // bytes after which the error must be known; for Truncated the end of the stream too
}

// Valid tells whether the stream ends without an error.
func (v FrameVector) Valid() bool { return v.Error == "" }

// A Frame is one that a receiver hands out. In the basic framing the ID is 0 [FRM-4].
type Frame struct {
	ID      uint64
	Payload []byte
}

// Equal tells whether the two frames are the same; a nil payload is an empty one.
func (f Frame) Equal(other Frame) bool {
	return f.ID == other.ID && bytes.Equal(f.Payload, other.Payload)
}

// A Framing is one of the two ways to put frames on a stream.
type Framing string

// The framings.
const (
	Enhanced Framing = "enhanced"
	Basic    Framing = "basic"
)

// An ErrorKind names why a receiver refuses a stream.
type ErrorKind string

// The error kinds, in the order in which they are checked [FRM-9].
const (
	BadMagic  ErrorKind = "bad_magic"
	BadLength ErrorKind = "bad_length"
	TooLarge  ErrorKind = "too_large"
	Truncated ErrorKind = "truncated"
	BadCRC    ErrorKind = "bad_crc"
)

// A MessageVector is the payload of one frame, and what its receiver must take it for.
type MessageVector struct {
	TcID     string // stable name
	Comment  string
	Clause   string
	Flags    []string
	Receiver Receiver
	Framings []Framing // the framings in which it may be sent
	HeaderID uint64    // the ID in the header where it is sent in the enhanced framing
	Bytes    []byte
	Outcome  Outcome

	// Of OutcomeRequest, OutcomeCancellation and OutcomeResponse.
	ID uint64
	// Of OutcomeRequest and OutcomeResponse: whether it came in an envelope [MSG-2].
	Envelope bool
	// Of OutcomeRequest.
	Method string
	// Of OutcomeRequest, and of OutcomeResponse with OK: JSON text, null where the message has none.
	Body json.RawMessage
	// Of OutcomeResponse.
	OK bool
	// Of OutcomeResponse without OK.
	ErrorText string
	// Of OutcomeCancellation; nil where the message has none [CAN-9].
	Reason *string
	// Of OutcomeErrorAnswer.
	AnswerIDs AnswerIDs
}

// AnswerIDs are the IDs that an error answer may bear, by framing. There is more
// than one only where the vector is flagged "visible-id".
type AnswerIDs struct {
	Enhanced []uint64 // the header's ID
	Basic    []uint64 // 0, or the message's ID where it could be read
}

// A Receiver is the role that a message is sent to.
type Receiver string

// The receivers.
const (
	Worker Receiver = "worker"
	Pool   Receiver = "pool"
)

// An Outcome is what a receiver takes a message for.
type Outcome string

// The outcomes.
const (
	// OutcomeRequest: a worker calls the method and answers under the ID [MSG-1].
	OutcomeRequest Outcome = "request"
	// OutcomeCancellation: a worker cancels the ID and answers nothing [CAN-6].
	OutcomeCancellation Outcome = "cancellation"
	// OutcomeErrorAnswer: a worker runs nothing and answers with an error, and the connection goes on [MSG-11, MSG-12].
	OutcomeErrorAnswer Outcome = "error_answer"
	// OutcomeIgnored: a worker does nothing and answers nothing, and the connection goes on [CAN-6].
	OutcomeIgnored Outcome = "ignored"
	// OutcomeResponse: a pool delivers the body, or the error, to the caller with the ID [RID-4].
	OutcomeResponse Outcome = "response"
	// OutcomeUnreadable: a pool fails the calls of the connection, and delivers nothing [RID-7].
	OutcomeUnreadable Outcome = "unreadable"
	// OutcomeViolation: the connection is over, nothing runs and nothing is delivered [MSG-13].
	OutcomeViolation Outcome = "violation"
)
