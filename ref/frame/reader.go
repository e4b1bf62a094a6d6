package frame

import (
	"bytes"
	"encoding/binary"
	"io"
)

// Reader reads frames from a stream. It reads ahead, so that one Read of the stream takes in many
// small frames, and gives payloads out in place. It is for one goroutine at a time.
type Reader struct {
	src     io.Reader
	framing Framing
	max     int
	err     error // final: a framing error or the clean end

	buf        []byte // len(buf) is the room there is
	start, end int    // buf[start:end] has arrived and is not yet given out
	offset     int64  // of buf[start] in the stream
	filled     bool   // the last Read took all the room it was given: more is waiting
	srcErr     error  // what the stream said after buf[:end], not yet passed on

	readAhead []byte // the buffer to go back to while buf is a larger one
	small     int    // frames in a row that made little use of the larger one
}

const (
	// readAheadSize, in bytes, is what is asked of the stream at once, more only for the rest of a
	// larger frame. It is also the largest buffer that a reader keeps whatever comes. A payload of
	// 64 KB fits, with its header.
	readAheadSize = 72 << 10

	// minBuffer is what a connection holds that carries little.
	minBuffer = readAheadSize / 16

	// keepLarge is after how many small frames in a row a larger buffer is given up.
	keepLarge = 16

	// maxEmptyReads is how often in a row a stream may give neither a byte nor an error.
	maxEmptyReads = 100
)

// NewReader returns a Reader of the frames in src. The error is an *OptionsError.
func NewReader(src io.Reader, o Options) (*Reader, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Reader{src: src, framing: o.Framing, max: o.MaxPayload}, nil
}

// ReadFrame returns the next frame. Its payload lies in the reader's buffer and is valid until
// the next read; [Reader.ReadFrameOwned] gives one that stays.
//
// The error is io.EOF where the stream ends between frames [STR-1], or a *FrameError; either is
// final and returned by every later read [STR-3]. Any other error is the stream's own, as it is:
// what arrived before it is kept, so that reading can go on, for instance after a deadline.
func (r *Reader) ReadFrame() (Frame, error) {
	if r.err != nil {
		return Frame{}, r.err
	}
	if r.readAhead != nil {
		// One huge frame is not to hold its memory for as long as the connection lives.
		if r.small++; r.small > keepLarge {
			r.dropLarge()
		}
	}
	if r.framing == Basic {
		return r.readBasic()
	}
	return r.readEnhanced()
}

// ReadFrameOwned is ReadFrame with a payload that belongs to the caller. A small payload is copied;
// a large one takes its buffer along, and the reader goes on with another.
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

// Buffered is the number of bytes read ahead: while it is 0, ReadFrame has to wait for the stream.
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
	payload := b[FrameHeaderSize:length:length] // clipped, so that an append cannot reach the next frame
	if sum := Checksum(payload); sum != crc {
		return Frame{}, r.fail(badCRC(r.offset, crc, sum))
	}
	r.consume(int(length))
	return Frame{RequestID: id, Payload: payload}, nil
}

// waitForHeader looks at the magic as soon as it is there: a peer that speaks the basic framing
// may send less than an enhanced header and then wait.
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

// waitForPayload waits for a payload of size bytes behind its header.
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

// fill reads until buf[start:] holds the first need bytes of a frame.
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

// makeRoom makes room for at least one more byte of a frame of need bytes. Room grows fourfold at
// most, and only after all of it was taken, so that it grows with what has arrived and not with
// what a header claims [FRM-11].
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

// dropLarge goes back to the smaller buffer, if what was read ahead fits there.
func (r *Reader) dropLarge() {
	if r.Buffered() > len(r.readAhead) {
		return
	}
	r.end = copy(r.readAhead, r.buf[r.start:r.end])
	r.start = 0
	r.buf, r.readAhead, r.small = r.readAhead, nil, 0
}
