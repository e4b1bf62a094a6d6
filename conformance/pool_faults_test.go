package conformance_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

// A planted fault is the plain pool with quirks that break one clause. Where a fault cannot help
// breaking others as well, they are in also.
type plantedFault struct {
	clause string
	quirks []string
	also   []string
	in     conformance.Framing
}

func fault(clause string, quirks ...string) plantedFault {
	return plantedFault{clause: clause, quirks: quirks, in: conformance.Enhanced}
}

func (f plantedFault) alsoBreaks(clauses ...string) plantedFault {
	f.also = clauses
	return f
}

func (f plantedFault) inBasicFraming() plantedFault {
	f.in = conformance.Basic
	return f
}

func (f plantedFault) check(patience time.Duration) conformance.Report {
	return checkPlainPool(f.quirks, conformance.Only(f.clause), conformance.Framings(f.in), conformance.Patience(patience))
}

func (f plantedFault) name() string { return f.clause + "/" + strings.Join(f.quirks, "+") }

var poolFaults = []plantedFault{
	fault("MSG-4", "unknown-fields-refused"),
	fault("MSG-4", "names-in-any-case"),
	fault("MSG-5", "ids-of-32-bits"),
	fault("MSG-10", "ids-converted"),
	fault("MSG-7", "bodies-through-interface"),
	fault("MSG-13", "mismatch-accepted"),
	fault("MSG-15", "no-envelopes"),
	fault("MSG-15", "absent-body-is-an-error"),
	fault("MSG-16", "error-answer-is-an-answer"),
	fault("MSG-16", "error-answer-without-text"),
	fault("MSG-17", "methods-unquoted"),
	fault("RID-1", "ids-begin-at-0"),
	fault("RID-2", "ids-per-worker"),
	fault("RID-3", "header-id-0"),
	fault("RID-4", "next-answer-to-next-caller"),
	fault("RID-5", "unknown-to-whoever-waits"),
	fault("RID-6", "basic-reuses-cancelled", "next-answer-to-next-caller").inBasicFraming(),
	fault("RID-7", "crc-unchecked"),
	fault("RID-7", "broken-connections-stay"),
	fault("RID-7", "hangs-on-broken-connections"),
	fault("RID-7", "unreadable-answers-dropped"),
	fault("STA-1", "does-not-wait-for-workers"),
	fault("STA-1", "one-path-for-all"),
	fault("STA-2", "start-without-limit"),
	fault("STA-2", "does-not-see-exits"),
	fault("STA-3", "failed-start-leaves-siblings"),
	fault("STA-4", "leaves-sockets"),
	fault("STA-5", "leaks-connection"),
	fault("STA-6", "error-without-cause"),
	fault("STA-6", "error-without-worker"),
	fault("STA-7", "start-context-kills-workers"),
	fault("STA-7", "start-ignores-context"),
	fault("STA-8", "failed-start-takes-calls"),
	fault("STA-9", "failed-start-is-final"),
	fault("SEL-1", "always-first"),
	fault("SEL-2", "fallback-to-first"),
	fault("SEL-3", "calls-unhealthy"),
	fault("BPR-1", "bound-plus-one").alsoBreaks("BPR-2"),
	fault("BPR-2", "bound-of-pool-only"),
	fault("BPR-3", "waiters-ignore-context"),
	fault("BPR-3", "waiters-take-slots-along"),
	fault("BPR-3", "race-loses-slot"),
	fault("BPR-4", "error-answer-loses-slot"),
	fault("BPR-4", "crash-loses-slot"),
	fault("BPR-4", "cancel-loses-slot"),
	fault("BPR-4", "too-large-loses-slot"),
	fault("BPR-5", "lifo"),
	fault("BPR-6", "queue-without-bound"),
	fault("BPR-7", "serialises"),
	fault("CAN-1", "cancel-ignored"),
	fault("CAN-2", "no-cancellation"),
	fault("CAN-2", "cancellation-without-envelope"),
	fault("CAN-2", "cancellation-under-0"),
	fault("CAN-3", "closes-on-late"),
	fault("CAN-4", "waits-for-cancelled"),
	fault("CAN-10", "callers-write"),
	fault("HLT-1", "health-by-dialling"),
	fault("HLT-1", "health-waits-for-slots"),
	fault("HLT-2", "hung-is-healthy"),
	fault("HLT-3", "health-tells-nothing"),
	fault("HLT-4", "crash-fails-all"),
	fault("HLT-5", "error-without-death"),
	fault("HLT-5", "claims-may-have-run"),
	fault("HLT-6", "no-restart"),
	fault("HLT-7", "constant-backoff"),
	fault("HLT-8", "sends-twice"),
	fault("SHD-1", "takes-calls-in-shutdown"),
	fault("SHD-2", "shutdown-cuts-calls"),
	fault("SHD-2", "shutdown-waits-for-ever"),
	fault("SHD-3", "kills-at-once"),
	fault("SHD-3", "never-kills"),
	fault("SHD-4", "returns-before-reaped"),
	fault("SHD-4", "leaves-sockets"),
	fault("SHD-5", "second-shutdown-panics"),
	fault("SHD-5", "shutdown-forgets-waiters"),
	fault("SHD-6", "leaks-goroutine"),
}

