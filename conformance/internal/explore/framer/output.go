package framer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// wrote judges what a write returned. before is whether the write that met the failure of the stream had returned when this one began.
func (m *model) wrote(w *write, err error, before bool, original []byte) {
	w.returned, w.err = true, err
	m.seen["write "+class(err)] = true
	if !bytes.Equal(w.payload, original) {
		m.fail(explore.Failure{
			Rule: "payloads-stay", Clause: "STR-9", Want: "the payload handed to step " + fmt.Sprint(w.step+1) + " is not changed",
			Got: fmt.Sprintf("% x instead of % x", w.payload[:min(16, len(w.payload))], original[:min(16, len(original))]),
		})
	}
	m.exercise("STR-9")
	switch {
	case w.tooLarge:
		m.exercise("FRM-12")
		if m.failed && err != nil { // which error comes first after a failed write is open
			return
		}
		m.refused = true
		if !errors.Is(err, spec.TooLarge) {
			m.fail(explore.Failure{Rule: "too-large-writes-are-refused", Clause: m.orDefault("FRM-12"), Kin: []string{"FRM-13"}, Want: "the error too_large", Got: text.OneLine(err)})
		}
	case err == nil && before && m.within:
		m.fail(explore.Failure{Rule: "writes-fail-after-a-short-one", Clause: "STR-6", Want: "an error, since an earlier write was cut off", Got: "no error"})
	case err != nil && !m.failed:
		clause := "FRM-1"
		switch {
		case m.refused:
			clause = "FRM-12"
		case len(w.payload) == 0:
			clause = "FRM-5"
		case len(w.payload) > m.limit-32:
			clause = "FRM-8"
		}
		m.fail(explore.Failure{Rule: "writes-succeed", Clause: clause, Kin: []string{"FRM-12"}, Want: "no error, since the stream took everything", Got: text.OneLine(err)})
	case err != nil && !before && !errors.Is(err, m.writeError):
		m.exercise("STR-10")
		if !m.several {
			m.fail(explore.Failure{Rule: "errors-of-writes-are-passed-on", Clause: "STR-10", Kin: []string{"STR-6"}, Want: "the error of the stream, " + m.writeError.Error(), Got: text.OneLine(err)})
		}
	case err != nil && !before:
		m.exercise("STR-10", "STR-6")
	case err != nil:
		m.exercise("STR-6")
	}
}

// unreturned returns the failure of a write that does not return.
func (m *model) unreturned(w *write, reading bool) *explore.Failure {
	f := &explore.Failure{Rule: "writes-return", NotSeen: true, Want: fmt.Sprintf("the write of step %d returns", w.step+1), Got: "it does not"}
	switch {
	case m.failed:
		f.Clause, f.Kin = "STR-6", []string{"STR-5"}
	case m.refused:
		f.Clause = "FRM-12"
	case reading:
		f.Clause = "STR-8"
	default:
		f.Clause = "STR-5"
	}
	return f
}

// output judges all that was written, when no write is under way.
func (m *model) output(got []byte, broken bool, brokenAt int) {
	var names []string
	for name := range m.lanes {
		names = append(names, name)
	}
	slices.Sort(names)
	var lanes [][]*write
	for _, name := range names {
		lanes = append(lanes, m.lanes[name].writes)
	}
	o := findOrder(got, lanes, broken && brokenAt == len(got))
	if broken && !o.whole { // a part of a frame may stand where the stream failed
		if cut := findOrder(got[:brokenAt], lanes, true); cut.whole {
			if !areEarly(got[brokenAt:], got[cut.at:brokenAt], cut.left()) {
				m.fail(explore.Failure{
					Rule: "nothing-follows-a-cut-off-frame", Clause: "STR-6", Kin: []string{"STR-5"}, Want: "nothing behind the frame that was cut off",
					Got: text.Plural(len(got)-brokenAt, "byte") + " behind it", Dump: dump(m.framing, got[cut.at:]),
				})
				return
			}
			m.exercise("STR-6")
			o, got = cut, got[:cut.at]
		}
	}
	left := map[string][]*write{}
	for i, all := range o.left() {
		left[names[i]] = all
		for _, w := range lanes[i][:len(lanes[i])-len(all)] {
			m.exerciseWrite(w)
		}
	}
	rest := got[o.at:]
	if o.whole {
		rest = nil
	}
	if len(rest) > 0 {
		f := m.blameOutput(rest, left, names)
		if broken && o.at <= brokenAt && begunByOne(got[o.at:brokenAt], o.left()) { // up to the cut all is right
			f.Clause, f.Kin = "STR-6", []string{"STR-5"}
		}
		m.fail(f)
		return
	}
	for _, name := range names {
		for _, w := range left[name] {
			if w.mustBeThere() {
				clause := "FRM-1"
				switch {
				case broken:
					clause = "STR-6"
				case len(w.payload) == 0:
					clause = "FRM-5"
				case m.several:
					clause = "STR-5"
				}
				m.fail(explore.Failure{Rule: "what-was-written-is-there", Clause: clause, Kin: []string{"STR-5", "FRM-4"}, Want: fmt.Sprintf("the frame of step %d on the stream", w.step+1), Got: "it is missing"})
				return
			}
		}
	}
}

