package conformance_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// These faults were written as those of blind_faults_test.go were: from SPEC.md, the planted implementations and public bug
// reports, before anything was run on them and without a look at how faults are looked for. They come in two batches, so that
// what is mended after the first can be measured by the second. Nothing measures them here: until they have been measured
// they are in no matrix, and an order by name finds them.
//
// The comment above each says in which situation it shows, and what is wrong then.

var framerFaultsOfTheSecondBlindBatchA = []fault{
	// A frame with a wrong checksum, and a right one behind it: the second read returns that frame and not bad_crc again.
	breaks("STR-3", "bad checksum is forgotten"),
	// A header that claims too much, its payload and a right frame: the second read returns that frame and not too_large again.
	breaks("STR-3", "payload that is too large is skipped"),
	// A Write takes a part and returns a timeout: the next frame goes out behind half of one. Other errors are final.
	breaks("STR-6", "short write that timed out is forgotten"),
	// A payload over max_payload is written in the basic framing: it goes out.
	breaks("FRM-12", "limit of written basic frames not compared").inFraming(conformance.Basic),
	// The stream ends behind the two bytes of the magic: that is a clean end and not truncated. One byte more or less is not.
	breaks("STR-2", "end right behind the magic is clean"),
	// A frame without payload, and nothing behind it on a stream that stays open: the read does not return it.
	breaks("FRM-5", "empty payload waits for the byte behind it").andPerhaps("CRC-3", "FRM-2", "FRM-3", "FRM-4", "STR-4", "STR-8"),
	// A read has a header and a part of the payload, and the rest does not come: no write gets through.
	breaks("STR-8", "write waits while a payload is under way"),
	// max_payload is 11 MiB: payloads between 10 and 11 MiB are neither read nor written.
	breaks("FRM-8", "limit is at most the default one"),
	// A write is refused as too_large, and one succeeds: the header of the first one stands before the second.
	breaks("FRM-12", "header of a refused payload goes out with the next frame"),
	// One Read gives 4096 bytes, of which the last few are the beginning of a header: they are lost.
	breaks("STR-4", "header across the end of the buffer is lost").andPerhaps("FRM-1", "FRM-4", "FRM-5", "FRM-8"),
}

var framerFaultsOfTheSecondBlindBatchB = []fault{
	// Two write at once: the one that waits for its turn sends its payload under the header that was made last.
	breaks("STR-5", "header is kept where all writers find it").andPerhaps("STR-6"),
	// An enhanced header with the length 0 and a right frame behind it: the read returns that frame and not bad_length.
	breaks("FRM-7", "length 0 is a heartbeat").andPerhaps("FRM-9", "FRM-10", "STR-3"),
	// A Write fails after a part of the frame: WriteFrame reports success, and only the next one returns the error.
	breaks("STR-6", "failed Write is told by the next one").andPerhaps("STR-10"),
	// A payload of over 1024 bytes whose length is no multiple of 8: its last bytes have no part in the checksum. So a right
	// frame of that size is refused, and where the checksum is that of the rest, damage in the last bytes passes.
	breaks("CRC-1", "checksum of large payloads leaves out what follows the last word").
		andPerhaps("CRC-2", "CRC-4", "FRM-8", "FRM-11", "FRM-12", "FRM-13", "STR-4", "STR-5"),
	// A Read between two frames returns ECONNRESET: the caller gets io.EOF, as if the peer had ended well.
	breaks("STR-10", "reset between frames is a clean end"),
}

