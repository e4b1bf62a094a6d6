package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Options say what is known of the bytes of a [Stream] or a [Connection].
type Options struct {
	Framing    spec.Framing // empty: the first two bytes show it, as for a worker [STR-7]
	Sender     spec.Role    // RolePool or RoleWorker; empty: not known, and a message may be from either
	MaxPayload int          // bytes in one frame; 0: 10485760 [FRM-13]
}

// Stream inspects one direction of one connection. It reports the frames and what is wrong with them, however the bytes are
// split. It is not safe for concurrent use.
type Stream struct {
	options  Options
	framing  spec.Framing // empty until it is known
	detected bool         // the first bytes showed the framing
	pending  []byte       // bytes of a frame that is not complete
	offset   int64        // of pending in the stream
	stopped  bool
}

// Frame is one frame of a stream, or the bytes after the last frame, which are none.
type Frame struct {
	Sender     spec.Role
	Framing    spec.Framing
	Offset     int64  // of its first byte in the stream
	Bytes      []byte // header and payload as they came; do not change them
	Whole      bool   // false if the bytes are no frame: Violations has the framing error, and no frame follows
	HeaderID   uint64 // the ID in its header, 0 in the basic framing [FRM-4]
	Message    string // what it says, in a few words; empty if it is not whole
	Violations []Violation

	content content
}

// Violation is one thing that is wrong in a stream.
type Violation struct {
	Clause string         // the clause that is broken
	Kind   spec.ErrorKind // of a framing error; empty for a wrong message
	Offset int64          // in the stream, of the first byte that is wrong
	Want   string         // what the clause demands
	Got    string         // what came instead
}

// String returns the violation as one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s at byte %d: expected %s; got %s", v.Clause, v.Offset, v.Want, v.Got)
}

// NewStream returns a new Stream. It returns an error for an invalid option.
func NewStream(o Options) (*Stream, error) {
	if o.MaxPayload == 0 {
		o.MaxPayload = spec.DefaultMaxPayload
	}
	switch {
	case o.Framing != "" && o.Framing != spec.Enhanced && o.Framing != spec.Basic:
		return nil, fmt.Errorf("the framing %q is none: give enhanced, basic, or nothing to read it off the first bytes", o.Framing)
	case o.Sender != "" && o.Sender != spec.RolePool && o.Sender != spec.RoleWorker:
		return nil, fmt.Errorf("the role %q sends no bytes: give pool, worker, or nothing where it is not known", o.Sender)
	case o.MaxPayload < 0 || int64(o.MaxPayload) >= basicLooksEnhanced:
		return nil, fmt.Errorf("a max_payload of %d is not between 0 and %d [FRM-14]", o.MaxPayload, int64(basicLooksEnhanced)-1)
	}
	return &Stream{options: o, framing: o.Framing}, nil
}

// basicLooksEnhanced is the least basic length that begins with the magic of the enhanced framing [FRM-14].
const basicLooksEnhanced = (spec.Magic0<<8 | spec.Magic1) << 16

// Framing returns the framing of the stream. It is empty until the first bytes have shown it.
func (i *Stream) Framing() spec.Framing { return i.framing }

// Stopped reports whether the inspection has ended, at a framing error or at the end: it ignores what comes after [STR-3].
func (i *Stream) Stopped() bool { return i.stopped }

// Write inspects the next bytes. It returns the frames that they complete. A framing error is reported as soon as the
// header shows it [FRM-10]. The frames share memory with the stream, which does not change it again.
func (i *Stream) Write(data []byte) []Frame {
	if i.stopped {
		return nil
	}
	i.pending = append(i.pending, data...)
	if i.framing == "" && !i.detectFraming() {
		return nil
	}
	var frames []Frame
	for len(i.pending) > 0 && !i.stopped {
		f, used, err := wire.DecodeOne(i.framing, i.pending, i.options.MaxPayload)
		if err != nil {
			frames = append(frames, i.broken(i.refused(err)))
			break
		}
		if used == 0 {
			break
		}
		frames = append(frames, i.frame(f, used))
	}
	return frames
}

