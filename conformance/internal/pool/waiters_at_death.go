package pool

import (
	"errors"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func waiterAtDeathCases() []testCase {
	return []testCase{
		{
			Name: "who-waits-when-a-worker-dies-keeps-waiting", Clauses: []string{"BPR-9"}, Framings: suite.BothFramings,
			Cause: "The death of a worker fails all calls that wait, or those that would have had its slots.",
			Run:   whoWaitsWhenAWorkerDiesKeepsWaiting,
		},
		{
			Name: "who-waits-when-a-worker-ends-keeps-waiting", Clauses: []string{"BPR-9"}, Framings: suite.BothFramings,
			Cause: "The end of a worker fails all calls that wait, or its slots go to callers whose calls then fail.",
			Run:   whoWaitsWhenAWorkerEndsKeepsWaiting,
		},
	}
}

func whoWaitsWhenAWorkerDiesKeepsWaiting(t *T) { waitersAtDeath(t, (*scriptedWorker).die) }

func whoWaitsWhenAWorkerEndsKeepsWaiting(t *T) {
	waitersAtDeath(t, func(w *scriptedWorker) { w.exit(0) })
}

// waitersAtDeath has callers wait for the slots of two workers while one of them dies. Its place stays empty.
func waitersAtDeath(t *T, die func(*scriptedWorker)) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 1
	s.options.HealthInterval = brokenInterval
	s.options.StartTimeout = 8 * t.Patience()
	s.holdRequests()
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	calls := s.holdCalls("BPR-9", 2)
	var waiting []*call
	for range 4 {
		c := s.call()
		c.waitUntilParked()
		waiting = append(waiting, c)
	}
	victim := calls[0].req.worker
	die(victim)
	calls[0].wait("HLT-4")
	s.awaitDeathNoticed("HLT-4", victim)
	s.watchBriefly(func() bool { return waiting[0].ended() })
	s.echoRequests()
	calls[1].req.answer(calls[1].body)
	calls[1].succeeds("HLT-4")
	// A pool may give the slot of the dying worker to one waiter before it can know of the death.
	metTheDeath := 0
	for _, c := range waiting {
		c.reason = ", because another worker is healthy"
		c.wait("BPR-9")
		if errors.Is(c.err, spec.MayHaveRun) && metTheDeath == 0 {
			metTheDeath++
			continue
		}
		c.succeeds("BPR-9")
	}
}