// areEarly reports whether bytes behind a frame that was cut off are whole frames of other writes that had begun before: a
// framer that needs no lock cannot hold those back.
func areEarly(after, cutOff []byte, left [][]*write) bool {
	if len(after) == 0 {
		return true
	}
	early := slices.DeleteFunc(slices.Concat(left...), func(w *write) bool { return !w.early || w.tooLarge })
	return slices.ContainsFunc(early, func(cut *write) bool {
		return bytes.HasPrefix(cut.frame, cutOff) && areFrames(after, slices.DeleteFunc(slices.Clone(early), func(w *write) bool { return w == cut }))
	})
}

// begunByOne reports whether the bytes are the beginning of the frame of one of the writes.
func begunByOne(data []byte, left [][]*write) bool {
	return slices.ContainsFunc(slices.Concat(left...), func(w *write) bool { return !w.tooLarge && bytes.HasPrefix(w.frame, data) })
}

// areFrames reports whether the bytes are frames of some of the writes, whole, in any order.
func areFrames(data []byte, writes []*write) bool {
	for len(data) > 0 {
		i := slices.IndexFunc(writes, func(w *write) bool { return bytes.HasPrefix(data, w.frame) })
		if i < 0 {
			return false
		}
		data = data[len(writes[i].frame):]
		writes = slices.Delete(writes, i, i+1)
	}
	return true
}

// order looks for an order of the writes that makes the bytes. Frames of two lanes may be the same, so it may have to come
// back and take the other.
type order struct {
	got   []byte
	lanes [][]*write
	tried map[string]bool
	// cutOff is set if the stream failed at its last byte, so that a part of a frame may end it.
	cutOff bool
	at     int   // the most bytes that an order explains
	next   []int // the writes behind those, in each lane
	whole  bool  // it explains all, but for a part of a frame where the stream failed
}

func findOrder(got []byte, lanes [][]*write, cutOff bool) *order {
	o := &order{got: got, lanes: lanes, tried: map[string]bool{}, cutOff: cutOff}
	o.whole = o.follow(0, make([]int, len(lanes)))
	return o
}

// left returns the writes of each lane that the order has not come to.
func (o *order) left() (left [][]*write) {
	for lane, writes := range o.lanes {
		left = append(left, writes[o.next[lane]:])
	}
	return left
}

// explains reports whether nothing is left that must still come, and nothing came that is no part of a frame.
func (o *order) explains(at int, next []int) bool {
	rest := o.got[at:]
	ends := len(rest) == 0
	for lane, writes := range o.lanes {
		for _, w := range writes[next[lane]:] {
			if w.mustBeThere() {
				return false
			}
			ends = ends || o.cutOff && bytes.HasPrefix(w.frame, rest)
		}
	}
	return ends
}

func (o *order) follow(at int, next []int) (whole bool) {
	key := fmt.Sprint(at, next)
	if o.tried[key] {
		return false
	}
	o.tried[key] = true
	if at > o.at || o.next == nil {
		o.at, o.next = at, slices.Clone(next)
	}
	if o.explains(at, next) {
		o.at, o.next = at, slices.Clone(next)
		return true
	}
	for lane, writes := range o.lanes {
		for i := next[lane]; i < len(writes); i++ {
			w := writes[i]
			if !w.tooLarge && bytes.HasPrefix(o.got[at:], w.frame) {
				behind := slices.Clone(next)
				behind[lane] = i + 1
				if o.follow(at+len(w.frame), behind) {
					return true
				}
			}
			if w.mustBeThere() {
				break // its frame must come before those behind it
			}
		}
	}
	return false
}

