package conformance_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
)

var workerFaults = []fault{
	breaks("STR-7", "keeps-to-enhanced-once-seen").inFraming(both...),
	breaks("STR-7", "takes-the-first-two-bytes-to-come-together").inFraming(both...),
	breaks("MSG-1", "answers-twice").andPerhaps("CAN-6", "MSG-14", "WRK-13"),
	breaks("MSG-1", "leaves-null-out"),
	breaks("MSG-1", "maximum-counts-the-header").caughtBy("MSG-1/request-of-max-payload-*"),
	breaks("MSG-2", "turns-envelopes-round").andPerhaps("MSG-3"),
	breaks("MSG-2", "answers-envelopes-bare").andPerhaps("MSG-3"),
	breaks("MSG-3", "any-type-makes-an-envelope"),
	breaks("MSG-4", "refuses-unknown-fields").andPerhaps("MSG-3"),
	breaks("MSG-4", "takes-names-in-any-case"),
	breaks("MSG-5", "ids-are-doubles").andPerhaps("MSG-1", "MSG-13", "CAN-6", "RID-8"),
	breaks("MSG-5", "keeps-outstanding-ids-in-32-bits"),
	breaks("MSG-6", "demands-a-body"),
	breaks("MSG-7", "bodies-are-doubles"),
	breaks("MSG-7", "false-bodies-become-null"),
	breaks("MSG-7", "cuts-text-at-nul"),
	breaks("MSG-8", "takes-nan").andPerhaps("MSG-7"),
	breaks("MSG-8", "sends-infinity"),
	breaks("MSG-9", "nests-50-levels"),
	breaks("MSG-9", "dies-of-deep-nesting"),
	breaks("MSG-10", "takes-any-id").andPerhaps("MSG-11", "MSG-13"),
	breaks("MSG-10", "converts-ids").andPerhaps("MSG-11"),
	breaks("MSG-10", "ids-wrap-at-64-bits").caughtBy("MSG-10/message-vectors-*").andPerhaps("MSG-13"),
	breaks("MSG-11", "malformed-json-gets-no-answer").caughtBy("MSG-11/malformed-json-*").andPerhaps("MSG-8", "MSG-9"),
	breaks("MSG-11", "malformed-json-closes-the-connection").caughtBy("MSG-11/malformed-json-*").andPerhaps("MSG-8", "MSG-9"),
	breaks("MSG-11", "what-is-no-object-crashes").andPerhaps("WRK-16").caughtBy("MSG-11/what-is-*"),
	breaks("MSG-11", "replaces-malformed-utf8").caughtBy("MSG-11/malformed-utf8-*"),
	breaks("MSG-11", "finds-out-that-text-is-utf-16").caughtBy("MSG-11/message-vectors-*"),
	breaks("MSG-11", "strange-methods-close-the-connection").andPerhaps("MSG-3").caughtBy("MSG-11/method-*"),
	breaks("MSG-11", "errors-go-out-under-0").caughtBy("MSG-11/what-is-*").andPerhaps("RID-8"),
	breaks("MSG-11", "drops-a-request-behind-unreadable-ones").caughtBy("MSG-11/what-cannot-*").inFraming(both...),
	breaks("MSG-12", "unknown-envelopes-get-no-answer"),
	breaks("MSG-13", "ids-are-not-compared"),
	breaks("MSG-13", "compares-ids-in-32-bits"),
	breaks("MSG-13", "reads-a-frame-more-after-a-violation").andPerhaps("MSG-14"),
	breaks("MSG-14", "takes-repeated-ids"),
	breaks("MSG-14", "frees-ids-when-answers-have-left").caughtBy("MSG-14/id-is-free-*").andPerhaps("CAN-6"),
	breaks("MSG-14", "ids-are-unique-in-the-worker").caughtBy("MSG-14/same-id-*").andPerhaps("CAN-7"),
	breaks("RID-8", "answers-under-0").andPerhaps("MSG-4", "MSG-5", "MSG-10", "MSG-11", "MSG-12"),
	breaks("RID-8", "header-of-answers-is-0"),
	breaks("WRK-1", "ignores-the-path"),
	breaks("WRK-2", "keeps-the-stale-socket"),
	breaks("WRK-3", "listens-elsewhere-without-a-path"),
	breaks("WRK-3", "refuses-with-status-0").andPerhaps("WRK-4", "WRK-5"),
	breaks("WRK-4", "refuses-without-a-word").andPerhaps("WRK-3", "WRK-5"),
	breaks("WRK-4", "takes-the-path-of-a-live-worker").caughtBy("WRK-4/path-of-a-live-*"),
	breaks("WRK-4", "removes-the-live-socket").caughtBy("WRK-4/path-of-a-live-*"),
	breaks("WRK-5", "removes-what-is-no-socket"),
	breaks("WRK-6", "leaves-the-mode-to-the-umask"),
	breaks("WRK-7", "serves-20-connections"),
	breaks("WRK-7", "serves-20-of-those-that-wait").andPerhaps("WRK-26").caughtBy("WRK-7/connections-that-waited-*"),
	breaks("WRK-8", "one-connection-at-a-time").caughtBy("WRK-8/half-sent-*").andPerhaps("WRK-7"),
	breaks("WRK-8", "half-sent-frames-block-all").caughtBy("WRK-8/half-sent-*"),
	breaks("WRK-8", "callers-that-do-not-read-block-all").caughtBy("WRK-8/caller-*"),
	breaks("WRK-9", "drops-each-101st-request").caughtBy("WRK-9/many-*").andPerhaps("MSG-14", "WRK-16"),
	breaks("WRK-9", "drops-each-1001st-request").caughtBy("WRK-9/many-*"),
	breaks("WRK-10", "unknown-methods-return-null"),
	breaks("WRK-10", "unknown-methods-fail-without-a-reason"),
	breaks("WRK-11", "hides-the-text-of-exceptions"),
	breaks("WRK-12", "unserializable-closes-no-call").andPerhaps("MSG-1"),
	breaks("WRK-12", "unserializable-becomes-null"),
	breaks("WRK-13", "sends-answers-of-any-length").caughtBy("WRK-13/answer-over-*"),
	breaks("WRK-13", "closes-at-too-large-answers").caughtBy("WRK-13/answer-over-*"),
	breaks("WRK-13", "maximum-of-answers-counts-the-header").caughtBy("WRK-13/answer-of-*"),
	breaks("WRK-14", "runs-cut-off-frames"),
	breaks("WRK-14", "checksum-is-not-compared").caughtBy("WRK-15/bad-checksum-*").andPerhaps("WRK-15"),
	breaks("WRK-14", "magic-is-looked-at-once").caughtBy("WRK-15/bad-magic-*").andPerhaps("WRK-15"),
	breaks("WRK-15", "drops-frames-with-a-bad-checksum").caughtBy("WRK-15/bad-checksum-*"),
	breaks("WRK-15", "checksum-of-empty-payloads-is-not-compared").caughtBy("WRK-15/checksum-wrong-*", "WRK-15/frame-vectors-of-bad-crc-*"),
	breaks("WRK-14", "checksum-of-large-payloads-is-not-compared").caughtBy("WRK-15/checksum-wrong-*").andPerhaps("WRK-15"),
	breaks("WRK-14", "checksum-is-compared-but-for-its-last-bit").caughtBy("WRK-15/checksum-wrong-*").andPerhaps("WRK-15"),
	breaks("WRK-14", "checksum-is-compared-in-31-bits").caughtBy("WRK-15/checksum-wrong-*").andPerhaps("WRK-15"),
	breaks("WRK-15", "scans-for-the-next-magic").caughtBy("WRK-15/bad-magic-*"),
	breaks("WRK-15", "short-lengths-mean-no-payload").caughtBy("WRK-15/length-below-*"),
	breaks("WRK-15", "no-maximum").caughtBy("WRK-15/payload-over-*"),
	breaks("WRK-15", "keeps-connections-open-after-framing-errors").caughtBy("WRK-15/bad-magic-*"),
	breaks("WRK-15", "keeps-busy-connections-open-after-framing-errors"),
	breaks("WRK-16", "crashes-at-framing-errors").andPerhaps("WRK-17").caughtBy("WRK-15/bad-checksum-*"),
	breaks("WRK-16", "crashes-at-a-cut-off-header").caughtBy("WRK-14/cut-off-header-*"),
	breaks("WRK-17", "sigterm-is-ignored").caughtBy("WRK-17/sigterm-*"),
	breaks("WRK-17", "sigint-is-not-handled").caughtBy("WRK-17/sigint-*").andPerhaps("WRK-18"),
	breaks("WRK-17", "sigterm-leaves-the-socket").caughtBy("WRK-17/sigterm-*"),
	breaks("WRK-17", "sigterm-ends-with-status-1").caughtBy("WRK-17/sigterm-*"),
	breaks("WRK-17", "accepts-after-sigterm", "grace-of-8s").caughtBy("WRK-17/long-*"),
	breaks("WRK-17", "waits-for-handlers-for-ever").caughtBy("WRK-17/long-*"),
	breaks("WRK-17", "removes-the-path-again-at-its-end", "grace-of-8s").caughtBy("WRK-17/socket-of-*"),
	breaks("WRK-18", "drops-handlers-at-sigterm", "grace-of-8s"),
	breaks("WRK-18", "holds-answers-back-once-it-stops"),
	breaks("WRK-18", "stops-when-no-handler-runs", "grace-of-8s").caughtBy("WRK-18/answer-behind-*"),
	breaks("WRK-18", "crashes-at-requests-while-it-stops", "grace-of-8s").caughtBy("WRK-18/handler-*").andPerhaps("WRK-17"),
	breaks("WRK-19", "outlives-its-parent"),
	breaks("WRK-19", "looks-at-its-lifeline-once-it-has-served", "outlives-its-parent").caughtBy("WRK-19/orphan-that-has-just-started-*"),
	breaks("WRK-20", "health-tells-another-process"),
	breaks("WRK-20", "health-is-busy-beside-a-handler").caughtBy("WRK-20/health-beside-*"),
	breaks("WRK-20", "health-is-a-string"),
	breaks("WRK-21", "blob-is-one-short"),
	breaks("WRK-21", "sleep-returns-at-once"),
	breaks("WRK-21", "inflight-is-missing"),
	breaks("WRK-21", "inflight-is-always-0").caughtBy("WRK-21/inflight-*"),
	breaks("WRK-21", "inflight-misses-the-end-of-failures").caughtBy("WRK-21/inflight-falls-*"),
	breaks("WRK-21", "exit-is-no-exit").caughtBy("WRK-21/exit-*"),
	breaks("WRK-21", "exit-with-another-status"),
	breaks("WRK-22", "closes-at-half-close"),
	breaks("WRK-22", "closes-half-closed-when-no-handler-runs").caughtBy("WRK-22/large-*"),
	breaks("WRK-23", "sets-aside-a-third-of-what-is-claimed"),
	breaks("WRK-24", "runs-the-handlers-of-one-connection-first"),
	breaks("WRK-25", "ends-when-a-caller-has-left").caughtBy("WRK-25/caller-that-leaves-before-*"),
	breaks("WRK-25", "sends-nothing-after-a-broken-answer").caughtBy("WRK-25/caller-that-leaves-in-*"),
	breaks("WRK-26", "keeps-the-descriptors-of-ended-connections"),
	breaks("WRK-26", "keeps-the-descriptors-of-cut-off-frames"),
	breaks("CAN-5", "reads-on-after-the-handler").caughtBy("CAN-5/cancellation-reaches-*").andPerhaps("CAN-6", "CAN-8", "CAN-9", "MSG-3", "MSG-4", "MSG-5", "MSG-14"),
	breaks("CAN-5", "cancellations-are-ignored").andPerhaps("CAN-6", "CAN-9", "MSG-3", "MSG-4", "MSG-5").caughtBy("CAN-5/cancellation-reaches-*"),
	breaks("CAN-5", "cancels-all-of-the-connection").andPerhaps("CAN-6").caughtBy("CAN-5/cancellation-leaves-*"),
	breaks("CAN-6", "cancellations-are-answered").andPerhaps("CAN-5", "CAN-9", "MSG-3", "MSG-4", "MSG-5"),
	breaks("CAN-6", "remembers-cancelled-ids"),
	breaks("CAN-7", "cancels-on-any-connection"),
	breaks("CAN-8", "lets-the-handlers-of-gone-callers-run"),
	breaks("CAN-8", "looks-once-whether-its-caller-is-gone").caughtBy("CAN-8/handlers-of-a-caller-that-half-*").andPerhaps("WRK-21"),
	breaks("CAN-9", "cancellations-need-a-reason").andPerhaps("CAN-6", "MSG-3", "MSG-5"),
}