var workerFaultsOfTheSecondBlindBatchA = []fault{
	// A request and its cancellation arrive in one read: the cancellation is dropped, and the handler runs to its end.
	breaks("CAN-5", "cancellations-in-the-read-of-their-request-are-lost").andPerhaps("CAN-6", "CAN-9", "MSG-3", "MSG-4", "MSG-5", "MSG-14"),
	// SIGTERM and then SIGINT, while a handler still runs in the grace period: the second one kills the process.
	breaks("WRK-17", "a-second-signal-kills").andPerhaps("WRK-18"),
	// A caller keeps an idle connection open at SIGTERM: the worker never exits.
	breaks("WRK-17", "waits-for-callers-to-leave").andPerhaps("WRK-18"),
	// A directory, a FIFO or a symbolic link is at the path: the worker removes it and starts. A plain file it leaves.
	breaks("WRK-5", "removes-what-is-no-plain-file"),
	// A basic connection begins to talk while a request of an enhanced one runs: the answer to that is in basic frames.
	breaks("STR-7", "answers-in-the-framing-of-the-newest-connection").inFraming(both...),
	// An answer of over 64 KiB and another one on the same connection at once: the small one may stand within the large one.
	breaks("WRK-9", "large-answers-go-out-in-pieces").andPerhaps("MSG-1", "RID-8", "WRK-8", "WRK-13", "WRK-18", "WRK-22"),
	// A method that does not exist, whose name is nearly as long as max_payload: the error answer that names it is over it.
	breaks("WRK-13", "errors-of-any-length-are-sent").andPerhaps("WRK-10", "WRK-11"),
	// {"id":1,"method":"echo","type":"x","payload":null}: this is an envelope of unknown type, and it runs as a plain request.
	breaks("MSG-3", "empty-payloads-make-no-envelope").andPerhaps("MSG-11", "MSG-12"),
	// A request is answered with an error, and its ID comes again: the connection is closed, though no request bears the ID.
	breaks("MSG-14", "ids-of-failures-stay-taken").andPerhaps("CAN-6"),
	// A handler runs for one connection while another one has a framing error or a violation: the handler is cancelled.
	breaks("WRK-16", "a-failed-connection-cancels-the-handlers-of-all").andPerhaps("CAN-7"),
}

var workerFaultsOfTheSecondBlindBatchB = []fault{
	// Two requests are outstanding on one connection: the answer to the first has the second one's ID in its header.
	breaks("RID-8", "answers-bear-the-header-read-last").andPerhaps("MSG-1", "WRK-9"),
	// A request in its envelope, under another ID in the header: it runs. A plain one does not.
	breaks("MSG-13", "ids-in-envelopes-are-not-compared"),
	// A header that claims too much, and not all of that follows: the connection stays open.
	breaks("WRK-15", "too-large-frames-are-read-to-their-end-first"),
	// A handler raises an exception that has no text: the answer is "ok": true.
	breaks("WRK-11", "an-exception-without-a-text-is-a-success").andPerhaps("WRK-21"),
	// echo of {"type":"x","payload":1} returns 1: what unpacks envelopes also unpacks a body that looks like one.
	breaks("MSG-7", "bodies-in-envelopes-are-taken-out").andPerhaps("MSG-3", "WRK-21"),
}

