package framer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

func writeCases() []testCase {
	all := []testCase{
		{
			Name: "write-over-the-limit-is-refused", Clauses: []string{"FRM-12"}, Framings: suite.BothFramings,
			Cause: "The header is written before the size of the payload is compared, or the refusal is treated as a broken stream.",
			Run:   refusesWrite,
		},
		{
			Name: "default-limit-on-writing", Clauses: []string{"FRM-13"}, Framings: suite.BothFramings,
			Cause: "The framer has another default, or a limit that counts the header, or no limit on writing.",
			Run:   defaultLimitOnWriting,
		},
	}
	// Each of these writes the same frames, and reports only what breaks its own clause.
	for _, c := range []struct {
		name, clause string
		framings     []spec.Framing
		cause        string
	}{
		{"header-is-written", "FRM-1", []spec.Framing{spec.Enhanced}, causeOf("FRM-1")},
		{"length-is-written", "FRM-2", []spec.Framing{spec.Enhanced}, causeOf("FRM-2")},
		{"id-is-written", "FRM-3", []spec.Framing{spec.Enhanced}, causeOf("FRM-3")},
		{"basic-frame-is-written", "FRM-4", []spec.Framing{spec.Basic}, causeOf("FRM-4")},
		{"empty-payload-is-written", "FRM-5", suite.BothFramings, "An empty payload is not written, or the first byte of the payload is read before its size is checked."},
		{"largest-payload-is-written", "FRM-8", suite.BothFramings, causeOf("FRM-8")},
		{"checksum-is-written", "CRC-1", []spec.Framing{spec.Enhanced}, causeOf("CRC-1")},
		{"checksum-of-the-payload-is-written", "CRC-2", []spec.Framing{spec.Enhanced}, causeOf("CRC-2")},
		{"checksum-of-an-empty-payload-is-written", "CRC-3", []spec.Framing{spec.Enhanced}, causeOf("CRC-3")},
	} {
		all = append(all, testCase{
			Name: c.name, Clauses: []string{c.clause}, Framings: c.framings,
			Cause: c.cause,
			Run:   framesAreWrittenRight,
		})
	}
	return all
}

// framesAreWrittenRight writes frames and reports what breaks the clause of the case.
func framesAreWrittenRight(t *T) {
	for _, v := range framesToWrite(t.Framing, t.clause) {
		t.checkWritten(v)
	}
}

// framesToWrite returns the right frames of all vectors, and further ones for the clause.
func framesToWrite(framing spec.Framing, clause string) []vectors.FrameVector {
	set, _ := vectorSet()
	all := []vectors.FrameVector{plainRight(framing), plainLargest(framing)}
	for _, v := range slices.Concat(set.Enhanced, set.Basic, set.Streams) {
		if v.Valid() && v.Framing == vectors.Framing(framing) {
			all = append(all, v)
		}
	}
	if clause == "FRM-3" {
		all = append(all, everyID(spec.Enhanced)...)
	}
	if clause == "CRC-1" || clause == "CRC-2" || clause == "FRM-2" || clause == "FRM-4" {
		all = append(all, lengthsToWrite(framing)...)
	}
	if clause == "CRC-2" { // whose checksum a part of the payload could have
		all = append(all, rightVector(framing, 1<<21, spec.Frame{ID: 7, Payload: bytes.Repeat([]byte("large"), 220_000)}))
	}
	return append(all, rightVector(framing, 1<<20, spec.Frame{ID: 7, Payload: bytes.Repeat([]byte("large"), 14_000)}))
}

// lengthsToWrite returns frames of each payload length to 70 bytes, and of the lengths near each power of two after that,
// a few to a stream: an adapter writes all frames of a stream again for each.
func lengthsToWrite(framing spec.Framing) (all []vectors.FrameVector) {
	var lengths []int
	for n := range 71 {
		lengths = append(lengths, n)
	}
	for n := 128; n <= 1<<16; n *= 2 {
		lengths = append(lengths, n-framing.HeaderSize(), n-1, n, n+1)
	}
	random := rand.New(rand.NewPCG(6, 2))
	for some := range slices.Chunk(lengths, 8) {
		var frames []spec.Frame
		for _, n := range some {
			frames = append(frames, spec.Frame{ID: uint64(n), Payload: randomBytes(random, n)})
		}
		all = append(all, rightVector(framing, 1<<20, frames...))
	}
	return all
}

