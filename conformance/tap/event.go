package tap

import (
	"time"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// EventKind is the kind of an event.
type EventKind string

// The kinds of events.
const (
	Listening     EventKind = "listening"   // the socket exists
	Opened        EventKind = "opened"      // a connection was accepted and is passed on
	Unreachable   EventKind = "unreachable" // a connection was closed, because the worker accepts none
	ViolationSeen EventKind = "violation"   // something that passed violates a clause
	CutOff        EventKind = "cut_off"     // a sender ended inside a frame, as a peer that stops at once may do
	GivenUp       EventKind = "given_up"    // a connection is no longer inspected; the bytes go on
	Closed        EventKind = "closed"      // a connection has ended
	Ended         EventKind = "ended"       // the tap has ended
)

// Event is one line of a tap's JSON log. Fields that have no meaning for its kind are left out. Request IDs appear only
// inside texts, because JSON readers that read numbers as doubles change them.
type Event struct {
	Time       time.Time `json:"time"`
	Event      EventKind `json:"event"`
	Connection int       `json:"connection,omitempty"` // counted from 1, in the order of arrival
	Process    int       `json:"process,omitempty"`    // the tap's process ID, since several taps may share a log

	// Of Listening and Unreachable.
	Listen   string `json:"listen,omitempty"`
	Upstream string `json:"upstream,omitempty"`

	// Of Unreachable and GivenUp.
	Reason string `json:"reason,omitempty"`

	// Of ViolationSeen and CutOff.
	Sender  spec.Role      `json:"sender,omitempty"` // whose bytes these are
	Framing spec.Framing   `json:"framing,omitempty"`
	Clause  string         `json:"clause,omitempty"`
	Level   spec.Level     `json:"level,omitempty"`
	Kind    spec.ErrorKind `json:"kind,omitempty"`    // of a framing error
	Offset  *int64         `json:"offset,omitempty"`  // of the first wrong byte, in all bytes that its sender sent
	Frame   *int64         `json:"frame,omitempty"`   // the offset at which the frame begins
	Message string         `json:"message,omitempty"` // what the frame says
	Want    string         `json:"want,omitempty"`    // what the clause asks for
	Got     string         `json:"got,omitempty"`     // what passed instead
	Bytes   string         `json:"bytes,omitempty"`   // the frame in hex, at most its first 512 bytes
	Size    int            `json:"size,omitempty"`    // how many bytes there are of the frame
	Dump    string         `json:"-"`                 // the frame for a person

	// Of Closed.
	Passed *Passed `json:"passed,omitempty"`

	// Of Closed, for its connection, and of Ended, for all.
	Violations int `json:"violations,omitempty"`
}

// Passed is what passed on a connection. If the inspection ended early, the messages are counted up to its end.
type Passed struct {
	FromPool      int64 `json:"bytes_from_pool"`
	FromWorker    int64 `json:"bytes_from_worker"`
	Requests      int   `json:"requests"`
	Cancellations int   `json:"cancellations"`
	Answers       int   `json:"answers"`
	Unreadable    int   `json:"unreadable"`
	Milliseconds  int64 `json:"milliseconds"`
}
