package fuzz

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// writing puts one frame on w, under a limit for its payload.
type writing func(w io.Writer, framing frame.Framing, maxPayload int, f frame.Frame) error

// writings are all ways of ref/frame to write a frame, by name. cut is where a payload is cut in two.
func writings(cut int) map[string]writing {
	writer := func(write func(*frame.Writer, frame.Frame, [][]byte) error) writing {
		return func(w io.Writer, framing frame.Framing, maxPayload int, f frame.Frame) error {
			fw, err := frame.NewWriter(w, frame.Options{Framing: framing, MaxPayload: maxPayload})
			if err != nil {
				return err
			}
			at := cut % (len(f.Payload) + 1)
			return write(fw, f, [][]byte{f.Payload[:at], nil, f.Payload[at:]})
		}
	}
	batch := func(build func(dst []byte, framing frame.Framing, f frame.Frame) []byte) writing {
		return func(w io.Writer, framing frame.Framing, maxPayload int, f frame.Frame) error {
			fw, err := frame.NewWriter(w, frame.Options{Framing: framing, MaxPayload: maxPayload})
			if err != nil {
				return err
			}
			if err := frame.CheckPayload(len(f.Payload), maxPayload); err != nil {
				return err
			}
			return fw.WriteFrames(build(nil, framing, f))
		}
	}
	return map[string]writing{
		"WriteFrame": writer(func(w *frame.Writer, f frame.Frame, _ [][]byte) error {
			return w.WriteFrame(f.RequestID, f.Payload)
		}),
		"WriteFramePieces": writer(func(w *frame.Writer, f frame.Frame, pieces [][]byte) error {
			return w.WriteFramePieces(f.RequestID, pieces...)
		}),
		"AppendFrame": batch(func(dst []byte, framing frame.Framing, f frame.Frame) []byte {
			return frame.AppendFrame(dst, framing, f.RequestID, f.Payload)
		}),
		"EndFrame": batch(func(dst []byte, framing frame.Framing, f frame.Frame) []byte {
			dst = append(frame.BeginFrame(dst, framing), f.Payload...)
			frame.EndFrame(dst, 0, framing, f.RequestID)
			return dst
		}),
		"AppendHeader": batch(func(dst []byte, framing frame.Framing, f frame.Frame) []byte {
			at := cut % (len(f.Payload) + 1)
			dst = frame.AppendHeader(dst, framing, f.RequestID, f.Payload[:at], f.Payload[at:])
			return append(dst, f.Payload...)
		}),
	}
}

// checkEncode writes one frame to a stream that takes room bytes and no more.
func checkEncode(write writing, f frame.Frame, framing frame.Framing, maxPayload, room int) error {
	want := appendFrame(nil, framing, f)
	w := &narrow{room: room}
	err := write(w, framing, maxPayload, f)
	switch {
	case len(f.Payload) > maxPayload: // [FRM-12]
		if !errors.Is(err, frame.ErrTooLarge) || len(w.got) > 0 {
			return fmt.Errorf("[FRM-12] a payload of %d bytes, over %d: the error is %v, and %d bytes went out", len(f.Payload), maxPayload, err, len(w.got))
		}
		return nil
	case room >= len(want) && err != nil:
		return fmt.Errorf("a frame was not written: %w", err)
	case room < len(want) && (err == nil || room > 0 && !errors.Is(err, io.ErrShortWrite)):
		return fmt.Errorf("[STR-6] %d of %d bytes went out, and the error is %v", len(w.got), len(want), err)
	}
	if want = want[:min(room, len(want))]; !bytes.Equal(w.got, want) {
		return fmt.Errorf("[FRM-1] wrote %.80x (%d bytes), expected %.80x (%d bytes)", w.got, len(w.got), want, len(want))
	}
	return nil
}

// narrow is a writer that takes room bytes in all, and of what follows nothing, with or without an
// error of its own.
type narrow struct {
	room int
	got  []byte
}

var errFull = errors.New("no more room")

func (n *narrow) Write(b []byte) (int, error) {
	take := min(len(b), n.room-len(n.got))
	n.got = append(n.got, b[:take]...)
	if take < len(b) && n.room%2 == 0 {
		return take, errFull
	}
	return take, nil
}
