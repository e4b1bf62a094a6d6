package pool

import (
	"fmt"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func restartCases() []testCase {
	return []testCase{
		{
			Name: "a-worker-that-died-is-restarted", Clauses: []string{"HLT-6"}, Framings: suite.BothFramings,
			Cause: "The pool never restarts a worker or never counts the new process as healthy, or it takes an exit with status 0 for one that it asked for.",
			Run:   restarted,
		},
		{
			Name: "restarts-back-off", Clauses: []string{"HLT-7"},
			Cause: "The delay is constant, or it begins anew because the process could be started at all.",
			Run:   restartsBackOff,
		},
		{
			Name: "restarts-back-off-where-each-start-goes-well", Clauses: []string{"HLT-7"},
			Cause: "The delay begins anew because a worker has accepted a connection, so one that always dies right after that takes the machine with it.",
			Run:   restartsBackOffAfterStarts,
		},
	}
}

// callUntil makes calls, one at a time, until ok returns true or limit is over: a pool may delay a restart until it is
// called.
func (s *stage) callUntil(limit time.Duration, ok func() bool) {
	end := time.Now().Add(limit)
	var c *call
	for !s.eventuallyWithin(20*time.Millisecond, ok) && time.Now().Before(end) {
		if c == nil || c.ended() {
			c = s.call()
		}
	}
	if c != nil {
		c.cancel()
		c.wait(s.t.clauses[0])
	}
}

// restarted lets a worker die and another exit, and requires calls to go to the processes that replace them.
func restarted(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	for round, die := range []func(*scriptedWorker){
		(*scriptedWorker).die,
		func(w *scriptedWorker) { w.exit(0) },
	} {
		die(s.worker("HLT-6", round+1))
		s.callUntil(t.Patience(), func() bool { return len(s.workers) >= round+3 })
		again := s.worker("HLT-6", round+3)
		s.requireEventually("HLT-6", "the worker that was restarted listens", func() bool { return again.listening })
		s.healthBecomes("HLT-6", "2 healthy workers after a restart", func(h spec.Health) bool { return h.Healthy == 2 })
		for range 6 {
			s.call().succeeds("HLT-6")
		}
		if callsPerWorker(s)[again] == 0 {
			t.FailNow("HLT-6", "the worker that was restarted takes calls again", "none of 6 went to it; %s", s.scene())
		}
	}
}

// restartsBackOff has each process exit as soon as it appears.
func restartsBackOff(t *T) {
	backsOff(t, neverListens, func(*scriptedWorker) bool { return true })
}

// restartsBackOffAfterStarts has each process exit as soon as the pool has connected to it.
func restartsBackOffAfterStarts(t *T) {
	backsOff(t, (*scriptedWorker).listen, func(w *scriptedWorker) bool { return len(w.conns) > 0 })
}

// backsOff measures the times from the exit of a process to the start of the next one, while each exits as soon as ends
// returns true for it. ends is called with the stage locked.
func backsOff(t *T, onAppear func(*scriptedWorker), ends func(*scriptedWorker) bool) {
	s := t.stage()
	s.options.RestartBackoff, s.options.RestartBackoffMax = 40*time.Millisecond, time.Minute
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	s.withLock(func() { s.onAppear = onAppear })
	s.worker("HLT-7", 1).die()
	delays := func() (d []time.Duration) {
		for i := 1; i < len(s.workers); i++ {
			d = append(d, max(0, s.workers[i].startedAt.Sub(s.workers[i-1].exitedAt).Round(time.Millisecond)))
		}
		return d
	}
	// Jitter shortens some delays and a slow machine lengthens others, so no single delay decides. The last four are
	// compared with the shortest of the first three. If two of them are ten times as long, the case ends. Otherwise it
	// goes on to the most delays, and then three of them must be three times as long: a few slow starts do not do that.
	const least, most = 6, 9
	lastFour := func(d []time.Duration) []time.Duration { return slices.Sorted(slices.Values(d[len(d)-4:])) }
	first := func(d []time.Duration) time.Duration { return max(slices.Min(d[:3]), s.options.RestartBackoff/2) }
	clearly := func(d []time.Duration) bool { return len(d) >= least && lastFour(d)[2] > 10*first(d) }
	s.callUntil(2*t.Patience(), func() bool {
		for _, w := range s.workers[1:] {
			if !w.exitOrdered && ends(w) {
				w.exitLocked(1)
			}
		}
		d := delays()
		return clearly(d) || len(d) >= most
	})
	s.mu.Lock()
	d := delays()
	s.mu.Unlock()
	if len(d) < least {
		// A pool may give up, and jitter hides growth in fewer delays.
		t.Unsupported("this pool started the worker again %d times within %v; growth shows from %d on (HLT-6 has cases for whether it restarts at all)", len(d), 2*t.Patience(), least)
	}
	if !clearly(d) && lastFour(d)[1] <= 3*first(d) {
		t.FailNow("HLT-7", fmt.Sprintf("the delays before restarts grow, from %v on, while a worker ends at each start", s.options.RestartBackoff),
			"delays of %v", d)
	}
}
