package framer

import (
	"bytes"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// stream is what a framer under test reads and writes. Its two halves are independent.
type stream struct {
	io.Reader
	io.Writer
}

// Script implements [Scripted].
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

// source is the half that a framer reads: the bytes that a peer sends, in the pieces in which they arrive.
type source struct {
	pieces      [][]byte // a Read takes from one piece at most
	failure     error    // comes once after the pieces, if not nil
	later       [][]byte // pieces that come after that failure
	end         error    // comes after them all; nil for a peer that stays connected and silent
	endWithLast bool     // the Read that returns the last bytes returns the end, too, as io.Reader allows
	emptyReads  bool     // a Read of 0 bytes comes before each piece, as io.Reader allows

	mu            sync.Mutex
	gaveEmptyRead bool
	reads         int64
	readsAfterEnd int           // how often a Read came after the last piece
	exhausted     chan struct{} // closed by the first of those Reads
	closed        chan struct{}
	tooMuch       func() bool // asked at each Read whether the framer has taken too much memory; may be nil
	stopped       bool        // it has, and was stopped there
}

// maxReadsAfterEnd is how often a framer may read after the end of the stream before that counts as a hang. Right framers
// do so a handful of times.
const maxReadsAfterEnd = 10_000

func (s *source) Read(p []byte) (int, error) {
	if s.tooMuch != nil && s.tooMuch() {
		s.stop()
		endGoroutine()
	}
	s.mu.Lock()
	s.reads++
	for len(s.pieces) > 0 && len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	if len(s.pieces) > 0 && s.emptyReads && !s.gaveEmptyRead {
		s.gaveEmptyRead = true
		s.mu.Unlock()
		return 0, nil
	}
	if len(s.pieces) > 0 {
		n := copy(p, s.pieces[0])
		s.pieces[0] = s.pieces[0][n:]
		if len(s.pieces[0]) == 0 {
			s.pieces, s.gaveEmptyRead = s.pieces[1:], false
		}
		var err error
		if s.endWithLast && len(s.pieces) == 0 {
			err = s.end
		}
		s.mu.Unlock()
		return n, err
	}
	if err := s.failure; err != nil {
		s.failure, s.pieces, s.later = nil, s.later, nil
		s.mu.Unlock()
		return 0, err
	}
	s.readsAfterEnd++
	asked, end := s.readsAfterEnd, s.end
	if asked == 1 && s.exhausted != nil {
		close(s.exhausted)
	}
	s.mu.Unlock()
	if asked > maxReadsAfterEnd {
		endGoroutine() // a framer that asks for ever would outlive its case
	}
	if end != nil {
		return 0, end
	}
	<-s.closed
	return 0, io.EOF
}

// stop notes that the framer is stopped because it has taken too much memory.
func (s *source) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

func (s *source) wasStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// script returns what is still to come.
func (s *source) script() Script {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pieces [][]byte
	for _, piece := range s.pieces {
		if s.emptyReads {
			pieces = append(pieces, nil)
		}
		pieces = append(pieces, piece)
	}
	return Script{Pieces: pieces, End: s.end, EndWithLast: s.endWithLast}
}

// countReadsAfterEnd returns how often the framer has asked for more than the stream had.
func (s *source) countReadsAfterEnd() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readsAfterEnd
}

func (s *source) progress() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// sendThenEnd returns a source whose peer sends the pieces and closes its side.
func sendThenEnd(pieces ...[]byte) *source {
	return &source{pieces: slices.Clone(pieces), end: io.EOF}
}

// sendThenSilence returns a source whose peer sends the pieces and then stays connected, silent, until the source is
// closed.
func sendThenSilence(pieces ...[]byte) *source {
	return &source{pieces: slices.Clone(pieces), exhausted: make(chan struct{}), closed: make(chan struct{})}
}

// close ends a source made by sendThenSilence, and does nothing to others. It is idempotent.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != nil && s.end == nil {
		s.end = io.EOF
		close(s.closed)
	}
}

// sink is the half that a framer writes to. It counts the bytes and keeps the first of them.
type sink struct {
	turnTaker

	breakAt  int   // how many bytes it takes before a Write is short; 0 for no short Write
	failure  error // what the short Write returns
	keepsAll bool  // every byte is kept, and not only the first of them

	mu         sync.Mutex
	got        []byte
	size       int
	sizes      []int // of the Writes
	broken     bool
	afterBreak []byte // what was written after the short Write
}

const keptBySink = 1 << 20 // bytes

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.take(p)
	for i := 0; err != nil && i < turns; i++ {
		s.takeTurn()
	}
	return n, err
}

// turns is how often other goroutines may run before a Write fails, so that those that write next wait by then.
const turns = 100

// turnTaker counts its turns as progress: where much is to be done, 100 of them may take longer than the patience of the
// run, and no framer is to blame for it.
type turnTaker struct{ taken atomic.Int64 }

func (t *turnTaker) takeTurn() {
	runtime.Gosched()
	t.taken.Add(1)
}

func (t *turnTaker) progress() int64 { return t.taken.Load() }

func (s *sink) take(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, len(p))
	if s.broken {
		s.afterBreak = append(s.afterBreak, p...)
		return len(p), nil
	}
	n, err := len(p), error(nil)
	if s.breakAt > 0 && s.size+len(p) > s.breakAt {
		s.broken = true
		n, err = s.breakAt-s.size, s.failure
	}
	kept := n
	if !s.keepsAll {
		kept = min(n, keptBySink-len(s.got))
	}
	s.got = append(s.got, p[:kept]...)
	s.size += n
	return n, err
}

func (s *sink) progress() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.sizes)) + s.turnTaker.progress()
}

// writeSizes returns the size of each Write.
func (s *sink) writeSizes() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sizes)
}

// total returns how many bytes were written.
func (s *sink) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// bytes returns the bytes that were kept.
func (s *sink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.got)
}

// isBroken reports whether a Write was short.
func (s *sink) isBroken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// bytesAfterBreak returns what was written after the short Write.
func (s *sink) bytesAfterBreak() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.afterBreak)
}

// panicStack returns the part of a panic's stack that is in the framer and in what the framer calls.
func panicStack() string {
	lines := strings.SplitAfter(string(debug.Stack()), "\n")
	from := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "panic(") })
	lines = lines[min(from+2, len(lines)):]
	for i, l := range lines {
		if strings.Contains(l, "/internal/framer.") { // a function of this package
			lines = lines[:i]
			break
		}
	}
	return strings.TrimRight(strings.Join(lines, ""), "\n")
}
