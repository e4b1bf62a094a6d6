package framer

import (
	"bytes"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// stickyCases damage a frame in one way each and send right frames behind it, which nobody may see:
// after a framing error every later read returns it again [STR-3].
func stickyCases() []testCase {
	var all []testCase
	for _, kind := range spec.FramingErrors() {
		framings := []spec.Framing{spec.Enhanced}
		if kind == spec.TooLarge || kind == spec.Truncated {
			framings = suite.BothFramings
		}
		all = append(all, testCase{
			Name: strings.ReplaceAll(string(kind), "_", "-") + "-is-final", Clauses: []string{"STR-3"}, Framings: framings,
			Cause: readCause("STR-3"),
			Run:   func(t *T) { staysRefused(t, kind) },
		})
	}
	return all
}

func staysRefused(t *T, kind spec.ErrorKind) {
	v := plainWrong(t.Framing, kind)
	v.Clause = "STR-3"
	behind := spec.Frame{ID: 0xbe41d, Payload: []byte("behind the damage")}
	if t.Framing == spec.Basic {
		behind.ID = 0
	}
	if kind != spec.Truncated {
		for range laterReads {
			v.Bytes = append(v.Bytes, wire.Encode(t.Framing, behind.ID, behind.Payload)...)
		}
	}
	all := deliveries(v)
	for _, d := range all {
		if t.crashes() > 0 {
			break
		}
		r := t.read(optionsOf(d.vector), sent(d.pieces...), onward)
		if at := len(d.vector.Frames); len(r.frames) > at && r.frames[at].ID == behind.ID && bytes.Equal(r.frames[at].Payload, behind.Payload) {
			t.misread("STR-3", "that frame stands behind the damage: the framer looked for it", misreading{d, r, *r.differs(d.vector)})
		}
	}
	t.holds(demand{FrameVector: v, deliveries: all, sticky: true})
}