// checkWritten has a framer write the frames of a vector, one after another, and compares the bytes. It reports only what
// breaks the clause of the case, and then ends it.
func (t *T) checkWritten(v vectors.FrameVector) {
	w := t.openWriter(optionsOf(v))
	from := 0
	for _, f := range v.Frames {
		right := wire.Encode(t.Framing, f.ID, f.Payload)
		id := f.ID
		if t.Framing == spec.Basic {
			id = 1<<64 - 1 // which the framer must ignore
		}
		err := w.write(id, f.Payload)
		got := w.sink.bytes()[from:]
		from += len(got)
		if bytes.Equal(got, right) && err == nil {
			continue
		}
		for _, finding := range judgeWrittenFrame(t.Framing, spec.Frame(f), got, err, int(v.MaxPayload)) {
			if finding.Clause == t.clause {
				t.Note("caller → framer", "WriteFrame of %s", describeFrame(spec.Frame{ID: id, Payload: f.Payload}))
				t.Saw("framer → stream", t.Framing, got)
				t.Saw("right would be", t.Framing, right)
				t.foundNow(finding)
			}
		}
		if len(got) != len(right) {
			return // where the next frame begins is not known
		}
	}
}

// judgeWrittenFrame returns what is wrong with the bytes of one written frame, a finding for each clause. err is the error
// of the write.
func judgeWrittenFrame(framing spec.Framing, f spec.Frame, got []byte, err error, limit int) []result.Finding {
	finding := func(clause, want, got string, args ...any) result.Finding {
		return result.Finding{Clause: clause, Want: want, Got: fmt.Sprintf(got, args...)}
	}
	layout := "FRM-1"
	if framing == spec.Basic {
		layout = "FRM-4"
	}
	right := wire.Encode(framing, f.ID, f.Payload)
	switch {
	case err != nil && len(f.Payload) == 0:
		return []result.Finding{finding("FRM-5", "an empty payload written", "%v", err)}
	case err != nil && len(f.Payload)+spec.EnhancedHeader >= limit:
		return []result.Finding{finding("FRM-8", fmt.Sprintf("a payload of %d written, with a limit of %d", len(f.Payload), limit), "%v", err)}
	case err != nil:
		return []result.Finding{finding(layout, "a payload of "+text.Plural(len(f.Payload), "byte")+" written", "%v", err)}
	case len(f.Payload) == 0 && len(got) == 0:
		return []result.Finding{finding("FRM-5", text.Plural(len(right), "byte")+" on the stream for an empty payload", "none")}
	case len(got) != len(right):
		return []result.Finding{finding(layout, text.Plural(len(right), "byte")+" on the stream", "%d", len(got))}
	}
	if framing == spec.Basic {
		return []result.Finding{finding("FRM-4", fmt.Sprintf("the payload length %d, then the payload", len(f.Payload)), "other bytes")}
	}
	var all []result.Finding
	field := func(from, to int, clause, name string) {
		want, is := right[from:to], got[from:to]
		if bytes.Equal(want, is) {
			return
		}
		remark := ""
		if turned := slices.Clone(is); to-from <= 8 {
			if slices.Reverse(turned); bytes.Equal(turned, want) {
				clause, remark = "FRM-1", ", which is little-endian"
			}
		}
		all = append(all, finding(clause, fmt.Sprintf("%s % x at byte %d", name, want, from), "% x%s", is, remark))
	}
	field(0, 2, "FRM-1", "the magic")
	field(2, 6, "FRM-2", "the length")
	field(6, 14, "FRM-3", "the request ID")
	field(14, 18, checksumClause(got, f.Payload), "the CRC32C")
	if !bytes.Equal(got[18:], f.Payload) {
		all = append(all, finding("FRM-1", "the payload as it was given, from byte 18", "other bytes%s", describeFirstDifference(f.Payload, got[18:])))
	}
	return all
}

// checksumClause returns the clause that a wrong checksum in a written frame breaks.
func checksumClause(frame, payload []byte) string {
	blank := slices.Clone(frame)
	clear(blank[14:18])
	is := binary.BigEndian.Uint32(frame[14:])
	for _, covered := range [][]byte{blank, slices.Concat(frame[:14], payload), frame[2:14], slices.Concat(frame[6:14], payload), slices.Concat(frame[2:6], payload)} {
		if crc32.Checksum(covered, wire.Castagnoli) == is {
			return "CRC-2"
		}
	}
	for n, sum := 1, uint32(0); n < len(payload); n++ {
		if sum = crc32.Update(sum, wire.Castagnoli, payload[n-1:n]); sum == is {
			return "CRC-2" // of the first n bytes alone
		}
	}
	if len(payload) == 0 {
		return "CRC-3"
	}
	return "CRC-1"
}

