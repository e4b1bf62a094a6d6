package worker

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

const (
	keptOutput  = 64 << 10 // bytes of a stream: the last
	notedOutput = 8 << 10  // bytes of a stream in the timeline of one case: the first
	heldLine    = 4 << 10  // bytes of a line that has not ended
)

// stream reads what a worker writes to its standard output or standard error all the time, so that the worker never waits
// for a full pipe, keeps the end of it, and passes on whole lines as they come.
type stream struct {
	reading *os.File
	raw     syscall.RawConn
	note    func(lines string) // called with whole lines, under the lock

	mu    sync.Mutex
	kept  []byte
	line  []byte // that has begun and not ended
	block [4096]byte
}

// newStream returns a stream and the file that the worker writes to, which the caller closes once the worker has it.
func newStream(note func(lines string)) (*stream, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	raw, err := r.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, r.Close(), w.Close())
	}
	s := &stream{reading: r, raw: raw, note: note}
	go func() {
		_ = raw.Read(func(fd uintptr) (ended bool) {
			for {
				switch more, end := s.take(int(fd)); {
				case end:
					return true
				case !more:
					return false
				}
			}
		})
	}()
	return s, w, nil
}

// take reads what is there, at most one block. It reports whether there may be more now, and whether nothing will come any
// more.
func (s *stream) take(fd int) (more, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := syscall.Read(fd, s.block[:])
	switch {
	case n > 0:
		s.wrote(s.block[:n])
		return true, false
	case err == syscall.EINTR:
		return true, false
	case err == syscall.EAGAIN:
		return false, false
	}
	return false, true
}

func (s *stream) wrote(data []byte) {
	if s.kept = append(s.kept, data...); len(s.kept) > 2*keptOutput {
		s.kept = append([]byte(nil), s.kept[len(s.kept)-keptOutput:]...)
	}
	s.line = append(s.line, data...)
	whole := strings.LastIndexByte(string(s.line), '\n') + 1
	if whole == 0 && len(s.line) > heldLine {
		whole = len(s.line)
	}
	if whole > 0 {
		s.note(string(s.line[:whole]))
		s.line = append(s.line[:0], s.line[whole:]...)
	}
}

// drain takes everything that the worker has written so far, within a bound.
func (s *stream) drain() {
	_ = s.raw.Control(func(fd uintptr) {
		for range 2 * keptOutput / len(s.block) {
			if more, _ := s.take(int(fd)); !more {
				return
			}
		}
	})
}

// flush drains the stream and passes on what has come of a line that has not ended.
func (s *stream) flush() {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) > 0 {
		s.note(string(s.line))
		s.line = s.line[:0]
	}
}

// end returns the end of what the worker has written so far, without white space around it.
func (s *stream) end() string {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(string(s.kept))
}

func (s *stream) close() {
	s.flush()
	_ = s.reading.Close()
}

// noteOutput adds what the worker wrote to the timeline of the case that uses it: the first notedOutput bytes of each stream.
func (in *instance) noteOutput(name string, noted *int, lines string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.current == nil || *noted > notedOutput {
		return
	}
	where := "worker → " + name
	left := notedOutput - *noted
	if *noted += len(lines); len(lines) > left {
		in.current.Note(where, "%s", quoted(lines[:left])+"\n      (what it wrote later in this case is left out)")
		return
	}
	in.current.Note(where, "%s", quoted(lines))
}

// quoted shows output behind bars, one line each.
func quoted(lines string) string {
	shown := text.Output(strings.TrimRight(lines, "\n"))
	if !strings.Contains(shown, "\n") {
		return "| " + shown
	}
	return "\n" + text.Indent(shown, "      | ")
}
