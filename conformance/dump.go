package conformance

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// dumpRows is how many rows of hex a failure's text shows of one dump.
const dumpRows = 12

// dump writes bytes as hex with offsets and says what each field is, frame by frame. total is how many
// bytes there were, of which data holds the first. At most rows rows are written.
func dump(framing Framing, data []byte, total, rows int) string {
	return (&dumper{framing: framing, rows: rows, total: total}).dump(data, 0)
}

// dumpFrom writes the bytes from an offset at which a frame begins.
func dumpFrom(framing Framing, data []byte, from, rows int) string {
	return (&dumper{framing: framing, rows: rows, total: len(data)}).dump(data, from)
}

type dumper struct {
	b       strings.Builder
	framing Framing
	rows    int // that may still be written
	total   int
	skipped bool
	base    int            // offset of the first byte in its stream
	marks   map[int]string // what to point at, by offset in the data
}

func (d *dumper) dump(data []byte, at int) string {
	for at < len(data) && d.rows > 0 {
		at += d.frame(data, at)
	}
	if d.skipped || at < d.total {
		fmt.Fprintf(&d.b, "…     %d bytes in all\n", d.total)
	}
	return d.b.String()
}

func (d *dumper) row(at int, data []byte, note string) {
	if d.rows == 0 {
		d.skipped = true
		return
	}
	d.rows--
	for i := range max(1, len(data)) {
		if mark := d.marks[at+i]; mark != "" {
			note = fmt.Sprintf("%-24s  <-- %s", note, mark)
		}
	}
	fmt.Fprintf(&d.b, "%04x  %-47s  %s\n", d.base+at, fmt.Sprintf("% x", data), note)
}

// field is one field of a header, and what to say of its bytes.
type field struct {
	name string
	size int
	note func(b []byte) string
}

// frame writes one frame from data[at:] and returns how many bytes it took, all of them where they
// cannot be read as a frame.
func (d *dumper) frame(data []byte, at int) int {
	header := d.framing.headerSize()
	rest := data[at:]
	if d.framing == Enhanced && len(rest) >= 2 && (rest[0] != magic0 || rest[1] != magic1) {
		d.row(at, rest[:2], "magic, should be 50 59")
		return 2 + d.payload(rest[2:], at+2, uint64(len(rest)-2))
	}
	from := 0
	for _, f := range d.fields(rest) {
		if len(rest) < from+f.size {
			switch {
			case len(rest) > from:
				if mark := d.marks[d.total]; mark != "" { // where the end is what is wrong
					d.marks[at+from] = mark
				}
				d.row(at+from, rest[from:], fmt.Sprintf("%d of the %d bytes of the %s", len(rest)-from, f.size, f.name))
			case at+from == d.total:
				d.row(d.total, nil, fmt.Sprintf("the end, %d of the %d bytes of a header", from, header))
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
func (d *dumper) fields(rest []byte) []field {
	if d.framing == Basic {
		return []field{{"length", 4, func(b []byte) string {
			return fmt.Sprintf("length: payload of %d", binary.BigEndian.Uint32(b))
		}}}
	}
	return []field{
		{"magic", 2, func([]byte) string { return "magic" }},
		{"length", 4, func(b []byte) string {
			n := binary.BigEndian.Uint32(b)
			if n < enhancedHeader {
				return fmt.Sprintf("length %d, below the header's 18", n)
			}
			return fmt.Sprintf("length %d: payload of %d", n, n-enhancedHeader)
		}},
		{"request ID", 8, func(b []byte) string { return fmt.Sprintf("request ID %d", binary.BigEndian.Uint64(b)) }},
		{"CRC32C", 4, func(b []byte) string {
			n, ok := d.claimed(rest)
			if !ok || uint64(len(rest)) < enhancedHeader+n {
				return "CRC32C"
			}
			if sum := crc32.Checksum(rest[enhancedHeader:enhancedHeader+n], castagnoli); sum != binary.BigEndian.Uint32(b) {
				return fmt.Sprintf("CRC32C, but the payload has %08x", sum)
			}
			return "CRC32C, right"
		}},
	}
}

// claimed is the size of the payload as a whole header has it.
func (d *dumper) claimed(rest []byte) (n uint64, ok bool) {
	if d.framing == Basic {
		return uint64(binary.BigEndian.Uint32(rest)), true
	}
	length := binary.BigEndian.Uint32(rest[2:])
	return uint64(length) - enhancedHeader, length >= enhancedHeader
}

// payload writes what there is of a payload of n bytes and returns how many bytes that was.
func (d *dumper) payload(data []byte, at int, n uint64) int {
	there := int(min(n, uint64(len(data))))
	for i := 0; i < there; i += 16 {
		if d.rows == 0 {
			d.skipped = true
			break
		}
		part := data[i:min(i+16, there)]
		d.row(at+i, part, printable(part))
	}
	if uint64(there) < n && at+there == d.total {
		d.row(d.total, nil, fmt.Sprintf("the end, %d of the %d bytes of the payload", there, n))
	}
	return there
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
