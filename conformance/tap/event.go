package tap

import (
	"time"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// EventKind is what an event tells.
type EventKind string

// The kinds of events.
const (
	Listening     EventKind = "listening"   // the socket is there
	Opened        EventKind = "opened"      // a connection came and is passed on
	Unreachable   EventKind = "unreachable" // one came and was closed: the worker takes none
	ViolationSeen EventKind = "violation"   // something that passed breaks a clause
	CutOff        EventKind = "cut_off"     // a sender ended inside a frame, as a peer that stops at once may
	GivenUp       EventKind = "given_up"    // a connection is inspected no more; the bytes go on
	Closed        EventKind = "closed"      // a connection has ended
	Ended         EventKind = "ended"       // nothing passes any more
)

// Event is one thing that a tap tells, one line of its JSON log. Fields that say nothing for its kind are
// left out. IDs are in the texts alone, because JSON readers that take numbers for doubles change them.
type Event struct {
	Time       time.Time `json:"time"`
	Event      EventKind `json:"event"`
	Connection int       `json:"connection,omitempty"` // from 1, in the order in which they came
	Process    int       `json:"process,omitempty"`    // of the tap, where several share a log

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
	Offset  *int64         `json:"offset,omitempty"`  // of the first byte in question in all that its sender sent
	Frame   *int64         `json:"frame,omitempty"`   // the offset at which its frame begins
	Message string         `json:"message,omitempty"` // what the frame says
	Want    string         `json:"want,omitempty"`    // what the clause asks for
	Got     string         `json:"got,omitempty"`     // what passed instead
	Bytes   string         `json:"bytes,omitempty"`   // of the frame in hex, the first 512 at most
	Size    int            `json:"size,omitempty"`    // how many bytes the frame has, or what there is of it
	Dump    string         `json:"-"`                 // the frame for a person

	// Of Closed.
	Passed *Passed `json:"passed,omitempty"`

	// Of Closed, for its connection, and of Ended, for all.
	Violations int `json:"violations,omitempty"`
}

// Passed is what passed on a connection. Where the inspection ended early, the messages are those until then.
type Passed struct {
	FromPool      int64 `json:"bytes_from_pool"`
	FromWorker    int64 `json:"bytes_from_worker"`
	Requests      int   `json:"requests"`
	Cancellations int   `json:"cancellations"`
	Answers       int   `json:"answers"`
	Unreadable    int   `json:"unreadable"`
	Milliseconds  int64 `json:"milliseconds"`
}
