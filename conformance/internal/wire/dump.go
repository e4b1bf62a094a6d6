package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// DumpRows is how many rows of hex a failure's text shows of one dump.
const DumpRows = 12

// Dump returns bytes as hex with offsets and names each field, frame by frame. data has the first of total bytes. It writes
// at most so many rows.
func Dump(framing spec.Framing, data []byte, total, rows int) string {
	return (&Dumper{Framing: framing, Rows: rows, Total: total}).Dump(data, 0)
}

// DumpFrom is Dump for the bytes from an offset at which a frame begins.
func DumpFrom(framing spec.Framing, data []byte, from, rows int) string {
	return (&Dumper{Framing: framing, Rows: rows, Total: len(data)}).Dump(data, from)
}

// Dumper writes one dump, with marks and offsets that Dump does not have.
type Dumper struct {
	b       strings.Builder
	Framing spec.Framing
	Rows    int // how many may still be written
	Total   int // bytes, of which the data may have only the first
	skipped bool
	Base    int            // offset of the first byte in its stream
	Marks   map[int]string // what to write beside a byte, by its offset in the data
}

// Dump returns the dump of data from the offset at, where a frame begins.
func (d *Dumper) Dump(data []byte, at int) string {
	for at < len(data) && d.Rows > 0 {
		at += d.frame(data, at)
	}
	if d.skipped || at < d.Total {
		fmt.Fprintf(&d.b, "…     %d bytes in all\n", d.Total)
	}
	return d.b.String()
}

// row writes one row: at most 16 bytes and a note.
func (d *Dumper) row(at int, data []byte, note string) {
	if d.Rows == 0 {
		d.skipped = true
		return
	}
	d.Rows--
	for i := range max(1, len(data)) {
		if mark := d.Marks[at+i]; mark != "" {
			note = fmt.Sprintf("%-24s  <-- %s", note, mark)
		}
	}
	fmt.Fprintf(&d.b, "%04x  %-47s  %s\n", d.Base+at, fmt.Sprintf("% x", data), note)
}

// field is one field of a header, with the note for its bytes.
type field struct {
	name string
	size int
	note func(b []byte) string
}

// frame writes the frame that begins at data[at] and returns its number of bytes. If the bytes are no frame, it writes them
// all.
func (d *Dumper) frame(data []byte, at int) int {
	header := d.Framing.HeaderSize()
	rest := data[at:]
	if d.Framing == spec.Enhanced && len(rest) >= 2 && (rest[0] != spec.Magic0 || rest[1] != spec.Magic1) {
		d.row(at, rest[:2], "magic, should be 50 59")
		return 2 + d.payload(rest[2:], at+2, uint64(len(rest)-2))
	}
	from := 0
	for _, f := range d.fields(rest) {
		if len(rest) < from+f.size {
			switch {
			case len(rest) > from:
				if mark := d.Marks[d.Total]; mark != "" { // if the end is what is wrong
					d.Marks[at+from] = mark
				}
				d.row(at+from, rest[from:], fmt.Sprintf("%d of the %d bytes of the %s", len(rest)-from, f.size, f.name))
			case at+from == d.Total:
				d.row(d.Total, nil, fmt.Sprintf("the end, %d of the %d bytes of a header", from, header))
			}
			return len(rest)
		}
		d.row(at+from, rest[from:from+f.size], f.note(rest[from:from+f.size]))
		from += f.size
	}
	body := rest[header:]
	n, ok := d.claimed(rest)
	if !ok {
		n = uint64(len(body))
	}
	return header + d.payload(body, at+header, n)
}

// fields returns the fields of the header at the beginning of rest.
func (d *Dumper) fields(rest []byte) []field {
	if d.Framing == spec.Basic {
		return []field{{"length", 4, func(b []byte) string {
			return fmt.Sprintf("length: payload of %d", binary.BigEndian.Uint32(b))
		}}}
	}
	return []field{
		{"magic", 2, func([]byte) string { return "magic" }},
		{"length", 4, func(b []byte) string {
			n := binary.BigEndian.Uint32(b)
			if n < spec.EnhancedHeader {
				return fmt.Sprintf("length %d, below the header's 18", n)
			}
			return fmt.Sprintf("length %d: payload of %d", n, n-spec.EnhancedHeader)
		}},
		{"request ID", 8, func(b []byte) string { return fmt.Sprintf("request ID %d", binary.BigEndian.Uint64(b)) }},
		{"CRC32C", 4, func(b []byte) string {
			n, ok := d.claimed(rest)
			if !ok || uint64(len(rest)) < spec.EnhancedHeader+n {
				return "CRC32C"
			}
			if sum := crc32.Checksum(rest[spec.EnhancedHeader:spec.EnhancedHeader+n], Castagnoli); sum != binary.BigEndian.Uint32(b) {
				return fmt.Sprintf("CRC32C, but the payload has %08x", sum)
			}
			return "CRC32C, right"
		}},
	}
}

// claimed returns the size of the payload that a complete header claims, and false if the length is below the header's.
func (d *Dumper) claimed(rest []byte) (n uint64, ok bool) {
	if d.Framing == spec.Basic {
		return uint64(binary.BigEndian.Uint32(rest)), true
	}
	length := binary.BigEndian.Uint32(rest[2:])
	return uint64(length) - spec.EnhancedHeader, length >= spec.EnhancedHeader
}

// payload writes as much of a payload of n bytes as data has, and returns how many bytes that is.
func (d *Dumper) payload(data []byte, at int, n uint64) int {
	there := int(min(n, uint64(len(data))))
	for i := 0; i < there; i += 16 {
		if d.Rows == 0 {
			d.skipped = true
			break
		}
		part := data[i:min(i+16, there)]
		d.row(at+i, part, text.Printable(part))
	}
	if uint64(there) < n && at+there == d.Total {
		d.row(d.Total, nil, fmt.Sprintf("the end, %d of the %d bytes of the payload", there, n))
	}
	return there
}
