package conformance_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// What a fault of a pool leads to, other cases see as well: a slot that is lost is missing for all that comes
// later, and an answer that goes astray is a call's that waits for ever.
var poolFaults = []fault{
	breaks("MSG-4", "unknown-fields-refused").andPerhaps("RID-4"),
	breaks("MSG-4", "names-in-any-case"),
	breaks("MSG-5", "ids-of-32-bits").andPerhaps("MSG-13"),
	breaks("MSG-10", "ids-converted"),
	breaks("MSG-7", "bodies-through-interface"),
	breaks("MSG-13", "mismatch-accepted"),
	breaks("MSG-3", "envelopes-with-an-id-are-none"),
	breaks("MSG-15", "no-envelopes").andPerhaps("MSG-3", "MSG-4", "MSG-16", "RID-4"),
	breaks("MSG-15", "absent-body-is-an-error"),
	breaks("MSG-16", "error-answer-is-an-answer").andPerhaps("BPR-4", "RID-4", "RID-7"),
	breaks("MSG-16", "error-answer-without-text"),
	breaks("MSG-17", "methods-unquoted"),
	breaks("MSG-17", "methods-as-bytes"),
	breaks("RID-1", "ids-begin-at-0"),
	breaks("RID-2", "ids-per-worker"),
	breaks("RID-3", "header-id-0").andPerhaps("CAN-2", "RID-9"),
	breaks("RID-3", "header-of-requests-is-0"),
	breaks("RID-4", "next-answer-to-next-caller").andPerhaps("BPR-1", "BPR-2", "BPR-3", "BPR-4", "BPR-7", "BPR-8", "CAN-3", "CAN-4", "CAN-10", "CAN-11", "CAN-12", "HLT-1", "HLT-4", "HLT-5", "MSG-4", "MSG-5", "MSG-7", "MSG-10", "MSG-13", "MSG-15", "MSG-18", "OUT-1", "RID-2", "RID-3", "RID-5", "RID-6", "RID-7", "SHD-1", "SHD-2", "SHD-5", "SHD-6"),
	breaks("RID-4", "answers-stray-among-many"),
	// Whoever gets another's answer returns, and its slot comes back while its own request still runs.
	breaks("RID-4", "header-in-one-read").andPerhaps("CAN-10"),
	breaks("RID-4", "loses-the-beginning-of-an-answer").andPerhaps("CAN-10", "RID-7"),
	breaks("RID-4", "places-for-256-calls"),
	breaks("RID-5", "unknown-to-whoever-waits").andPerhaps("BPR-1", "BPR-2", "BPR-3", "BPR-8", "CAN-3", "CAN-10", "MSG-5", "RID-4", "RID-6", "RID-7"),
	breaks("RID-5", "repeated-to-whoever-waits").andPerhaps("BPR-8", "RID-4"),
	breaks("RID-5", "keeps-unknown-answers"),
	breaks("RID-6", "basic-reuses-cancelled", "next-answer-to-next-caller").inFraming(conformance.Basic).andPerhaps("BPR-1", "BPR-2", "BPR-3", "BPR-8", "CAN-3", "HLT-6", "MSG-5", "RID-4", "RID-5"),
	breaks("RID-7", "crc-unchecked"),
	breaks("RID-7", "broken-connections-stay").andPerhaps("BPR-4", "BPR-7", "BPR-9", "HLT-8", "MSG-4", "MSG-10", "MSG-13", "MSG-15"),
	breaks("RID-7", "hangs-on-broken-connections").andPerhaps("BPR-4", "HLT-4", "HLT-5", "MSG-4", "MSG-10", "MSG-13", "MSG-15", "SHD-2", "SHD-4", "SHD-5"),
	breaks("RID-7", "utf8-unchecked"),
	breaks("RID-7", "reads-the-first-value"),
	breaks("RID-7", "unreadable-answers-dropped").andPerhaps("BPR-4", "MSG-13"),
	breaks("STA-1", "does-not-wait-for-workers"),
	breaks("STA-1", "one-path-for-all").andPerhaps("BPR-2", "BPR-4", "BPR-8", "HLT-1", "HLT-2", "HLT-3", "HLT-4", "HLT-5", "HLT-6", "HLT-8", "HLT-12", "SEL-1", "STA-2"),
	breaks("STA-2", "start-without-limit").andPerhaps("STA-3"),
	breaks("STA-2", "does-not-see-exits").andPerhaps("HLT-7", "STA-6"),
	breaks("STA-2", "exit-0-is-a-start"),
	breaks("STA-3", "failed-start-leaves-siblings").andPerhaps("SHD-4", "SHD-7", "STA-4", "STA-5"),
	breaks("STA-3", "rolls-back-after-return"),
	breaks("STA-4", "failed-start-leaves-sockets"),
	breaks("STA-5", "leaks-connection").andPerhaps("SHD-6"),
	breaks("STA-5", "failed-start-leaks-goroutine"),
	breaks("STA-6", "error-without-cause"),
	breaks("STA-6", "error-without-worker"),
	breaks("STA-7", "start-context-kills-workers"),
	breaks("STA-7", "start-ignores-context").andPerhaps("SHD-7"),
	breaks("STA-8", "failed-start-takes-calls").andPerhaps("SHD-1", "SHD-5", "SHD-7", "STA-9"),
	breaks("STA-8", "calls-wait-after-failed-start"),
	breaks("STA-9", "failed-start-is-final"),
	breaks("SEL-1", "always-first").andPerhaps("HLT-6", "HLT-13", "SEL-2"),
	breaks("SEL-1", "twice-in-a-row"),
	breaks("SEL-2", "fallback-to-first"),
	breaks("SEL-3", "calls-unhealthy"),
	breaks("BPR-1", "bound-plus-one").andPerhaps("BPR-2", "BPR-6", "BPR-8", "BPR-9"),
	breaks("BPR-2", "bound-of-pool-only").andPerhaps("HLT-4", "HLT-5", "HLT-6", "HLT-13", "SEL-1", "SEL-2"),
	breaks("BPR-2", "bound-of-pool-in-turn").andPerhaps("BPR-8", "BPR-9"),
	breaks("BPR-3", "waiters-ignore-context").andPerhaps("BPR-6"),
	breaks("BPR-3", "waiters-take-slots-along").andPerhaps("BPR-4", "BPR-6"),
	breaks("BPR-3", "race-loses-slot"),
	breaks("BPR-4", "error-answer-loses-slot").andPerhaps("MSG-16", "RID-4", "RID-7"),
	breaks("BPR-4", "crash-loses-slot").andPerhaps("BPR-7", "MSG-10", "MSG-13", "MSG-15", "RID-4", "RID-7"),
	breaks("BPR-4", "cancel-loses-slot").andPerhaps("BPR-3", "BPR-7", "CAN-3", "CAN-4", "CAN-10", "HLT-9", "RID-4", "RID-6"),
	breaks("BPR-4", "cancellations-never-written-keep-their-slots"),
	breaks("BPR-4", "too-large-loses-slot").andPerhaps("MSG-18", "RID-4"),
	breaks("BPR-4", "failed-dial-loses-slot").andPerhaps("RID-7"),
	breaks("BPR-5", "lifo"),
	breaks("BPR-6", "queue-without-bound"),
	breaks("BPR-7", "serialises").andPerhaps("BPR-6", "HLT-4", "RID-6", "SHD-1"),
	breaks("BPR-7", "bound-minus-one").andPerhaps("MSG-18"),
	breaks("CAN-1", "cancel-ignored").andPerhaps("BPR-3", "BPR-4", "CAN-2", "CAN-3", "CAN-4", "CAN-10", "HLT-2", "MSG-19", "RID-6", "SHD-6"),
	breaks("CAN-1", "deadlines-ignored").andPerhaps("CAN-2"),
	breaks("CAN-1", "cancelled-calls-tell-no-reason").andPerhaps("BPR-3", "CAN-3", "CAN-10", "RID-4"),
	breaks("CAN-2", "no-cancellation").andPerhaps("BPR-1", "BPR-2", "BPR-8"),
	breaks("CAN-2", "cancellation-without-envelope").andPerhaps("BPR-1", "BPR-2", "BPR-8", "MSG-17"),
	breaks("CAN-2", "no-cancellation-at-deadlines"),
	breaks("CAN-2", "cancellation-under-0").andPerhaps("RID-3"),
	breaks("CAN-3", "closes-on-late").andPerhaps("BPR-3", "CAN-10", "RID-4"),
	breaks("CAN-3", "closes-on-third-late").andPerhaps("BPR-3", "CAN-10", "RID-4"),
	breaks("CAN-4", "waits-for-cancelled").andPerhaps("BPR-3", "BPR-4", "BPR-7", "RID-4", "RID-6"),
	breaks("CAN-4", "waits-for-each-5th-cancelled").andPerhaps("BPR-3", "RID-6"),
	breaks("CAN-10", "callers-write").andPerhaps("MSG-19"),
	breaks("HLT-1", "health-by-dialling").andPerhaps("HLT-2"),
	breaks("HLT-1", "health-waits-for-slots").andPerhaps("HLT-2"),
	breaks("HLT-2", "hung-is-healthy"),
	breaks("HLT-3", "health-tells-nothing").andPerhaps("HLT-10"),
	breaks("HLT-4", "crash-fails-all").andPerhaps("BPR-4", "RID-4"),
	breaks("HLT-4", "pauses-while-one-is-dead").andPerhaps("BPR-9"),
	breaks("HLT-5", "error-without-death"),
	breaks("HLT-5", "claims-may-have-run"),
	breaks("HLT-6", "no-restart").andPerhaps("OUT-2"),
	breaks("HLT-7", "constant-backoff"),
	breaks("HLT-8", "sends-twice").andPerhaps("BPR-4", "HLT-4", "HLT-5", "MSG-4", "MSG-10", "MSG-13", "MSG-15", "RID-7"),
	breaks("HLT-8", "sends-again-behind-the-caller").andPerhaps("BPR-8"),
	breaks("SHD-1", "takes-calls-in-shutdown").andPerhaps("SHD-5"),
	breaks("SHD-1", "refuses-without-saying-closed").andPerhaps("SHD-7"),
	breaks("SHD-2", "shutdown-cuts-calls"),
	breaks("SHD-2", "shutdown-waits-for-ever").andPerhaps("HLT-11", "SHD-4", "SHD-5"),
	breaks("SHD-3", "kills-at-once"),
	breaks("SHD-3", "never-kills").andPerhaps("BPR-7", "SHD-4", "STA-3"),
	breaks("SHD-4", "returns-before-reaped").andPerhaps("HLT-11", "SHD-3", "SHD-7", "SHD-8"),
	breaks("SHD-4", "shutdown-leaves-sockets"),
	breaks("SHD-4", "sockets-of-dead-workers-stay").caughtBy("HLT-4", "HLT-6"),
	breaks("SHD-5", "second-shutdown-panics").andPerhaps("SHD-7", "SHD-9"),
	breaks("SHD-5", "shutdown-forgets-waiters"),
	breaks("SHD-6", "leaks-goroutine"),

	// Messages, IDs and contexts [since 3].
	breaks("MSG-18", "sends-over-the-limit"),
	breaks("MSG-18", "limit-of-bodies-alone"),
	breaks("MSG-18", "too-large-without-saying"),
	breaks("MSG-18", "too-large-breaks-connections"),
	breaks("MSG-19", "keeps-the-callers-bytes"),
	breaks("MSG-19", "encodes-when-it-writes"),
	breaks("RID-9", "health-calls-have-the-id-0"),
	breaks("RID-9", "header-of-health-calls-is-0"),
	breaks("RID-9", "health-calls-all-have-one-id"),
	breaks("RID-9", "health-calls-take-ids-of-other-workers"),
	breaks("CAN-11", "looks-at-contexts-late"),
	breaks("CAN-12", "calls-end-with-the-limit-of-checks").andPerhaps("RID-4"),
	breaks("MSG-5", "places-by-32-bits"),
	breaks("MSG-13", "header-compared-in-32-bits"),
	breaks("MSG-15", "any-envelope").andPerhaps("MSG-3"),
	breaks("RID-4", "limit-is-too-large"),
	breaks("RID-4", "limit-with-header"),
	breaks("RID-7", "crc-of-large-answers-unchecked"),
	breaks("RID-7", "crc-compared-in-16-bits"),
	breaks("RID-7", "utf-16-too"),
	breaks("CAN-12", "reads-with-the-limit-of-checks"),
	breaks("HLT-9", "health-waits-for-checks"),
	breaks("HLT-10", "last-check-only-when-well"),
	breaks("HLT-10", "last-check-of-the-first-worker"),
	breaks("HLT-10", "last-check-when-it-began"),
	breaks("HLT-11", "healthy-after-shutdown"),
	breaks("HLT-12", "checks-one-after-another"),
	breaks("HLT-13", "recovered-workers-get-no-calls").andPerhaps("BPR-4", "BPR-7", "HLT-2", "MSG-10", "MSG-13", "MSG-15", "MSG-17", "RID-4", "RID-7"),
	breaks("HLT-13", "unhealthy-for-good").andPerhaps("BPR-4", "BPR-7", "HLT-2", "MSG-10", "MSG-13", "MSG-15", "MSG-17", "RID-7"),
	breaks("HLT-14", "restarts-in-step").byItself(),
	breaks("SHD-3", "stops-by-sigint"),
	breaks("SHD-7", "shutdown-waits-for-start"),
	breaks("SHD-7", "shutdown-does-not-see-start"),
	breaks("SHD-7", "starts-twice").andPerhaps("SHD-4"),
	breaks("SHD-8", "second-shutdown-returns-at-once"),
	breaks("SHD-8", "second-shutdown-says-all-is-done"),
	breaks("SHD-9", "kills-after-half-a-second").andPerhaps("OUT-1"),
	breaks("SHD-9", "kills-the-others-when-one-has-ended"),
	breaks("BPR-8", "restart-gives-a-slot-back-twice"),
	breaks("BPR-8", "broken-connection-frees-slots-twice"),
	breaks("BPR-9", "death-fails-waiters"),
	breaks("STA-10", "own-environment-wins"),
	breaks("STA-10", "socket-path-set-where-unset"),
	breaks("STA-11", "workers-inherit-connections").andPerhaps("BPR-7"),
	breaks("OUT-1", "output-unread-during-start").andPerhaps("STA-6"),
	breaks("OUT-1", "output-unread-in-shutdown"),
	breaks("OUT-1", "output-read-up-to-400k"),
	breaks("OUT-2", "writer-holds-up-the-end"),
	breaks("RID-2", "ids-of-16-bits").byItself().andPerhaps("RID-4"),
}

