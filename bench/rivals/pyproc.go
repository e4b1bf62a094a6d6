package rivals

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
)

// pyproc is a lean client of the public worker, which comes without one on this side that could be
// had: a frame each way in the basic framing, with the JSON written and looked at in place.
type pyproc struct {
	conn net.Conn
	text string
	id   uint64
	out  []byte
	in   []byte
}

func connectPyproc(socket, text string) (caller, error) {
	conn, err := dial(socket)
	if err != nil {
		return nil, err
	}
	return &pyproc{conn: conn, text: text}, nil
}

func (c *pyproc) Close() error { return c.conn.Close() }

func (c *pyproc) call() error {
	c.id++
	c.out = append(c.out[:0], 0, 0, 0, 0)
	c.out = append(c.out, `{"id":`...)
	c.out = strconv.AppendUint(c.out, c.id, 10)
	c.out = append(c.out, `,"method":"echo","body":"`...)
	c.out = append(c.out, c.text...)
	c.out = append(c.out, `"}`...)
	binary.BigEndian.PutUint32(c.out, uint32(len(c.out)-4))
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	var header [4]byte
	if _, err := io.ReadFull(c.conn, header[:]); err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint32(header[:]))
	if cap(c.in) < size {
		c.in = make([]byte, size)
	}
	c.in = c.in[:size]
	if _, err := io.ReadFull(c.conn, c.in); err != nil {
		return err
	}
	if !bytes.Contains(c.in, []byte(`"ok": true`)) || size < len(c.text) {
		return fmt.Errorf("another answer than expected: %.80q", c.in)
	}
	return nil
}
