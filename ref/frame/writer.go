package frame

import (
	"io"
	"net"
)

// Writer writes frames to a stream. Its methods may be called from many goroutines; frames never
// mix [STR-5]. It does not change the payloads, and does not use them after the call returns.
type Writer struct {
	dst     io.Writer
	framing Framing
	max     int

	// turn holds a token while a goroutine writes, like a mutex. A goroutine that waits for a
	// channel counts as blocked in testing/synctest, so virtual time goes on; with a mutex it
	// would not.
	turn chan struct{}

	err    error // final: part of a frame went out
	buf    []byte
	pieces [][]byte
	vector net.Buffers
}

// copyLimit is the payload size in bytes from which one write of several buffers costs less than a
// copy (measured on Unix sockets). It also bounds the buffer that a Writer keeps.
const copyLimit = 64 << 10

// NewWriter returns a Writer of frames to dst. It returns an *OptionsError for an invalid option.
func NewWriter(dst io.Writer, o Options) (*Writer, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Writer{dst: dst, framing: o.Framing, max: o.MaxPayload, turn: make(chan struct{}, 1)}, nil
}

// WriteFrame writes one frame. In the basic framing the requestID is not sent.
//
// The error is a *FrameError of kind ErrTooLarge if the payload exceeds the maximum. Then nothing
// was written, and the Writer stays usable [FRM-12]. Any other error is a *WriteError, which is
// final if a part of the frame was written [STR-6].
func (w *Writer) WriteFrame(requestID uint64, payload []byte) error {
	return w.WriteFramePieces(requestID, payload)
}

// WriteFramePieces is like WriteFrame, for a payload in several pieces. A large payload is not
// copied: it is written to a socket in one system call, and to any other writer piece by piece.
func (w *Writer) WriteFramePieces(requestID uint64, pieces ...[]byte) error {
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	if err := CheckPayload(size, w.max); err != nil {
		return err
	}
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	if size >= copyLimit {
		w.buf = AppendHeader(w.buf[:0], w.framing, requestID, pieces...)
		return w.writePieces(w.buf, pieces)
	}
	w.buf = BeginFrame(w.buf[:0], w.framing)
	for _, p := range pieces {
		w.buf = append(w.buf, p...)
	}
	EndFrame(w.buf, 0, w.framing, requestID)
	return w.write(w.buf)
}

// WriteFrames writes frames that the caller has built with AppendFrame or BeginFrame, in one write.
// It does not check them. The error is a *WriteError.
func (w *Writer) WriteFrames(frames []byte) error {
	if len(frames) == 0 {
		return nil
	}
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	return w.write(frames)
}

func (w *Writer) write(b []byte) error {
	if w.err != nil {
		return w.err
	}
	n, err := w.dst.Write(b)
	return w.wrote(n, len(b), err)
}

func (w *Writer) writePieces(header []byte, pieces [][]byte) error {
	if w.err != nil {
		return w.err
	}
	w.pieces = append(w.pieces[:0], header)
	size := len(header)
	for _, p := range pieces {
		// Do not write an empty piece: on a net.Pipe that waits for a reader.
		if len(p) > 0 {
			w.pieces = append(w.pieces, p)
			size += len(p)
		}
	}
	defer clear(w.pieces) // do not keep the caller's memory

	switch w.dst.(type) {
	case *net.UnixConn, *net.TCPConn:
		w.vector = w.pieces
		n, err := w.vector.WriteTo(w.dst)
		return w.wrote(int(n), size, err)
	}
	// Not net.Buffers, which goes on after a short write without an error.
	written := 0
	for _, p := range w.pieces {
		n, err := w.dst.Write(p)
		written += n
		if n != len(p) || err != nil {
			return w.wrote(written, size, err)
		}
	}
	return w.wrote(written, size, nil)
}

// wrote returns the error for a write of n out of size bytes.
func (w *Writer) wrote(n, size int, err error) error {
	if n == size && err == nil {
		return nil
	}
	failure := &WriteError{Written: n, Size: size, Err: err}
	if failure.Final() {
		w.err = failure
	}
	return failure
}
