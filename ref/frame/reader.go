package frame

import (
	"bytes"
	"encoding/binary"
	"io"
)

// Reader reads frames from a stream. It reads ahead, so one Read of the stream can take in many
// small frames. Calls of its methods must not overlap.
type Reader struct {
	src     io.Reader
	framing Framing
	max     int
	err     error // final: a framing error or the end of the stream

	buf        []byte // used up to end; its length is the room there is
	start, end int    // buf[start:end] has arrived and was not returned yet
	offset     int64  // of buf[start] in the stream
	filled     bool   // the last Read filled all its room, so more is waiting
	srcErr     error  // the error of the stream after buf[:end], not returned yet

	readAhead []byte // the usual buffer while buf is a larger one; else nil
	small     int    // frames in a row that used little of the larger one
}

const (
	// readAheadSize is the most bytes that one Read of the stream asks for, except for the rest of
	// a larger frame. It is also the largest buffer that a reader always keeps. A payload of 64 KB
	// fits, with its header.
	readAheadSize = 72 << 10

	// minBuffer is the size of the first buffer, for connections that carry little.
	minBuffer = readAheadSize / 16

	// keepLarge is the number of small frames in a row after which a larger buffer is dropped.
	keepLarge = 16

	// maxEmptyReads is how often in a row a Read may return neither a byte nor an error.
	maxEmptyReads = 100
)

// NewReader returns a Reader of the frames in src. It returns an *OptionsError for an invalid
// option.
func NewReader(src io.Reader, o Options) (*Reader, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Reader{src: src, framing: o.Framing, max: o.MaxPayload}, nil
}

// ReadFrame returns the next frame. The payload is part of the reader's buffer and valid until the
// next read. Use [Reader.ReadFrameOwned] to keep it.
//
// The error is io.EOF if the stream ends between frames [STR-1], or a *FrameError. Both are final:
// every later read returns the same error [STR-3]. Any other error is the stream's, unchanged. It
// is not final: bytes that arrived before it are kept, and ReadFrame may be called again, for
// instance after a deadline.
func (r *Reader) ReadFrame() (Frame, error) {
	if r.err != nil {
		return Frame{}, r.err
	}
	if r.readAhead != nil {
		// Do not keep the memory of one huge frame for the life of the connection.
		if r.small++; r.small > keepLarge {
			r.dropLarge()
		}
	}
	if r.framing == Basic {
		return r.readBasic()
	}
	return r.readEnhanced()
}

// ReadFrameOwned is like ReadFrame, but the payload belongs to the caller. A small payload is
// copied. A large one is returned with its buffer, and the reader continues with another.
func (r *Reader) ReadFrameOwned() (Frame, error) {
	f, err := r.ReadFrame()
	if err != nil {
		return f, err
	}
	if r.readAhead != nil && len(f.Payload) > len(r.buf)/2 {
		r.dropLarge()
		return f, nil
	}
	f.Payload = bytes.Clone(f.Payload)
	return f, nil
}

// Buffered returns the number of bytes read ahead. While it is 0, ReadFrame has to read the stream.
func (r *Reader) Buffered() int { return r.end - r.start }

func (r *Reader) readEnhanced() (Frame, error) {
	if r.Buffered() < FrameHeaderSize {
		if err := r.waitForHeader(); err != nil {
			return Frame{}, err
		}
	}
	b := r.buf[r.start:r.end]
	if b[0] != MagicByte1 || b[1] != MagicByte2 {
		return Frame{}, r.fail(badMagic(r.offset, b))
	}
	length := binary.BigEndian.Uint32(b[2:])
	id := binary.BigEndian.Uint64(b[6:])
	crc := binary.BigEndian.Uint32(b[14:])
	if length < FrameHeaderSize {
		return Frame{}, r.fail(badLength(r.offset, length))
	}
	if size := length - FrameHeaderSize; size > uint32(r.max) || uint64(length) > uint64(len(b)) {
		if err := r.waitForPayload(FrameHeaderSize, size); err != nil {
			return Frame{}, err
		}
		b = r.buf[r.start:r.end]
	}
	payload := b[FrameHeaderSize:length:length] // with this capacity an append cannot overwrite the next frame
	if sum := Checksum(payload); sum != crc {
		return Frame{}, r.fail(badCRC(r.offset, crc, sum))
	}
	r.consume(int(length))
	return Frame{RequestID: id, Payload: payload}, nil
}

