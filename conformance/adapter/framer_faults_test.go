package adapter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// framerFaults are framers that are right but for one thing.
var framerFaults = map[string]newFramer{}

func init() {
	for _, fault := range []string{
		"none", "bad CRC accepted", "payload beside the error", "refusal waits for more", "every error is forgotten",
		"length 17 ends the process", "end in a header hangs", "memory for the claimed length", "default limit of 16 MB",
		"two writes without a lock", "one write without a lock", "short write forgotten", "panic at the read after an error",
		"stream's errors are truncated", "error of a write replaced by another", "takes more and more memory",
	} {
		framerFaults[fault] = func(rw io.ReadWriter, o frame.Options) (testFramer, error) {
			if o.MaxPayload == 0 {
				o.MaxPayload = 10 << 20
				if fault == "default limit of 16 MB" {
					o.MaxPayload = 16 << 20
				}
			}
			return &faulty{fault: fault, rw: rw, basic: o.Framing == frame.Basic, limit: o.MaxPayload}, nil
		}
	}
}

type faulty struct {
	fault string
	rw    io.ReadWriter
	basic bool
	limit int
	err   error // final for reading
	kept  []byte

	turn   sync.Mutex // held while somebody writes
	mu     sync.Mutex
	broken error // final for writing
}

func (f *faulty) is(fault string) bool { return f.fault == fault }

func (f *faulty) ReadFrame() (frame.Frame, error) {
	if f.err != nil && f.err != io.EOF && f.is("panic at the read after an error") {
		panic("a read after an error")
	}
	if f.err != nil {
		return frame.Frame{}, f.err
	}
	got, err := f.read()
	if !f.is("every error is forgotten") {
		f.err = err
	}
	return got, err
}

func (f *faulty) read() (got frame.Frame, err error) {
	h := make([]byte, 18)
	if f.basic {
		h = h[:4]
	}
	n, err := io.ReadFull(f.rw, h)
	if err != nil && n > 0 && f.is("end in a header hangs") {
		hang()
	}
	if n == 0 && errors.Is(err, io.EOF) {
		return got, io.EOF
	}
	if err != nil {
		return got, f.early(err)
	}
	size := int64(binary.BigEndian.Uint32(h))
	if !f.basic {
		size = int64(binary.BigEndian.Uint32(h[2:])) - 18
		got.RequestID = binary.BigEndian.Uint64(h[6:])
		if h[0] != 'P' || h[1] != 'Y' {
			return got, f.refuse(frame.ErrBadMagic)
		}
	}
	if size < 0 && f.is("length 17 ends the process") {
		panic(fmt.Sprintf("a payload of %d bytes", size))
	}
	if size < 0 {
		return got, f.refuse(frame.ErrBadLength)
	}
	if size > int64(f.limit) {
		return got, f.refuse(frame.ErrTooLarge)
	}
	if f.is("memory for the claimed length") {
		f.kept = make([]byte, size)
	}
	if f.is("takes more and more memory") && size > 1<<20 {
		for {
			f.kept = append(f.kept, make([]byte, 64<<20)...)
		}
	}
	got.Payload, err = io.ReadAll(io.LimitReader(f.rw, size))
	if err != nil {
		return frame.Frame{}, f.early(err)
	}
	if int64(len(got.Payload)) < size {
		return frame.Frame{}, frame.ErrTruncated
	}
	if !f.basic && f.sum(got.Payload) != binary.BigEndian.Uint32(h[14:]) && !f.is("bad CRC accepted") {
		if !f.is("payload beside the error") {
			got.Payload = nil
		}
		return got, frame.ErrBadCRC
	}
	return got, nil
}

// early is the error of a frame of which not all came.
func (f *faulty) early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || f.is("stream's errors are truncated") {
		return frame.ErrTruncated
	}
	return err
}

// hang waits for what never comes.
func hang() {
	r, w, err := os.Pipe()
	if err == nil {
		_, _ = r.Read(make([]byte, 1))
		_ = w.Close()
	}
}

// refuse is the error of a header that is wrong.
func (f *faulty) refuse(err error) error {
	if f.is("refusal waits for more") {
		_, _ = io.ReadFull(f.rw, make([]byte, 1))
	}
	return err
}

func (f *faulty) sum(payload []byte) uint32 {
	return crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli))
}

func (f *faulty) WriteFrame(id uint64, payload []byte) error {
	if !f.is("two writes without a lock") && !f.is("one write without a lock") {
		f.turn.Lock()
		defer f.turn.Unlock()
	}
	f.mu.Lock()
	broken := f.broken
	f.mu.Unlock()
	if broken != nil {
		return broken
	}
	if len(payload) > f.limit {
		return frame.ErrTooLarge
	}
	h := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	if !f.basic {
		h = binary.BigEndian.AppendUint32([]byte("PY"), 18+uint32(len(payload)))
		h = binary.BigEndian.AppendUint64(h, id)
		h = binary.BigEndian.AppendUint32(h, f.sum(payload))
	}
	writes := [][]byte{slices.Concat(h, bytes.Clone(payload))}
	if f.is("two writes without a lock") {
		writes = [][]byte{h, payload}
	}
	for _, w := range writes {
		if _, err := f.rw.Write(w); err != nil {
			if f.is("error of a write replaced by another") {
				err = errors.New("the frame was not written")
			}
			if !f.is("short write forgotten") {
				f.mu.Lock()
				f.broken = err
				f.mu.Unlock()
			}
			return err
		}
	}
	return nil
}
