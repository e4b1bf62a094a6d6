// Command framer is an adapter between the conformance suite and your framer.
//
// Fill in the part under "Yours" and run
//
//	pyproctest run --framer 'go run ./framer'
//
// A part that is not written yet is reported as not offered, never as right. The rest of the file implements
// conformance/ADAPTERS.md; you need not change it. In a Go test you need no adapter: see
// TestFramer of package github.com/pyproctest/pyproctest/conformance.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
)

// --- Yours -----------------------------------------------------------------------------------------

const name = "my framer"

// framer is what your framer must offer; wrap yours if it looks different.
type framer interface {
	// ReadFrame returns the next frame, with ID 0 in the basic framing, and io.EOF at a clean end.
	ReadFrame() (id uint64, payload []byte, err error)
	// WriteFrame returns when the stream has taken the whole frame.
	WriteFrame(id uint64, payload []byte) error
}

// openFramer makes your framer over the stream. The framing is "enhanced" or "basic". maxPayload is in bytes; if it is
// 0, use your default.
func openFramer(stream io.ReadWriter, framing string, maxPayload int) (framer, error) {
	return nil, notWritten("openFramer")
}

// errorKind names an error of your framer: bad_magic, bad_length, too_large, truncated, bad_crc or other.
func errorKind(err error) string {
	return "other"
}

// --- The adapter protocol --------------------------------------------------------------------------

// notWritten is the error of a part under "Yours" that is not written yet.
type notWritten string

func (n notWritten) Error() string { return string(n) + " in framer/main.go is not written yet" }

type request struct {
	Tag        int64    `json:"tag"`
	Do         string   `json:"do"`
	Framing    string   `json:"framing"`
	MaxPayload int      `json:"max_payload"`
	Chunks     []string `json:"chunks"`
	Then       string   `json:"then"`
	WithLast   bool     `json:"end_with_last"`
	Again      int      `json:"again"`
	Frames     []frame  `json:"frames"`
	Accept     *int     `json:"accept"`
	Writers    int      `json:"writers"`
	What       string   `json:"what"`
	Size       int      `json:"size"`
	Count      int      `json:"count"`
}

type frame struct {
	ID      string `json:"id"`
	Payload string `json:"payload"`
}

// outcome is the result of one read or one write.
type outcome struct {
	Kind    string  `json:"kind"`
	ID      string  `json:"id,omitempty"`
	Payload *string `json:"payload,omitempty"`
	Text    string  `json:"text,omitempty"`
}

var (
	errStream  = errors.New("the stream fails, because the suite asked for it")
	errWaiting = errors.New("the framer asks for more bytes than there will ever be")
)

// stream is what the framer reads from and writes to.
type stream struct {
	request
	chunks [][]byte
	waited bool

	mu     sync.Mutex
	writes []string
}

func newStream(r request) (*stream, error) {
	s := &stream{request: r, writes: []string{}}
	for _, text := range r.Chunks {
		chunk, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		s.chunks = append(s.chunks, chunk)
	}
	return s, nil
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.chunks) > 0 {
		n := copy(p, s.chunks[0])
		if s.chunks[0] = s.chunks[0][n:]; len(s.chunks[0]) == 0 {
			s.chunks = s.chunks[1:]
		}
		if s.WithLast && len(s.chunks) == 0 && s.Then == "eof" {
			return n, io.EOF
		}
		return n, nil
	}
	switch s.Then {
	case "open":
		s.waited = true
		return 0, errWaiting
	case "error":
		return 0, errStream
	}
	return 0, io.EOF
}

func (s *stream) Write(p []byte) (int, error) {
	s.list(p)
	if s.Writers > 1 && s.Accept == nil { // so that frames of several writes mix unless the framer prevents it
		runtime.Gosched()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Accept == nil {
		return len(p), nil
	}
	took := min(*s.Accept, len(p))
	if *s.Accept -= took; took < len(p) {
		s.Accept = nil
		return took, errStream
	}
	return took, nil
}

func (s *stream) list(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, hex.EncodeToString(p))
}

// failed returns the outcome that an error means.
func (s *stream) failed(err error) outcome {
	kind := errorKind(err)
	switch {
	case s.waited:
		kind = "waiting"
	case err == io.EOF:
		kind = "eof"
	case kind == "other" && errors.Is(err, errStream):
		kind = "io"
	}
	return outcome{Kind: kind, Text: err.Error()}
}