// refusesWrite writes payloads over the limit and checks that the framer goes on as if nothing had happened. A frame that
// is written next shows that no byte came before it, not even late.
func refusesWrite(t *T) {
	const limit = 1000
	incoming := plainRight(t.Framing)
	// A frame that the framer never reads right proves nothing.
	reads := t.read(optionsOf(incoming), sendThenSilence(incoming.Bytes), 1).differenceFrom(incoming) == nil
	t.checkPlainWrite()
	for _, over := range []int{1, 4, 18, 19, 64 << 10} {
		w := t.openWriter(Options{t.Framing, limit}, incoming.Bytes)
		err := w.write(7, make([]byte, limit+over))
		t.Note("caller → framer", "WriteFrame of %d bytes with a limit of %d: %s", limit+over, limit, describeWrite(err))
		w.mustBeTooLarge("FRM-12", err)
		w.mustWrite("FRM-12", spec.Frame{ID: 9, Payload: bytes.Repeat([]byte("w"), limit)})
		w.mustWrite("FRM-12", spec.Frame{ID: 10, Payload: []byte("more")})
		if !reads {
			continue
		}
		var r reading
		if trouble, _ := t.attempt(func() { r = readFrames(w.framer, 1) }); trouble != "" {
			t.FailNow("FRM-12", "a frame read after the refusal", "%s", trouble)
		}
		if len(r.frames) != 1 {
			t.Saw("peer → framer", t.Framing, incoming.Bytes)
			t.FailNow("FRM-12", "a frame read after the refusal", "%s", r.describeEnd())
		}
	}
}

// defaultLimitOnWriting writes payloads of the default limit and of one byte more with a framer for which none was set.
func defaultLimitOnWriting(t *T) {
	t.checkPlainWrite()
	w := t.openWriter(Options{Framing: t.Framing})
	payload := make([]byte, spec.DefaultMaxPayload+1)
	err := w.write(7, payload)
	t.Note("caller → framer", "WriteFrame of %d bytes with no limit set: %s", len(payload), describeWrite(err))
	w.mustBeTooLarge("FRM-13", err)
	// This takes a new framer, because what a refusal does to a framer is for another case.
	t.openWriter(Options{Framing: t.Framing}).mustWrite("FRM-13", spec.Frame{ID: 7, Payload: payload[:spec.DefaultMaxPayload]})
}

// A writer is a framer whose writes a case checks. Its peer sends only what the case gives it.
type writer struct {
	*T
	framer  Framer
	options Options
	sink    *sink
	right   int // bytes that must be on the stream
}

// openWriter makes a framer whose peer sends the given bytes.
func (t *T) openWriter(o Options, incoming ...[]byte) *writer {
	w := &writer{T: t, options: o, sink: &sink{}}
	peer := sendThenSilence(incoming...)
	t.Cleanup(peer.close)
	if trouble, _ := t.attempt(func() { w.framer = t.open(stream{peer, w.sink}, o) }); trouble != "" {
		t.FailNow(t.clause, "a framer over a stream", "%s", trouble)
	}
	return w
}

// write writes one frame and returns the framer's error. It ends the case at a panic or a hang. The framer gets a copy of
// the payload: one that changes it is accused under STR-9 alone.
func (w *writer) write(id uint64, payload []byte) (err error) {
	handed := bytes.Clone(payload)
	if trouble, _ := w.attempt(func() { err = w.framer.WriteFrame(id, handed) }, w.sink); trouble != "" {
		clause := w.clause
		if len(payload) == 0 && !w.sink.isBroken() { // after a short write the size is not what matters
			clause = "FRM-5"
		}
		w.FailNow(clause, "WriteFrame of "+describeFrame(spec.Frame{ID: id, Payload: payload})+" returns", "%s", trouble)
	}
	return err
}

// mustBeTooLarge ends the case if the error of a write is not too_large.
func (w *writer) mustBeTooLarge(clause string, err error) {
	if !errors.Is(err, spec.TooLarge) {
		w.Saw("framer → stream", w.options.Framing, w.sink.bytes())
		w.FailNow(clause, "an error that is too_large", "%s", describeWrite(err))
	}
}

// mustWrite writes a right frame and checks the number of bytes that are then on the stream. Wrong fields within a frame
// are for other cases.
func (w *writer) mustWrite(clause string, f spec.Frame) {
	err := w.write(f.ID, f.Payload)
	w.right += w.options.Framing.HeaderSize() + len(f.Payload)
	what := fmt.Sprintf("%s on the stream, the last for %s", text.Plural(w.right, "byte"), describeFrame(f))
	if err != nil {
		w.FailNow(clause, what, "%v", err)
	}
	if got := w.sink.total(); got != w.right {
		w.Saw("framer → stream", w.options.Framing, w.sink.bytes())
		w.FailNow(clause, what, "%s", text.Plural(got, "byte"))
	}
}

func describeWrite(err error) string {
	if err == nil {
		return "written, without an error"
	}
	return strings.TrimSpace(err.Error())
}
