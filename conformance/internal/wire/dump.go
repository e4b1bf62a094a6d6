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

// Dump writes bytes as hex with offsets and says what each field is, frame by frame. total is how many
// bytes there were, of which data holds the first. At most rows rows are written.
func Dump(framing spec.Framing, data []byte, total, rows int) string {
	return (&Dumper{Framing: framing, Rows: rows, Total: total}).Dump(data, 0)
}

// DumpFrom writes the bytes from an offset at which a frame begins.
func DumpFrom(framing spec.Framing, data []byte, from, rows int) string {
	return (&Dumper{Framing: framing, Rows: rows, Total: len(data)}).Dump(data, from)
}

type Dumper struct {
	b       strings.Builder
	Framing spec.Framing
	Rows    int // that may still be written
	Total   int
	skipped bool
	Base    int            // offset of the first byte in its stream
	Marks   map[int]string // what to point at, by offset in the data
}

func (d *Dumper) Dump(data []byte, at int) string {
	for at < len(data) && d.Rows > 0 {
		at += d.frame(data, at)
	}
	if d.skipped || at < d.Total {
		fmt.Fprintf(&d.b, "…     %d bytes in all\n", d.Total)
	}
	return d.b.String()
}

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

// field is one field of a header, and what to say of its bytes.
type field struct {
	name string
	size int
	note func(b []byte) string
}

// frame writes one frame from data[at:] and returns how many bytes it took, all of them where they
// cannot be read as a frame.
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
				if mark := d.Marks[d.Total]; mark != "" { // where the end is what is wrong
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

// fields are those of the header that rest begins with.
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

// claimed is the size of the payload as a whole header has it.
func (d *Dumper) claimed(rest []byte) (n uint64, ok bool) {
	if d.Framing == spec.Basic {
		return uint64(binary.BigEndian.Uint32(rest)), true
	}
	length := binary.BigEndian.Uint32(rest[2:])
	return uint64(length) - spec.EnhancedHeader, length >= spec.EnhancedHeader
}

// payload writes what there is of a payload of n bytes and returns how many bytes that was.
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
