package tap_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
)

// peer sends random bytes in random pieces, some of them right frames, reads what comes, and leaves in one of
// three ways.
type peer struct {
	conn     *net.UnixConn
	pieces   [][]byte
	vanishes bool // it closes the connection after its last piece, read or not
	readOnly int  // it vanishes after so many bytes came; -1: never

	sent     []byte // as far as Write said so
	received []byte
	stayed   bool // it read to the end
}

func newPeer(random *rand.Rand, conn *net.UnixConn) *peer {
	p := &peer{conn: conn, vanishes: random.IntN(4) == 0, readOnly: -1}
	if random.IntN(4) == 0 {
		p.readOnly = random.IntN(20000)
	}
	var data []byte
	for id := range random.Uint64N(20) {
		data = append(data, request(id+1)...)
	}
	junk := make([]byte, random.IntN(200_000)*random.IntN(2))
	for i := range junk {
		junk[i] = byte(random.Uint32())
	}
	data = append(data, junk...)
	for len(data) > 0 {
		n := min(len(data), 1+random.IntN(1<<random.IntN(18)))
		p.pieces = append(p.pieces, data[:n])
		data = data[n:]
	}
	return p
}

func (p *peer) write() {
	for _, piece := range p.pieces {
		n, err := p.conn.Write(piece)
		p.sent = append(p.sent, piece[:n]...)
		if err != nil {
			return
		}
	}
	if p.vanishes {
		_ = p.conn.Close()
		return
	}
	_ = p.conn.CloseWrite()
}

func (p *peer) read() {
	block := make([]byte, 8<<10)
	for p.readOnly < 0 || len(p.received) < p.readOnly {
		n, err := p.conn.Read(block)
		p.received = append(p.received, block[:n]...)
		if err != nil {
			p.stayed = err == io.EOF
			return
		}
	}
	_ = p.conn.Close()
}

// got says what is wrong with what came from the other.
func (p *peer) got(other *peer) error {
	switch {
	case !bytes.HasPrefix(other.sent, p.received):
		return fmt.Errorf("what came is not what was sent")
	case p.stayed && !p.leaves() && len(p.received) != len(other.sent):
		return fmt.Errorf("%d of %d bytes came", len(p.received), len(other.sent))
	}
	return nil
}

func (p *peer) leaves() bool { return p.vanishes || p.readOnly >= 0 }