var workerControls = []fault{
	odd("odd: runs-one-handler-at-a-time"),
	odd("odd: answers-late-and-in-reverse"),
	odd("odd: answers-each-connection-in-request-order"),
	odd("odd: writes-with-layout-and-more-fields"),
	odd("odd: writes-byte-by-byte"),
	odd("odd: reads-byte-by-byte"),
	odd("odd: listens-late"),
	odd("odd: knows-no-lifeline"),
	odd("odd: inflight-leaves-itself-out"),
	odd("odd: cancelled-requests-get-no-answer"),
	odd("odd: cancelled-requests-succeed"),
	odd("odd: says-what-is-wrong-before-it-closes"),
	odd("odd: no-envelopes-in-answers-to-unknown-types"),
	odd("odd: refuses-more-than-100-levels"),
	odd("odd: twins-of-names-and-whole-numbers-with-fractions"),
	odd("odd: blob-of-characters-that-are-escaped"),
	odd("odd: a-thread-waits-for-the-rest"),
}

func checkPlantedWorker(ctx context.Context, what []string, opts ...conformance.Option) conformance.Report {
	return conformance.CheckWorker(ctx, plantedCommand(what...), opts...)
}

// plantedCommand starts this test binary as a worker with these things wrong, or odd.
func plantedCommand(what ...string) conformance.WorkerCommand {
	c := conformance.Command(os.Args[0])
	c.Grace = time.Second
	if slices.Contains(what, "grace-of-8s") {
		c.Grace = 8 * time.Second
	}
	c.Env = []string{plantedVariable + "=" + strings.Join(what, ",")}
	return c
}

