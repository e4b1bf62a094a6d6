// Package floor holds what calls are measured against: the smallest code, written by hand, that does
// the same work on the wire. None of it is fit for use: no pool, no matching, no errors that heal. It
// shares no code with ref/, so that what slows ref/ down does not slow its yardstick down too.
package floor

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"strconv"
	"time"

	"github.com/pyproctest/pyproctest/bench/peer"
	"github.com/pyproctest/pyproctest/bench/turns"
)

//go:embed loop.py
var loopScript string

// Loop is a framed JSON loop over one connection, with the checksums of the enhanced framing.
type Loop struct {
	// Checksum is where the Python side has its checksums from: google_crc32c or zlib. Ratios to loops that differ in
	// that differ too.
	Checksum string

	conn  net.Conn
	pid   int
	close func()
	id    uint64
	out   []byte
	sum   *crc32.Table

	in         []byte
	start, end int
	want       []byte
	answered   uint64 // the ID of the latest answer
}

// StartLoop starts the loop's other side, with the arguments that loop.py knows.
func StartLoop(args ...string) (*Loop, error) {
	p, err := peer.Start(loopScript, args...)
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("unix", p.Socket)
	if err != nil {
		p.Close()
		return nil, err
	}
	l := newLoop(conn, p.PID(), p.Close)
	if p.Note == WithoutCRC32C {
		l.sum = crc32.IEEETable
	}
	l.Checksum = p.Note
	return l, nil
}

// WithoutCRC32C is the [Loop.Checksum] of a loop whose interpreter has no google_crc32c.
const WithoutCRC32C = "zlib"

// DialWorker makes a worker of the protocol, which runs as process pid and listens at socket, the loop's
// other side.
func DialWorker(socket string, pid int) (*Loop, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return newLoop(conn, pid, func() {}), nil
}

func newLoop(conn net.Conn, pid int, closePeer func()) *Loop {
	return &Loop{conn: conn, pid: pid, close: closePeer, sum: castagnoli, in: make([]byte, 64<<10)}
}

// Close ends the connection, and the process that StartLoop started.
func (l *Loop) Close() {
	_ = l.conn.Close()
	l.close()
}

// Side calls echo with a JSON body, with as many calls outstanding as there are callers. A lone caller
// tells the time of each call.
func (l *Loop) Side(callers int, body []byte) turns.Side {
	s := turns.Side{Processes: func() []int { return []int{l.pid} }}
	switch {
	case callers == 1:
		s.Run = func(n int, latencies *turns.Latencies) error { return l.oneByOne(n, body, latencies) }
	case callers*len(body) < socketBuffer:
		s.Run = func(n int, _ *turns.Latencies) error { return l.pipelined(n, callers, body) }
	default:
		s.Run = func(n int, _ *turns.Latencies) error { return l.pipelinedBothWays(n, callers, body) }
	}
	return s
}

// socketBuffer is below what a socket holds in bytes: so much can be on the way while nobody reads.
const socketBuffer = 64 << 10

func (l *Loop) oneByOne(n int, body []byte, latencies *turns.Latencies) error {
	for range n {
		start := time.Now()
		l.add(body)
		if err := errors.Join(l.flush(), l.read(body)); err != nil {
			return err
		}
		latencies.Add(time.Since(start))
	}
	return nil
}

// pipelined answers to one read with one write of as many new calls.
func (l *Loop) pipelined(n, outstanding int, body []byte) error {
	sent := min(n, outstanding)
	for range sent {
		l.add(body)
	}
	if err := l.flush(); err != nil {
		return err
	}
	for range n {
		if err := l.read(body); err != nil {
			return err
		}
		if sent < n {
			l.add(body)
			sent++
		}
		if !l.hasFrame() {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// pipelinedBothWays reads while it writes, or large bodies would block both sides for ever.
func (l *Loop) pipelinedBothWays(n, outstanding int, body []byte) error {
	slots := make(chan struct{}, outstanding)
	wrote := make(chan error, 1)
	go func() {
		for range n {
			slots <- struct{}{}
			l.add(body)
			if err := l.flush(); err != nil {
				wrote <- errors.Join(err, l.conn.Close()) // which ends the reading
				return
			}
		}
		wrote <- nil
	}()
	for range n {
		if err := l.read(body); err != nil {
			return err
		}
		<-slots
	}
	return <-wrote
}

const headerSize = 18

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (l *Loop) add(body []byte) {
	l.id++
	start := len(l.out)
	l.out = append(l.out, "PY................"...)
	l.out = append(l.out, `{"id":`...)
	l.out = strconv.AppendUint(l.out, l.id, 10)
	l.out = append(l.out, `,"method":"echo","body":`...)
	l.out = append(l.out, body...)
	l.out = append(l.out, '}')
	frame := l.out[start:]
	binary.BigEndian.PutUint32(frame[2:], uint32(len(frame)))
	binary.BigEndian.PutUint64(frame[6:], l.id)
	binary.BigEndian.PutUint32(frame[14:], crc32.Checksum(frame[headerSize:], l.sum))
}

func (l *Loop) flush() error {
	if len(l.out) == 0 {
		return nil
	}
	_, err := l.conn.Write(l.out)
	l.out = l.out[:0]
	return err
}

// hasFrame says whether a read would not wait.
func (l *Loop) hasFrame() bool {
	in := l.in[l.start:l.end]
	return len(in) >= headerSize && len(in) >= int(binary.BigEndian.Uint32(in[2:]))
}

// read takes one answer and looks whether it is the right one.
func (l *Loop) read(body []byte) error {
	for !l.hasFrame() {
		if err := l.fill(); err != nil {
			return err
		}
	}
	frame := l.in[l.start:]
	frame = frame[:binary.BigEndian.Uint32(frame[2:])]
	l.start += len(frame)
	payload := frame[headerSize:]
	if crc32.Checksum(payload, l.sum) != binary.BigEndian.Uint32(frame[14:]) {
		return errors.New("floor: wrong checksum")
	}
	l.answered = binary.BigEndian.Uint64(frame[6:])
	l.want = append(l.want[:0], `{"id":`...)
	l.want = strconv.AppendUint(l.want, l.answered, 10)
	l.want = append(l.want, `,"ok":true,"body":`...)
	if head := len(l.want); len(payload) != head+len(body)+1 ||
		!bytes.Equal(payload[:head], l.want) || !bytes.Equal(payload[head:len(payload)-1], body) {
		return fmt.Errorf("floor: another answer than expected: %.80q", payload)
	}
	return nil
}

func (l *Loop) fill() error {
	if l.start > 0 {
		l.end = copy(l.in, l.in[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.in) {
		l.in = append(l.in, make([]byte, len(l.in))...)
	}
	n, err := l.conn.Read(l.in[l.end:])
	l.end += n
	return err
}
