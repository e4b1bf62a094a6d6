package fuzz

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	gofuzz "github.com/google/gofuzz"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// operation is one thing done to a framer, or to the bytes between its two ends.
type operation struct {
	Kind  uint8
	ID    uint64
	Size  uint16
	Scale uint8
}

// size is mostly small, and now and then large enough for every buffer to grow.
func (o operation) size() int { return int(o.Size) >> (o.Scale % 16) << (o.Scale / 16 % 4) }

// operations makes a list of operations of what a fuzzer made up.
func operations(data []byte) []operation {
	var list []operation
	gofuzz.NewFromGoFuzz(data).NilChance(0).NumElements(0, 64).Fuzz(&list)
	return list
}

// framer is what checkOperations needs of an implementation.
type framer interface {
	ReadFrame() (frame.Frame, error)
	ReadFrameOwned() (frame.Frame, error)
	WriteFrame(requestID uint64, payload []byte) error
	WriteFramePieces(requestID uint64, pieces ...[]byte) error
	WriteFrames(frames []byte) error
}

// checkOperations does one operation after the other to a framer whose own output comes back to it, and
// compares it with a model: the frames that were written and not yet read.
func checkOperations(open func(io.ReadWriter, frame.Options) (framer, error), list []operation, framing frame.Framing) error {
	w := &loop{room: -1}
	f, err := open(w, frame.Options{Framing: framing, MaxPayload: repairedMax})
	if err != nil {
		return err
	}
	m := &model{framing: framing, wire: w, framer: f}
	for i, o := range list {
		if err := m.do(o); err != nil {
			return fmt.Errorf("operation %d of %+v, %v: %w", i, list, framing, err)
		}
	}
	return m.end()
}

// model is what a framer must look like from outside.
type model struct {
	framing frame.Framing
	wire    *loop
	framer  framer

	written []frame.Frame // and not yet read
	ahead   int           // bytes on the wire before the first of them
	broken  bool          // a write went out in part
	kept    []keptFrame
}

// keptFrame is a payload that ReadFrameOwned gave out, and what it was then.
type keptFrame struct{ payload, was []byte }

func (m *model) do(o operation) error {
	switch o.Kind % 8 {
	case 0:
		return m.write(o, func(p []byte) error { return m.framer.WriteFrame(o.ID, p) })
	case 1:
		return m.write(o, func(p []byte) error {
			at := int(o.Scale) * len(p) / 255
			return m.framer.WriteFramePieces(o.ID, p[:at], nil, p[at:])
		})
	case 2:
		return m.writeBatch(o)
	case 3, 4:
		m.wire.deliver(o.size())
	case 5:
		return m.read(m.framer.ReadFrame, false)
	case 6:
		return m.read(m.framer.ReadFrameOwned, true)
	case 7: // once in a while the stream takes no more, and later it does again
		switch {
		case o.Scale%16 != 0:
		case m.wire.room < 0:
			m.wire.room = o.size() % 64
		default:
			m.wire.room = -1
		}
	}
	return nil
}

func payload(o operation) []byte { return bytes.Repeat([]byte{byte(o.ID)}, o.size()) }

func (m *model) write(o operation, write func([]byte) error) error {
	p := payload(o)
	before := len(m.wire.sent)
	err := write(p)
	if len(p) > repairedMax {
		if !errors.Is(err, frame.ErrTooLarge) || len(m.wire.sent) != before {
			return fmt.Errorf("[FRM-12] a payload of %d bytes: %d went out, and the error is %v", len(p), len(m.wire.sent)-before, err)
		}
		return nil
	}
	return m.wrote(err, before, frame.Frame{RequestID: o.ID, Payload: p})
}

func (m *model) writeBatch(o operation) error {
	before := len(m.wire.sent)
	var frames []frame.Frame
	var batch []byte
	for i := range o.Scale % 5 {
		f := frame.Frame{RequestID: o.ID + uint64(i), Payload: payload(operation{ID: o.ID, Size: o.Size % 300})}
		frames = append(frames, f)
		start := len(batch)
		batch = append(frame.BeginFrame(batch, m.framing), f.Payload...)
		frame.EndFrame(batch, start, m.framing, f.RequestID)
	}
	if len(frames) == 0 {
		return nil
	}
	return m.wrote(m.framer.WriteFrames(batch), before, frames...)
}