var poolFaultsOfTheSecondBlindBatchA = []fault{
	// Slots.

	// A caller waits while all slots are taken, a worker dies and is restarted, and the calls at the others go on: its slots
	// are free, and the caller waits on.
	breaks("BPR-7", "waiters-are-served-at-releases-alone").andPerhaps("BPR-4", "BPR-9", "HLT-4", "HLT-6", "HLT-13"),
	// A caller waits for the worker whose turn it is, while another one becomes free: it waits on.
	breaks("BPR-7", "callers-queue-at-one-worker").andPerhaps("BPR-3", "BPR-5", "BPR-6", "BPR-9", "HLT-4", "SEL-2"),
	// A call at a hung worker ends while a caller waits, and another worker is healthy but full: the caller gets the hung one.
	breaks("SEL-3", "freed-slots-go-straight-to-waiters").andPerhaps("BPR-9", "HLT-2", "HLT-4", "SEL-2"),
	// A call was cancelled and never answered, and its worker dies: the slot comes back a second time.
	breaks("BPR-8", "a-death-frees-the-slots-of-cancelled-calls-again").andPerhaps("BPR-1", "BPR-2", "SHD-2"),
	// The context of a caller that waits for a slot ends: the caller gets busy.
	breaks("BPR-3", "waiters-say-busy-when-their-context-ends").andPerhaps("BPR-6", "CAN-1", "HLT-9"),

	// Cancellation.

	// A call is cancelled at a worker that does not read: it returns when the cancellation has gone out, which is never.
	breaks("CAN-10", "cancelled-calls-wait-until-their-cancellation-is-out").andPerhaps("BPR-3", "CAN-1", "MSG-19"),
	// A call is cancelled: its cancellation comes by another connection, where its ID means nothing (CAN-7), so the request
	// runs on, and its slot is given to another call. CAN-2 does not say by which connection.
	breaks("BPR-2", "cancellations-go-by-a-new-connection").andPerhaps("BPR-1", "BPR-8", "CAN-2"),
	// A call is made while Start runs, and its context ends: it returns when Start does.
	breaks("CAN-1", "calls-wait-for-the-start-whatever-their-context").andPerhaps("BPR-3", "CAN-11", "SHD-5", "SHD-7"),

	// Messages.

	// An answer is a violation: its calls fail, and the connection stays open, with their requests running at the worker.
	breaks("MSG-13", "violated-connections-are-left-open").andPerhaps("BPR-1", "BPR-2", "BPR-8", "MSG-10", "RID-7"),
	// {"ok": false, "error": ""}: the call succeeds.
	breaks("MSG-16", "an-empty-error-is-none"),
	// A body of characters of several bytes that has fewer characters than max_payload has bytes, but more bytes: it is sent.
	breaks("MSG-18", "limit-counts-characters").andPerhaps("HLT-4", "HLT-5"),
	// The first call still runs at the first check: both have the ID 1.
	breaks("RID-9", "checks-count-on-their-own").andPerhaps("CAN-12", "HLT-2", "HLT-4", "HLT-5", "RID-2", "RID-4", "RID-5"),

	// Death and health.

	// A worker hangs for one check and recovers, or hangs again after its restart: it is not asked again.
	breaks("HLT-1", "a-failed-check-is-the-last").
		andPerhaps("BPR-4", "BPR-7", "HLT-2", "HLT-3", "HLT-10", "HLT-12", "HLT-13", "MSG-10", "MSG-13", "MSG-17", "RID-7", "SEL-1", "SEL-2"),
	// A call gets an error answer: its request goes out again to another worker, and nobody is told.
	breaks("HLT-8", "failed-calls-are-tried-at-another-worker").andPerhaps("BPR-4", "MSG-16", "SEL-1", "SEL-2"),

	// Start and Shutdown.

	// The context of Start is cancelled after a good start, and later a worker dies: its restarts end with that context.
	breaks("STA-7", "restarts-end-with-the-context-of-start").
		andPerhaps("BPR-4", "BPR-7", "BPR-8", "HLT-3", "HLT-4", "HLT-6", "HLT-7", "HLT-14", "OUT-1", "OUT-2", "RID-2", "RID-4"),
	// The second worker exits while the first one is starting: the error is the first one's, "context canceled".
	breaks("STA-6", "the-first-in-line-tells-the-error"),
	// A start fails while another worker is starting, or because one is not ready in time: that process is not stopped.
	breaks("STA-3", "rollback-stops-only-what-was-ready").andPerhaps("SHD-4", "SHD-6", "SHD-7", "STA-4", "STA-5"),
	// A call runs at Shutdown for longer than the stop timeout, and Shutdown's context is longer still: the call is cut off.
	breaks("SHD-2", "drains-no-longer-than-the-stop-timeout").andPerhaps("SHD-8"),
	// Shutdown while a worker that died is being started anew: that process stays.
	breaks("SHD-4", "shutdown-misses-restarts-under-way").andPerhaps("HLT-11", "SHD-3", "SHD-6", "SHD-8"),

	// Output.

	// A worker prints more than a pipe holds to its standard output: it stands still. Its standard error is read.
	breaks("OUT-1", "stdout-is-piped-and-not-read").andPerhaps("STA-6"),
}

