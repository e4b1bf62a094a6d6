package framer

import (
	"bytes"
	"fmt"
	"io"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// A reading is what a framer returned for a stream.
type reading struct {
	frames           []spec.Frame
	end              ending
	payloadWithError int         // bytes
	later            []laterRead // after a framing error
	laterTrouble     string      // why there is no later read: a panic or a hang
	trouble          string      // why there is no reading: a panic or a hang
	hung             bool        // the call did not return within the patience of the run
	crashed          bool        // the process of the framer ended
	askedForMore     bool        // the framer asked for more than the stream had
	streamOpen       bool        // the stream stayed open after its last byte
}

const (
	laterReads = 3  // how often a framer is asked again after a framing error [STR-3]
	toTheEnd   = -1 // read to the end, however many frames come
	pastTheEnd = -2 // the same, and after a framing error ask the framer again
)

// read has a new framer read so many frames of the stream, or all of it for toTheEnd or pastTheEnd. It does not ask again
// on a stream that stays open, because such a read could wait for ever. A panic or a hang of a later read says nothing of
// the reads before it, so it is kept apart.
func (t *T) read(o Options, s *source, frames int) reading {
	var made reading // written by another goroutine, which is still running after a hang
	streamOpen := s.closed != nil
	s.tooMuch = t.heapHasGrown
	crashes := t.crashes()
	defer s.close() // also where the case ends here, so that a framer that hangs is let go
	var f Framer
	trouble, hung := t.attempt(func() {
		f = t.open(stream{s, io.Discard}, o)
		made = readFrames(f, frames)
	}, s)
	if s.wasStopped() {
		t.Blocked("the suite has stopped the framer: meanwhile the heap of this process grew by more than %d MB. The cases of FRM-11 measure who takes it", heapBound>>20)
	}
	asked := s.countReadsAfterEnd()
	r := reading{trouble: trouble, hung: hung, crashed: t.crashes() > crashes}
	if trouble == "" {
		r = made
	}
	if asked > maxReadsAfterEnd {
		r.trouble = fmt.Sprintf("the call hangs: after the end of the stream it asked %d times for more", maxReadsAfterEnd)
	}
	r.askedForMore, r.streamOpen = asked > 0, streamOpen
	if frames == pastTheEnd && r.trouble == "" && r.end.isFramingError() && !streamOpen {
		later := reading{end: r.end, payloadWithError: r.payloadWithError}
		if r.laterTrouble, _ = t.attempt(func() { later.readAgain(f) }, s); r.laterTrouble == "" {
			r.later, r.payloadWithError = later.later, later.payloadWithError
		}
	}
	return r
}

// readFrames reads so many frames, or until the framer returns an error.
func readFrames(f Framer, frames int) (r reading) {
	const tooMany = 10_000 // more than any stream of the suite has
	for len(r.frames) != frames && len(r.frames) < tooMany {
		frame, err := f.ReadFrame()
		if err != nil {
			r.end, r.payloadWithError = endingOf(err), len(frame.Payload)
			return r
		}
		r.frames = append(r.frames, *cloneFrame(frame))
	}
	return r
}

// readAgain asks the framer again after an error.
func (r *reading) readAgain(f Framer) {
	for range laterReads {
		frame, err := f.ReadFrame()
		if err == nil {
			r.later = append(r.later, laterRead{frame: cloneFrame(frame)})
			continue
		}
		r.later = append(r.later, laterRead{ending: endingOf(err)})
		r.payloadWithError = max(r.payloadWithError, len(frame.Payload))
	}
}

// cloneFrame copies a frame, whose payload is only valid until the next read.
func cloneFrame(f spec.Frame) *spec.Frame {
	return &spec.Frame{ID: f.ID, Payload: bytes.Clone(f.Payload)}
}

// optionsOf returns the options for a framer that reads the vector.
func optionsOf(v vectors.FrameVector) Options {
	o := Options{Framing: spec.Framing(v.Framing), MaxPayload: int(v.MaxPayload)}
	for _, flag := range v.Flags {
		if flag == "default-limit" {
			o.MaxPayload = 0
		}
	}
	return o
}

// A difference is the first place where a reading is not what a vector says.
type difference struct {
	at        int // index of the frame; the number of frames for the end
	offset    int // of that frame in the stream
	want, got string
}

// differenceFrom compares the frames and the end with those of the vector. It returns nil if they are right.
func (r reading) differenceFrom(v vectors.FrameVector) *difference {
	if r.trouble != "" {
		want := wantedEnd(v)
		if len(v.Frames) > 0 {
			want = fmt.Sprintf("%s, then %s", text.Plural(len(v.Frames), "frame"), want)
		}
		return &difference{want: want, got: r.trouble}
	}
	offset := 0
	for i, f := range v.Frames {
		if i == len(r.frames) || r.frames[i].ID != f.ID || !bytes.Equal(r.frames[i].Payload, f.Payload) {
			d := &difference{at: i, offset: offset, got: r.describeEnd()}
			d.want = fmt.Sprintf("frame %d of %d: %s", i+1, len(v.Frames), describeFrame(spec.Frame(f)))
			if i < len(r.frames) {
				d.got = describeFrame(r.frames[i]) + describeFirstDifference(f.Payload, r.frames[i].Payload)
			}
			return d
		}
		offset += spec.Framing(v.Framing).HeaderSize() + len(f.Payload)
	}
	at := len(v.Frames)
	if len(r.frames) == at && (!r.end.reached() || r.end.isThatOf(v)) {
		return nil
	}
	d := &difference{at: at, offset: offset, want: wantedEnd(v), got: r.describeEnd()}
	if v.Comment != "" {
		d.want += " (" + v.Comment + ")"
	}
	if at > 0 {
		d.want = fmt.Sprintf("after %s: %s", text.Plural(at, "frame"), d.want)
	}
	if len(r.frames) > at {
		d.got = describeFrame(r.frames[at])
	}
	return d
}

// describeEnd says what came in place of a further frame: the trouble of the call, or the ending.
func (r reading) describeEnd() string {
	if r.trouble != "" {
		return r.trouble
	}
	return r.end.describe()
}

func describeFrame(f spec.Frame) string {
	return fmt.Sprintf("a frame with ID %d and %s", f.ID, describePayload(f.Payload))
}

func describePayload(payload []byte) string {
	const shown = 24
	switch {
	case len(payload) == 0:
		return "an empty payload"
	case len(payload) > shown:
		return fmt.Sprintf("a payload of %d bytes, % x …", len(payload), payload[:shown])
	}
	return fmt.Sprintf("a payload of %s, % x", text.Plural(len(payload), "byte"), payload)
}

func describeFirstDifference(want, got []byte) string {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("; byte %d is %02x and should be %02x", i, got[i], want[i])
		}
	}
	return ""
}