// wrote judges a write by what is on the wire after it.
func (m *model) wrote(err error, before int, frames ...frame.Frame) error {
	var want []byte
	for _, f := range frames {
		want = appendFrame(want, m.framing, f)
	}
	got := m.wire.sent[before:]
	if m.broken {
		if err == nil || len(got) > 0 {
			return fmt.Errorf("[STR-6] after a short write %d bytes more went out, and the error is %v", len(got), err)
		}
		return nil
	}
	if err == nil {
		if !bytes.Equal(got, want) {
			return fmt.Errorf("[FRM-1] wrote %.60x, expected %.60x", got, want)
		}
		m.written = append(m.written, frames...)
		return nil
	}
	if m.wire.room != 0 || !bytes.HasPrefix(want, got) {
		return fmt.Errorf("a write failed: %w", err)
	}
	m.broken = len(got) > 0
	for _, f := range frames { // those of the batch that went out whole all the same
		size := m.framing.HeaderSize() + len(f.Payload)
		if len(got) < size {
			break
		}
		m.written = append(m.written, f)
		got = got[size:]
	}
	return nil
}

// read reads once, and expects the next frame if all of it has arrived.
func (m *model) read(read func() (frame.Frame, error), owned bool) error {
	got, err := read()
	if len(m.written) == 0 {
		return expectNothing(got, err)
	}
	want := m.written[0]
	size := m.framing.HeaderSize() + len(want.Payload)
	if m.wire.arrived-m.ahead < size {
		return expectNothing(got, err)
	}
	if m.framing == frame.Basic {
		want.RequestID = 0 // [FRM-4]
	}
	if err != nil || got.RequestID != want.RequestID || !bytes.Equal(got.Payload, want.Payload) {
		return fmt.Errorf("read frame %d %.20x (%d bytes), %v, expected frame %d %.20x (%d bytes)",
			got.RequestID, got.Payload, len(got.Payload), err, want.RequestID, want.Payload, len(want.Payload))
	}
	if owned {
		m.kept = append(m.kept, keptFrame{got.Payload, bytes.Clone(got.Payload)})
	}
	m.written, m.ahead = m.written[1:], m.ahead+size
	return nil
}

func expectNothing(got frame.Frame, err error) error {
	if err != errNotYet || got.Payload != nil {
		return fmt.Errorf("read frame %d (%d bytes), %v, where no whole frame had arrived", got.RequestID, len(got.Payload), err)
	}
	return nil
}

// end lets everything arrive, and then the stream end.
func (m *model) end() error {
	m.wire.deliver(len(m.wire.sent))
	m.wire.ended = true
	for len(m.written) > 0 {
		if err := m.read(m.framer.ReadFrame, false); err != nil {
			return err
		}
	}
	want := io.EOF // [STR-1]
	if m.ahead < len(m.wire.sent) {
		want = frame.ErrTruncated // [STR-2]
	}
	_, err := m.framer.ReadFrame()
	_, again := m.framer.ReadFrame()
	if !errors.Is(err, want) || again != err {
		return fmt.Errorf("[STR-3] the stream ended with %v and then %v, expected %v", err, again, want)
	}
	for _, k := range m.kept {
		if !bytes.Equal(k.payload, k.was) {
			return fmt.Errorf("a payload that the caller owns was %.20x and became %.20x", k.was, k.payload)
		}
	}
	return nil
}

// loop is a stream whose end is its beginning. What is written arrives when deliver says so; until then
// a read is told that there is nothing yet, as after a deadline.
type loop struct {
	sent    []byte
	arrived int // of sent
	taken   int // of those
	ended   bool
	room    int // bytes it still takes; below 0 any number
}

var errNotYet = errors.New("nothing has arrived yet")

func (l *loop) deliver(n int) { l.arrived = min(len(l.sent), l.arrived+n) }

func (l *loop) Read(b []byte) (int, error) {
	n := copy(b, l.sent[l.taken:l.arrived])
	l.taken += n
	switch {
	case n > 0 || len(b) == 0:
		return n, nil
	case l.ended:
		return 0, io.EOF
	}
	return 0, errNotYet
}

func (l *loop) Write(b []byte) (int, error) {
	n := len(b)
	if l.room >= 0 {
		n = min(n, l.room)
		l.room -= n
	}
	l.sent = append(l.sent, b[:n]...)
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}
