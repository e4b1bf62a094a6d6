package conformance

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// A scripted process and the case that scripts it talk over a control socket in control messages:
// orders one way, events the other. All that is clever is on the side of the case, and the process
// reports what happens to it in the order in which it happened.
type controlMessage struct {
	kind controlKind
	conn uint32 // the connection in question, counted from 1 in the order of acceptance; 0 for none
	tag  uint32 // of an order that asks to be confirmed, and of its confirmation; 0 for none
	data []byte
}

type controlKind byte

// The orders.
const (
	orderListen   controlKind = iota + 1 // at its PYPROC_SOCKET_PATH
	orderWrite                           // data on a connection, after all that was ordered before on it
	orderClose                           // a connection, after all that was ordered before on it
	orderReadOnly                        // data (u64) more bytes of each connection, those to come included
	orderSync                            // report all that has arrived by now, then confirm
	orderSay                             // data on standard error
	orderExit                            // with the status in conn
	orderDie                             // by SIGKILL
)

// The events.
const (
	eventHello    controlKind = iota + 101 // data: process ID, a space, socket path
	eventAccepted                          // a connection
	eventReceived                          // data on a connection
	eventEnded                             // a connection; data says how
	eventSignal                            // data: its name
	eventDone                              // the order of that tag; data: what went wrong, or empty
)

const (
	controlHeader = 13
	readAll       = math.MaxInt64 // for orderReadOnly: no bound
)

func (m controlMessage) append(dst []byte) []byte {
	dst = append(dst, byte(m.kind))
	dst = binary.BigEndian.AppendUint32(dst, m.conn)
	dst = binary.BigEndian.AppendUint32(dst, m.tag)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(m.data)))
	return append(dst, m.data...)
}

func readControl(r io.Reader) (controlMessage, error) {
	var h [controlHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return controlMessage{}, fmt.Errorf("the control socket ended: %w", err)
	}
	m := controlMessage{
		kind: controlKind(h[0]),
		conn: binary.BigEndian.Uint32(h[1:]),
		tag:  binary.BigEndian.Uint32(h[5:]),
		data: make([]byte, binary.BigEndian.Uint32(h[9:])),
	}
	if _, err := io.ReadFull(r, m.data); err != nil {
		return controlMessage{}, fmt.Errorf("the control socket ended within a message: %w", err)
	}
	return m, nil
}
