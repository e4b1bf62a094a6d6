package floor

import (
	_ "embed"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/pyproctest/pyproctest/bench/peer"
	"github.com/pyproctest/pyproctest/bench/turns"
)

//go:embed raw.py
var rawScript string

// Raw is a ping-pong over a socket with nothing on top: what no call can be faster than.
type Raw struct {
	peer *peer.Peer
	conn net.Conn
	ping []byte
	pong []byte
}

// StartRaw starts the process that sends messages of size bytes back.
func StartRaw(size int) (*Raw, error) {
	p, err := peer.Start(rawScript, strconv.Itoa(size))
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("unix", p.Socket)
	if err != nil {
		p.Close()
		return nil, err
	}
	return &Raw{peer: p, conn: conn, ping: make([]byte, size), pong: make([]byte, size)}, nil
}

// Close ends the process.
func (r *Raw) Close() {
	_ = r.conn.Close()
	r.peer.Close()
}

// Side is a lone caller.
func (r *Raw) Side() turns.Side {
	return turns.Side{
		Processes: func() []int { return []int{r.peer.PID()} },
		Run: func(n int, l *turns.Latencies) error {
			for range n {
				start := time.Now()
				if _, err := r.conn.Write(r.ping); err != nil {
					return err
				}
				if _, err := io.ReadFull(r.conn, r.pong); err != nil {
					return err
				}
				l.Add(time.Since(start))
			}
			return nil
		},
	}
}
