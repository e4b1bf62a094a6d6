package adapter_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// A testFramer is what the test binary's framer adapters stand for.
type testFramer interface {
	ReadFrame() (frame.Frame, error)
	WriteFrame(id uint64, payload []byte) error
}

type newFramer func(rw io.ReadWriter, o frame.Options) (testFramer, error)

func referenceFramer(rw io.ReadWriter, o frame.Options) (testFramer, error) {
	return frame.NewFramer(rw, o)
}

// framerThatCutsAtRandom gives its stream each frame in pieces of any size.
func framerThatCutsAtRandom(rw io.ReadWriter, o frame.Options) (testFramer, error) {
	return frame.NewFramer(&cutting{ReadWriter: rw}, o)
}

type cutting struct {
	io.ReadWriter
	writing sync.Mutex
}

func (c *cutting) Write(b []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for n < len(b) && err == nil {
		var took int
		took, err = c.ReadWriter.Write(b[n : n+1+rand.N(len(b)-n)])
		n += took
	}
	return n, err
}

// framerAdapter answers for framers.
func framerAdapter(make newFramer) answerer {
	return func(do string, request []byte) line {
		var r framerRequest
		if err := json.Unmarshal(request, &r); err != nil {
			return line{"failed": err.Error()}
		}
		options := frame.Options{MaxPayload: r.MaxPayload}
		if r.Framing == "basic" {
			options.Framing = frame.Basic
		}
		switch do {
		case "hello":
			return line{"role": "framer", "name": "reference framer"}
		case "decode":
			return decode(make, options, r)
		case "encode":
			return encode(make, options, r)
		}
		return line{"refused": "unknown command " + do}
	}
}

type framerRequest struct {
	Framing     string
	MaxPayload  int `json:"max_payload"`
	Chunks      []string
	Then        string
	EndWithLast bool `json:"end_with_last"`
	Again       int
	Frames      []struct{ ID, Payload string }
	Accept      *int
	Writers     int
}

func decode(make newFramer, o frame.Options, r framerRequest) line {
	in := &peer{then: r.Then, endWithLast: r.EndWithLast}
	for _, c := range r.Chunks {
		in.chunks = append(in.chunks, unhex(c))
	}
	f, err := make(struct {
		io.Reader
		io.Writer
	}{in, io.Discard}, o)
	if err != nil {
		return line{"failed": err.Error()}
	}
	reads := []line{}
	for behind := 0; behind <= r.Again && len(reads) < 10_000; {
		got, err := f.ReadFrame()
		switch {
		case in.waits:
			return line{"reads": append(reads, line{"kind": "waiting"})}
		case err == nil:
			reads = append(reads, line{"kind": "frame", "id": strconv.FormatUint(got.RequestID, 10), "payload": hex.EncodeToString(got.Payload)})
		default:
			outcome := line{"kind": kindOf(err), "text": err.Error()}
			if len(got.Payload) > 0 {
				outcome["payload"] = hex.EncodeToString(got.Payload)
			}
			reads = append(reads, outcome)
			behind++
		}
		if err == nil && behind > 0 {
			behind++
		}
	}
	return line{"reads": reads}
}

func kindOf(err error) string {
	var kind frame.Kind
	switch {
	case errors.As(err, &kind):
		return string(kind)
	case errors.Is(err, errBroke):
		return "io"
	case errors.Is(err, io.EOF):
		return "eof"
	}
	return "other"
}

var (
	errBroke = errors.New("the stream broke")
	errWaits = errors.New("the stream is silent")
)

// peer is the reading half of a stream.
type peer struct {
	chunks      [][]byte
	then        string
	endWithLast bool
	waits       bool // the framer has asked for more than there is
}

func (p *peer) Read(b []byte) (int, error) {
	if len(p.chunks) == 0 {
		return 0, p.end()
	}
	n := copy(b, p.chunks[0])
	if p.chunks[0] = p.chunks[0][n:]; len(p.chunks[0]) == 0 {
		p.chunks = p.chunks[1:]
	}
	if len(p.chunks) == 0 && p.endWithLast {
		return n, p.end()
	}
	return n, nil
}

func (p *peer) end() error {
	switch p.then {
	case "eof":
		return io.EOF
	case "error":
		return errBroke
	}
	p.waits = true
	return errWaits
}

func encode(open newFramer, o frame.Options, r framerRequest) line {
	out := &sink{accept: r.Accept, crowded: r.Writers > 1 && r.Accept == nil, writes: []string{}}
	f, err := open(struct {
		io.Reader
		io.Writer
	}{&peer{then: "open"}, out}, o)
	if err != nil {
		return line{"failed": err.Error()}
	}
	writers := max(r.Writers, 1)
	results := make([]line, len(r.Frames))
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := w; i < len(r.Frames); i += writers {
				id, err := strconv.ParseUint(r.Frames[i].ID, 10, 64)
				if err == nil {
					err = f.WriteFrame(id, unhex(r.Frames[i].Payload))
				}
				results[i] = line{"kind": "ok"}
				if err != nil {
					results[i] = line{"kind": kindOf(err), "text": err.Error()}
				}
			}
		})
	}
	all.Wait()
	return line{"writes": out.writes, "results": results}
}

// splitsWrites makes the adapter list each write of many writers as two, as ADAPTERS.md once asked.
var splitsWrites bool

// sink is the writing half of a stream.
type sink struct {
	accept  *int
	crowded bool // many write at once

	mu     sync.Mutex
	writes []string
	taken  int
	broken bool
}

func (s *sink) Write(p []byte) (int, error) {
	if s.crowded && splitsWrites {
		s.list(p[:len(p)/2])
		runtime.Gosched()
		s.list(p[len(p)/2:])
		return len(p), nil
	}
	if s.crowded {
		defer runtime.Gosched() // so that frames of several writes mix unless the framer prevents it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, hex.EncodeToString(p))
	if s.accept != nil && !s.broken && s.taken+len(p) > *s.accept {
		s.broken = true
		return *s.accept - s.taken, errBroke
	}
	s.taken += len(p)
	return len(p), nil
}

func (s *sink) list(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, hex.EncodeToString(p))
}

func unhex(digits string) []byte {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic(fmt.Sprintf("the suite sent no hexadecimal digits: %v", err))
	}
	return b
}