func decode(r request) (any, error) {
	s, err := newStream(r)
	if err != nil {
		return nil, err
	}
	f, err := openFramer(s, r.Framing, r.MaxPayload)
	if err != nil {
		return nil, err
	}
	read := func() (o outcome) {
		defer panicked(&o)
		id, payload, err := f.ReadFrame()
		text := hex.EncodeToString(payload)
		switch {
		case s.waited:
			return s.failed(errWaiting)
		case err == nil:
			return outcome{Kind: "frame", ID: strconv.FormatUint(id, 10), Payload: &text}
		}
		o = s.failed(err)
		if len(payload) > 0 {
			o.Payload = &text
		}
		return o
	}
	const most = 10000
	reads := []outcome{read()}
	for reads[len(reads)-1].Kind == "frame" && len(reads) < most {
		reads = append(reads, read())
	}
	for i := 0; i < r.Again && reads[len(reads)-1].Kind != "waiting"; i++ {
		reads = append(reads, read())
	}
	return map[string]any{"reads": reads}, nil
}

func encode(r request) (any, error) {
	s, err := newStream(r)
	if err != nil {
		return nil, err
	}
	f, err := openFramer(s, r.Framing, r.MaxPayload)
	if err != nil {
		return nil, err
	}
	write := func(one frame) (o outcome) {
		defer panicked(&o)
		id, err := strconv.ParseUint(one.ID, 10, 64)
		if err != nil {
			return outcome{Kind: "other", Text: err.Error()}
		}
		payload, err := hex.DecodeString(one.Payload)
		if err != nil {
			return outcome{Kind: "other", Text: err.Error()}
		}
		if err := f.WriteFrame(id, payload); err != nil {
			return s.failed(err)
		}
		return outcome{Kind: "ok"}
	}
	results := make([]outcome, len(r.Frames))
	writers := max(r.Writers, 1)
	start := make(chan struct{})
	var all sync.WaitGroup
	for first := range writers {
		all.Go(func() {
			<-start
			for i := first; i < len(r.Frames); i += writers {
				results[i] = write(r.Frames[i])
			}
		})
	}
	close(start)
	all.Wait()
	return map[string]any{"writes": slices.Clone(s.writes), "results": results}, nil
}

// panicked turns a panic of the framer into an outcome. It must be deferred.
func panicked(o *outcome) {
	if p := recover(); p != nil {
		*o = outcome{Kind: "other", Text: fmt.Sprint("panic: ", p)}
	}
}

// endless is a stream that takes everything, and on which a frame comes again and again.
type endless struct {
	block []byte
	at    int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c := copy(p[n:], e.block[e.at:])
		n, e.at = n+c, (e.at+c)%len(e.block)
	}
	return n, nil
}

func (e *endless) Write(p []byte) (int, error) { return len(p), nil }

// measure writes or reads frames in a loop and times it, for pyproctest bench.
func measure(r request) (any, error) {
	var one bytes.Buffer
	f, err := openFramer(&one, r.Framing, 0)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, r.Size)
	if err := f.WriteFrame(7, payload); err != nil {
		return nil, err
	}
	stream := &endless{block: bytes.Repeat(one.Bytes(), 1+32768/one.Len())}
	if f, err = openFramer(stream, r.Framing, 0); err != nil {
		return nil, err
	}
	want := map[string]uint64{"enhanced": 7}[r.Framing]
	began := time.Now()
	for range r.Count {
		switch r.What {
		case "encode":
			err = f.WriteFrame(7, payload)
		case "decode":
			var id uint64
			var got []byte
			if id, got, err = f.ReadFrame(); err == nil && (id != want || len(got) != len(payload)) {
				err = errors.New("another frame was read than is on the stream")
			}
		default:
			return map[string]any{"refused": "measure cannot " + r.What}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return map[string]any{"took_ns": time.Since(began).Nanoseconds()}, nil
}

func answer(r request) (any, error) {
	switch r.Do {
	case "hello":
		return map[string]any{"role": "framer", "name": name}, nil
	case "decode":
		return decode(r)
	case "encode":
		return encode(r)
	case "measure":
		return measure(r)
	}
	return map[string]any{"refused": "unknown command " + r.Do}, nil
}

func main() {
	in, out := json.NewDecoder(os.Stdin), os.Stdout
	for {
		var r request
		if err := in.Decode(&r); err != nil {
			return
		}
		given, err := answer(r)
		if missing := notWritten(""); errors.As(err, &missing) {
			given = map[string]any{"unsupported": missing.Error()}
		} else if err != nil {
			given = map[string]any{"failed": err.Error()}
		}
		text, err := json.Marshal(given)
		if err != nil {
			text = []byte(`{"failed":"the answer cannot be encoded"}`)
		}
		fmt.Fprintf(out, "{\"tag\":%d,%s\n", r.Tag, text[1:])
	}
}
