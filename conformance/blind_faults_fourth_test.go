package conformance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// These faults were written as those of blind_faults_third_test.go were, in one batch, after what those taught had been
// mended. Nothing measures them here: until they have been measured they are in no matrix, and an order by name finds them.
//
// The comment above each says in which situation it shows, and what is wrong then.

var framerFaultsOfTheFourthBlindBatch = []fault{
	// max_payload is 64, and payloads of 40 bytes come one after another: the second one is too_large. With the default limit
	// it takes 10 MiB to come there.
	breaks("FRM-8", "limit is that of all payloads together").
		andPerhaps("CRC-1", "CRC-2", "CRC-3", "CRC-4", "FRM-1", "FRM-2", "FRM-3", "FRM-4", "FRM-5", "FRM-9", "FRM-11", "FRM-13", "STR-1", "STR-2", "STR-3", "STR-4", "STR-5", "STR-8", "STR-10"),
	// A payload failed its checksum, and one more read: it returns the same error, and that payload beside it.
	breaks("CRC-5", "payload beside the error of later reads").andPerhaps("STR-3"),
	// The stream ends inside a payload, behind a multiple of 4096 bytes of it: that is a clean end and not truncated.
	breaks("STR-2", "end between two pieces of a payload is clean").andPerhaps("FRM-9", "STR-4"),
	// A read returns a framing error, a write goes out well, and the next read goes on behind the damage.
	breaks("STR-3", "a write that is well clears the error of reading"),
	// A Write takes all bytes and returns an error: WriteFrame reports success.
	breaks("STR-10", "error of a Write that took all is lost").andPerhaps("STR-6"),
}

var workerFaultsOfTheFourthBlindBatch = []fault{
	// {"payload":{"id":1,"method":"echo"},"type":"request"}: it is not seen to be an envelope, and has no readable ID.
	breaks("MSG-3", "envelopes-have-their-type-first").
		andPerhaps("CAN-5", "CAN-6", "CAN-7", "CAN-9", "MSG-2", "MSG-4", "MSG-5", "MSG-11", "MSG-12", "MSG-13", "MSG-14", "WRK-13"),
	// A live process listens at the path, and answers nothing: the worker removes its socket and starts.
	breaks("WRK-4", "an-owner-that-does-not-answer-is-none"),
	// 200 connections end with a framing error or a violation, one after another: no connection is served any more.
	breaks("WRK-16", "damaged-connections-keep-their-places").andPerhaps("WRK-7", "WRK-8", "WRK-15", "WRK-26"),
	// Two requests run on one connection, and the first one is cancelled: its handler runs to its end.
	breaks("CAN-5", "cancellations-reach-the-newest-request-alone").
		andPerhaps("CAN-6", "CAN-7", "CAN-9", "MSG-3", "MSG-4", "MSG-5", "MSG-14", "WRK-21"),
	// echo of "2026-11-05T06:07:08Z" returns "2026-11-05T06:07:08+00:00".
	breaks("MSG-7", "text-that-looks-like-a-time-is-made-one").andPerhaps("WRK-21"),
}

var poolFaultsOfTheFourthBlindBatch = []fault{
	// Start and Shutdown.

	// A start fails, and the next one begins when the start timeout has passed since the first one began: it is not given the
	// time that a worker takes.
	breaks("STA-9", "the-start-timeout-counts-from-the-first-start").andPerhaps("STA-1", "STA-2"),
	// A Start fails, and while it stops a worker that takes its time there comes a Shutdown: it returns at once.
	breaks("SHD-4", "a-start-that-rolls-back-counts-as-ended").
		andPerhaps("HLT-11", "SHD-3", "SHD-6", "SHD-7", "SHD-8", "STA-3", "STA-4", "STA-5", "STA-9"),
	// A call runs at a worker that is unhealthy, such as one that is too busy with it for its checks: Shutdown cuts it off.
	breaks("SHD-2", "shutdown-waits-for-calls-at-healthy-workers-alone").andPerhaps("SHD-5", "SHD-7", "SHD-8"),
	// A worker has started a process that lives longer and has its standard error: the worker's own end is not noticed, and
	// Shutdown waits for that process.
	breaks("SHD-5", "an-end-waits-for-all-that-hold-the-output").
		andPerhaps("HLT-4", "HLT-5", "HLT-6", "HLT-7", "HLT-11", "OUT-1", "OUT-2", "SHD-3", "SHD-4", "SHD-6", "SHD-7", "SHD-8", "SHD-9", "STA-2", "STA-3", "STA-5", "STA-6", "STA-7", "STA-9"),

	// Calls.

	// 17 calls were cancelled and not answered, and the answer to the first of them comes: the connection is closed.
	breaks("CAN-3", "all-but-16-cancelled-calls-are-forgotten").
		andPerhaps("BPR-3", "BPR-4", "CAN-4", "CAN-10", "CAN-12", "HLT-2", "HLT-4", "HLT-5", "RID-4", "RID-5", "RID-6"),
	// A caller keeps the body that it got, and the next answer comes on the same connection: that lies where its body was.
	breaks("MSG-7", "bodies-lie-where-the-next-one-comes").
		andPerhaps("BPR-1", "BPR-2", "BPR-7", "CAN-3", "HLT-1", "HLT-2", "HLT-3", "HLT-4", "MSG-5", "MSG-15", "RID-2", "RID-4", "RID-5", "RID-7", "SEL-1", "SEL-2"),
	// Calls of two methods follow one another in turn: each method has a round of its own, so the first two calls go to the
	// same worker.
	breaks("SEL-1", "a-round-for-each-method").andPerhaps("HLT-6", "HLT-13", "SEL-2"),
	// A worker was restarted: it has one call at a time, whatever max_in_flight is.
	breaks("BPR-7", "restarted-workers-take-one-call-at-a-time").
		andPerhaps("BPR-4", "BPR-6", "BPR-8", "BPR-9", "HLT-4", "HLT-6", "HLT-13", "SEL-1", "SEL-2"),

	// Health and output.

	// Calls go on all the time, and each is answered: no worker is checked.
	breaks("HLT-1", "answers-stand-in-for-checks").andPerhaps("HLT-2", "HLT-10", "HLT-12", "RID-9", "SEL-3"),
	// A worker prints without ever ending a line: all of it is kept.
	breaks("OUT-1", "a-line-is-kept-until-it-ends"),
}

// fourthBlindBatch are the faults of the fourth batch, of that role.
func fourthBlindBatch(role spec.Role) []fault { return blindBatches("D", role) }

// Each fault of the fourth blind batch is found by its name, breaks a MUST clause of its role, is new, and its quirk is one
// that the planted implementation knows.
func TestFaultsOfTheFourthBlindBatchAreKnown(t *testing.T) {
	for _, p := range allPlanted {
		requireKnown(t, p, slices.Concat(p.plantedFirst(), secondBlindBatches(p.role), thirdBlindBatch(p.role)), fourthBlindBatch(p.role))
	}
	require.Len(t, framerFaultsOfTheFourthBlindBatch, 5)
	require.Len(t, workerFaultsOfTheFourthBlindBatch, 5)
	require.Len(t, poolFaultsOfTheFourthBlindBatch, 10)
}
