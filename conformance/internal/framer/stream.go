package framer

import (
	"bytes"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
)

// stream is what a framer under test reads and writes: two halves that know nothing of each other.
type stream struct {
	io.Reader
	io.Writer
}

// Script tells all that the stream will bring and take, for a framer that cannot be reached by single
// reads and writes.
func (s stream) Script() Script {
	var script Script
	if in, ok := s.Reader.(*source); ok {
		script = in.script()
	}
	if out, ok := s.Writer.(*sink); ok {
		script.Accept = out.breakAt
	}
	return script
}

// source is the reading half: the bytes that a peer sends, in the pieces in which they arrive.
type source struct {
	pieces [][]byte // one Read takes from one piece at most
	end    error    // what comes behind them; nil where the peer stays connected and silent
	atOnce bool     // the end comes with the last bytes, as io.Reader allows
	blanks bool     // a Read that brings nothing comes before each piece, as io.Reader allows

	mu      sync.Mutex
	blanked bool
	reads   int64
	asked   int           // how often a Read came when all was said
	hungry  chan struct{} // closed when the framer asks for more than there is
	closed  chan struct{}
}

// enough is how often a framer may ask again behind the end of the stream before that counts as going
// round in circles. Right framers ask a handful of times.
const enough = 10_000

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	s.reads++
	for len(s.pieces) > 0 && len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	if len(s.pieces) > 0 && s.blanks && !s.blanked {
		s.blanked = true
		s.mu.Unlock()
		return 0, nil
	}
	if len(s.pieces) > 0 {
		n := copy(p, s.pieces[0])
		s.pieces[0] = s.pieces[0][n:]
		if len(s.pieces[0]) == 0 {
			s.pieces, s.blanked = s.pieces[1:], false
		}
		var err error
		if s.atOnce && len(s.pieces) == 0 {
			err = s.end
		}
		s.mu.Unlock()
		return n, err
	}
	s.asked++
	asked, end := s.asked, s.end
	if asked == 1 && s.hungry != nil {
		close(s.hungry)
	}
	s.mu.Unlock()
	if asked > enough {
		runtime.Goexit() // whoever asks for ever is stopped, so that it does not outlive its case
	}
	if end != nil {
		return 0, end
	}
	<-s.closed
	return 0, io.EOF
}

// script tells what is still to come.
func (s *source) script() Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pieces [][]byte
	for _, piece := range s.pieces {
		if s.blanks {
			pieces = append(pieces, nil)
		}
		pieces = append(pieces, piece)
	}
	return Script{Pieces: pieces, End: s.end, EndWithLast: s.atOnce}
}

// asks reports whether the framer has asked for more than the stream had.
func (s *source) asks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *source) moves() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// sent is a source whose peer sends the pieces and goes away.
func sent(pieces ...[]byte) *source {
	return &source{pieces: slices.Clone(pieces), end: io.EOF}
}

// silent is a source whose peer sends the pieces and then nothing, but stays connected until the
// source is closed.
func silent(pieces ...[]byte) *source {
	return &source{pieces: slices.Clone(pieces), hungry: make(chan struct{}), closed: make(chan struct{})}
}

// close ends a silent source; others have an end of their own.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != nil && s.end == nil {
		s.end = io.EOF
		close(s.closed)
	}
}

// sink is the writing half: it counts what the framer wrote and keeps the first of it.
type sink struct {
	breakAt int   // after how many bytes a Write comes to be short; 0 for never
	failure error // what that Write returns

	mu     sync.Mutex
	got    []byte
	size   int
	writes int64
	broken bool
	late   []byte // what was written behind the short Write
}

const keptBySink = 1 << 20 // bytes

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.broken {
		s.late = append(s.late, p...)
		return len(p), nil
	}
	n, err := len(p), error(nil)
	if s.breakAt > 0 && s.size+len(p) > s.breakAt {
		s.broken = true
		n, err = s.breakAt-s.size, s.failure
	}
	s.got = append(s.got, p[:min(n, keptBySink-len(s.got))]...)
	s.size += n
	return n, err
}

func (s *sink) moves() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// total is how many bytes were written.
func (s *sink) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

func (s *sink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.got)
}

func (s *sink) bytesBehind() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.late)
}

// panicStack is the part of a panic's stack that lies in the framer and in what it calls.
func panicStack() string {
	lines := strings.SplitAfter(string(debug.Stack()), "\n")
	from := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "panic(") })
	lines = lines[min(from+2, len(lines)):]
	for i, l := range lines {
		if strings.Contains(l, "/internal/framer.readFrames(") || strings.Contains(l, "/internal/framer.(*") {
			lines = lines[:i]
			break
		}
	}
	return strings.TrimRight(strings.Join(lines, ""), "\n")
}
