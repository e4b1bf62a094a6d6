package conformance_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

var framerFaults = []fault{
	breaks("FRM-1", "all fields little-endian"),
	breaks("FRM-1", "header of 14 bytes, ID of 32 bits"),
	breaks("FRM-2", "length of the payload alone"),
	breaks("FRM-3", "ID cut to 32 bits"),
	breaks("FRM-3", "ID through a double"),
	breaks("FRM-4", "basic length counts the header"),
	breaks("FRM-4", "basic ID read from the payload"),
	breaks("FRM-5", "empty payload is the end"),
	breaks("FRM-5", "empty payload is not written"),
	breaks("FRM-6", "second byte of the magic not compared"),
	breaks("FRM-7", "length 17 panics"),
	breaks("FRM-8", "limit excludes itself"),
	breaks("FRM-8", "limit counts the header"),
	breaks("FRM-8", "limit compared as signed 32 bits"),
	breaks("FRM-8", "no limit on reading"),
	breaks("FRM-9", "length compared before the magic"),
	breaks("FRM-9", "payload read before the limit is compared").andPerhaps("FRM-10"), // so it waits for one
	breaks("FRM-10", "refusal waits for more bytes"),
	breaks("FRM-11", "memory for the claimed length"),
	breaks("FRM-11", "a larger buffer for each large frame"),
	breaks("FRM-12", "header of a refused payload goes out"),
	breaks("FRM-12", "refused write breaks the framer"),
	breaks("FRM-13", "default limit of 16 MB"),
	breaks("CRC-1", "IEEE checksum"),
	breaks("CRC-2", "checksum covers the request ID"),
	breaks("CRC-3", "checksum of an empty payload inverted"),
	breaks("CRC-4", "checksum not compared"),
	breaks("CRC-5", "payload beside the error"),
	breaks("STR-1", "clean end is an error"),
	breaks("STR-2", "end behind a header is clean"),
	breaks("STR-2", "end inside a payload hands out what there is"),
	breaks("STR-2", "end inside a header asks again for ever"),
	breaks("STR-3", "every error is forgotten"),
	breaks("STR-3", "scans for the next magic").andPerhaps("FRM-6"), // so it never refuses one
	breaks("STR-4", "one Read is one payload").andPerhaps("STR-2"),  // so the end does not cut a payload off
	breaks("STR-4", "bytes read ahead are dropped"),
	breaks("STR-4", "fills a buffer before it looks").andPerhaps("FRM-10"), // so a header alone is not looked at
	breaks("STR-4", "Read of nothing is the end"),
	breaks("STR-5", "no lock, two Writes").andPerhaps("STR-6"), // so one writes on behind the short write of another
	breaks("STR-5", "no lock, one Write").andPerhaps("STR-6"),
	breaks("STR-5", "no lock for large payloads"),
	breaks("STR-5", "large payloads reach a socket without a header"),
	breaks("STR-5", "lock released behind the header").andPerhaps("STR-6"), // so another's write can fail there
	breaks("STR-6", "short write forgotten"),
	breaks("STR-6", "short write unnoticed"),
	breaks("STR-6", "lock kept behind a short write"),
}

var framerControls = []fault{
	odd("reads single bytes"),
	odd("reads through bufio"),
	odd("reads ahead in a goroutine"),
	odd("reads the magic before the rest"),
	odd("reuses one buffer for payloads"),
	odd("writes byte by byte under one lock"),
	odd("writes header and payload apart under one lock"),
	odd("wraps the stream's errors into its own"),
}

func checkHabitualFramer(ctx context.Context, what []string, opts ...conformance.Option) conformance.Report {
	return conformance.CheckFramer(ctx, framerWith(ctx, what...), opts...)
}

// A framer that cannot be made is told once, and nothing looks green.
func TestMissingFramerIsToldOnce(t *testing.T) {
	for name, open := range map[string]openFramer{
		"nil function": nil,
		"nil framer":   func(io.ReadWriter, conformance.FramerOptions) conformance.Framer { return nil },
		"panic":        func(io.ReadWriter, conformance.FramerOptions) conformance.Framer { panic("no framing") },
	} {
		report := conformance.CheckFramer(t.Context(), open)
		require.Empty(t, report.Results, name)
		require.Len(t, report.NotRun, 1, name)
		require.Contains(t, report.NotRun[0], "no framer to test", name)
		for _, c := range report.ByClause() {
			require.Empty(t, c.Status, name)
		}
	}
}

// A failure says which clause, what was wanted and got, the bytes with their fields, and why as a rule.
func TestFramerFailureText(t *testing.T) {
	report := conformance.CheckFramer(t.Context(), framerWith(t.Context(), "ID cut to 32 bits"), conformance.Only("FRM-3/enhanced-id-2-53-plus-1"))
	require.Len(t, report.Results, 1)
	text := report.Results[0].Text()
	for _, want := range []string{
		"FRM-3 (MUST) The request ID of an enhanced frame is an unsigned 64-bit integer",
		"expected: frame 1 of 1: a frame with ID 9007199254740993",
		"got:      a frame with ID 1 ",
		"usual cause: The request ID passes through 32 bits",
		"made for the enhanced framing, max_payload 64",
		"0006  00 20 00 00 00 00 00 01                          request ID 9007199254740993",
	} {
		require.Contains(t, text, want)
	}
}
