package framer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// A reading is what a framer made of a stream.
type reading struct {
	frames  []spec.Frame
	end     string   // what came instead of a further frame: an error kind, cleanEnd, or the error's text; "" where none was asked for
	err     error    // the same, as the framer returned it
	beside  int      // bytes of payload that came beside the error
	later   []string // what further reads gave, where the end is an error kind
	trouble string   // why there is no reading: a panic or a hang
	hung    bool     // the patience of the run went by
	ended   bool     // the process of the framer did
	hungry  bool     // the framer asked for more than the stream had
	silent  bool     // the stream stayed open behind its last byte
}

const (
	cleanEnd   = "a clean end"
	laterReads = 3  // how often a framer is asked again behind an error [STR-3]
	onward     = -1 // read to the end, however many frames there are
)

// read has a framer read the stream: so many frames, or to its end.
func (t *T) read(o Options, s *source, frames int) reading {
	var made reading          // by another goroutine, which may be at it still where it hung
	silent := s.closed != nil // where a further read may have to wait for ever
	crashes := t.crashes()
	defer s.close() // also where the case ends in the middle, so that a hung framer goes
	trouble, hung := t.attempt(func() {
		f := t.open(stream{s, io.Discard}, o)
		if made = readFrames(f, frames); isKind(made.end) && !silent {
			made.readOn(f)
		}
	}, s)
	asked := s.asks()
	r := reading{trouble: trouble, hung: hung, ended: t.crashes() > crashes}
	if trouble == "" {
		r = made
	}
	if asked > enough {
		r.trouble = fmt.Sprintf("the call hangs: behind the end of the stream it asked %d times for more", enough)
	}
	r.hungry, r.silent = asked > 0, silent
	return r
}

// readFrames reads so many frames, or until there is an error.
func readFrames(f Framer, frames int) (r reading) {
	const tooMany = 10_000 // more than any stream of the suite has
	for len(r.frames) != frames && len(r.frames) < tooMany {
		frame, err := f.ReadFrame()
		if err != nil {
			r.err, r.end, r.beside = err, endOf(err), len(frame.Payload)
			return r
		}
		r.frames = append(r.frames, spec.Frame{ID: frame.ID, Payload: bytes.Clone(frame.Payload)})
	}
	return r
}

// readOn asks for more behind an error.
func (r *reading) readOn(f Framer) {
	for range laterReads {
		frame, err := f.ReadFrame()
		if err == nil {
			r.later = append(r.later, tellFrame(spec.Frame{ID: frame.ID, Payload: bytes.Clone(frame.Payload)}))
			continue
		}
		r.later = append(r.later, endOf(err))
		r.beside = max(r.beside, len(frame.Payload))
	}
}

// endOf names an error of a read: its kind, cleanEnd, or its text where it is neither. An error is
// to be of one kind, because the first check that fails names it [FRM-9].
func endOf(err error) string {
	var found []string
	for _, k := range spec.FramingErrors() {
		if errors.Is(err, k) {
			found = append(found, string(k))
		}
	}
	switch {
	case len(found) > 0:
		return strings.Join(found, " and ")
	case errors.Is(err, io.EOF):
		return cleanEnd
	}
	return fmt.Sprintf("an error of no kind: %v", err)
}

func isKind(end string) bool {
	for _, k := range spec.FramingErrors() {
		if end == string(k) {
			return true
		}
	}
	return false
}

// optionsOf are those that the receiver of a vector is to be made with.
func optionsOf(v vectors.FrameVector) Options {
	o := Options{Framing: spec.Framing(v.Framing), MaxPayload: int(v.MaxPayload)}
	for _, flag := range v.Flags {
		if flag == "default-limit" {
			o.MaxPayload = 0
		}
	}
	return o
}

// endIn is how the stream of a vector ends.
func endIn(v vectors.FrameVector) string {
	if v.Valid() {
		return cleanEnd
	}
	return string(v.Error)
}

// A difference is where a reading first departs from what a vector says.
type difference struct {
	at        int // index of the frame, len(frames) for the end
	offset    int // of that frame in the stream
	want, got string
}

// differs compares the frames and the end. It returns nil where they are right.
func (r reading) differs(v vectors.FrameVector) *difference {
	if r.trouble != "" {
		want := endIn(v)
		if len(v.Frames) > 0 {
			want = fmt.Sprintf("%s, then %s", text.Plural(len(v.Frames), "frame"), want)
		}
		return &difference{want: want, got: r.trouble}
	}
	offset := 0
	for i, f := range v.Frames {
		if i == len(r.frames) || r.frames[i].ID != f.ID || !bytes.Equal(r.frames[i].Payload, f.Payload) {
			d := &difference{at: i, offset: offset, got: r.tellEnd()}
			d.want = fmt.Sprintf("frame %d of %d: %s", i+1, len(v.Frames), tellFrame(spec.Frame(f)))
			if i < len(r.frames) {
				d.got = tellFrame(r.frames[i]) + tellFirstDifference(f.Payload, r.frames[i].Payload)
			}
			return d
		}
		offset += spec.Framing(v.Framing).HeaderSize() + len(f.Payload)
	}
	at := len(v.Frames)
	if len(r.frames) == at && (r.end == "" || r.end == endIn(v)) { // "" where nobody asked for it
		return nil
	}
	d := &difference{at: at, offset: offset, want: endIn(v), got: r.tellEnd()}
	if v.Comment != "" {
		d.want += " (" + v.Comment + ")"
	}
	if at > 0 {
		d.want = fmt.Sprintf("after %s: %s", text.Plural(at, "frame"), d.want)
	}
	if len(r.frames) > at {
		d.got = tellFrame(r.frames[at])
	}
	return d
}

func (r reading) tellEnd() string {
	if isKind(r.end) && r.err.Error() != r.end {
		return fmt.Sprintf("%s (%v)", r.end, r.err)
	}
	return r.end
}

func tellFrame(f spec.Frame) string {
	return fmt.Sprintf("a frame with ID %d and %s", f.ID, tellPayload(f.Payload))
}

func tellPayload(payload []byte) string {
	const shown = 24
	switch {
	case len(payload) == 0:
		return "an empty payload"
	case len(payload) > shown:
		return fmt.Sprintf("a payload of %d bytes, % x …", len(payload), payload[:shown])
	}
	return fmt.Sprintf("a payload of %s, % x", text.Plural(len(payload), "byte"), payload)
}

func tellFirstDifference(want, got []byte) string {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("; byte %d is %02x and should be %02x", i, got[i], want[i])
		}
	}
	return ""
}
