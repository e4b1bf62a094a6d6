package pool

import (
	"slices"
	"syscall"
	"time"
)

func stopTimeoutCases() []testCase {
	return []testCase{
		{
			Name: "a-worker-gets-the-stop-timeout-to-end", Clauses: []string{"SHD-9"},
			Cause: "The pool kills its workers after a time of its own, or after that of another option.",
			Run:   aWorkerGetsTheStopTimeout,
		},
		{
			Name: "a-worker-that-ends-sooner-costs-the-others-no-time", Clauses: []string{"SHD-9"},
			Cause: "The first worker that has ended ends the time of all, for instance by a context that they share.",
			Run:   aWorkerThatEndsSoonerCostsTheOthersNoTime,
		},
		{
			Name: "a-second-shutdown-costs-the-workers-no-time", Clauses: []string{"SHD-9"},
			Cause: "A second Shutdown kills the workers to which the first one gives time.",
			Run:   aSecondShutdownCostsTheWorkersNoTime,
		},
		{
			Name: "calls-that-finish-late-cost-the-workers-no-time", Clauses: []string{"SHD-9"},
			Cause: "The stop timeout begins with Shutdown, and not with SIGTERM, so that calls which finish meanwhile use it up.",
			Run:   callsThatFinishLateCostTheWorkersNoTime,
		},
	}
}

func aWorkerGetsTheStopTimeout(t *T) { stopsSlowly(t, func(*stage) {}) }

func aWorkerThatEndsSoonerCostsTheOthersNoTime(t *T) {
	stopsSlowly(t, func(s *stage) { s.nthWorker(0).exit(0) })
}

func aSecondShutdownCostsTheWorkersNoTime(t *T) {
	stopsSlowly(t, func(s *stage) { s.beginShutdown(t.Context(), "SHD-9") })
}

// stopsSlowly shuts a pool down whose workers do not end at SIGTERM, and requires that none that has got it is killed
// after meanwhile was called. The stop timeout is longer than the case, so no clock decides.
func stopsSlowly(t *T, meanwhile func(*stage)) {
	s := t.stage()
	s.options.Workers = 3
	s.options.StopTimeout = 8 * t.Patience()
	s.onStop = func(*scriptedWorker) {}
	s.start()
	s.call().succeeds("SHD-9")
	done := s.beginShutdown(t.Context(), "SHD-9")
	// A pool may stop its workers one by one, so the others may get SIGTERM when the first has ended.
	if !s.eventually(func() bool { return slices.ContainsFunc(s.workers, (*scriptedWorker).gotSIGTERMLocked) }) {
		t.Blocked("no worker gets SIGTERM, see SHD-3; %s", s.scene())
	}
	meanwhile(s)
	var killed *scriptedWorker
	s.eventuallyWithin(min(1500*time.Millisecond, t.Patience()/4), func() bool {
		for _, w := range s.workers {
			if w.exited && w.gotSIGTERMLocked() && !w.exitOrdered {
				killed = w
			}
		}
		return killed != nil
	})
	if killed != nil {
		t.FailNow("SHD-9", "a worker that got SIGTERM is not killed before the stop timeout of "+s.options.StopTimeout.String()+" is over, while the context of Shutdown lives",
			"%s ended %v after SIGTERM, and was not asked to by the case", killed.name(), killed.exitedAt.Sub(killed.stoppedAt).Round(time.Millisecond))
	}
	s.withLock(func() { s.onStop = func(w *scriptedWorker) { w.exit(0) } })
	for _, w := range s.workersSoFar() {
		w.exit(0)
	}
	s.awaitShutdown(done, "SHD-9")
}

// callsThatFinishLateCostTheWorkersNoTime has a call run for half of the stop timeout when Shutdown has begun, so that a
// worker which is killed at its end has had the time to tell of SIGTERM. No worker
// gets SIGTERM before the case answers that call, so one that has ended within the stop timeout from then on was killed too
// soon, however late the case hears of anything.
func callsThatFinishLateCostTheWorkersNoTime(t *T) {
	s := t.stage()
	s.options.StopTimeout = min(time.Second, t.Patience()/6)
	s.onStop = func(*scriptedWorker) {}
	s.holdRequests()
	s.start()
	running := s.holdCalls("SHD-9", 1)
	w := s.worker("SHD-9", 1)
	done := s.beginShutdown(t.Context(), "SHD-9")
	s.untilRefused("SHD-1")
	s.eventuallyWithin(s.options.StopTimeout/2, func() bool { return w.exited || running[0].ended() })
	w.sync()
	var early bool
	s.withLock(func() { early = w.exited || len(w.signals) > 0 || running[0].ended() })
	if early {
		t.Blocked("Shutdown does not wait for a call that runs, see SHD-2; %s", s.scene())
	}
	answered := time.Now()
	s.release("SHD-2", running)
	if !s.eventually(func() bool { return w.gotSIGTERMLocked() || w.exited }) || w.endedUntold() {
		t.Blocked("the worker gets no SIGTERM, see SHD-3; %s", s.scene())
	}
	s.eventuallyWithin(s.options.StopTimeout*3/4, func() bool { return w.exited })
	var killed bool
	s.withLock(func() { killed = w.exited && w.exitedAt.Sub(answered) < s.options.StopTimeout })
	if killed {
		t.FailNow("SHD-9", "a worker that got SIGTERM when the last call had ended is not killed before the stop timeout of "+s.options.StopTimeout.String()+" is over",
			"%s ended %v after that call was answered, and was not asked to by the case", w.name(), w.exitedAt.Sub(answered).Round(time.Millisecond))
	}
	w.exit(0)
	s.awaitShutdown(done, "SHD-9")
}

// endedUntold reports whether the worker has ended before it could tell of SIGTERM.
func (w *scriptedWorker) endedUntold() (untold bool) {
	w.s.withLock(func() { untold = w.exited && !w.gotSIGTERMLocked() })
	return untold
}

// gotSIGTERMLocked reports whether the worker has got SIGTERM.
func (w *scriptedWorker) gotSIGTERMLocked() bool {
	return slices.Contains(w.signals, syscall.SIGTERM.String())
}
