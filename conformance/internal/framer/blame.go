package framer

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// One fault makes a framer misread many vectors, most of them about something else: a framer with a wrong checksum refuses
// every frame. So before a failure counts against the clause of the vector, the framer reads the plainest frames, and the
// first that it misreads names the clause.

// blame returns the clause that is really broken where a vector is misread, and a hint for the reader, which may be empty.
// right are the deliveries of the vector that were read right.
func (t *T) blame(v vectors.FrameVector, m misreading, right []delivery) (clause, hint string) {
	if m.hung {
		return v.Clause, ""
	}
	if m.crashed && strings.Contains(m.trouble, TookTooMuch) {
		return "FRM-11", ""
	}
	framing := spec.Framing(v.Framing)
	if plain := plainRight(framing); !t.readsRight(plain) {
		return t.blamePlain(plain)
	}
	for _, d := range right {
		if bytes.Equal(d.vector.Bytes, m.vector.Bytes) {
			return "STR-4", "the same bytes are read right when they come " + d.name
		}
	}
	if t.readsRightWhenFilled(m) {
		return "FRM-5", "the same stream is read right with a byte in place of that empty payload"
	}
	if len(right) > 0 && !bytes.Equal(m.vector.Bytes, v.Bytes) && bytes.Equal(right[0].vector.Bytes, v.Bytes) {
		return "STR-4", "it is read right without its neighbours"
	}
	if m.offset > 0 && t.readsRight(onlyMisread(m)) {
		return "STR-4", fmt.Sprintf("what begins at byte %d is read right where it stands alone", m.offset)
	}
	if claimsEmptyPayload(framing, m.vector.Bytes[m.offset:]) {
		empty := plainEmpty(framing)
		if r := t.read(optionsOf(empty), sendThenEnd(empty.Bytes), toTheEnd); r.end.is(spec.BadCRC) {
			return "CRC-3", "it refuses the checksum 0 of an empty payload"
		} else if r.differenceFrom(empty) != nil {
			return "FRM-5", "it misreads even the plainest frame without a payload"
		}
	}
	if m.trouble == "" && m.at < len(m.vector.Frames) {
		return t.blameFrame(v, spec.Frame(m.vector.Frames[m.at]), m)
	}
	if m.end.is(spec.TooLarge) && !t.readsRight(plainLargest(framing)) {
		return "FRM-8", "it refuses a payload of exactly max_payload bytes too"
	}
	switch {
	case !v.Valid():
		return t.blameCheck(v, m.end)
	case m.trouble != "":
		return v.Clause, ""
	}
	return "STR-1", ""
}

// blameCheck returns the clause for a wrong frame that was not refused as it must be, by a framer that reads right frames.
// The clause of the vector is often not the one that is broken, because many vectors are wrong in one common way.
func (t *T) blameCheck(v vectors.FrameVector, end ending) (clause, hint string) {
	kind := spec.ErrorKind(v.Error)
	plain := plainWrong(spec.Framing(v.Framing), kind)
	if !t.readsRight(plain) {
		return plain.Clause, fmt.Sprintf("the plainest frame that is %s is not refused as that either", kind)
	}
	headerOnly := plain
	headerOnly.Bytes = plain.Bytes[:plain.DecidedAt]
	switch {
	case !t.readsRight(headerOnly):
		return "FRM-9", fmt.Sprintf("%s is missed if the stream ends after the header, and seen if it goes on", kind)
	case v.Clause == "FRM-9":
		return v.Clause, ""
	case v.Clause == "FRM-13" && (kind == spec.TooLarge || end.is(spec.TooLarge)):
		return v.Clause, ""
	case kind == spec.BadCRC && v.Clause != "STR-3" && v.Clause != "CRC-5":
		return v.Clause, ""
	}
	return plain.Clause, ""
}

