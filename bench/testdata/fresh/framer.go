// Package fresh has a framer and a pool of its own, and measures them as anybody would.
package fresh

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/pyproctest/pyproctest/conformance"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type framer struct {
	in    *bufio.Reader
	out   io.Writer
	basic bool
}

func openFramer(rw io.ReadWriter, o conformance.FramerOptions) conformance.Framer {
	return &framer{bufio.NewReader(rw), rw, o.Framing == conformance.Basic}
}

func (f *framer) WriteFrame(id uint64, payload []byte) error {
	var frame []byte
	if f.basic {
		frame = binary.BigEndian.AppendUint32(frame, uint32(len(payload)))
	} else {
		frame = binary.BigEndian.AppendUint32(append(frame, "PY"...), uint32(18+len(payload)))
		frame = binary.BigEndian.AppendUint64(frame, id)
		frame = binary.BigEndian.AppendUint32(frame, crc32.Checksum(payload, castagnoli))
	}
	_, err := f.out.Write(append(frame, payload...))
	return err
}

func (f *framer) ReadFrame() (frame conformance.Frame, err error) {
	header := make([]byte, 18)
	if f.basic {
		header = header[:4]
	}
	if _, err := io.ReadFull(f.in, header); err != nil {
		return frame, err
	}
	size := binary.BigEndian.Uint32(header)
	if !f.basic {
		size = binary.BigEndian.Uint32(header[2:]) - 18
		frame.ID = binary.BigEndian.Uint64(header[6:])
	}
	frame.Payload = make([]byte, size)
	if _, err := io.ReadFull(f.in, frame.Payload); err != nil {
		return frame, err
	}
	if !f.basic && crc32.Checksum(frame.Payload, castagnoli) != binary.BigEndian.Uint32(header[14:]) {
		return conformance.Frame{}, errors.New("wrong checksum")
	}
	return frame, nil
}
