package fuzz

import (
	"fmt"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/ref/frame"
)

// suite is the suite's own reading of a stream.
func suite(s stream) (verdict, error) {
	i, err := inspect.NewStream(inspect.Options{Framing: suiteFraming(s.framing), MaxPayload: s.maxPayload})
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	for _, piece := range s.pieces {
		v.add(i.Write(piece))
	}
	v.add(i.End())
	return v, nil
}

func (v *verdict) add(frames []inspect.Frame) {
	for _, f := range frames {
		if f.Whole {
			v.frames = append(v.frames, frame.Frame{RequestID: f.HeaderID, Payload: payloadOf(f)})
			continue
		}
		for _, broken := range f.Violations {
			v.kind = string(broken.Kind)
		}
	}
}

func payloadOf(f inspect.Frame) []byte {
	header := frame.FrameHeaderSize
	if f.Framing == conformance.Basic {
		header = frame.BasicHeaderSize
	}
	return f.Bytes[header:]
}

func suiteFraming(f frame.Framing) conformance.Framing {
	if f == frame.Basic {
		return conformance.Basic
	}
	return conformance.Enhanced
}

type openInspector func(inspect.Options) (inspector, error)

type inspector interface {
	Write(sender spec.Role, data []byte) []inspect.Frame
	End(sender spec.Role) []inspect.Frame
}

func newInspector(o inspect.Options) (inspector, error) {
	return inspect.NewConnection(o)
}

// checkInspection gives the two directions of a connection to the suite, turn by turn in pieces of step
// bytes. Whatever they hold, every byte of a direction is told exactly once, in order, up to its first
// framing error, and can be shown.
func checkInspection(open openInspector, fromPool, fromWorker []byte, framing conformance.Framing, maxPayload, step int) error {
	i, err := open(inspect.Options{Framing: framing, MaxPayload: maxPayload})
	if err != nil {
		return err
	}
	directions := []*direction{{sender: spec.RolePool, left: fromPool}, {sender: spec.RoleWorker, left: fromWorker}}
	for len(directions[0].left)+len(directions[1].left) > 0 {
		for _, d := range directions {
			n := min(max(1, step), len(d.left))
			if err := d.told(i.Write(d.sender, d.left[:n])); err != nil {
				return err
			}
			d.left, d.sent = d.left[n:], append(d.sent, d.left[:n]...)
		}
	}
	for _, d := range directions {
		if err := d.told(i.End(d.sender)); err != nil {
			return err
		}
		if !d.broken && d.at != len(d.sent) {
			return fmt.Errorf("the %s sent %d bytes, and %d were told", d.sender, len(d.sent), d.at)
		}
	}
	return nil
}

// direction is what one side sends.
type direction struct {
	sender spec.Role
	left   []byte
	sent   []byte
	at     int // bytes that were told
	broken bool
}

func (d *direction) told(frames []inspect.Frame) error {
	for _, f := range frames {
		switch {
		case d.broken:
			return fmt.Errorf("[STR-3] the %s: a frame at byte %d was told behind a framing error", d.sender, f.Offset)
		case f.Sender != d.sender || int(f.Offset) != d.at:
			return fmt.Errorf("a frame of the %s at byte %d was told, expected one of the %s at byte %d", f.Sender, f.Offset, d.sender, d.at)
		case !f.Whole && len(f.Violations) == 0:
			return fmt.Errorf("the %s: what is no frame, at byte %d, was told without a reason", d.sender, f.Offset)
		}
		for _, v := range f.Violations {
			if v.Offset < f.Offset || v.Offset > f.Offset+int64(len(f.Bytes)) {
				return fmt.Errorf("the %s: the frame at byte %d, of %d bytes, is blamed for byte %d: %v", d.sender, f.Offset, len(f.Bytes), v.Offset, v)
			}
		}
		if f.Dump(20) == "" {
			return fmt.Errorf("the %s: the frame at byte %d cannot be shown", d.sender, f.Offset)
		}
		d.at += len(f.Bytes)
		d.broken = !f.Whole
	}
	return nil
}
