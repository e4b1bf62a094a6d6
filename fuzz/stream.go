package fuzz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// stream is bytes as a reader of frames meets them: they arrive in pieces, and then end.
type stream struct {
	framing    frame.Framing
	maxPayload int // in bytes
	pieces     [][]byte
	endsWith   bool // the end comes together with the last piece
}

// reading is what an implementation makes of a stream. The error says which clause it broke on the
// way, if any.
type reading func(stream) (verdict, error)

// verdict is the frames that were handed out, and the kind of the error that ended them, "" for a
// clean end.
type verdict struct {
	frames []frame.Frame
	kind   string
}

func (v verdict) String() string {
	end := v.kind
	if end == "" {
		end = "a clean end"
	}
	var b bytes.Buffer
	for _, f := range v.frames {
		fmt.Fprintf(&b, "frame %d %.40x (%d bytes), ", f.RequestID, f.Payload, len(f.Payload))
	}
	return b.String() + "then " + end
}

func (v verdict) equal(other verdict) bool {
	if v.kind != other.kind || len(v.frames) != len(other.frames) {
		return false
	}
	for i, f := range v.frames {
		if g := other.frames[i]; f.RequestID != g.RequestID || !bytes.Equal(f.Payload, g.Payload) {
			return false
		}
	}
	return true
}

// inPlace and owned are the two ways to read of ref/frame.
func inPlace(s stream) (verdict, error) { return readReference(s, (*frame.Reader).ReadFrame) }
func owned(s stream) (verdict, error)   { return readReference(s, (*frame.Reader).ReadFrameOwned) }

func readReference(s stream, next func(*frame.Reader) (frame.Frame, error)) (verdict, error) {
	s.pieces = slices.Clone(s.pieces)
	source := &arrival{stream: s}
	r, err := frame.NewReader(source, frame.Options{Framing: s.framing, MaxPayload: s.maxPayload})
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	for {
		f, err := next(r)
		if err == nil {
			f.Payload = bytes.Clone(f.Payload)
			v.frames = append(v.frames, f)
			continue
		}
		if f.Payload != nil {
			return v, fmt.Errorf("[CRC-5] a payload was handed out beside the error %v", err)
		}
		if _, again := next(r); again != err {
			return v, fmt.Errorf("[STR-3] the error was %v, then %v", err, again)
		}
		var kind frame.Kind
		switch {
		case errors.As(err, &kind):
			v.kind = string(kind)
		case err != io.EOF:
			return v, fmt.Errorf("an error of no kind of the protocol: %w", err)
		}
		return v, source.greedy
	}
}

// arrival gives a stream piece by piece, one a Read at most.
type arrival struct {
	stream
	arrived int
	greedy  error
}

func (a *arrival) Read(b []byte) (int, error) {
	// What a reader asks for at once is memory that it has set aside.
	const readAhead = 128 << 10
	if len(b) > readAhead+8*a.arrived && a.greedy == nil {
		a.greedy = fmt.Errorf("[FRM-11] room for %d bytes was set aside when %d had arrived", len(b), a.arrived)
	}
	if len(a.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b, a.pieces[0])
	a.arrived += n
	if a.pieces[0] = a.pieces[0][n:]; len(a.pieces[0]) == 0 {
		a.pieces = a.pieces[1:]
	}
	if a.endsWith && len(a.pieces) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// appendFrame is a frame byte by byte as [FRM-1], [FRM-4] and [CRC-2] have it.
func appendFrame(dst []byte, framing frame.Framing, f frame.Frame) []byte {
	size := uint32(len(f.Payload))
	if framing == frame.Basic {
		return append(binary.BigEndian.AppendUint32(dst, size), f.Payload...)
	}
	dst = append(dst, 'P', 'Y')
	dst = binary.BigEndian.AppendUint32(dst, 18+size)
	dst = binary.BigEndian.AppendUint64(dst, f.RequestID)
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(f.Payload, castagnoli))
	return append(dst, f.Payload...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func framingOf(basic bool) frame.Framing {
	if basic {
		return frame.Basic
	}
	return frame.Enhanced
}
