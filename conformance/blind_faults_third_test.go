package conformance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// These faults were written as those of blind_faults_second_test.go were, in one batch, after what those taught had been
// mended. Nothing measures them here: until they have been measured they are in no matrix, and an order by name finds them.
//
// The comment above each says in which situation it shows, and what is wrong then.

var framerFaultsOfTheThirdBlindBatch = []fault{
	// The last Read of a stream returns bytes and io.EOF at once, as an io.Reader may: these bytes are lost. So a whole frame
	// is truncated, or one that came in a single Read is not there at all.
	breaks("STR-4", "bytes that come with the end are lost").andPerhaps("FRM-1", "FRM-4", "FRM-5", "STR-1", "STR-2"),
	// A framing error, and one more read: that returns io.EOF, as if the peer had ended well, and not the same error.
	breaks("STR-3", "framing error is followed by a clean end"),
	// The payload is a part of a larger slice, with room for a header behind it: after the write it holds the header and its
	// own beginning.
	breaks("STR-9", "frame is made in the room behind the payload").andPerhaps("STR-5"),
	// A header claims megabytes, and 16 KiB of them come: memory for all is set aside.
	breaks("FRM-11", "claimed length is believed once 16 KiB have come"),
	// No max_payload is set, and a payload of over 10485760 bytes is written: it goes out. None is read.
	breaks("FRM-13", "no limit for writing where none is set").andPerhaps("FRM-12"),
}

var workerFaultsOfTheThirdBlindBatch = []fault{
	// A stale socket of another mode than 0600 is at the path: the new one gets that mode.
	breaks("WRK-6", "keeps-the-mode-of-the-stale-socket").andPerhaps("WRK-2"),
	// {"id":true,"method":"echo"}: it runs as the request 1, and under another ID in the header it is a violation.
	breaks("MSG-10", "true-is-the-id-1").andPerhaps("CAN-6", "MSG-11", "MSG-13", "RID-8"),
	// A cancellation in the basic framing, which has no ID in its header: it reaches nobody.
	breaks("CAN-5", "cancellations-go-by-their-header").inFraming(conformance.Basic).andPerhaps("CAN-6", "CAN-9", "MSG-3", "MSG-4", "MSG-5", "MSG-14", "WRK-21"),
	// A request in its envelope, whose answer fits into max_payload alone, and not with its own envelope: it is sent.
	breaks("WRK-13", "envelopes-of-answers-are-not-counted").inFraming(both...),
	// A caller does not read its large answer, and SIGTERM comes: the worker never exits.
	breaks("WRK-17", "answers-nobody-reads-hold-up-the-end").andPerhaps("WRK-18"),
}

var poolFaultsOfTheThirdBlindBatch = []fault{
	// Start and Shutdown.

	// A start fails, and the next one is well: nothing checks or restarts the workers, since what ended the first start has
	// ended this as well.
	breaks("HLT-1", "a-second-start-gets-the-ended-life-of-the-first").
		andPerhaps("BPR-7", "HLT-2", "HLT-3", "HLT-6", "HLT-7", "HLT-10", "HLT-12", "HLT-13", "HLT-14", "OUT-2", "SEL-3", "STA-9"),
	// A worker prints a line without an end and exits, so the start fails: the error does not have that line.
	breaks("STA-6", "a-last-line-without-its-end-is-lost"),
	// The program is not there, or may not be run: the start fails, and the reading end of the pipe for its output stays open.
	breaks("STA-5", "a-program-that-cannot-be-run-leaks-its-pipes").andPerhaps("SHD-6"),
	// Shutdown while a worker that died waits for its restart: it returns when that delay is over, whatever its context.
	breaks("SHD-5", "shutdown-waits-for-the-delay-of-a-restart").
		andPerhaps("HLT-11", "SHD-2", "SHD-3", "SHD-4", "SHD-6", "SHD-7", "SHD-8"),
	// A call runs, and while the first Shutdown waits for it there comes a second one: the call is cut off, though the
	// context of neither has ended.
	breaks("SHD-2", "a-second-shutdown-hurries-at-once").andPerhaps("SHD-5", "SHD-7", "SHD-8"),

	// Calls.

	// As many calls run as the queue is long, and all slots are taken: the next call fails with busy, though nobody waits.
	breaks("BPR-6", "the-queue-counts-those-that-run").andPerhaps("BPR-3", "BPR-5", "BPR-9"),
	// A call is cancelled while Shutdown waits for it: no cancellation goes out, and its request runs on.
	breaks("CAN-2", "no-cancellations-once-shutdown-has-begun").andPerhaps("SHD-7"),
	// {"id":1,"ok":true,"body":1,"error":null}: the call fails.
	breaks("MSG-4", "an-error-field-means-failure").andPerhaps("HLT-1", "HLT-2", "HLT-3", "MSG-15", "MSG-16"),
	// A frame that cannot be read comes with more bytes behind it: the next connection to that worker begins with these, so
	// calls fail on it as well.
	breaks("RID-7", "broken-connections-leave-their-bytes-to-the-next").
		andPerhaps("BPR-4", "BPR-9", "CAN-12", "HLT-1", "HLT-2", "HLT-4", "HLT-5", "HLT-6", "MSG-10", "MSG-13", "MSG-15", "RID-4", "RID-5", "SEL-1", "SEL-2"),

	// Output.

	// The user's writer fails once, as one whose disk is full: nothing that a worker prints is read any more, and once the
	// pipe is full the worker stands still.
	breaks("OUT-1", "a-writer-that-fails-ends-the-reading").andPerhaps("HLT-2", "HLT-4", "HLT-6", "HLT-7", "OUT-2", "SHD-3", "STA-6"),
}

// thirdBlindBatch are the faults of the third batch, of that role.
func thirdBlindBatch(role spec.Role) []fault { return blindBatches("C", role) }

// Each fault of the third blind batch is found by its name, breaks a MUST clause of its role, is new, and its quirk is one
// that the planted implementation knows.
func TestFaultsOfTheThirdBlindBatchAreKnown(t *testing.T) {
	for _, p := range allPlanted {
		requireKnown(t, p, slices.Concat(p.plantedFirst(), secondBlindBatches(p.role)), thirdBlindBatch(p.role))
	}
	require.Len(t, framerFaultsOfTheThirdBlindBatch, 5)
	require.Len(t, workerFaultsOfTheThirdBlindBatch, 5)
	require.Len(t, poolFaultsOfTheThirdBlindBatch, 10)
}
