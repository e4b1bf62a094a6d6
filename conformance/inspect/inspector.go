package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Options say what the bytes given to an [Inspector] are.
type Options struct {
	Framing    spec.Framing // empty: told by the first two bytes, as a worker tells it [STR-7]
	Sender     spec.Role    // RolePool or RoleWorker; empty: not known, and a message may be of either
	MaxPayload int          // of one frame in bytes; 0: 10485760 [FRM-13]
}

// Inspector reads one direction of one connection, in whatever pieces its bytes come, and tells the frames
// and what is wrong with them. It is not safe for concurrent use.
type Inspector struct {
	options Options
	framing spec.Framing // empty until it is known
	told    bool         // the framing was told by the first bytes
	pending []byte       // bytes of a frame that is not whole
	offset  int64        // of pending in the stream
	stopped bool
}

// Frame is one frame of a stream, or after its last one the bytes that are none.
type Frame struct {
	Sender     spec.Role
	Framing    spec.Framing
	Offset     int64  // of its first byte in the stream
	Bytes      []byte // header and payload as they came; not to be changed
	Whole      bool   // false where these bytes are no frame: there is a framing error, and nothing comes after
	Header     uint64 // the ID in its header, 0 in the basic framing [FRM-4]
	Message    string // what it says, in a few words; empty where it is not whole
	Violations []Violation

	said said
}

// Violation is one thing that is wrong in a stream.
type Violation struct {
	Clause string         // whose sentence does not hold
	Kind   spec.ErrorKind // of a framing error; empty for a message
	Offset int64          // of the first byte in question in the stream
	Want   string         // what the clause asks for here
	Got    string         // what came instead
}

func (v Violation) String() string {
	return fmt.Sprintf("%s at byte %d: expected %s; got %s", v.Clause, v.Offset, v.Want, v.Got)
}

// New refuses options that are none of those described.
func New(o Options) (*Inspector, error) {
	if o.MaxPayload == 0 {
		o.MaxPayload = spec.DefaultMaxPayload
	}
	switch {
	case o.Framing != "" && o.Framing != spec.Enhanced && o.Framing != spec.Basic:
		return nil, fmt.Errorf("the framing %q is none: give enhanced, basic, or nothing to have it told by the first bytes", o.Framing)
	case o.Sender != "" && o.Sender != spec.RolePool && o.Sender != spec.RoleWorker:
		return nil, fmt.Errorf("the role %q sends no bytes: give pool, worker, or nothing where it is not known", o.Sender)
	case o.MaxPayload < 0 || int64(o.MaxPayload) >= basicLooksEnhanced:
		return nil, fmt.Errorf("a max_payload of %d is not between 0 and %d [FRM-14]", o.MaxPayload, int64(basicLooksEnhanced)-1)
	}
	return &Inspector{options: o, framing: o.Framing}, nil
}

// basicLooksEnhanced is the least basic length that begins with the magic of the enhanced framing [FRM-14].
const basicLooksEnhanced = (spec.Magic0<<8 | spec.Magic1) << 16

// Framing is that of the stream, empty as long as it is not known.
func (i *Inspector) Framing() spec.Framing { return i.framing }

// Stopped tells whether there was a framing error: what comes after it is not looked at [STR-3].
func (i *Inspector) Stopped() bool { return i.stopped }

// Write takes the next bytes and returns the frames that they complete. The frames share the inspector's
// memory, which is not written again. A framing error is known from the header alone [FRM-10].
func (i *Inspector) Write(data []byte) []Frame {
	if i.stopped {
		return nil
	}
	i.pending = append(i.pending, data...)
	if i.framing == "" && !i.tellFraming() {
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

// End tells that no more bytes come. It returns what is left of a frame that the end cut off [STR-2].
func (i *Inspector) End() []Frame {
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

// Dump writes the frame as hex, at its offsets in the stream, and says what each field is and where what is
// wrong begins. At most rows rows are written; a frame that is longer says how long it is.
func (f Frame) Dump(rows int) string {
	d := &wire.Dumper{Framing: f.Framing, Rows: rows, Total: len(f.Bytes), Base: int(f.Offset), Marks: map[int]string{}}
	for _, v := range f.Violations {
		at := int(v.Offset - f.Offset)
		if f.Whole { // behind an empty payload there is no byte to point at
			at = min(at, len(f.Bytes)-1)
		}
		if d.Marks[at] != "" {
			d.Marks[at] += ", "
		}
		d.Marks[at] += v.Clause
	}
	return d.Dump(f.Bytes, 0)
}

// tellFraming tells it by the first two bytes. One is enough where it is not the first of the magic.
func (i *Inspector) tellFraming() bool {
	switch {
	case len(i.pending) == 0, len(i.pending) == 1 && i.pending[0] == spec.Magic0:
		return false
	case i.pending[0] == spec.Magic0 && i.pending[1] == spec.Magic1:
		i.framing = spec.Enhanced
	default:
		i.framing = spec.Basic
	}
	i.told = true
	return true
}

func (i *Inspector) frame(f spec.Frame, used int) Frame {
	out := Frame{
		Sender: i.options.Sender, Framing: i.framing, Offset: i.offset, Bytes: i.pending[:used:used], Whole: true, Header: f.ID,
	}
	out.said, out.Violations = judge(out, f.Payload)
	out.Message = out.said.String()
	i.pending, i.offset = i.pending[used:], i.offset+int64(used)
	if len(i.pending) == 0 {
		i.pending = nil
	}
	return out
}

// broken ends the inspection with what is no frame.
func (i *Inspector) broken(v Violation) Frame {
	out := Frame{
		Sender: i.options.Sender, Framing: i.framing, Offset: i.offset, Bytes: i.pending, Violations: []Violation{v},
	}
	i.stopped, i.pending = true, nil
	return out
}

// refused says which clause a framing error breaks, and which bytes.
func (i *Inspector) refused(err error) Violation {
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
		if i.told && i.framing == spec.Basic && i.offset == 0 {
			v.Got += "; the stream was taken for basic because it does not begin with 50 59"
		}
	default:
		v.Clause, v.Kind, v.Want = "CRC-4", spec.BadCRC, "a payload that matches the CRC32C of its header"
		v.Offset += 14
	}
	return v
}

// claimed is the size of the payload that a whole header claims.
func (i *Inspector) claimed() int64 {
	if i.framing == spec.Basic {
		return int64(binary.BigEndian.Uint32(i.pending))
	}
	return max(0, int64(binary.BigEndian.Uint32(i.pending[2:]))-spec.EnhancedHeader)
}
