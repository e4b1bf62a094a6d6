package framer

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// A demand is a vector that a framer must read as it says, in each of these deliveries.
type demand struct {
	vectors.FrameVector
	deliveries []delivery
	sticky     bool // further reads give the error again [STR-3]
	alone      bool // no payload comes beside the error [CRC-5]
}

// A misreading is a delivery of which a framer made something else.
type misreading struct {
	delivery
	reading
	difference
}

// holds has the framer read every delivery, and ends the case where one is misread. Bytes that are
// read right in one delivery and wrong in another are not what is misunderstood: the delivery is
// [STR-4].
func (t *T) holds(m demand) {
	var wrong *misreading
	var right []delivery
	for _, d := range m.deliveries {
		r := t.read(optionsOf(d.vector), sent(d.pieces...), onward)
		diff := r.differs(d.vector)
		if diff == nil {
			right = append(right, d)
			t.holdsBehind(m, d, r)
		} else if wrong == nil {
			wrong = &misreading{d, r, *diff}
		}
		if r.hung || r.ended { // which takes a while each time
			break
		}
	}
	if wrong == nil {
		return
	}
	clause, hint := t.blame(m.FrameVector, *wrong, right)
	t.misread(clause, hint, *wrong)
}

// holdsBehind looks at what came beside and behind an error that was itself right.
func (t *T) holdsBehind(m demand, d delivery, r reading) {
	if m.alone && r.beside > 0 {
		t.tell(d, r)
		t.FailNow("CRC-5", "no payload beside the error", "%s beside %s; it came %s", text.Plural(r.beside, "byte"), r.end, d.name)
	}
	for _, later := range r.later {
		if m.sticky && later != r.end {
			t.tell(d, r)
			t.FailNow("STR-3", r.end+" again from every later read", "%s; it came %s", later, d.name)
		}
	}
}

// misread reports a misreading and ends the case.
func (t *T) misread(clause, hint string, m misreading) {
	t.tell(m.delivery, m.reading)
	got, stack, _ := strings.Cut(m.got, "\n")
	f := result.Finding{Clause: clause, Want: m.want, Got: got + "; the bytes came " + m.name}
	if hint != "" {
		f.Got += "\n" + hint
	}
	if cause := readCause(clause); clause != t.clause && cause != "" {
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

// foundNow records a finding and ends the case.
func (t *T) foundNow(f result.Finding) {
	t.Found(f)
	runtime.Goexit()
}

// tell adds a delivery and what the framer made of it to the story of the case.
func (t *T) tell(d delivery, r reading) {
	o := optionsOf(d.vector)
	limit := fmt.Sprintf("max_payload %d", o.MaxPayload)
	if o.MaxPayload == 0 {
		limit = "no max_payload set"
	}
	t.Note("framer", "made for the %s framing, %s", o.Framing, limit)
	behind := "the end of the stream"
	if r.silent {
		behind = "nothing, while the stream stays open"
	}
	t.Note("peer", "sends %s, %s, and behind them %s", text.Plural(len(d.vector.Bytes), "byte"), d.name, behind)
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
		t.Note("framer → caller", "%s", tellFrame(f))
	}
	if r.end != "" {
		t.Note("framer → caller", "%s", r.tellEnd())
	}
	for i, later := range r.later {
		if i == 0 || later != r.later[i-1] {
			t.Note("framer → caller", "asked again: %s", later)
		}
	}
}