var poolFaultsOfTheSecondBlindBatchB = []fault{
	// A worker was restarted, and calls follow one another: it gets two for each one of the others.
	breaks("SEL-1", "restarted-workers-come-twice-in-the-round").andPerhaps("HLT-6", "HLT-13", "SEL-2"),
	// A worker that was restarted prints more than a pipe holds: it stands still.
	breaks("OUT-1", "output-of-restarted-workers-is-not-read").andPerhaps("HLT-2", "HLT-7"),
	// The socket file of a worker is there, and nobody listens at it yet: Start returns without error.
	breaks("STA-1", "a-socket-file-is-a-start").andPerhaps("HLT-4", "HLT-6", "STA-2", "STA-3", "STA-9"),
	// A worker hangs: it gets no calls any more, and Health counts it as healthy.
	breaks("HLT-2", "healthy-means-alive").andPerhaps("HLT-3", "HLT-13"),
	// A worker dies with a call on it: the error does not tell that the request may have run.
	breaks("HLT-5", "deaths-never-say-may-have-run").andPerhaps("RID-7"),
	// Shutdown before Start, or after one that failed: calls are refused as before, and not with closed.
	breaks("SHD-1", "shutdown-before-start-does-nothing").andPerhaps("SHD-5", "SHD-7"),
	// Health while Shutdown waits for a running call: it returns when Shutdown does.
	breaks("SHD-5", "health-waits-for-shutdown").andPerhaps("HLT-9", "HLT-11", "SHD-7"),
	// Two workers and a queue of n: 2n calls wait before one is refused.
	breaks("BPR-6", "a-queue-for-each-worker"),
	// A body with an escaped quotation mark in a string and white space behind it in the same string: that is taken out.
	breaks("MSG-7", "bodies-are-made-compact-without-regard-to-escapes"),
	// A start fails, and the next one is well: Health counts the workers of both.
	breaks("HLT-3", "a-second-start-keeps-the-workers-of-the-first").andPerhaps("SHD-4", "STA-9"),
}

// secondBlindBatches are the faults of both batches, of that role.
func secondBlindBatches(role spec.Role) []fault { return blindBatches("AB", role) }

// Each fault of the second blind batches is found by its name, breaks a MUST clause of its role, is new, and its quirk is
// one that the planted implementation knows.
func TestFaultsOfTheSecondBlindBatchesAreKnown(t *testing.T) {
	for _, p := range allPlanted {
		requireKnown(t, p, p.plantedFirst(), secondBlindBatches(p.role))
	}
	require.Len(t, framerFaultsOfTheSecondBlindBatchA, 10)
	require.Len(t, workerFaultsOfTheSecondBlindBatchA, 10)
	require.Len(t, poolFaultsOfTheSecondBlindBatchA, 20)
	require.Len(t, framerFaultsOfTheSecondBlindBatchB, 5)
	require.Len(t, workerFaultsOfTheSecondBlindBatchB, 5)
	require.Len(t, poolFaultsOfTheSecondBlindBatchB, 10)
}

// plantedFirst are the faults and controls of the role that were there before the second blind batches.
func (p planted) plantedFirst() []fault {
	blind := map[spec.Role][]fault{spec.RoleFramer: framerFaultsWrittenBlind, spec.RolePool: poolFaultsWrittenBlind, spec.RoleWorker: workerFaultsWrittenBlind}
	return slices.Concat(p.all(), blind[p.role])
}

// requireKnown has each fault of a batch be found by its name, break a MUST clause of its role, be none of those before it,
// and be known to the planted implementation.
func requireKnown(t *testing.T, p planted, before, batch []fault) {
	t.Helper()
	levels := map[string]spec.Level{}
	for _, c := range spec.Clauses() {
		if c.Binds(p.role) {
			levels[c.Name] = c.Level
		}
	}
	sources := map[spec.Role]string{spec.RoleFramer: "framer_habits_test.go", spec.RolePool: "pool_plain*_test.go", spec.RoleWorker: "worker_planted*_test.go"}
	files, err := filepath.Glob(sources[p.role])
	require.NoError(t, err)
	var source strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		source.Write(text)
	}
	there := map[string]bool{}
	for _, f := range before {
		there[f.name()] = true
	}
	for _, f := range batch {
		name := string(p.role) + "/" + f.name()
		require.False(t, there[f.name()], "%s is there twice", name)
		there[f.name()] = true
		found, as, ok := plantedFault(name)
		require.True(t, ok, name)
		require.Equal(t, p.role, found.role, name)
		require.Equal(t, f, as, name)
		for _, clause := range append(f.perhaps, f.clause) {
			require.Contains(t, levels, clause, name)
		}
		require.Equal(t, spec.Must, levels[f.clause], name)
		for _, quirk := range f.what {
			require.Regexp(t, `\b(has|is)\(`+strconv.Quote(quirk)+`\)`, source.String(), "%s: the planted implementation does not know this quirk", name)
		}
	}
}