// End says that no more bytes come. It returns the frame that was cut off, if any [STR-2].
func (i *Stream) End() []Frame {
	if i.stopped || len(i.pending) == 0 {
		i.stopped = true
		return nil
	}
	if i.framing == "" { // a single byte, the first of the magic or of a length that no frame has
		i.framing = spec.Enhanced
	}
	size := int64(i.framing.HeaderSize())
	got := fmt.Sprintf("the end of the stream after %d of the %d bytes of a header", len(i.pending), size)
	if int64(len(i.pending)) >= size {
		n := i.claimed() // decodeOne has refused any other
		got = fmt.Sprintf("the end of the stream after %d of the %d bytes of a payload", int64(len(i.pending))-size, n)
	}
	return []Frame{i.broken(Violation{
		Clause: "STR-2", Kind: spec.Truncated, Offset: i.offset + int64(len(i.pending)), Want: "a whole frame", Got: got,
	})}
}

// Dump returns the frame as hex with its offsets in the stream. It names each field and points at what is wrong. It writes
// at most so many rows of bytes; for a longer frame it adds the number of bytes.
func (f Frame) Dump(rows int) string {
	d := &wire.Dumper{Framing: f.Framing, Rows: rows, Total: len(f.Bytes), Base: int(f.Offset), Marks: map[int]string{}}
	for _, v := range f.Violations {
		at := int(v.Offset - f.Offset)
		if f.Whole { // after an empty payload there is no byte to point at
			at = min(at, len(f.Bytes)-1)
		}
		if d.Marks[at] != "" {
			d.Marks[at] += ", "
		}
		d.Marks[at] += v.Clause
	}
	return d.Dump(f.Bytes, 0)
}

// detectFraming finds the framing by the first two bytes, or by the first if it is not that of the magic. It reports false
// if more bytes are needed.
func (i *Stream) detectFraming() bool {
	switch {
	case len(i.pending) == 0, len(i.pending) == 1 && i.pending[0] == spec.Magic0:
		return false
	case i.pending[0] == spec.Magic0 && i.pending[1] == spec.Magic1:
		i.framing = spec.Enhanced
	default:
		i.framing = spec.Basic
	}
	i.detected = true
	return true
}

func (i *Stream) frame(f spec.Frame, used int) Frame {
	out := Frame{
		Sender: i.options.Sender, Framing: i.framing, Offset: i.offset, Bytes: i.pending[:used:used], Whole: true, HeaderID: f.ID,
	}
	out.content, out.Violations = judge(out, f.Payload)
	out.Message = out.content.String()
	i.pending, i.offset = i.pending[used:], i.offset+int64(used)
	if len(i.pending) == 0 {
		i.pending = nil
	}
	return out
}

// broken ends the inspection with bytes that are no frame.
func (i *Stream) broken(v Violation) Frame {
	out := Frame{
		Sender: i.options.Sender, Framing: i.framing, Offset: i.offset, Bytes: i.pending, Violations: []Violation{v},
	}
	i.stopped, i.pending = true, nil
	return out
}

// refused returns the clause that a framing error breaks, and where.
func (i *Stream) refused(err error) Violation {
	v := Violation{Offset: i.offset, Got: err.Error()}
	length := int64(0)
	if i.framing == spec.Enhanced {
		length = 2
	}
	switch {
	case errors.Is(err, spec.BadMagic):
		v.Clause, v.Kind, v.Want = "FRM-6", spec.BadMagic, "a frame, which begins with 50 59"
	case errors.Is(err, spec.BadLength):
		v.Clause, v.Kind, v.Want = "FRM-7", spec.BadLength, "a length of 18 and more"
		v.Offset += length
	case errors.Is(err, spec.TooLarge):
		v.Clause, v.Kind, v.Want = "FRM-8", spec.TooLarge, fmt.Sprintf("a payload of at most %d bytes", i.options.MaxPayload)
		v.Offset += length
		if i.detected && i.framing == spec.Basic && i.offset == 0 {
			v.Got += "; the stream was taken for basic because it does not begin with 50 59"
		}
	default:
		v.Clause, v.Kind, v.Want = "CRC-4", spec.BadCRC, "a payload that matches the CRC32C of its header"
		v.Offset += 14
	}
	return v
}

// claimed returns the size of the payload that the header claims. The header must be complete.
func (i *Stream) claimed() int64 {
	if i.framing == spec.Basic {
		return int64(binary.BigEndian.Uint32(i.pending))
	}
	return max(0, int64(binary.BigEndian.Uint32(i.pending[2:]))-spec.EnhancedHeader)
}
