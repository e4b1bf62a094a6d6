package tap

import (
	"encoding/hex"
	"time"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Passing is a piece of what passed on a connection: bytes, or an end.
type Passing struct {
	Time       time.Time // when it passed
	Connection int       // counted from 1, in the order of arrival
	Sender     spec.Role
	Data       []byte // valid until the function that got it returns
	End        bool   // the sender sends no more
	Lost       bool   // bytes passed faster than they could be kept: no more follows of this connection
}

// Record is one line of the file that pyproctest tap --record writes. Its lines are in the order in which the bytes of
// each connection passed.
type Record struct {
	Record     int       `json:"record"` // RecordVersion
	Time       time.Time `json:"time"`
	Process    int       `json:"process,omitempty"` // the tap's process ID, since several taps may share a file
	Connection int       `json:"connection"`        // counted from 1
	Sender     spec.Role `json:"sender,omitempty"`  // pool or worker
	Bytes      string    `json:"bytes,omitempty"`   // hex
	End        bool      `json:"end,omitempty"`     // the sender sends no more
	Lost       bool      `json:"lost,omitempty"`    // bytes passed faster than they could be recorded: no more follows of this connection
}

// RecordVersion is the version of the form of a [Record].
const RecordVersion = 1

// Record returns the piece as a line of a record.
func (p Passing) Record() Record {
	return Record{
		Record: RecordVersion, Time: p.Time, Connection: p.Connection, Sender: p.Sender,
		Bytes: hex.EncodeToString(p.Data), End: p.End, Lost: p.Lost,
	}
}