func TestAWorkerStartedByAShellThatTakesItsTimeAndPrintsPasses(t *testing.T) {
	t.Parallel()
	c := plantedCommand("odd: none")
	c.Args = []string{"-c", `echo "starting" >&2; exec "$0"`, c.Path}
	c.Path = "/bin/sh"
	rep := conformance.CheckWorker(t.Context(), c, conformance.Patience(30*time.Second), conformance.Only("WRK-*"))
	require.Empty(t, told(rep))
	require.NotEmpty(t, rep.Results)
}

// What a live worker writes while a case runs is the best clue that there is.
func TestWhatALiveWorkerWritesIsInTheTimelineOfItsCase(t *testing.T) {
	rep := conformance.CheckWorker(t.Context(), plantedCommand("explains-itself", "cancellations-are-answered"), conformance.Patience(5*time.Second),
		conformance.Framings(conformance.Enhanced), conformance.Only("CAN-6/cancellation-is-never-answered"))
	require.Len(t, rep.Results, 1)
	r := rep.Results[0]
	require.Equal(t, result.StatusFail, r.Status)
	var written, answered int
	for i, e := range r.Timeline {
		if e.Where == "worker → standard error" {
			written = i
			require.Equal(t, "\n      | Traceback (most recent call last):\n      | KeyError: \\x1b[31m'id'\n      | \\x3a:error::no\n      | a \\x23#vso[task]", e.Note)
			break
		}
	}
	for i, e := range r.Timeline {
		if e.Where == "worker → standard output" && strings.HasPrefix(e.Note, "| half a line") {
			answered = i
		}
	}
	require.NotZero(t, written, r.Text())
	require.NotZero(t, answered, r.Text())
	require.Contains(t, r.Text(), "KeyError")
}

