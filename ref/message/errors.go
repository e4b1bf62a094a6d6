package message

import "fmt"

// Kind names what is wrong with a message. Each Kind is an error, so errors.Is(err, ErrID) asks
// for it.
type Kind string

const (
	ErrSyntax Kind = "malformed JSON"
	ErrUTF8   Kind = "malformed UTF-8"
	ErrDepth  Kind = "nested too deep"          // deeper than MaxDepth
	ErrShape  Kind = "unexpected shape"         // JSON, but no object, or a field of another type
	ErrID     Kind = "no readable id"           // absent, or no integer from 0 to 2^64-1 [MSG-10]
	ErrType   Kind = "unexpected envelope type" // an envelope of another type than asked for
)

// Error is the name of the kind.
func (k Kind) Error() string { return string(k) }

// MessageError says why a message was refused. It wraps its Kind.
type MessageError struct {
	Kind   Kind
	Offset int    // of what is wrong, in bytes from the start of the message
	Found  string // what is there
	Want   string // what should be

	// ID is the message's ID where it could be read all the same, to answer under, or 0 [MSG-11].
	ID uint64
}

func (e *MessageError) Error() string {
	return fmt.Sprintf("message: %s at byte %d: found %s, want %s", e.Kind, e.Offset, e.Found, e.Want)
}

// Unwrap returns the Kind.
func (e *MessageError) Unwrap() error { return e.Kind }