// alone are the clauses whose cases count what this process holds, so that nothing may run beside them.
var alone = []string{"STA-5", "SHD-6"}

func TestEachPlantedFaultInAPoolFailsTheClauseItBreaks(t *testing.T) {
	faults := plantedNow(poolFaults)
	reports := make([]conformance.Report, len(faults))
	var all sync.WaitGroup
	slots := make(chan struct{}, 8) // most of a fault's time is spent waiting
	for i, f := range faults {
		if slices.Contains(alone, f.clause) {
			reports[i] = f.check(2 * time.Second)
		}
	}
	for i, f := range faults {
		if !slices.Contains(alone, f.clause) {
			all.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				reports[i] = f.check(6 * time.Second)
			})
		}
	}
	all.Wait()
	for i, f := range faults {
		t.Run(f.name(), func(t *testing.T) {
			broken := brokenClauses(reports[i])
			require.Contains(t, broken, f.clause, "the fault was not found:\n%s", texts(reports[i]))
			for _, clause := range broken {
				if clause != f.clause {
					require.Contains(t, f.also, clause, "another clause was named:\n%s", texts(reports[i]))
				}
			}
		})
	}
}

func TestPoolsThatAreOddButRightPass(t *testing.T) {
	for _, oddities := range [][]string{
		{},
		{"one-by-one", "sends-envelopes", "closes-on-unknown"},
		{"probes-and-closes", "connection-per-call", "ids-begin-high"},
		{"basic-reuses-cancelled", "waits-without-workers"},
	} {
		t.Run(strings.Join(append([]string{"plain"}, oddities...), "+"), func(t *testing.T) {
			report := checkPlainPool(oddities, conformance.Parallel(16))
			require.Empty(t, texts(report))
			for _, c := range report.ByClause() {
				require.Contains(t, []conformance.Status{conformance.StatusPass, ""}, c.Status, c.Name)
			}
		})
	}
}

func TestAPoolWithoutABoundedQueueIsNotAccused(t *testing.T) {
	report := checkPlainPool([]string{"no-queue"}, conformance.Only("BPR-6"))
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

func checkPlainPool(quirks []string, opts ...conformance.Option) conformance.Report {
	var mu sync.Mutex
	var pools []*plainPool
	report := conformance.CheckPool(context.Background(), func(o conformance.PoolOptions) (conformance.Pool, error) {
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

// brokenClauses names the clauses that the findings of a report are about.
func brokenClauses(r conformance.Report) []string {
	broken := map[string]bool{}
	for _, res := range r.Results {
		for _, f := range res.Findings {
			broken[f.Clause] = true
		}
	}
	return slices.Sorted(maps.Keys(broken))
}

func texts(r conformance.Report) string {
	var b strings.Builder
	for _, res := range r.Results {
		if res.Status != conformance.StatusPass {
			b.WriteString(res.Text())
		}
	}
	return b.String()
}
