package message

import "fmt"

// Kind names what is wrong with a message. Each Kind is an error to test for, as in
// errors.Is(err, ErrID).
type Kind string

const (
	ErrSyntax Kind = "malformed JSON"
	ErrUTF8   Kind = "malformed UTF-8"
	ErrDepth  Kind = "nested too deep"          // deeper than MaxDepth
	ErrShape  Kind = "unexpected shape"         // valid JSON, but not an object, or a field of another type
	ErrID     Kind = "no readable id"           // absent, or not an integer from 0 to 2^64-1 [MSG-10]
	ErrType   Kind = "unexpected envelope type" // an envelope of another type than expected
)

// Error returns the name of the kind.
func (k Kind) Error() string { return string(k) }

// MessageError reports where a message is wrong, and how. It wraps its Kind.
type MessageError struct {
	Kind   Kind
	Offset int    // in bytes from the start of the message
	Found  string // what is there
	Want   string // what should be there

	// ID is the ID of the message if it could be read nevertheless, or 0. An error answer is sent
	// under it [MSG-11].
	ID uint64
}

func (e *MessageError) Error() string {
	return fmt.Sprintf("message: %s at byte %d: found %s, want %s", e.Kind, e.Offset, e.Found, e.Want)
}

// Unwrap returns the Kind.
func (e *MessageError) Unwrap() error { return e.Kind }
