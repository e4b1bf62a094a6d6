package adapter

import (
	"errors"
	"io"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/internal/framer"
)

// incoming is what is known of the bytes that a peer sends.
type incoming struct {
	in          io.Reader
	scripted    bool // everything is known beforehand
	chunks      chunks
	end         error // how the stream ends after them; nil if it stays open
	endWithLast bool
	again       int // how many reads after the end to ask for
}

// moreReads is how many reads after the end of a stream the suite asks for at once. It asks for them in a request of their
// own, so that a process that ends or hangs in one of them has still answered what comes before the end.
const moreReads = 3

func newIncoming(rw io.ReadWriter) *incoming {
	s := &incoming{in: rw, chunks: chunks{}}
	if scripted, ok := rw.(framer.Scripted); ok {
		script := scripted.Script()
		s.scripted, s.end, s.endWithLast = true, script.End, script.EndWithLast
		s.chunks = append(s.chunks, script.Pieces...)
	}
	return s
}

// describe puts the stream into a request.
func (s *incoming) describe(r *request) {
	r.Chunks, r.EndWithLast, r.Again = s.chunks, s.endWithLast, s.again
	switch {
	case s.end == nil:
		r.Then = thenOpen
	case errors.Is(s.end, io.EOF):
		r.Then = thenEOF
	default:
		r.Then = thenError
	}
}

// more waits for the next bytes. If everything is known already, none come, and it waits until the stream is closed.
func (s *incoming) more() error {
	buf := make([]byte, 1<<16)
	for {
		n, err := s.in.Read(buf)
		switch {
		case s.scripted && err == nil:
			continue
		case s.scripted:
			return err
		}
		if n > 0 {
			s.chunks = append(s.chunks, buf[:n])
		}
		if err != nil {
			s.end = err
		}
		if n > 0 || err != nil {
			return nil
		}
	}
}

// frame returns the frame or the error of an outcome.
func (s *incoming) frame(o outcome) (conformance.Frame, error) {
	streamError := s.end
	if streamError == nil || errors.Is(streamError, io.EOF) {
		streamError = errors.New("an error of the stream, which has none")
	}
	return conformance.Frame{ID: uint64(o.ID), Payload: o.Payload}, o.err(streamError)
}
