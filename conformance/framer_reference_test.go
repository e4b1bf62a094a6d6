package conformance_test

import (
	"errors"
	"io"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/ref/frame"
)

// referenceFramer brings the reference framer and the suite together.
func referenceFramer(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer {
	options := frame.Options{MaxPayload: o.MaxPayload}
	if o.Framing == conformance.Basic {
		options.Framing = frame.Basic
	}
	f, err := frame.NewFramer(rw, options)
	if err != nil {
		panic(err) // the suite asks for nothing that the reference refuses
	}
	return adaptedFramer{f}
}

type adaptedFramer struct{ *frame.Framer }

func (f adaptedFramer) ReadFrame() (conformance.Frame, error) {
	got, err := f.Framer.ReadFrame()
	return conformance.Frame{ID: got.RequestID, Payload: got.Payload}, kindOf(err)
}

func (f adaptedFramer) WriteFrame(id uint64, payload []byte) error {
	return kindOf(f.Framer.WriteFrame(id, payload))
}

// kindOf wraps an error of the reference in the kind of the same name.
func kindOf(err error) error {
	var kind frame.Kind
	if errors.As(err, &kind) {
		return errors.Join(conformance.ErrorKind(kind), err)
	}
	return err
}