// blameFrame returns the clause for a right frame that was not returned, by a framer that reads the plainest one.
func (t *T) blameFrame(v vectors.FrameVector, want spec.Frame, m misreading) (clause, hint string) {
	refused := m.at == len(m.frames)
	switch {
	case refused && m.end.is(spec.BadCRC) && t.takesChecksumOfAPart(want):
		return "CRC-2", "it accepts the checksum of the beginning of that payload instead"
	case refused && m.end.is(spec.TooLarge) && optionsOf(v).MaxPayload > 0:
		return "FRM-8", ""
	case refused:
		return v.Clause, ""
	case m.frames[m.at].ID != want.ID && v.Framing == vectors.Basic:
		return "FRM-4", ""
	case m.frames[m.at].ID != want.ID:
		return "FRM-3", ""
	}
	return v.Clause, ""
}

// takesChecksumOfAPart reports whether the framer reads the frame with a checksum of the first bytes of its payload alone.
func (t *T) takesChecksumOfAPart(f spec.Frame) bool {
	for n := 1; n < len(f.Payload); n *= 2 {
		v := rightVector(spec.Enhanced, len(f.Payload), f)
		v.Bytes = wire.EncodeWith(f.ID, f.Payload, func(h *wire.Header) { h.CRC = crc32.Checksum(f.Payload[:n], wire.Castagnoli) })
		if t.readsRight(v) {
			return true
		}
	}
	return false
}

// readsRightWhenFilled reports whether what was misread is a frame with an empty payload, and the stream is read right with a
// byte there. Then the framer does not misread streams of several frames, but empty payloads in them [FRM-5].
func (t *T) readsRightWhenFilled(m misreading) bool {
	framing := spec.Framing(m.vector.Framing)
	if m.trouble != "" || m.at >= len(m.vector.Frames) || len(m.vector.Frames[m.at].Payload) > 0 || m.vector.MaxPayload == 0 {
		return false
	}
	if !t.readsRight(plainEmpty(framing)) { // blame goes on to tell why
		return false
	}
	v := m.vector
	v.Frames = slices.Clone(v.Frames)
	f := &v.Frames[m.at]
	f.Payload = []byte("f")
	v.Bytes = slices.Concat(v.Bytes[:m.offset], wire.Encode(framing, f.ID, f.Payload), v.Bytes[m.offset+framing.HeaderSize():])
	return t.readsRight(v)
}

// blamePlain returns the clause for a framer that misreads even the plainest frame. It may speak another dialect: some
// vectors are frames that would be right in one.
func (t *T) blamePlain(plain vectors.FrameVector) (clause, hint string) {
	read := t.read(optionsOf(plain), sendThenEnd(plain.Bytes), toTheEnd)
	if d := read.differenceFrom(plain); d != nil && d.at == len(plain.Frames) {
		return "STR-1", "it misreads even the end after the plainest frame"
	}
	if plain.Framing == vectors.Basic {
		return "FRM-4", "it misreads even the plainest basic frame"
	}
	set, _ := vectorSet()
	for _, v := range set.Enhanced {
		dialect := !v.Valid() && slices.Contains([]string{"FRM-1", "FRM-2", "CRC-1", "CRC-2"}, v.Clause)
		if !dialect {
			continue
		}
		if r := t.read(optionsOf(v), sendThenEnd(v.Bytes), toTheEnd); len(r.frames) > 0 && r.end.clean {
			return v.Clause, fmt.Sprintf("it misreads even the plainest frame, and accepts %s: %s", v.TcID, v.Comment)
		}
	}
	clause = "FRM-1"
	switch {
	case read.end.is(spec.BadCRC):
		clause = "CRC-1"
	case read.end.is(spec.Truncated), read.end.is(spec.BadLength):
		clause = "FRM-2"
	}
	return clause, "it misreads even the plainest frame"
}

