package pool

import (
	"fmt"
	"slices"
	"time"
)

func stepCases() []testCase {
	return []testCase{
		{
			Name: "workers-that-died-together-are-not-restarted-in-step", Clauses: []string{"HLT-14"},
			Cause: "The delay before a restart has no jitter, or the bound cuts the jitter off again.",
			Run:   restartsOutOfStep,
		},
	}
}

// restartsOutOfStep lets all workers die together again and again, and measures how far apart the pool starts the
// processes that replace them. Each waits for the others before it ends, so the workers differ by the pool's delays
// alone.
func restartsOutOfStep(t *T) {
	const workers, rounds, looked, enough = 5, 10, 6, 3
	s := t.stage()
	s.options.Workers = workers
	s.options.RestartBackoff, s.options.RestartBackoffMax = 50*time.Millisecond, 800*time.Millisecond
	s.options.StartTimeout = 8 * t.Patience()
	s.options.HealthInterval = brokenInterval
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	var delays, spreads []time.Duration
	end := time.Now().Add(3 * t.Patience())
	for round := range rounds {
		generation := s.workersSoFar()[round*workers:]
		for _, w := range generation {
			w.exit(1)
		}
		var died time.Time
		s.callUntil(time.Until(end), func() bool { return len(s.workers) >= (round+2)*workers })
		next := s.workersSoFar()[(round+1)*workers:]
		if len(next) < workers {
			// A pool may give up, or restart its workers one by one, which is not in step.
			t.Unsupported("this pool started %d of %d workers again after they had died together %d times; steps show from %d times on (HLT-6 has cases for whether it restarts at all)", len(next), workers, round+1, rounds)
		}
		s.withLock(func() {
			for _, w := range generation {
				if w.exitedAt.After(died) {
					died = w.exitedAt
				}
			}
		})
		started := make([]time.Time, workers)
		for i, w := range next[:workers] {
			started[i] = w.startedAt
		}
		first, last := slices.MinFunc(started, time.Time.Compare), slices.MaxFunc(started, time.Time.Compare)
		delays = append(delays, first.Sub(died).Round(time.Millisecond))
		spreads = append(spreads, last.Sub(first).Round(time.Millisecond))
	}
	// A slow machine moves them apart, and small jitter may leave a round close together by chance. So half of the last
	// six rounds must be in step: even a tenth of jitter moves five workers 80 ms apart there, and 32 ms is too close.
	inStep := 0
	for i := rounds - looked; i < rounds; i++ {
		if delays[i] >= s.options.RestartBackoffMax/4 && spreads[i] < delays[i]/25 {
			inStep++
		}
	}
	if inStep >= enough {
		t.FailNow("HLT-14", fmt.Sprintf("%d workers that died together are not restarted in step again and again", workers),
			"after delays of about %v, the %d started within %v", delays[rounds-looked:], workers, spreads[rounds-looked:])
	}
}
