package framer

import (
	"slices"
	"sync"

	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/pyproctest/pyproctest/vectors"
)

var vectorSet = sync.OnceValues(vectors.Load)

// vectorCases are one case for each golden vector of frames, under the name that it has in the files.
// Each replays its vector in every delivery.
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
			Cause: readCause(v.Clause),
			Run: func(t *T) {
				t.holds(demand{
					FrameVector: v, deliveries: deliveries(v),
					sticky: v.Clause == "STR-3", alone: v.Clause == "CRC-5",
				})
			},
		})
	}
	return all
}

// readCause says what usually makes a framer read against a clause.
func readCause(clause string) string {
	switch clause {
	case "FRM-1":
		return "A field of another size, at another place or in another byte order; the request ID has 64 bits, so the header has 18."
	case "FRM-2":
		return "The length is taken for that of the payload, or the header is counted with a wrong size."
	case "FRM-3":
		return "The request ID passes through 32 bits, a signed integer or a double on its way."
	case "FRM-4":
		return "The code of the enhanced framing does part of the work: a header of 18 bytes, or a length that counts itself."
	case "FRM-5":
		return "A length of nothing is taken for the end of the stream, or the first byte of the payload is looked at before its size."
	case "FRM-6":
		return "Only one byte of the magic is compared, or the framer looks for a magic further on."
	case "FRM-7":
		return "18 is subtracted from the length before it is compared, which gives a negative or a huge size."
	case "FRM-8", "FRM-13":
		return "The limit is compared with the whole frame, with < instead of <=, in a signed 32-bit integer, or not at all."
	case "FRM-9":
		return "The payload is read before the header is judged, or the checksum is computed over what has arrived."
	case "FRM-10":
		return "The header and the payload are read in one step, or the payload is read before its size is judged."
	case "CRC-1":
		return "The checksum is the usual CRC32 (IEEE) of zlib and of Go's crc32.ChecksumIEEE, or misses an inversion."
	case "CRC-2":
		return "The header, or a part of it, goes into the checksum."
	case "CRC-3":
		return "The checksum of nothing is special-cased, or misses an inversion."
	case "CRC-4":
		return "The checksum is not compared, or not in all its bytes."
	case "CRC-5":
		return "The frame is filled in before the checksum is compared, and returned beside the error."
	case "STR-1":
		return "The end of the stream is an error of the read that waits for a header, and is passed on as it is."
	case "STR-2":
		return "The end of the stream inside a header is passed on as a clean end, as io.EOF is where not one byte was read."
	case "STR-3":
		return "The error is returned and forgotten, so that the next read begins with whatever comes next."
	case "STR-4":
		return "One Read is taken for one frame or one header: a Read returns what has arrived, be it less or more."
	}
	return ""
}
