package framer

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// One fault makes a framer misread many vectors, most of them about something else: with a wrong
// checksum it refuses every frame. So before a vector is held against the clause it is about, the
// framer is shown the plainest frames there are, and the first that it misreads names the clause.

// blame names the clause that is really broken where a vector is misread, with a remark for the
// reader. right are the deliveries of the vector that were read right.
func (t *T) blame(v vectors.FrameVector, m misreading, right []delivery) (clause, hint string) {
	if m.hung {
		return v.Clause, ""
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
	if len(right) > 0 && !bytes.Equal(m.vector.Bytes, v.Bytes) && bytes.Equal(right[0].vector.Bytes, v.Bytes) {
		return "STR-4", "it is read right without its neighbours"
	}
	if m.offset > 0 && t.readsRight(alone(m)) {
		return "STR-4", fmt.Sprintf("what begins at byte %d is read right where it stands alone", m.offset)
	}
	if claimsNothing(framing, m.vector.Bytes[m.offset:]) {
		empty := plainEmpty(framing)
		if r := t.read(optionsOf(empty), sent(empty.Bytes), onward); r.end == string(spec.BadCRC) {
			return "CRC-3", "it refuses the checksum 0 of an empty payload"
		} else if r.differs(empty) != nil {
			return "FRM-5", "it misreads even the plainest frame without a payload"
		}
	}
	if m.trouble == "" && m.at < len(m.vector.Frames) {
		return t.blameFrame(v, spec.Frame(m.vector.Frames[m.at]), m)
	}
	if m.end == string(spec.TooLarge) && !t.readsRight(plainLargest(framing)) {
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

// blameCheck judges a wrong frame that was not refused as it must be, by a framer that reads right
// ones. Many vectors with another clause are refused for what they claim by accident.
func (t *T) blameCheck(v vectors.FrameVector, end string) (clause, hint string) {
	kind := spec.ErrorKind(v.Error)
	plain := plainWrong(spec.Framing(v.Framing), kind)
	if !t.readsRight(plain) {
		return plain.Clause, fmt.Sprintf("the plainest frame that is %s is not refused so either", kind)
	}
	headerOnly := plain
	headerOnly.Bytes = plain.Bytes[:plain.DecidedAt]
	switch {
	case !t.readsRight(headerOnly):
		return "FRM-9", fmt.Sprintf("%s is missed where the stream ends behind the header, and seen where it goes on", kind)
	case v.Clause == "FRM-9":
		return v.Clause, ""
	case v.Clause == "FRM-13" && (kind == spec.TooLarge || end == string(spec.TooLarge)):
		return v.Clause, ""
	case kind == spec.BadCRC && v.Clause != "STR-3" && v.Clause != "CRC-5":
		return v.Clause, ""
	}
	return plain.Clause, ""
}

// blameFrame judges a right frame that was not handed out, by a framer that knows the plainest one.
func (t *T) blameFrame(v vectors.FrameVector, want spec.Frame, m misreading) (clause, hint string) {
	refused := m.at == len(m.frames)
	switch {
	case refused && m.end == string(spec.TooLarge) && optionsOf(v).MaxPayload > 0:
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

// blamePlain judges a framer that misreads even the plainest frame. It may speak another dialect:
// the vectors have the frames of many, as right ones in the eyes of who sends them.
func (t *T) blamePlain(plain vectors.FrameVector) (clause, hint string) {
	read := t.read(optionsOf(plain), sent(plain.Bytes), onward)
	if d := read.differs(plain); d != nil && d.at == len(plain.Frames) {
		return "STR-1", "it misreads even the end behind the plainest frame"
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
		if r := t.read(optionsOf(v), sent(v.Bytes), onward); len(r.frames) > 0 && r.end == cleanEnd {
			return v.Clause, fmt.Sprintf("it misreads even the plainest frame, and takes %s: %s", v.TcID, v.Comment)
		}
	}
	clause = "FRM-1"
	switch read.end {
	case string(spec.BadCRC):
		clause = "CRC-1"
	case string(spec.Truncated), string(spec.BadLength):
		clause = "FRM-2"
	}
	return clause, "it misreads even the plainest frame"
}

// readsRight tells whether the framer reads a vector as it must, in one piece.
func (t *T) readsRight(v vectors.FrameVector) bool {
	r := t.read(optionsOf(v), sent(v.Bytes), onward)
	return r.differs(v) == nil
}

// The plain vectors have the default limit far away and nothing unusual beside the one thing they
// are about.

const plainLimit = 64

// plainRight is a small frame under the ID 1.
func plainRight(framing spec.Framing) vectors.FrameVector {
	return rightVector(framing, plainLimit, spec.Frame{ID: 1, Payload: []byte("123456789")})
}

// plainEmpty is a frame without a payload.
func plainEmpty(framing spec.Framing) vectors.FrameVector {
	return rightVector(framing, plainLimit, spec.Frame{ID: 1})
}

// alone is a stream of what was misread: the one frame, or all that comes behind the frames.
func alone(m misreading) vectors.FrameVector {
	v := m.vector
	v.Bytes, v.Frames = v.Bytes[m.offset:], v.Frames[m.at:]
	if len(v.Frames) > 0 {
		v.Frames, v.Error = v.Frames[:1], ""
		v.Bytes = v.Bytes[:spec.Framing(v.Framing).HeaderSize()+len(v.Frames[0].Payload)]
	}
	return v
}

// claimsNothing tells whether data begins with a header for an empty payload.
func claimsNothing(framing spec.Framing, data []byte) bool {
	return len(data) >= framing.HeaderSize() && claimedSize(framing, data) == framing.HeaderSize()
}

// plainLargest is a frame of exactly max_payload bytes.
func plainLargest(framing spec.Framing) vectors.FrameVector {
	return rightVector(framing, plainLimit, spec.Frame{ID: 1, Payload: make([]byte, plainLimit)})
}

// plainWrong is a frame with one defect, which its clause says is refused.
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

// rightVector is a stream of right frames.
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
