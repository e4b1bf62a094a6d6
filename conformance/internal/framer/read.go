package framer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// readCase is a case that passes if the framer reads each of its vectors right.
type readCase struct {
	name, clause string
	framings     []spec.Framing
	vectors      func(spec.Framing) []vectors.FrameVector // they get the clause of the case
	deliveries   func(vectors.FrameVector) []delivery
}

func readCases() []testCase {
	var all []testCase
	for _, c := range []readCase{
		{"every-other-magic-is-refused", "FRM-6", []spec.Framing{spec.Enhanced}, otherMagics, wholeOnly},
		{"every-id-is-read", "FRM-3", []spec.Framing{spec.Enhanced}, everyID, wholeOnly},
		{"id-reads-as-0", "FRM-4", []spec.Framing{spec.Basic}, basicIDs, deliveries},
		{"limit-counts-the-payload-alone", "FRM-8", suite.BothFramings, limits, wholeOnly},
		{"header-is-outside-the-checksum", "CRC-2", []spec.Framing{spec.Enhanced}, flippedIDs, wholeOnly},
		{"every-flipped-bit-is-refused", "CRC-4", []spec.Framing{spec.Enhanced}, flippedBits, wholeOnly},
		{"wrong-checksums-of-all-sizes-are-refused", "CRC-4", []spec.Framing{spec.Enhanced}, wrongChecksums, wholeOnly},
		{"damage-anywhere-in-a-large-payload-is-refused", "CRC-4", []spec.Framing{spec.Enhanced}, damagedLargePayloads, wholeOnly},
		{"payloads-of-all-lengths-are-read", "FRM-2", []spec.Framing{spec.Enhanced}, allLengths, oneFrameAtATime},
		{"basic-payloads-of-all-lengths-are-read", "FRM-4", []spec.Framing{spec.Basic}, allLengths, oneFrameAtATime},
		{"end-between-frames-is-clean", "STR-1", suite.BothFramings, cutBetween, deliveries},
		{"end-inside-a-frame-is-truncated", "STR-2", suite.BothFramings, cutInside, wholeOnly},
		{"frames-in-random-pieces", "STR-4", suite.BothFramings, randomFrames, inRandomPieces},
		{"large-frame-in-small-pieces", "STR-4", suite.BothFramings, largeFrame, inSmallPieces},
		{"small-frames-behind-a-large-one", "STR-4", suite.BothFramings, smallBehindLarge, largeSlowlySmallAtOnce},
	} {
		all = append(all, testCase{
			Name: c.name, Clauses: []string{c.clause}, Framings: c.framings,
			Cause: causeOf(c.clause),
			Run:   c.run,
		})
	}
	return append(all,
		testCase{
			Name: "refused-payload-is-not-handed-out", Clauses: []string{"CRC-5"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: causeOf("CRC-5"),
			Run:   payloadBesideError,
		},
		testCase{
			Name: "id-reads-as-0-after-writes", Clauses: []string{"FRM-4"}, Framings: []spec.Framing{spec.Basic},
			Cause: "The frame that is read is filled into one that was written before, and keeps its ID.",
			Run:   readAfterWrites,
		},
		testCase{
			Name: "end-together-with-the-last-bytes", Clauses: []string{"STR-4"}, Framings: suite.BothFramings,
			Cause: "The error of a Read is looked at before its bytes, but an io.Reader may return both at once.",
			Run:   endWithLastBytes,
		},
		testCase{
			Name: "reads-that-bring-nothing", Clauses: []string{"STR-4"}, Framings: suite.BothFramings,
			Cause: "A Read of 0 bytes is taken for the end, but for an io.Reader it means that nothing has happened.",
			Run:   readsThatBringNothing,
		},
		testCase{
			Name: "whole-frame-is-handed-out-before-more-comes", Clauses: []string{"STR-4"}, Framings: suite.BothFramings,
			Cause: "The framer fills a buffer, or waits for the next header, before it looks at the frame that has arrived.",
			Run:   frameBeforeSilence,
		},
		testCase{
			Name: "broken-stream-is-no-clean-end", Clauses: []string{"STR-2"}, Framings: suite.BothFramings,
			Cause: "Every error of the stream is passed on as io.EOF.",
			Run:   brokenStream,
		},
	)
}

// run reads all vectors of the case, each in all its deliveries.
func (c readCase) run(t *T) {
	for _, v := range c.vectors(t.Framing) {
		v.Clause = c.clause
		t.mustRead(expectation{FrameVector: v, deliveries: c.deliveries(v)})
	}
}

func wholeOnly(v vectors.FrameVector) []delivery { return []delivery{whole(v)} }

func otherMagics(spec.Framing) (all []vectors.FrameVector) {
	for i, right := range []byte{spec.Magic0, spec.Magic1} {
		for b := range 256 {
			if byte(b) == right {
				continue
			}
			v := plainWrong(spec.Enhanced, spec.BadMagic)
			v.Bytes = wire.EncodeWith(1, []byte("123456789"), func(h *wire.Header) { h.Magic[i] = byte(b) })
			all = append(all, v)
		}
	}
	return all
}

// boundaryIDs returns 0, each power of two and its neighbours, and the largest ID.
func boundaryIDs() []uint64 {
	ids := []uint64{0, 1<<64 - 1}
	for bit := range 64 {
		ids = append(ids, 1<<bit, 1<<bit-1, 1<<bit+1)
	}
	return ids
}

func everyID(framing spec.Framing) (all []vectors.FrameVector) {
	for _, id := range boundaryIDs() {
		all = append(all, rightVector(framing, plainLimit, spec.Frame{ID: id, Payload: []byte("123456789")}))
	}
	return all
}

// basicIDs returns frames whose payloads begin with bytes that a framer could take for an ID other than 0.
func basicIDs(spec.Framing) []vectors.FrameVector {
	return []vectors.FrameVector{
		rightVector(spec.Basic, plainLimit, spec.Frame{Payload: wire.Encode(spec.Enhanced, 1<<64-1, []byte("123456789"))}),
		rightVector(spec.Basic, plainLimit, spec.Frame{Payload: wire.Request(1<<53+1, "echo", `"hi"`)}, spec.Frame{Payload: bytes.Repeat([]byte{0xff}, 18)}),
	}
}

func limits(framing spec.Framing) (all []vectors.FrameVector) {
	for _, limit := range []int{1, 3, 4, 17, 18, 19, 1000, 4096, 65535, 65536} {
		all = append(all, rightVector(framing, limit, spec.Frame{ID: 7, Payload: make([]byte, limit)}))
		for _, over := range []int{1, framing.HeaderSize(), framing.HeaderSize() + 1} {
			all = append(all, overLimit(framing, limit, over))
		}
	}
	return all
}

func overLimit(framing spec.Framing, limit, over int) vectors.FrameVector {
	return vectors.FrameVector{
		Comment: fmt.Sprintf("a payload of %d with a limit of %d", limit+over, limit),
		Framing: vectors.Framing(framing), MaxPayload: uint32(limit), Error: vectors.TooLarge,
		Bytes: wire.Encode(framing, 7, make([]byte, limit+over)), DecidedAt: framing.HeaderSize(),
	}
}

func flippedIDs(spec.Framing) (all []vectors.FrameVector) {
	for bit := range 64 {
		id := uint64(7) ^ 1<<bit
		v := rightVector(spec.Enhanced, plainLimit, spec.Frame{ID: 7, Payload: []byte("123456789")})
		v.Bytes = wire.EncodeWith(7, []byte("123456789"), func(h *wire.Header) { h.ID = id })
		v.Frames[0].ID = id
		all = append(all, v)
	}
	return all
}

func flippedBits(spec.Framing) (all []vectors.FrameVector) {
	const crcAt = 14
	payload := []byte("conformance")
	for bit := range 8 * (spec.EnhancedHeader - crcAt + len(payload)) {
		v := plainWrong(spec.Enhanced, spec.BadCRC)
		v.Bytes = wire.Encode(spec.Enhanced, 7, payload)
		v.Bytes[crcAt+bit/8] ^= 1 << (bit % 8)
		v.Comment = fmt.Sprintf("bit %d of byte %d flipped", bit%8, crcAt+bit/8)
		all = append(all, v)
	}
	return all
}

// wrongChecksums returns frames of which one bit of the checksum is wrong: each bit, for an empty payload and for small
// and large ones.
func wrongChecksums(spec.Framing) (all []vectors.FrameVector) {
	for _, size := range []int{0, 1, 64, 4096, 65_536, 1 << 20} {
		payload := bytes.Repeat([]byte("c"), size)
		for bit := range 32 {
			v := vectors.FrameVector{Framing: vectors.Enhanced, MaxPayload: 1 << 20, Error: vectors.BadCRC}
			v.Bytes = wire.EncodeWith(7, payload, func(h *wire.Header) { h.CRC ^= 1 << bit })
			v.DecidedAt = len(v.Bytes)
			v.Comment = fmt.Sprintf("bit %d of the checksum of %s wrong", bit, text.Plural(size, "byte"))
			all = append(all, v)
			if size == 1<<20 && bit == 0 { // one is enough of this size
				break
			}
		}
	}
	return all
}

// damagedLargePayloads returns large frames of which one bit of the payload is wrong: near the start, near each power of
// two, and in the last bytes.
func damagedLargePayloads(spec.Framing) (all []vectors.FrameVector) {
	const size = 200_003
	offsets := []int{0, size / 2, size - 2, size - 1}
	for at := 1; at < size; at *= 2 {
		offsets = append(offsets, at-1, at)
	}
	right := wire.Encode(spec.Enhanced, 7, bytes.Repeat([]byte("d"), size))
	for i, at := range offsets {
		v := vectors.FrameVector{Framing: vectors.Enhanced, MaxPayload: 1 << 20, Error: vectors.BadCRC, Bytes: slices.Clone(right), DecidedAt: len(right)}
		v.Bytes[spec.EnhancedHeader+at] ^= 1 << (i % 8)
		v.Comment = fmt.Sprintf("bit %d of byte %d of a payload of %d wrong", i%8, at, size)
		all = append(all, v)
	}
	return all
}

// allLengths returns streams that have a frame of each payload length to 600 bytes, and of the lengths near each power of
// two after that.
func allLengths(framing spec.Framing) []vectors.FrameVector {
	var short, long []spec.Frame
	random := rand.New(rand.NewPCG(6, 1))
	for n := range 601 {
		short = append(short, spec.Frame{ID: uint64(n), Payload: randomBytes(random, n)})
	}
	for n := 1024; n <= 1<<18; n *= 2 {
		for _, near := range []int{n - 18, n - 4, n - 1, n, n + 1} {
			long = append(long, spec.Frame{ID: uint64(near), Payload: randomBytes(random, near)})
		}
	}
	return []vectors.FrameVector{rightVector(framing, 1<<20, short...), rightVector(framing, 1<<20, long...)}
}

// oneFrameAtATime delivers a vector whole, and with each frame in a piece of its own.
func oneFrameAtATime(v vectors.FrameVector) []delivery {
	return []delivery{whole(v), {"a frame in each piece", v, cutAt(v.Bytes, frameStarts(v)...)}}
}

// readAfterWrites writes frames with IDs and reads frames of the basic framing between them. Over JSON lines, where each
// request has a framer of its own, no write comes before the reads.
func readAfterWrites(t *T) {
	t.checkPlainWrite()
	frames := slices.Repeat([]spec.Frame{{Payload: []byte("123456789")}, {}}, 3)
	v := rightVector(spec.Basic, plainLimit, frames...)
	t.mustRead(expectation{FrameVector: v, deliveries: []delivery{whole(v)}})
	w := t.openWriter(optionsOf(v), v.Bytes)
	for i, id := range []uint64{1, 7, 1<<32 + 5, 1 << 63, 1<<64 - 1, 9} {
		w.mustWrite("FRM-4", spec.Frame{ID: id, Payload: []byte("written")})
		var r reading
		trouble, _ := t.attempt(func() { r = readFrames(w.framer, 1) })
		r.trouble = trouble
		want := fmt.Sprintf("frame %d of the stream, with ID 0, after a write with ID %d", i+1, id)
		switch {
		case len(r.frames) == 0:
			t.FailNow("FRM-4", want, "%s", r.describeEnd())
		case r.frames[0].ID != 0:
			t.FailNow("FRM-4", want, "%s", describeFrame(r.frames[0]))
		}
	}
}

func someFrames() []spec.Frame {
	return []spec.Frame{{ID: 1, Payload: []byte("123456789")}, {ID: 2, Payload: nil}, {ID: 1<<53 + 1, Payload: []byte("PY")}}
}

func cutBetween(framing spec.Framing) (all []vectors.FrameVector) {
	for n := range len(someFrames()) + 1 {
		all = append(all, rightVector(framing, plainLimit, someFrames()[:n]...))
	}
	return all
}

func cutInside(framing spec.Framing) (all []vectors.FrameVector) {
	full := rightVector(framing, plainLimit, someFrames()...)
	starts := frameStarts(full)
	for i, start := range starts[:len(starts)-1] {
		for at := start + 1; at < starts[i+1]; at++ {
			v := full
			v.Bytes, v.Frames, v.Error, v.DecidedAt = full.Bytes[:at], full.Frames[:i], vectors.Truncated, at
			v.Comment = fmt.Sprintf("an end %s into a frame", text.Plural(at-start, "byte"))
			all = append(all, v)
		}
	}
	return all
}

// randomFrames returns streams of random frames, the same in every run.
func randomFrames(framing spec.Framing) (all []vectors.FrameVector) {
	random := rand.New(rand.NewPCG(4, 1))
	for range 12 {
		var frames []spec.Frame
		for range 1 + random.IntN(12) {
			frames = append(frames, spec.Frame{ID: random.Uint64(), Payload: randomBytes(random, random.IntN(1+random.IntN(4000)))})
		}
		all = append(all, rightVector(framing, 4000, frames...))
	}
	return all
}

func randomBytes(random *rand.Rand, n int) []byte {
	var b []byte
	for len(b) < n {
		b = binary.BigEndian.AppendUint64(b, random.Uint64())
	}
	return b[:n]
}

func inRandomPieces(v vectors.FrameVector) []delivery {
	random := rand.New(rand.NewPCG(4, 2))
	return []delivery{whole(v), randomPieces(v, random), randomPieces(v, random), {"a frame in each piece", v, cutAt(v.Bytes, frameStarts(v)...)}}
}

// largeFrame returns a stream with large frames, for which every buffer has to grow, between small ones.
func largeFrame(framing spec.Framing) []vectors.FrameVector {
	random := rand.New(rand.NewPCG(4, 3))
	return []vectors.FrameVector{rightVector(framing, 1<<20,
		spec.Frame{ID: 1, Payload: []byte("small")}, spec.Frame{ID: 2, Payload: randomBytes(random, 300_000)}, spec.Frame{ID: 3, Payload: nil}, spec.Frame{ID: 4, Payload: randomBytes(random, 70_000)}, spec.Frame{ID: 5, Payload: []byte("small")})}
}

func inSmallPieces(v vectors.FrameVector) []delivery {
	in := func(size int) delivery {
		var offsets []int
		for at := size; at < len(v.Bytes); at += size {
			offsets = append(offsets, at)
		}
		return delivery{fmt.Sprintf("in pieces of %d bytes", size), v, cutAt(v.Bytes, offsets...)}
	}
	return []delivery{whole(v), in(1021), in(4096), in(65537)}
}

// smallBehindLarge returns a large frame and then many small ones. A framer that replaces its large buffer by a small one
// has by then read more ahead than the small one holds.
func smallBehindLarge(framing spec.Framing) []vectors.FrameVector {
	frames := []spec.Frame{{ID: 1, Payload: bytes.Repeat([]byte("L"), 300_000)}}
	for i := range 2000 {
		frames = append(frames, spec.Frame{ID: uint64(i), Payload: fmt.Appendf(nil, "small frame %d", i)})
	}
	return []vectors.FrameVector{rightVector(framing, 1<<20, frames...)}
}

func largeSlowlySmallAtOnce(v vectors.FrameVector) []delivery {
	large := frameStarts(v)[1]
	slowly := slices.Collect(slices.Chunk(v.Bytes[:large], 1021))
	return []delivery{whole(v), {"the large frame in pieces of 1021 bytes, the small ones at once", v, append(slowly, v.Bytes[large:])}}
}

// payloadBesideError sends small and large payloads with a wrong checksum, also with right frames around them.
func payloadBesideError(t *T) {
	for _, size := range []int{1, 9, 5000, 70_000} {
		payload := bytes.Repeat([]byte("x"), size)
		v := plainWrong(spec.Enhanced, spec.BadCRC)
		v.Clause, v.MaxPayload = "CRC-5", 1<<17
		v.Bytes = wire.EncodeWith(7, payload, func(h *wire.Header) { h.CRC ^= 1 })
		t.mustRead(expectation{FrameVector: v, deliveries: []delivery{whole(v), whole(beforeNeighbour(v)), whole(behindNeighbour(v))}, errorAlone: true})
	}
}

func endWithLastBytes(t *T) { readWithHabit(t, func(s *source) { s.endWithLast = true }) }

func readsThatBringNothing(t *T) { readWithHabit(t, func(s *source) { s.emptyReads = true }) }

// readWithHabit reads right and cut-off frames from an io.Reader with a habit that io.Reader allows. The framer must read
// the same as without that habit.
func readWithHabit(t *T, habit func(*source)) {
	for _, v := range append(cutBetween(t.Framing), cutInside(t.Framing)...) {
		for _, d := range []delivery{whole(v), byteByByte(v)} {
			s := sendThenEnd(d.pieces...)
			habit(s)
			r := t.read(optionsOf(v), s, toTheEnd)
			if diff := r.differenceFrom(v); diff != nil {
				t.mustRead(expectation{FrameVector: v, deliveries: []delivery{whole(v)}})
				t.failMisread("STR-4", "the same bytes are read right from a stream without that habit", misreading{d, r, *diff})
			}
		}
	}
}

// frameBeforeSilence sends right frames and then nothing, on a stream that stays open.
func frameBeforeSilence(t *T) {
	for n := 1; n <= len(someFrames()); n++ {
		v := rightVector(t.Framing, plainLimit, someFrames()[:n]...)
		t.mustRead(expectation{FrameVector: v, deliveries: []delivery{whole(v)}})
		r := t.read(optionsOf(v), sendThenSilence(v.Bytes), n)
		if diff := r.differenceFrom(v); diff != nil {
			diff.want = text.Plural(n, "frame") + " while the stream is silent, but open"
			t.failMisread("STR-4", "the same bytes are read right when the stream ends after them",
				misreading{whole(v), r, *diff})
		}
	}
}

// brokenStream has the stream fail inside a frame. The clauses leave open which error the framer returns, but it is neither
// a frame nor a clean end.
func brokenStream(t *T) {
	for _, v := range cutBetween(t.Framing) {
		t.mustRead(expectation{FrameVector: v, deliveries: []delivery{whole(v)}})
	}
	failure := errors.New("the stream broke: connection reset")
	for _, v := range cutInside(t.Framing) {
		s := sendThenEnd(v.Bytes)
		s.end = failure
		r := t.read(optionsOf(v), s, toTheEnd)
		if r.trouble != "" || r.end.clean || len(r.frames) > len(v.Frames) {
			diff := difference{want: "an error that is no clean end", got: r.describeEnd(), offset: frameStarts(v)[len(v.Frames)]}
			if r.trouble == "" && len(r.frames) > len(v.Frames) {
				diff.got = describeFrame(r.frames[len(v.Frames)])
			}
			t.failMisread("STR-2", "the stream fails with: "+failure.Error(), misreading{whole(v), r, diff})
		}
	}
}
