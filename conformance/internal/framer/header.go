package framer

import (
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// headerCases send a header that is wrong in itself and then nothing, for ever: the error must come
// all the same [FRM-10]. Reading ahead is fine, so that a framer asks for more is no fault; that it
// does not come back until it gets more is one.
func headerCases() []testCase {
	var all []testCase
	for _, c := range []struct {
		name     string
		kind     spec.ErrorKind
		framings []spec.Framing
	}{
		{"bad-magic-is-seen-in-the-header-alone", spec.BadMagic, []spec.Framing{spec.Enhanced}},
		{"bad-length-is-seen-in-the-header-alone", spec.BadLength, []spec.Framing{spec.Enhanced}},
		{"too-large-is-seen-in-the-header-alone", spec.TooLarge, suite.BothFramings},
	} {
		all = append(all, testCase{
			Name: c.name, Clauses: []string{"FRM-10"}, Framings: c.framings,
			Cause: readCause("FRM-10"),
			Run:   func(t *T) { seenInHeader(t, c.kind) },
		})
	}
	return all
}

func seenInHeader(t *T, kind spec.ErrorKind) {
	// A framer that does not know the error at all would wait here too, and break another clause.
	plain := plainWrong(t.Framing, kind)
	for _, v := range []vectors.FrameVector{behindNeighbour(plainRight(t.Framing)), plain} {
		t.holds(demand{FrameVector: v, deliveries: []delivery{whole(v)}})
	}
	set, _ := vectorSet()
	for _, v := range append(slices.Concat(set.Enhanced, set.Basic, set.Streams), plain) {
		if v.Framing == vectors.Framing(t.Framing) && v.Error == vectors.ErrorKind(kind) {
			for _, v := range []vectors.FrameVector{v, behindNeighbour(v)} {
				t.seenBeforeMore(v, whole)
				t.seenBeforeMore(v, byteByByte)
			}
		}
	}
}

// seenBeforeMore delivers a vector up to where it is decided and keeps the stream open and silent.
func (t *T) seenBeforeMore(v vectors.FrameVector, deliver func(vectors.FrameVector) delivery) {
	if r := t.read(optionsOf(v), sent(deliver(v).pieces...), onward); r.differs(v) != nil {
		return // misread in full too, which the vector's own case reports
	}
	v.Bytes = v.Bytes[:v.DecidedAt]
	d := deliver(v)
	r := t.read(optionsOf(v), silent(d.pieces...), onward)
	diff := r.differs(v)
	if diff == nil {
		return
	}
	diff.want = endIn(v) + " as soon as the header is there"
	diff.offset = frameStarts(v)[len(v.Frames)]
	hint := ""
	switch {
	case r.trouble != "" && r.hungry:
		hint = "the framer has asked the stream for more"
	case r.trouble != "":
		hint = "the framer has not asked the stream for more"
	}
	t.misread("FRM-10", hint, misreading{d, r, *diff})
}
