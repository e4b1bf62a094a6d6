package scripted

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// A scripted process and the case that scripts it talk over a control socket in control messages:
// orders one way, events the other. All that is clever is on the side of the case, and the process
// reports what happens to it in the order in which it happened.
type Message struct {
	Kind Kind
	Conn uint32 // the connection in question, counted from 1 in the order of acceptance; 0 for none
	Tag  uint32 // of an order that asks to be confirmed, and of its confirmation; 0 for none
	Data []byte
}

type Kind byte

// The orders.
const (
	OrderListen   Kind = iota + 1 // at its PYPROC_SOCKET_PATH
	OrderWrite                    // data on a connection, after all that was ordered before on it
	OrderClose                    // a connection, after all that was ordered before on it
	OrderReadOnly                 // data (u64) more bytes of each connection, those to come included
	OrderSync                     // report all that has arrived by now, then confirm
	OrderStderr                   // data on standard error
	OrderExit                     // with the status in conn
	OrderDie                      // by SIGKILL
)

// The events.
const (
	EventHello    Kind = iota + 101 // data: process ID, a space, socket path
	EventAccepted                   // a connection
	EventReceived                   // data on a connection
	EventEnded                      // a connection; data says how
	EventSignal                     // data: its name
	EventDone                       // the order of that tag; data: what went wrong, or empty
)

const (
	controlHeader = 13
	ReadAll       = math.MaxInt64 // for orderReadOnly: no bound
)

func (m Message) Append(dst []byte) []byte {
	dst = append(dst, byte(m.Kind))
	dst = binary.BigEndian.AppendUint32(dst, m.Conn)
	dst = binary.BigEndian.AppendUint32(dst, m.Tag)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(m.Data)))
	return append(dst, m.Data...)
}

func Read(r io.Reader) (Message, error) {
	var h [controlHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return Message{}, fmt.Errorf("the control socket ended: %w", err)
	}
	m := Message{
		Kind: Kind(h[0]),
		Conn: binary.BigEndian.Uint32(h[1:]),
		Tag:  binary.BigEndian.Uint32(h[5:]),
		Data: make([]byte, binary.BigEndian.Uint32(h[9:])),
	}
	if _, err := io.ReadFull(r, m.Data); err != nil {
		return Message{}, fmt.Errorf("the control socket ended within a message: %w", err)
	}
	return m, nil
}