// readsRight reports whether the framer reads a vector as it must, in one piece.
func (t *T) readsRight(v vectors.FrameVector) bool {
	r := t.read(optionsOf(v), sendThenEnd(v.Bytes), toTheEnd)
	return r.differenceFrom(v) == nil
}

// plainLimit is the max_payload of the plain vectors. They are usual in everything but the one thing they are about.
const plainLimit = 64

// plainRight returns a small frame with the ID 1.
func plainRight(framing spec.Framing) vectors.FrameVector {
	return rightVector(framing, plainLimit, spec.Frame{ID: 1, Payload: []byte("123456789")})
}

// plainEmpty returns a frame with an empty payload.
func plainEmpty(framing spec.Framing) vectors.FrameVector {
	return rightVector(framing, plainLimit, spec.Frame{ID: 1})
}

// onlyMisread returns a vector of what was misread alone: the one frame, or all that comes after the frames.
func onlyMisread(m misreading) vectors.FrameVector {
	v := m.vector
	v.Bytes, v.Frames = v.Bytes[m.offset:], v.Frames[m.at:]
	if len(v.Frames) > 0 {
		v.Frames, v.Error = v.Frames[:1], ""
		v.Bytes = v.Bytes[:spec.Framing(v.Framing).HeaderSize()+len(v.Frames[0].Payload)]
	}
	return v
}

// claimsEmptyPayload reports whether data begins with the header of an empty payload.
func claimsEmptyPayload(framing spec.Framing, data []byte) bool {
	return len(data) >= framing.HeaderSize() && claimedSize(framing, data) == framing.HeaderSize()
}

// plainLargest returns a frame whose payload has exactly max_payload bytes.
func plainLargest(framing spec.Framing) vectors.FrameVector {
	return rightVector(framing, plainLimit, spec.Frame{ID: 1, Payload: make([]byte, plainLimit)})
}

// plainWrong returns a frame with one defect, for which it must be refused with that kind.
func plainWrong(framing spec.Framing, kind spec.ErrorKind) vectors.FrameVector {
	payload := []byte("123456789")
	v := vectors.FrameVector{Framing: vectors.Framing(framing), MaxPayload: plainLimit, Error: vectors.ErrorKind(kind), DecidedAt: framing.HeaderSize()}
	switch kind {
	case spec.BadMagic:
		v.Clause, v.Bytes = "FRM-6", wire.EncodeWith(1, payload, func(h *wire.Header) { h.Magic = [2]byte{'X', 'X'} })
	case spec.BadLength:
		v.Clause, v.Bytes = "FRM-7", wire.EncodeWith(1, payload, func(h *wire.Header) { h.Length = spec.EnhancedHeader - 1 })
	case spec.TooLarge:
		v.Clause, v.Bytes = "FRM-8", wire.Encode(framing, 1, make([]byte, plainLimit+1))
	case spec.Truncated:
		v.Clause, v.Bytes = "STR-2", wire.Encode(framing, 1, payload)
		v.Bytes = v.Bytes[:len(v.Bytes)-1]
		v.DecidedAt = len(v.Bytes)
	case spec.BadCRC:
		v.Clause, v.Bytes = "CRC-4", wire.EncodeWith(1, payload, func(h *wire.Header) { h.CRC ^= 1 })
		v.DecidedAt = len(v.Bytes)
	}
	return v
}

// rightVector returns a stream of right frames.
func rightVector(framing spec.Framing, limit int, frames ...spec.Frame) vectors.FrameVector {
	v := vectors.FrameVector{Clause: "FRM-1", Framing: vectors.Framing(framing), MaxPayload: uint32(limit)}
	if framing == spec.Basic {
		v.Clause = "FRM-4"
	}
	for _, f := range frames {
		v.Bytes = append(v.Bytes, wire.Encode(framing, f.ID, f.Payload)...)
		if framing == spec.Basic {
			f.ID = 0
		}
		v.Frames = append(v.Frames, vectors.Frame(f))
	}
	return v
}
