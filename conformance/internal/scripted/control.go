package scripted

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Message is an order of a case to its scripted process, or an event that the process reports to the case. The process
// only carries out orders and reports events in the order in which they happen; all decisions are the case's.
type Message struct {
	Kind Kind
	Conn uint32 // the connection, counted from 1 in the order of acceptance; 0 for none
	Tag  uint32 // of an order that must be confirmed, and of its confirmation; 0 for none
	Data []byte
}

// Kind says which order or event a message is.
type Kind byte

// The orders.
const (
	OrderListen   Kind = iota + 1 // listen at PYPROC_SOCKET_PATH
	OrderWrite                    // write Data on a connection, after the earlier orders for it
	OrderClose                    // close a connection, after the earlier orders for it
	OrderReadOnly                 // read that many (Data, u64) more bytes of each connection, also of later ones
	OrderSync                     // report everything that has arrived by now, then confirm
	OrderStderr                   // write Data to standard error
	OrderExit                     // exit with the status in Conn
	OrderDie                      // die by SIGKILL
	OrderStdout                   // write Data to standard output
	OrderBind                     // make the socket at PYPROC_SOCKET_PATH, and do not listen at it yet
)

// The events.
const (
	EventHello     Kind = iota + 101 // the process has started; Data is its ID, a space and its socket path
	EventAccepted                    // a connection was accepted
	EventReceived                    // Data arrived on a connection
	EventEnded                       // a connection ended; Data says how
	EventSignal                      // a signal arrived; Data is its name
	EventDone                        // the order with that tag was carried out; Data is its error, or empty
	EventInherited                   // the process began with a connection; Data is the path of its peer
)

// ReadAll is the number for OrderReadOnly that sets no bound.
const ReadAll = math.MaxInt64

const headerSize = 13 // bytes

// Append appends the message to dst as it goes over the control socket.
func (m Message) Append(dst []byte) []byte {
	dst = append(dst, byte(m.Kind))
	dst = binary.BigEndian.AppendUint32(dst, m.Conn)
	dst = binary.BigEndian.AppendUint32(dst, m.Tag)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(m.Data)))
	return append(dst, m.Data...)
}

// Read reads one message. It returns an error if the control socket ends, which means that the other side has exited.
func Read(r io.Reader) (Message, error) {
	var h [headerSize]byte
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
