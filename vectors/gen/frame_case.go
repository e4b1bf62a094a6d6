package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

// The kinds of a framing error, in the order in which they are checked [FRM-9].
const (
	badMagic  = "bad_magic"
	badLength = "bad_length"
	tooLarge  = "too_large"
	truncated = "truncated"
	badCRC    = "bad_crc"
)

// smallLimit keeps the vectors at the limit short.
const smallLimit = 64

// A frameFile collects the vectors of one file.
type frameFile struct {
	prefix string // begins every tcId of the file
	cases  []*frameCase
}

// A frameCase is one vector in the making. A generator says what it sends and
// ends with accepted or refused.
type frameCase struct {
	TcID       string       `json:"tcId"`
	Comment    string       `json:"comment"`
	Clause     string       `json:"clause"`
	Flags      []string     `json:"flags"`
	Framing    string       `json:"framing"`
	MaxPayload uint32       `json:"maxPayload"`
	Bytes      string       `json:"bytes"`
	Result     string       `json:"result"`
	Error      string       `json:"error,omitempty"`
	DecidedAt  *int         `json:"decidedAt,omitempty"`
	Frames     []frameGiven `json:"frames"`

	raw   string
	start int // where the frame begins that decides the verdict
}

// A frameGiven is a frame that a receiver hands out.
type frameGiven struct {
	ID      string `json:"id"`
	Payload string `json:"payload"`
}

// enhanced starts a vector in the enhanced framing.
func (f *frameFile) enhanced(name, clause, comment string, args ...any) *frameCase {
	return f.start("enhanced", name, clause, fmt.Sprintf(comment, args...))
}

// basic starts a vector in the basic framing.
func (f *frameFile) basic(name, clause, comment string, args ...any) *frameCase {
	return f.start("basic", name, clause, fmt.Sprintf(comment, args...))
}

func (f *frameFile) start(framing, name, clause, comment string) *frameCase {
	c := &frameCase{
		TcID:       f.prefix + "-" + name,
		Comment:    comment,
		Clause:     clause,
		Flags:      []string{},
		Framing:    framing,
		MaxPayload: smallLimit,
		Frames:     []frameGiven{},
	}
	f.cases = append(f.cases, c)
	return c
}

// limit sets max_payload where it is not the small one.
func (c *frameCase) limit(maxPayload uint32) *frameCase {
	c.MaxPayload = maxPayload
	return c
}

// flagged adds a flag; flags.go says what it means.
func (c *frameCase) flagged(flag string) *frameCase {
	c.Flags = append(c.Flags, flag)
	return c
}

// after sends frames that are right and that the receiver hands out.
func (c *frameCase) after(frames ...enhancedFrame) *frameCase {
	for _, f := range frames {
		c.raw += f.raw()
		c.given(f.id, f.payload)
	}
	return c
}

// afterBasic does the same in the basic framing, where the ID reads as 0 [FRM-4].
func (c *frameCase) afterBasic(payloads ...string) *frameCase {
	for _, p := range payloads {
		c.raw += basic(p)
		c.given(0, p)
	}
	return c
}

// sends the bytes that decide the verdict, and whatever comes behind them.
func (c *frameCase) sends(raw string) *frameCase {
	c.start = len(c.raw)
	c.raw += raw
	return c
}

// given is a frame that the receiver hands out.
func (c *frameCase) given(id uint64, payload string) *frameCase {
	c.Frames = append(c.Frames, frameGiven{strconv.FormatUint(id, 10), hex.EncodeToString([]byte(payload))})
	return c
}

// accepted ends a vector that is no error: the stream ends cleanly after the
// frames that were given.
func (c *frameCase) accepted() {
	c.Result = "valid"
	c.Bytes = hex.EncodeToString([]byte(c.raw))
}

// refused ends a vector with an error of the kind, in the bytes last sent.
func (c *frameCase) refused(kind string) {
	c.Result = "invalid"
	c.Error = kind
	c.Bytes = hex.EncodeToString([]byte(c.raw))
	at := c.decidedAt(kind)
	c.DecidedAt = &at
}

// decidedAt is the number of bytes that a receiver needs for its verdict and
// must not wait beyond [FRM-10].
func (c *frameCase) decidedAt(kind string) int {
	switch {
	case kind == truncated:
		return len(c.raw)
	case kind == badCRC:
		return c.start + int(binary.BigEndian.Uint32([]byte(c.raw[c.start+2:])))
	case c.Framing == "basic":
		return c.start + basicHeaderSize
	default:
		return c.start + enhancedHeaderSize
	}
}
