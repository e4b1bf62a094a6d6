package framer

import (
	"bytes"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// stickyCases damage a frame in one way each and send right frames after it. The framer must return none of those: after a
// framing error, every later read returns the error again [STR-3].
func stickyCases() []testCase {
	var all []testCase
	for _, kind := range spec.FramingErrors() {
		framings := []spec.Framing{spec.Enhanced}
		if kind == spec.TooLarge || kind == spec.Truncated {
			framings = suite.BothFramings
		}
		all = append(all, testCase{
			Name: strings.ReplaceAll(string(kind), "_", "-") + "-is-final", Clauses: []string{"STR-3"}, Framings: framings,
			Cause: causeOf("STR-3"),
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
		r := t.read(optionsOf(d.vector), sendThenEnd(d.pieces...), toTheEnd)
		if at := len(d.vector.Frames); len(r.frames) > at && r.frames[at].ID == behind.ID && bytes.Equal(r.frames[at].Payload, behind.Payload) {
			t.failMisread("STR-3", "that frame comes after the damage: the framer searched for it", misreading{d, r, *r.differenceFrom(d.vector)})
		}
	}
	t.mustRead(expectation{FrameVector: v, deliveries: all, finalError: true})
}
