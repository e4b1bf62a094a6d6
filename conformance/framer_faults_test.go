package conformance_test

import (
	"context"
	"io"
	"runtime"
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
	breaks("FRM-4", "basic ID of the frame written last").caughtBy("FRM-4/id-reads-as-0-after-writes"),
	breaks("FRM-4", "basic payload of 577 bytes without its last").caughtBy("FRM-4/basic-payloads-of-all-lengths-are-read"),
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
	breaks("FRM-11", "a buffer three times as large at each Read").caughtBy("FRM-11/memory-keeps-step-with-what-arrives"),
	breaks("FRM-12", "header of a refused payload goes out"),
	breaks("FRM-12", "refused write breaks the framer"),
	breaks("FRM-13", "default limit of 16 MB"),
	breaks("CRC-1", "IEEE checksum"),
	breaks("CRC-2", "checksum covers the request ID"),
	breaks("CRC-3", "checksum of an empty payload inverted"),
	breaks("CRC-4", "checksum not compared"),
	breaks("CRC-4", "checksum of an empty payload not compared").caughtBy("CRC-4/wrong-checksums-of-all-sizes-are-refused").
		andPerhaps("CRC-3", "FRM-2"), // which have vectors with such a frame
	breaks("CRC-4", "checksum of a large payload not compared").caughtBy("CRC-4/damage-anywhere-in-a-large-payload-is-refused"),
	breaks("CRC-4", "highest bit of the checksum not compared").caughtBy("CRC-4"),
	breaks("CRC-5", "payload beside the error"),
	breaks("STR-1", "clean end is an error"),
	breaks("STR-2", "end behind a header is clean"),
	breaks("STR-2", "end inside a payload hands out what there is").andPerhaps("STR-10"),
	breaks("STR-2", "end inside a header asks again for ever").andPerhaps("STR-10"),
	breaks("STR-3", "every error is forgotten"),
	breaks("STR-3", "panic at the read after an error"),
	breaks("STR-3", "scans for the next magic").andPerhaps("FRM-6"),          // so it never refuses one
	breaks("STR-4", "one Read is one payload").andPerhaps("STR-2", "STR-10"), // so the end does not cut a payload off
	breaks("STR-4", "bytes read ahead are dropped"),
	breaks("STR-4", "fills a buffer before it looks").andPerhaps("FRM-4", "FRM-10"), // so a header alone is not looked at
	breaks("STR-4", "Read of nothing is the end"),
	breaks("STR-5", "no lock, two Writes").andPerhaps("STR-6"), // so one writes on behind the short write of another
	breaks("STR-5", "no lock for large payloads"),
	breaks("STR-5", "large payloads reach a socket without a header"),
	breaks("STR-5", "lock released behind the header").andPerhaps("STR-6"), // so another's write can fail there
	breaks("STR-6", "short write forgotten"),
	breaks("STR-6", "short write unnoticed"),
	breaks("STR-6", "lock kept behind a short write"),
	breaks("STR-6", "broken state looked at before the turn").caughtBy("STR-6/short-write-fails-those-that-wait"),
	breaks("STR-8", "one lock for both directions"),
	breaks("STR-8", "read waits for the write under way").caughtBy("STR-8/write-that-waits-holds-up-no-read"),
	breaks("STR-9", "payload wiped when it is written"),
	breaks("STR-9", "payload masked where it lies"),
	breaks("STR-10", "timeout inside a frame is truncated"),
	breaks("STR-10", "failure between frames is a clean end"),
	breaks("STR-10", "error of a Write replaced by another"),
}

var framerControls = []fault{
	odd("reads single bytes"),
	odd("reads through bufio"),
	odd("reads ahead in a goroutine"),
	odd("reads the magic before the rest"),
	odd("reuses one buffer for payloads"),
	odd("refuses the first wrong byte"),
	odd("no lock, one Write"), // which keeps frames whole, since a stream never mixes one Write with another [STR-5]
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

// A framer that takes more with each Read is stopped soon after the case could tell, and not when it has taken all memory.
func TestFramerIsStoppedWhenItTakesTooMuchMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	report := conformance.CheckFramer(t.Context(), framerWith(t.Context(), "a buffer three times as large at each Read"),
		conformance.Only("FRM-11/memory-keeps-step-with-what-arrives"))
	runtime.ReadMemStats(&after)
	require.NotEmpty(t, report.Results)
	for _, r := range report.Results {
		require.Len(t, r.Findings, 1, r.Text())
		require.Equal(t, "FRM-11", r.Findings[0].Clause)
		require.Contains(t, r.Text(), "stops the framer, for which more than 128 MB were allocated")
	}
	// In both framings up to three measurements, each of which ends at 128 MB and one buffer more; unbounded it is 2.6 GB.
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(2048))
}
