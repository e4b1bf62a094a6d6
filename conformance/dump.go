package conformance

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// dump writes bytes as hex with offsets and says what each field is, frame by frame. total is how many
// bytes there were, of which data holds the first. At most rows rows are written.
func dump(framing Framing, data []byte, total, rows int) string {
	d := dumper{framing: framing, rows: rows}
	at := 0
	for at < len(data) && d.rows > 0 {
		at += d.frame(data, at)
	}
	if d.skipped > 0 || at < total {
		fmt.Fprintf(&d.b, "…     %d bytes in all\n", total)
	}
	return d.b.String()
}

type dumper struct {
	b       strings.Builder
	framing Framing
	rows    int
	skipped int
}

func (d *dumper) row(at int, data []byte, note string) {
	if d.rows == 0 {
		d.skipped += len(data)
		return
	}
	d.rows--
	fmt.Fprintf(&d.b, "%04x  %-47s  %s\n", at, fmt.Sprintf("% x", data), note)
}

// frame writes one frame from data[at:] and returns how many bytes it took, all of them where they
// cannot be read as a frame.
func (d *dumper) frame(data []byte, at int) int {
	rest := data[at:]
	size := d.framing.headerSize()
	if len(rest) < size {
		d.row(at, rest, fmt.Sprintf("%d bytes of a header of %d", len(rest), size))
		return len(rest)
	}
	if d.framing == Basic {
		n := binary.BigEndian.Uint32(rest)
		d.row(at, rest[:4], fmt.Sprintf("payload length %d", n))
		return size + d.payload(rest[size:], at+size, uint64(n))
	}
	n := binary.BigEndian.Uint32(rest[2:])
	if rest[0] != magic0 || rest[1] != magic1 {
		d.row(at, rest[:2], "magic, should be 50 59")
		return 2 + d.payload(rest[2:], at+2, uint64(len(rest)))
	}
	d.row(at, rest[:2], "magic")
	note := fmt.Sprintf("length %d: payload of %d", n, int64(n)-enhancedHeader)
	if n < enhancedHeader {
		note = fmt.Sprintf("length %d, below the header's 18", n)
	}
	d.row(at+2, rest[2:6], note)
	d.row(at+6, rest[6:14], fmt.Sprintf("request ID %d", binary.BigEndian.Uint64(rest[6:])))
	crc := binary.BigEndian.Uint32(rest[14:])
	if n < enhancedHeader {
		d.row(at+14, rest[14:18], "CRC32C")
		return size + d.payload(rest[size:], at+size, uint64(len(rest)))
	}
	length := uint64(n) - enhancedHeader
	body := rest[size:]
	note = "CRC32C"
	if uint64(len(body)) >= length {
		note = "CRC32C, right"
		if got := crc32.Checksum(body[:length], castagnoli); got != crc {
			note = fmt.Sprintf("CRC32C, but the payload has %08x", got)
		}
	}
	d.row(at+14, rest[14:18], note)
	return size + d.payload(body, at+size, length)
}

// payload writes what there is of a payload of n bytes and returns how many bytes that was.
func (d *dumper) payload(data []byte, at int, n uint64) int {
	if n > uint64(len(data)) {
		n = uint64(len(data))
	}
	for i := 0; i < int(n); i += 16 {
		part := data[i:min(i+16, int(n))]
		d.row(at+i, part, printable(part))
	}
	return int(n)
}

func printable(data []byte) string {
	text := make([]byte, len(data))
	for i, c := range data {
		if c < 0x20 || c > 0x7e {
			c = '.'
		}
		text[i] = c
	}
	return string(text)
}