// waitForHeader reads a header. It checks the magic number as soon as that has arrived: a peer that
// uses the basic framing may send less than an enhanced header and then wait.
func (r *Reader) waitForHeader() error {
	if err := r.fill(2); err != nil {
		return err
	}
	if b := r.buf[r.start:]; b[0] != MagicByte1 || b[1] != MagicByte2 {
		return r.fail(badMagic(r.offset, b))
	}
	return r.fill(FrameHeaderSize)
}

func (r *Reader) readBasic() (Frame, error) {
	if err := r.fill(BasicHeaderSize); err != nil {
		return Frame{}, err
	}
	size := binary.BigEndian.Uint32(r.buf[r.start:])
	if err := r.waitForPayload(BasicHeaderSize, size); err != nil {
		return Frame{}, err
	}
	whole := BasicHeaderSize + int(size)
	payload := r.buf[r.start+BasicHeaderSize : r.start+whole : r.start+whole]
	r.consume(whole)
	return Frame{Payload: payload}, nil
}

// waitForPayload reads until a payload of size bytes has arrived, with its header.
func (r *Reader) waitForPayload(header int, size uint32) error {
	if size > uint32(r.max) {
		return r.fail(tooLarge(r.offset, uint64(size), r.max))
	}
	return r.fill(header + int(size))
}

func (r *Reader) consume(whole int) {
	if whole > len(r.buf)/4 {
		r.small = 0
	}
	r.start += whole
	r.offset += int64(whole)
}

func (r *Reader) fail(err error) error {
	r.err = err
	return err
}

// fill reads until the first need bytes of a frame have arrived.
func (r *Reader) fill(need int) error {
	for empty := 0; r.Buffered() < need; {
		switch {
		case r.srcErr == io.EOF && r.Buffered() == 0:
			return r.fail(io.EOF)
		case r.srcErr == io.EOF:
			return r.fail(truncated(r.offset, need, r.Buffered()))
		case r.srcErr != nil:
			err := r.srcErr
			r.srcErr = nil
			return err
		}
		r.makeRoom(need)
		room := r.buf[r.end:min(len(r.buf), max(need, readAheadSize))]
		n, err := r.src.Read(room)
		if n < 0 || n > len(room) {
			return r.fail(errBadReader)
		}
		r.end += n
		r.filled = n == len(room)
		r.srcErr = err
		if n > 0 || err != nil {
			empty = 0
		} else if empty++; empty == maxEmptyReads {
			return io.ErrNoProgress
		}
	}
	return nil
}

// makeRoom makes room for at least one more byte of a frame of need bytes. A buffer grows by at most
// four times, and only when it is full: memory grows with the bytes that have arrived, not with the
// length that a header claims [FRM-11].
func (r *Reader) makeRoom(need int) {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	size := len(r.buf)
	switch {
	case size == 0:
		size = minBuffer
	case size < readAheadSize && r.filled:
		size *= 2
	case r.end == size:
		size = min(4*size, need)
		if r.readAhead == nil {
			r.readAhead = r.buf
		}
	default:
		return
	}
	grown := make([]byte, size)
	copy(grown, r.buf[:r.end])
	r.buf = grown
}

// dropLarge goes back to the usual buffer, if the bytes read ahead fit into it.
func (r *Reader) dropLarge() {
	if r.Buffered() > len(r.readAhead) {
		return
	}
	r.end = copy(r.readAhead, r.buf[r.start:r.end])
	r.start = 0
	r.buf, r.readAhead, r.small = r.readAhead, nil, 0
}