// Starting takes the time that it takes: a worker that is slower than the patience of the run is not known, and the text
// names the option to wait longer. The preflight has the only quick start.
func TestAWorkerThatStartsSlowlyIsNotAccused(t *testing.T) {
	c := plantedCommand("odd: none")
	c.Args = []string{"-c", `mkdir "$1/quick" 2>/dev/null || sleep 100; exec "$0"`, c.Path, t.TempDir()}
	c.Path = "/bin/sh"
	rep := conformance.CheckWorker(t.Context(), c, conformance.Patience(time.Second), conformance.Framings(conformance.Enhanced),
		conformance.Covering("WRK-1", "WRK-2", "WRK-3", "WRK-4", "WRK-5", "WRK-6", "WRK-19"))
	require.Greater(t, len(rep.Results), 7)
	for _, r := range rep.Results {
		require.Equal(t, result.StatusBlocked, r.Status, r.Text())
		require.Contains(t, r.Text(), "--patience", r.ID)
	}
}

// The preflight has the first of the two that hold their answers back.
func TestAWorkerThatIsTooSlowForItsGracePeriodOnceIsNotAccused(t *testing.T) {
	c := plantedCommand("odd: none")
	c.Args = []string{"-c", `for nth in 1 2; do mkdir "$1/$nth" && export "$2" && break; done; exec "$0"`,
		c.Path, t.TempDir(), plantedVariable + "=holds-answers-back-once-it-stops"}
	c.Path = "/bin/sh"
	rep := conformance.CheckWorker(t.Context(), c, conformance.Framings(conformance.Enhanced), conformance.Patience(30*time.Second),
		conformance.Only("WRK-18/handler-that-runs-at-sigterm-is-answered"))
	require.Len(t, rep.Results, 1)
	require.Equal(t, result.StatusPass, rep.Results[0].Status, told(rep))
}

// A worker that serves one connection at a time has no other connection that would tell that its process has ended. Its exit
// status says whose handler ran all the same.
func TestAWorkerThatServesOneConnectionAtATimeIsBlamedForWhatItRanAfterDamage(t *testing.T) {
	rep := conformance.CheckWorker(t.Context(), plantedCommand("one-connection-at-a-time", "magic-is-looked-at-once"), conformance.Patience(5*time.Second),
		conformance.Framings(conformance.Enhanced), conformance.Only("WRK-15/bad-magic-closes-the-connection", "WRK-15/frame-vectors-of-bad-magic-close-the-connection"))
	require.Len(t, rep.Results, 2)
	for _, r := range rep.Results {
		require.Equal(t, result.StatusFail, r.Status, r.Text())
		for _, f := range r.Findings {
			require.NotEqual(t, "WRK-16", f.Clause, r.Text())
		}
	}
	require.Contains(t, told(rep), "with the status 71 that it asked for")
}
