package framer

import (
	"slices"
	"sync"

	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

// vectorSet returns the golden vectors.
var vectorSet = sync.OnceValues(vectors.Load)

// vectorCases returns one case for each golden vector of frames, with the name that the vector has in its file. The case
// delivers the vector in all ways.
func vectorCases() []testCase {
	set, err := vectorSet()
	if err != nil {
		return []testCase{{
			Name: "vectors-can-be-read", Clauses: []string{"FRM-1"},
			Run: func(t *T) { t.Blocked("the golden vectors are damaged: %v", err) },
		}}
	}
	var all []testCase
	for _, v := range slices.Concat(set.Enhanced, set.Basic, set.Streams) {
		all = append(all, testCase{
			Name: v.TcID, Clauses: []string{v.Clause}, Framings: []spec.Framing{spec.Framing(v.Framing)},
			Cause: causeOf(v.Clause),
			Run: func(t *T) {
				t.mustRead(expectation{
					FrameVector: v, deliveries: deliveries(v),
					finalError: v.Clause == "STR-3", errorAlone: v.Clause == "CRC-5",
				})
			},
		})
	}
	return all
}

// causeOf returns what usually makes a framer break a clause, for cases that have no cause of their own.
func causeOf(clause string) string {
	switch clause {
	case "FRM-1":
		return "A field has another size, place or byte order; the request ID has 64 bits, so the header has 18 bytes."
	case "FRM-2":
		return "The length is read as that of the payload alone, or the header is counted with a wrong size."
	case "FRM-3":
		return "The request ID passes through 32 bits, a signed integer or a double."
	case "FRM-4":
		return "Code of the enhanced framing is used: it expects a header of 18 bytes, or a length that counts the header."
	case "FRM-5":
		return "A length of 0 is taken for the end of the stream, or the first byte of the payload is read before its size is checked."
	case "FRM-6":
		return "Only one byte of the magic is compared, or the framer searches for the next magic."
	case "FRM-7":
		return "18 is subtracted from the length before it is compared, which gives a negative or a huge size."
	case "FRM-8", "FRM-13":
		return "The limit is compared with the whole frame, with < instead of <=, in a signed 32-bit integer, or not at all."
	case "FRM-9":
		return "The payload is read before the header is checked, or the checksum is computed over what has arrived."
	case "FRM-10":
		return "The header and the payload are read in one step, or the payload is read before its size is checked."
	case "FRM-11":
		return "A buffer of the claimed size is made before the payload is read."
	case "CRC-1":
		return "The checksum is CRC32 (IEEE), as in zlib and Go's crc32.ChecksumIEEE, or it lacks an inversion."
	case "CRC-2":
		return "The checksum covers the header or a part of it, or not all of the payload."
	case "CRC-3":
		return "The checksum of an empty payload is a special case, or it lacks an inversion."
	case "CRC-4":
		return "The checksum is not compared, or not in all its bytes."
	case "CRC-5":
		return "The frame is filled in before the checksum is compared, and returned with the error."
	case "STR-1":
		return "The read of the next header returns an error at the end of the stream, and the framer passes it on."
	case "STR-2":
		return "The end of the stream inside a header is passed on as a clean end, as if no byte of the header had come."
	case "STR-3":
		return "The error is returned and forgotten, so the next read begins with whatever bytes come next."
	case "STR-4":
		return "One Read is taken for one frame or one header, but a Read returns what has arrived, which may be less or more."
	}
	return ""
}
