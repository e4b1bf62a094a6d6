package framer

import (
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// headerCases send a header that is wrong in itself and then nothing, on a stream that stays open. The error must come all
// the same [FRM-10]. A framer may read ahead, so it may ask for more; but it must not wait until more comes.
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
			Cause: causeOf("FRM-10"),
			Run:   func(t *T) { errorIsSeenInHeader(t, c.kind) },
		})
	}
	return all
}

func errorIsSeenInHeader(t *T, kind spec.ErrorKind) {
	// A framer that misses the error altogether would wait here too, and breaks another clause.
	plain := plainWrong(t.Framing, kind)
	for _, v := range []vectors.FrameVector{behindNeighbour(plainRight(t.Framing)), plain} {
		t.mustRead(expectation{FrameVector: v, deliveries: []delivery{whole(v)}})
	}
	set, _ := vectorSet()
	for _, v := range append(slices.Concat(set.Enhanced, set.Basic, set.Streams), plain) {
		if v.Framing == vectors.Framing(t.Framing) && v.Error == vectors.ErrorKind(kind) {
			for _, v := range []vectors.FrameVector{v, behindNeighbour(v)} {
				t.mustRefuseHeader(v, whole)
				t.mustRefuseHeader(v, byteByByte)
			}
		}
	}
}

// mustRefuseHeader delivers a vector up to the byte that decides its error, and keeps the stream open and silent.
func (t *T) mustRefuseHeader(v vectors.FrameVector, deliver func(vectors.FrameVector) delivery) {
	if r := t.read(optionsOf(v), sendThenEnd(deliver(v).pieces...), toTheEnd); r.differenceFrom(v) != nil {
		return // it is misread in full, too, which the case of the vector reports
	}
	v.Bytes = v.Bytes[:v.DecidedAt]
	d := deliver(v)
	r := t.read(optionsOf(v), sendThenSilence(d.pieces...), toTheEnd)
	diff := r.differenceFrom(v)
	if diff == nil {
		return
	}
	diff.want = wantedEnd(v) + " as soon as the header is there"
	diff.offset = frameStarts(v)[len(v.Frames)]
	hint := ""
	switch {
	case r.trouble != "" && r.askedForMore:
		hint = "the framer has asked the stream for more"
	case r.trouble != "":
		hint = "the framer has not asked the stream for more"
	}
	t.failMisread("FRM-10", hint, misreading{d, r, *diff})
}
