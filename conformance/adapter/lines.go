package adapter

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// request is a line to the program.
type request struct {
	Tag int64  `json:"tag"`
	Do  string `json:"do"`

	Version int       `json:"version,omitempty"`
	Role    spec.Role `json:"role,omitempty"`

	Framing     conformance.Framing `json:"framing,omitempty"`
	MaxPayload  int                 `json:"max_payload,omitempty"`
	Chunks      chunks              `json:"-"` // as "chunks", see line
	Then        string              `json:"then,omitempty"`
	EndWithLast bool                `json:"end_with_last,omitempty"`
	Again       int                 `json:"again,omitempty"`
	Frames      []frame             `json:"-"` // as "frames", see line
	Accept      *int                `json:"accept,omitempty"`
	Writers     int                 `json:"writers,omitempty"`

	Options *poolOptions `json:"options,omitempty"`
	Method  *string      `json:"method,omitempty"`
	Body    string       `json:"body,omitempty"`
	Ended   string       `json:"ended,omitempty"`
	Of      int64        `json:"of,omitempty"`
	Why     string       `json:"why,omitempty"`

	What    string `json:"what,omitempty"`
	Size    *int   `json:"size,omitempty"`
	Count   int    `json:"count,omitempty"`
	Callers int    `json:"callers,omitempty"`
}

// The commands of ADAPTERS.md.
const (
	doHello    = "hello"
	doDecode   = "decode"
	doEncode   = "encode"
	doOpen     = "open"
	doStart    = "start"
	doCall     = "call"
	doCancel   = "cancel"
	doHealth   = "health"
	doShutdown = "shutdown"
	doMeasure  = "measure"
)

// What comes after the chunks of a stream.
const (
	thenEOF   = "eof"
	thenOpen  = "open"
	thenError = "error"
)

type frame struct {
	ID      id
	Payload []byte
}

// answer is a line from the program. It has exactly one of the parts below.
type answer struct {
	Tag  *int64 `json:"tag"`
	line []byte // as it was read, for messages

	Refused     *string `json:"refused"`
	Unsupported *string `json:"unsupported"`
	Failed      *string `json:"failed"`

	Role *spec.Role `json:"role"`
	Name string     `json:"name"`

	Reads   []outcome   `json:"reads"`
	Writes  []hexDigits `json:"writes"`
	Results []outcome   `json:"results"`

	OK         bool     `json:"ok"`
	KnowsEnded bool     `json:"knows_ended"`
	Ignored    []string `json:"ignored"`
	MaxPayload int      `json:"max_payload"`

	Body  *string    `json:"body"`
	Error *poolError `json:"error"`

	Total     *int  `json:"total"`
	Healthy   int   `json:"healthy"`
	Restarts  int   `json:"restarts"`
	LastCheck int64 `json:"last_check_ms"`

	Took *int64  `json:"took_ns"`
	Each []int64 `json:"each_ns"`
}

// outcome is what one read or write of a frame gave.
type outcome struct {
	Kind    string    `json:"kind"`
	Text    string    `json:"text"`
	ID      id        `json:"id"`
	Payload hexDigits `json:"payload"`
}

// The kinds of outcomes that are not error kinds of the protocol.
const (
	kindFrame   = "frame"
	kindOK      = "ok"
	kindEOF     = "eof"
	kindWaiting = "waiting"
	kindIO      = "io"
	kindOther   = "other"
)

type poolError struct {
	Kinds []conformance.ErrorKind `json:"kinds"`
	Text  string                  `json:"text"`
}

// id is a request ID, as decimal digits in a string.
type id uint64

func (n *id) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 10, 64)
	*n = id(v)
	return err
}

// hexDigits are bytes, as hexadecimal digits in a string.
type hexDigits []byte

// UnmarshalJSON reads the digits where they lie: they may be some ten million.
func (b *hexDigits) UnmarshalJSON(text []byte) error {
	digits, ok := bytes.CutPrefix(text, []byte{'"'})
	digits, closed := bytes.CutSuffix(digits, []byte{'"'})
	if !ok || !closed || bytes.IndexByte(digits, '\\') >= 0 {
		var plain string
		if err := json.Unmarshal(text, &plain); err != nil {
			return err
		}
		digits = []byte(plain)
	}
	v, err := hex.AppendDecode(nil, digits)
	*b = v
	return err
}

// chunks are pieces of a stream.
type chunks [][]byte

// line returns the request as a line of JSON. What may be large, the chunks and the frames, it encodes itself.
func (r request) line() ([]byte, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	line = slices.Grow(bytes.TrimSuffix(line, []byte{'}'}), int(r.size())+100)
	if r.Chunks != nil {
		line = append(line, `,"chunks":[`...)
		for i, chunk := range r.Chunks {
			line = appendHex(separated(line, i), chunk)
		}
		line = append(line, ']')
	}
	if r.Frames != nil {
		line = append(line, `,"frames":[`...)
		for i, f := range r.Frames {
			line = append(separated(line, i), `{"id":"`...)
			line = strconv.AppendUint(line, uint64(f.ID), 10)
			line = append(appendHex(append(line, `","payload":`...), f.Payload), '}')
		}
		line = append(line, ']')
	}
	return append(line, "}\n"...), nil
}

func appendHex(line, b []byte) []byte {
	return append(hex.AppendEncode(append(line, '"'), b), '"')
}

// separated appends a comma before all but the first element.
func separated(line []byte, i int) []byte {
	if i == 0 {
		return line
	}
	return append(line, ',')
}

// declined returns the error of an answer that says that the program did not do it; nil if the program did it.
func (a answer) declined(do string) error {
	switch {
	case a.Unsupported != nil:
		return fmt.Errorf("%w: %s", conformance.Unsupported, *a.Unsupported)
	case a.Failed != nil:
		return fmt.Errorf("%w: the adapter says that it failed at %s: %s", suite.Unreachable, do, *a.Failed)
	case a.Refused != nil:
		return fmt.Errorf("%w: the adapter refuses %s: %s", suite.Unreachable, do, *a.Refused)
	}
	return nil
}

// size returns the approximate length of the line in bytes.
func (r request) size() (n int64) {
	for _, chunk := range r.Chunks {
		n += 2*int64(len(chunk)) + 3
	}
	for _, f := range r.Frames {
		n += 2*int64(len(f.Payload)) + 50
	}
	return n
}
