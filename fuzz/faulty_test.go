//go:build !gofuzz

package fuzz

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
)

// faulty is a reader of streams that is right but for one fault, and right altogether without one.
func faulty(fault string) reading {
	return func(s stream) (verdict, error) {
		var v verdict
		var data []byte
		for i, piece := range s.pieces {
			data = append(data, piece...)
			if fault == "forgets what the last piece began" && i > 0 && i+1 < len(s.pieces) {
				data = bytes.Clone(piece)
			}
		}
		for header := s.framing.HeaderSize(); len(data) > 0; {
			if kinds := defects(data, s.framing, s.maxPayload); kinds != nil && !forgives(fault, kinds[0]) {
				v.kind = kinds[0]
				return v, nil
			}
			if len(data) < header {
				return v, nil
			}
			var f frame.Frame
			size := int(binary.BigEndian.Uint32(data))
			if s.framing == frame.Enhanced {
				size = max(0, int(binary.BigEndian.Uint32(data[2:]))-18)
				f.RequestID = binary.BigEndian.Uint64(data[6:])
			}
			size = min(size, len(data)-header)
			f.Payload = bytes.Clone(data[header : header+size])
			data = data[header+size:]
			switch {
			case fault == "reads the ID as 32 bits":
				f.RequestID = uint64(uint32(f.RequestID))
			case fault == "leaves out empty frames" && size == 0:
				continue
			}
			v.frames = append(v.frames, f)
		}
		return v, nil
	}
}

func forgives(fault, kind string) bool {
	return map[string]string{
		"takes a cut-off frame for whole": "truncated", "does not compare the checksum": "bad_crc",
		"does not look at the magic": "bad_magic", "knows no maximum": "too_large",
	}[fault] == kind && kind != ""
}

var faultsOfReading = []string{
	"takes a cut-off frame for whole", "does not compare the checksum", "does not look at the magic",
	"knows no maximum", "reads the ID as 32 bits", "leaves out empty frames",
}

// faultsOfWriting are ways to write that are wrong, by name.
var faultsOfWriting = map[string]writing{
	"counts the payload alone": func(w io.Writer, framing frame.Framing, maxPayload int, f frame.Frame) error {
		return writeChanged(w, framing, maxPayload, f, func(b []byte) { binary.BigEndian.PutUint32(b[2:], uint32(len(f.Payload))) })
	},
	"sums with another polynomial": func(w io.Writer, framing frame.Framing, maxPayload int, f frame.Frame) error {
		return writeChanged(w, framing, maxPayload, f, func(b []byte) { binary.BigEndian.PutUint32(b[14:], crc32.ChecksumIEEE(f.Payload)) })
	},
	"knows no maximum": func(w io.Writer, framing frame.Framing, _ int, f frame.Frame) error {
		return writeChanged(w, framing, frame.MaxPayloadLimit-1, f, func([]byte) {})
	},
	"takes a short write for a whole one": func(w io.Writer, framing frame.Framing, maxPayload int, f frame.Frame) error {
		err := writeChanged(w, framing, maxPayload, f, func([]byte) {})
		if errors.Is(err, io.ErrShortWrite) {
			return nil
		}
		return err
	},
}

func writeChanged(w io.Writer, framing frame.Framing, maxPayload int, f frame.Frame, change func([]byte)) error {
	if err := frame.CheckPayload(len(f.Payload), maxPayload); err != nil {
		return err
	}
	b := appendFrame(nil, framing, f)
	if framing == frame.Enhanced {
		change(b)
	}
	switch n, err := w.Write(b); {
	case n == len(b):
		return nil
	case n == 0 && err != nil:
		return err
	}
	return io.ErrShortWrite
}

// faultsOfParsing are parsers with one fault, by name.
func faultsOfParsing() map[string]parsers {
	double := reference
	double.request = func(b []byte) (message.Request, error) {
		r, err := message.ParseRequest(b)
		r.ID = uint64(float64(r.ID))
		return r, err
	}
	folding := reference
	folding.response = func(b []byte) (message.Response, error) {
		var r struct {
			ID   json.Number
			OK   bool
			Body json.RawMessage
		}
		if err := json.Unmarshal(b, &r); err == nil && r.OK {
			if id, err := strconv.ParseUint(string(r.ID), 10, 64); err == nil {
				return message.Response{ID: id, OK: true, Body: r.Body}, nil
			}
		}
		return message.ParseResponse(b)
	}
	lenient := reference
	lenient.request = func(b []byte) (message.Request, error) {
		return message.ParseRequest(bytes.ToValidUTF8(b, []byte("?")))
	}
	silent := reference
	silent.cancellation = func([]byte) (message.Cancellation, error) { return message.Cancellation{}, message.ErrType }
	unsure := reference
	unsure.check = func([]byte) error { return nil }
	return map[string]parsers{
		"IDs are doubles": double, "names of fields are folded": folding, "malformed UTF-8 is mended": lenient,
		"cancellations are unknown": silent, "everything is JSON": unsure,
	}
}

// faultyFramer is the reference with one fault.
type faultyFramer struct {
	*frame.Framer
	fault string
	wrote error // the first error of a write
}

func (f *faultyFramer) ReadFrameOwned() (frame.Frame, error) {
	if f.fault == "gives away what it goes on using" {
		return f.ReadFrame()
	}
	return f.Framer.ReadFrameOwned()
}

func (f *faultyFramer) ReadFrame() (frame.Frame, error) {
	got, err := f.Framer.ReadFrame()
	if f.fault == "takes a deadline for the end" && errors.Is(err, errNotYet) {
		return got, io.EOF
	}
	return got, err
}

func (f *faultyFramer) WriteFrame(id uint64, payload []byte) error {
	err := f.Framer.WriteFrame(id, payload)
	if f.wrote == nil {
		f.wrote = err
	}
	if f.fault == "writes on after a short write" && f.wrote != nil {
		return nil
	}
	return err
}

var faultsOfFramers = []string{
	"gives away what it goes on using", "takes a deadline for the end", "writes on after a short write",
}

// faultyInspector is the suite's with one fault.
type faultyInspector struct {
	inspector
	fault string
}

func (f faultyInspector) Write(sender spec.Role, data []byte) []inspect.Frame {
	frames := f.inspector.Write(sender, data)
	switch {
	case f.fault == "tells of the last frame alone" && len(frames) > 1:
		return frames[len(frames)-1:]
	case f.fault == "blames the pool":
		for i := range frames {
			frames[i].Sender = spec.RolePool
		}
	}
	return frames
}

func (f faultyInspector) End(sender spec.Role) []inspect.Frame {
	if f.fault == "forgets what the end cut off" {
		return nil
	}
	return f.inspector.End(sender)
}

var faultsOfInspectors = []string{"tells of the last frame alone", "blames the pool", "forgets what the end cut off"}
