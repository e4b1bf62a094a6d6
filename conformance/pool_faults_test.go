package conformance_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

var poolFaults = []fault{
	breaks("MSG-4", "unknown-fields-refused"),
	breaks("MSG-4", "names-in-any-case"),
	breaks("MSG-5", "ids-of-32-bits"),
	breaks("MSG-10", "ids-converted"),
	breaks("MSG-7", "bodies-through-interface"),
	breaks("MSG-13", "mismatch-accepted"),
	breaks("MSG-15", "no-envelopes"),
	breaks("MSG-15", "absent-body-is-an-error"),
	breaks("MSG-16", "error-answer-is-an-answer"),
	breaks("MSG-16", "error-answer-without-text"),
	breaks("MSG-17", "methods-unquoted"),
	breaks("RID-1", "ids-begin-at-0"),
	breaks("RID-2", "ids-per-worker"),
	breaks("RID-3", "header-id-0"),
	breaks("RID-4", "next-answer-to-next-caller"),
	breaks("RID-5", "unknown-to-whoever-waits"),
	breaks("RID-6", "basic-reuses-cancelled", "next-answer-to-next-caller").inFraming(conformance.Basic),
	breaks("RID-7", "crc-unchecked"),
	breaks("RID-7", "broken-connections-stay"),
	breaks("RID-7", "hangs-on-broken-connections"),
	breaks("RID-7", "unreadable-answers-dropped"),
	breaks("STA-1", "does-not-wait-for-workers"),
	breaks("STA-1", "one-path-for-all"),
	breaks("STA-2", "start-without-limit"),
	breaks("STA-2", "does-not-see-exits"),
	breaks("STA-3", "failed-start-leaves-siblings"),
	breaks("STA-4", "leaves-sockets"),
	breaks("STA-5", "leaks-connection"),
	breaks("STA-6", "error-without-cause"),
	breaks("STA-6", "error-without-worker"),
	breaks("STA-7", "start-context-kills-workers"),
	breaks("STA-7", "start-ignores-context"),
	breaks("STA-8", "failed-start-takes-calls"),
	breaks("STA-9", "failed-start-is-final"),
	breaks("SEL-1", "always-first"),
	breaks("SEL-2", "fallback-to-first"),
	breaks("SEL-3", "calls-unhealthy"),
	breaks("BPR-1", "bound-plus-one").andPerhaps("BPR-2"),
	breaks("BPR-2", "bound-of-pool-only"),
	breaks("BPR-3", "waiters-ignore-context"),
	breaks("BPR-3", "waiters-take-slots-along"),
	breaks("BPR-3", "race-loses-slot"),
	breaks("BPR-4", "error-answer-loses-slot"),
	breaks("BPR-4", "crash-loses-slot"),
	breaks("BPR-4", "cancel-loses-slot"),
	breaks("BPR-4", "too-large-loses-slot"),
	breaks("BPR-5", "lifo"),
	breaks("BPR-6", "queue-without-bound"),
	breaks("BPR-7", "serialises"),
	breaks("CAN-1", "cancel-ignored"),
	breaks("CAN-2", "no-cancellation"),
	breaks("CAN-2", "cancellation-without-envelope"),
	breaks("CAN-2", "cancellation-under-0"),
	breaks("CAN-3", "closes-on-late"),
	breaks("CAN-4", "waits-for-cancelled"),
	breaks("CAN-10", "callers-write"),
	breaks("HLT-1", "health-by-dialling"),
	breaks("HLT-1", "health-waits-for-slots"),
	breaks("HLT-2", "hung-is-healthy"),
	breaks("HLT-3", "health-tells-nothing"),
	breaks("HLT-4", "crash-fails-all"),
	breaks("HLT-5", "error-without-death"),
	breaks("HLT-5", "claims-may-have-run"),
	breaks("HLT-6", "no-restart"),
	breaks("HLT-7", "constant-backoff"),
	breaks("HLT-8", "sends-twice"),
	breaks("SHD-1", "takes-calls-in-shutdown"),
	breaks("SHD-2", "shutdown-cuts-calls"),
	breaks("SHD-2", "shutdown-waits-for-ever"),
	breaks("SHD-3", "kills-at-once"),
	breaks("SHD-3", "never-kills"),
	breaks("SHD-4", "returns-before-reaped"),
	breaks("SHD-4", "leaves-sockets"),
	breaks("SHD-5", "second-shutdown-panics"),
	breaks("SHD-5", "shutdown-forgets-waiters"),
	breaks("SHD-6", "leaks-goroutine"),
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
}

func TestAPoolWithoutABoundedQueueIsNotAccused(t *testing.T) {
	report := checkPlainPool(t.Context(), []string{"no-queue"}, conformance.Only("BPR-6"))
	require.Len(t, report.Results, 1)
	require.Equal(t, conformance.StatusUnsupported, report.Results[0].Status)
}

func TestAPoolThatCannotStartAWorkerGetsOneError(t *testing.T) {
	report := conformance.CheckPool(t.Context(), func(o conformance.PoolOptions) (conformance.Pool, error) {
		o.Env = nil // which the worker needs
		return newPlainPool(o)
	}, conformance.Framings(conformance.Enhanced))
	require.Len(t, report.Results, 1)
	require.Equal(t, conformance.StatusFail, report.Results[0].Status)
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
	for _, p := range pools {
		p.mopUp()
	}
	return report
}