var poolControls = []fault{
	odd(),
	odd("one-by-one"),
	odd("sends-envelopes"),
	odd("closes-on-unknown"),
	odd("probes-and-closes"),
	odd("connection-per-call"),
	odd("ids-begin-high"),
	odd("ids-at-random"),
	odd("basic-reuses-cancelled"),
	odd("waits-without-workers"),
	odd("each-round-in-another-order"),
	odd("lays-requests-out"),
	odd("adds-unknown-fields"),
	odd("writes-in-small-pieces"),
	odd("restarts-when-called"),
	odd("unhealthy-after-a-broken-connection"),
	odd("unhealthy-after-a-broken-connection", "waits-without-workers"),

	odd("connection-per-call", "ends-workers-that-send-oddities"),
	odd("waits-without-workers", "waiters-have-slots-of-dead-workers", "waiters-have-their-turn-in-shutdown"),
	odd("notices-deaths-at-ticks"),
	odd("second-start-waits"),
	odd("second-shutdown-leaves"),
	odd("second-shutdown-hurries"),
	odd("replaces-hung-workers"),
	odd("one-pipe-for-each-file"),
}

func TestAPoolWithoutABoundedQueueIsNotAccused(t *testing.T) {
	report := checkPlainPool(t.Context(), []string{"no-queue"}, conformance.Only("BPR-6"))
	require.Len(t, report.Results, 1)
	require.Equal(t, result.StatusUnsupported, report.Results[0].Status)
}

