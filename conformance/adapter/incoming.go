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
	scripted    bool // all of it is known
	chunks      chunks
	end         error // what comes behind them; nil where nothing does
	endWithLast bool
	again       int // reads behind the end that are asked for
}

// further is how many reads behind the end of a stream are asked for at once.
const further = 3

func newIncoming(rw io.ReadWriter) *incoming {
	s := &incoming{in: rw, chunks: chunks{}}
	if scripted, ok := rw.(framer.Scripted); ok {
		script := scripted.Script()
		s.scripted, s.end, s.endWithLast = true, script.End, script.EndWithLast
		s.chunks = append(s.chunks, script.Pieces...)
	}
	if s.end != nil {
		s.again = further
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

// more waits for what comes next. Where all is known, nothing does, and it waits until the stream is closed.
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
			s.end, s.again = err, further
		}
		if n > 0 || err != nil {
			return nil
		}
	}
}

// tell hands an outcome to whoever reads.
func (s *incoming) tell(o outcome) (conformance.Frame, error) {
	broke := s.end
	if broke == nil || errors.Is(broke, io.EOF) {
		broke = errors.New("an error of the stream, which has none")
	}
	return conformance.Frame{ID: uint64(o.ID), Payload: o.Payload}, o.err(broke)
}
