package wire

import (
	"strings"
	"testing"

	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/stretchr/testify/require"
)

func TestDumpTellsWhatTheBytesAre(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 3)
	for _, c := range []struct {
		name    string
		framing spec.Framing
		data    []byte
		want    string
	}{
		{"a right frame", spec.Enhanced, Encode(spec.Enhanced, 1<<53+1, []byte(`{"id":1,"method":"echo"}`)), `
0000  50 59                                            magic
0002  00 00 00 2a                                      length 42: payload of 24
0006  00 20 00 00 00 00 00 01                          request ID 9007199254740993
000e  09 e9 d2 77                                      CRC32C, right
0012  7b 22 69 64 22 3a 31 2c 22 6d 65 74 68 6f 64 22  {"id":1,"method"
0022  3a 22 65 63 68 6f 22 7d                          :"echo"}
`},
		{"two frames, one without a payload", spec.Enhanced, append(Encode(spec.Enhanced, 1, nil), Encode(spec.Enhanced, 2, []byte{0, 0x7f, 'A'})...), `
0000  50 59                                            magic
0002  00 00 00 12                                      length 18: payload of 0
0006  00 00 00 00 00 00 00 01                          request ID 1
000e  00 00 00 00                                      CRC32C, right
0012  50 59                                            magic
0014  00 00 00 15                                      length 21: payload of 3
0018  00 00 00 00 00 00 00 02                          request ID 2
0020  8b 54 e3 bf                                      CRC32C, right
0024  00 7f 41                                         ..A
`},
		{"a wrong checksum", spec.Enhanced, EncodeWith(1, []byte("123456789"), func(h *Header) { h.CRC = 0xCBF43926 }), `
0000  50 59                                            magic
0002  00 00 00 1b                                      length 27: payload of 9
0006  00 00 00 00 00 00 00 01                          request ID 1
000e  cb f4 39 26                                      CRC32C, but the payload has e3069283
0012  31 32 33 34 35 36 37 38 39                       123456789
`},
		{"a wrong magic", spec.Enhanced, EncodeWith(1, []byte("hi"), func(h *Header) { h.Magic = [2]byte{'P', 'X'} }), `
0000  50 58                                            magic, should be 50 59
0002  00 00 00 14 00 00 00 00 00 00 00 01 f5 9d d9 c2  ................
0012  68 69                                            hi
`},
		{"a length below 18", spec.Enhanced, EncodeWith(1, []byte("hi"), func(h *Header) { h.Length = 17 }), `
0000  50 59                                            magic
0002  00 00 00 11                                      length 17, below the header's 18
0006  00 00 00 00 00 00 00 01                          request ID 1
000e  f5 9d d9 c2                                      CRC32C
0012  68 69                                            hi
`},
		{"a header cut off in a field", spec.Enhanced, Encode(spec.Enhanced, 1, nil)[:9], `
0000  50 59                                            magic
0002  00 00 00 12                                      length 18: payload of 0
0006  00 00 00                                         3 of the 8 bytes of the request ID
`},
		{"a header cut off between fields", spec.Enhanced, Encode(spec.Enhanced, 1, nil)[:14], `
0000  50 59                                            magic
0002  00 00 00 12                                      length 18: payload of 0
0006  00 00 00 00 00 00 00 01                          request ID 1
000e                                                   the end, 14 of the 18 bytes of a header
`},
		{"half a magic", spec.Enhanced, []byte{0x50}, `
0000  50                                               1 of the 2 bytes of the magic
`},
		{"a payload cut off", spec.Enhanced, Encode(spec.Enhanced, 1, []byte("123456789"))[:20], `
0000  50 59                                            magic
0002  00 00 00 1b                                      length 27: payload of 9
0006  00 00 00 00 00 00 00 01                          request ID 1
000e  e3 06 92 83                                      CRC32C
0012  31 32                                            12
0014                                                   the end, 2 of the 9 bytes of the payload
`},
		{"basic frames", spec.Basic, append(Encode(spec.Basic, 0, []byte("hi")), 0, 0, 0, 0, 0, 0), `
0000  00 00 00 02                                      length: payload of 2
0004  68 69                                            hi
0006  00 00 00 00                                      length: payload of 0
000a  00 00                                            2 of the 4 bytes of the length
`},
		{"a basic frame cut off", spec.Basic, []byte{0xff, 0xff, 0xff, 0xff, 'x'}, `
0000  ff ff ff ff                                      length: payload of 4294967295
0004  78                                               x
0005                                                   the end, 1 of the 4294967295 bytes of the payload
`},
		{"more than there is room for", spec.Basic, Encode(spec.Basic, 0, []byte(strings.Repeat(long, 9))), `
0000  00 00 01 b0                                      length: payload of 432
0004  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef
0014  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef
0024  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef
0034  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef
0044  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef
0054  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef
0064  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef
0074  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef
0084  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef
…     436 bytes in all
`},
		{"no bytes", spec.Enhanced, nil, "\n"},
	} {
		require.Equal(t, c.want, "\n"+Dump(c.framing, c.data, len(c.data), 10), c.name)
	}
}

// Of a long event only the first bytes are kept: that is no end of the stream.
func TestDumpOfKeptBytesSaysHowManyThereWere(t *testing.T) {
	data := Encode(spec.Enhanced, 1, []byte("123456789"))
	require.Equal(t, `
0000  50 59                                            magic
0002  00 00 00 1b                                      length 27: payload of 9
0006  00 00 00 00 00 00 00 01                          request ID 1
000e  e3 06 92 83                                      CRC32C
0012  31 32                                            12
…     27 bytes in all
`, "\n"+Dump(spec.Enhanced, data[:20], len(data), 10))
}

// A dump that begins at a later frame keeps the offsets of the stream.
func TestDumpFromKeepsOffsets(t *testing.T) {
	first := Encode(spec.Basic, 0, []byte("first"))
	require.Equal(t, `
0009  00 00 00 06                                      length: payload of 6
000d  73 65 63 6f 6e 64                                second
`, "\n"+DumpFrom(spec.Basic, append(first, Encode(spec.Basic, 0, []byte("second"))...), len(first), 10))
}