func TestAPoolThatGivesUpRestartingIsNotAccused(t *testing.T) {
	for _, quirk := range []string{"no-restart", "gives-up-after-four-starts"} {
		t.Run(quirk, func(t *testing.T) {
			t.Parallel()
			report := checkPlainPool(t.Context(), []string{quirk}, conformance.Only("HLT-7/restarts-back-off"), conformance.Patience(2*time.Second))
			require.Len(t, report.Results, 1)
			require.Equal(t, result.StatusUnsupported, report.Results[0].Status, report.Results[0].Text())
		})
	}
}

func TestAPoolThatCannotStartAWorkerGetsOneError(t *testing.T) {
	report := conformance.CheckPool(t.Context(), func(o conformance.PoolOptions) (conformance.Pool, error) {
		o.Env = nil // which the worker needs
		return newPlainPool(o)
	}, conformance.Framings(conformance.Enhanced))
	require.Len(t, report.Results, 1)
	require.Equal(t, result.StatusFail, report.Results[0].Status)
	require.Contains(t, report.Results[0].Text(), "the pool must add PoolOptions.Env to the environment")
	require.Len(t, report.NotRun, 1)
}

func checkPlainPool(ctx context.Context, quirks []string, opts ...conformance.Option) conformance.Report {
	var mu sync.Mutex
	var pools []*plainPool
	report := conformance.CheckPool(ctx, func(o conformance.PoolOptions) (conformance.Pool, error) {
		p, err := newPlainPool(o, quirks...)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		pools = append(pools, p)
		return p, nil
	}, opts...)
	mu.Lock() // a case that the end of the run interrupts may still be making a pool
	defer mu.Unlock()
	for _, p := range pools {
		p.mopUp()
	}
	return report
}