func (m *model) exerciseWrite(w *write) {
	m.exerciseFrame(spec.Frame{ID: w.id, Payload: w.payload})
	if m.several {
		m.exercise("STR-5")
	}
}

func dump(framing spec.Framing, data []byte) string {
	return wire.Dump(framing, data[:min(len(data), 128)], len(data), 6)
}

// blameOutput says what is wrong with bytes that are no frame that was written.
func (m *model) blameOutput(rest []byte, left map[string][]*write, names []string) explore.Failure {
	f := explore.Failure{Rule: "frames-go-out-whole", Clause: "FRM-1", Want: "frames that were written, whole", Got: "bytes that are none", Dump: dump(m.framing, rest)}
	var next []*write
	for _, name := range names {
		for _, w := range left[name] {
			if !w.tooLarge || !m.failed || sharesHeader(rest, w.frame) { // one that was refused has no part in what a cut leaves
				next = append(next, w)
				break
			}
		}
	}
	if len(next) == 0 {
		f.Clause, f.Want = "STR-5", "nothing more"
		f.Kin = []string{"FRM-12"}
		if m.refused {
			f.Clause = "FRM-12"
		}
		return f
	}
	w := next[0]
	f.Want = fmt.Sprintf("the frame of step %d: ID %d, %s of payload", w.step+1, w.id, text.Plural(len(w.payload), "byte"))
	if w.tooLarge {
		f.Clause, f.Want = "FRM-12", "no byte of the payload that is too large"
		return f
	}
	if m.several {
		f.Clause, f.Kin = "STR-5", []string{"STR-6"}
		return f
	}
	if m.failed {
		f.Clause, f.Kin = "STR-6", []string{"STR-5"}
		return f
	}
	at := 0
	for at < len(rest) && at < len(w.frame) && rest[at] == w.frame[at] {
		at++
	}
	f.Got = fmt.Sprintf("other bytes from byte %d of it on", at)
	switch {
	case m.refused && (m.framing == spec.Basic || at < 6):
		f.Clause, f.Kin = "FRM-12", []string{"FRM-2", "FRM-4"}
	case m.framing == spec.Basic:
		f.Clause = "FRM-4"
	case at < 2:
		f.Clause = "FRM-1"
	case at < 6:
		f.Clause, f.Kin = "FRM-2", []string{"FRM-1"}
		if len(rest) >= 6 && binary.LittleEndian.Uint32(rest[2:]) == binary.BigEndian.Uint32(w.frame[2:]) {
			f.Clause = "FRM-1"
		} else if len(w.frame)-int(binary.BigEndian.Uint32(append(rest, make([]byte, 6)...)[2:])) == 4 {
			f.Clause = "FRM-1" // a header of 14 bytes
		}
	case at < 14:
		f.Clause, f.Kin = "FRM-3", []string{"FRM-1"}
	case at < 18:
		f.Clause, f.Kin = "CRC-1", []string{"CRC-2"}
		if len(rest) >= spec.EnhancedHeader && coversHeader(rest[:spec.EnhancedHeader], w.payload) {
			f.Clause, f.Kin = "CRC-2", []string{"CRC-1"}
		}
		if len(w.payload) == 0 {
			f.Clause = "CRC-3"
		}
	default:
		f.Clause, f.Kin = "STR-5", []string{"FRM-1"}
	}
	return f
}

// sharesHeader reports whether the bytes begin as the frame does, as far as its length.
func sharesHeader(data, frame []byte) bool {
	const lengthEnds = 6 // in the enhanced framing; in the basic one a part of the payload counts too
	n := min(lengthEnds, len(frame))
	return len(data) >= n && bytes.Equal(data[:n], frame[:n])
}

// coversHeader reports whether the checksum in a header is that of the payload and of fields of the header before it.
func coversHeader(header, payload []byte) bool {
	const checksumAt = 14
	sum := binary.BigEndian.Uint32(header[checksumAt:])
	for from := 0; from < checksumAt; from += 2 {
		if crc32.Checksum(slices.Concat(header[from:checksumAt], payload), wire.Castagnoli) == sum {
			return true
		}
	}
	return false
}
