package framer

import (
	"fmt"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// An expectation is that a framer reads a vector as the vector says, in each of these deliveries.
type expectation struct {
	vectors.FrameVector
	deliveries []delivery
	finalError bool // and that later reads return the framing error again [STR-3]
	errorAlone bool // and that no payload comes with the error [CRC-5]
}

// A misreading is a delivery that a framer read otherwise.
type misreading struct {
	delivery
	reading
	difference
}

// mustRead has the framer read every delivery. If one is misread, it reports the first misreading under the clause that is
// really broken, and ends the case.
func (t *T) mustRead(e expectation) {
	if claimsHuge(e.FrameVector) { // a framer that takes what is claimed is to do so once at a time
		t.huge.Lock()
		defer t.huge.Unlock()
	}
	var wrong *misreading
	var right []delivery
	for _, d := range e.deliveries {
		frames := toTheEnd
		if e.finalError || e.errorAlone {
			frames = pastTheEnd
		}
		r := t.read(optionsOf(d.vector), sendThenEnd(d.pieces...), frames)
		diff := r.differenceFrom(d.vector)
		if diff == nil {
			right = append(right, d)
			t.checkAfterError(e, d, r)
		} else if wrong == nil {
			wrong = &misreading{d, r, *diff}
		}
		if r.hung || r.crashed { // each further one would take as long
			break
		}
	}
	if wrong == nil {
		return
	}
	clause, hint := t.blame(e.FrameVector, *wrong, right)
	t.failMisread(clause, hint, *wrong)
}

// claimsHuge reports whether the frame that decides a vector claims more than 256 MB.
func claimsHuge(v vectors.FrameVector) bool {
	starts := frameStarts(v)
	rest := v.Bytes[min(starts[len(starts)-1], len(v.Bytes)):]
	return len(rest) >= spec.Framing(v.Framing).HeaderSize() && claimedSize(spec.Framing(v.Framing), rest) > 256<<20
}

// checkAfterError checks what came with a right error and after it, and ends the case if that is wrong.
func (t *T) checkAfterError(e expectation, d delivery, r reading) {
	if e.errorAlone && r.payloadWithError > 0 {
		t.noteDelivery(d, r)
		t.FailNow("CRC-5", "no payload with the error", "%s with %s; it came %s", text.Plural(r.payloadWithError, "byte"), r.end, d.name)
	}
	if e.finalError && r.laterTrouble != "" {
		t.noteDelivery(d, r)
		t.FailNow("STR-3", r.end.String()+" again from every later read", "%s; it came %s", r.laterTrouble, d.name)
	}
	for _, later := range r.later {
		if e.finalError && !later.repeats(r.end) {
			t.noteDelivery(d, r)
			t.FailNow("STR-3", r.end.String()+" again from every later read", "%s; it came %s", later, d.name)
		}
	}
}

// failMisread reports a misreading under a clause, with a hint for the reader unless that is empty, and ends the case.
func (t *T) failMisread(clause, hint string, m misreading) {
	t.noteDelivery(m.delivery, m.reading)
	got, stack, _ := strings.Cut(m.got, "\n")
	f := result.Finding{Clause: clause, Want: m.want, Got: got + "; the bytes came " + m.name}
	if hint != "" {
		f.Got += "\n" + hint
	}
	if cause := causeOf(clause); clause != t.clause && cause != "" {
		f.Got += "\nusual cause: " + cause
	}
	if stack != "" {
		f.Got += "\n" + stack
	}
	if m.offset > 0 && m.offset < len(m.vector.Bytes) {
		f.Dump = wire.DumpFrom(spec.Framing(m.vector.Framing), m.vector.Bytes, m.offset, wire.DumpRows)
	}
	t.foundNow(f)
}

// noteDelivery adds a delivery, and what the framer returned for it, to the timeline of the case.
func (t *T) noteDelivery(d delivery, r reading) {
	o := optionsOf(d.vector)
	limit := fmt.Sprintf("max_payload %d", o.MaxPayload)
	if o.MaxPayload == 0 {
		limit = "no max_payload set"
	}
	t.Note("framer", "made for the %s framing, %s", o.Framing, limit)
	after := "the end of the stream"
	if r.streamOpen {
		after = "nothing, while the stream stays open"
	}
	t.Note("peer", "sends %s, %s, and after them %s", text.Plural(len(d.vector.Bytes), "byte"), d.name, after)
	t.Saw("peer → framer", o.Framing, d.vector.Bytes)
	if r.trouble != "" {
		trouble, _, _ := strings.Cut(r.trouble, "\n")
		t.Note("framer → caller", "%s", trouble)
		return
	}
	const shown = 4
	for i, f := range r.frames {
		if i == shown {
			t.Note("framer → caller", "… and %s more", text.Plural(len(r.frames)-i, "frame"))
			break
		}
		t.Note("framer → caller", "%s", describeFrame(f))
	}
	if r.end.reached() {
		t.Note("framer → caller", "%s", r.describeEnd())
	}
	for i, later := range r.later {
		if i == 0 || later.String() != r.later[i-1].String() {
			t.Note("framer → caller", "asked again: %s", later)
		}
	}
}
