package pool

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

func selectionCases() []testCase {
	return []testCase{
		{
			Name: "calls-in-sequence-go-round", Clauses: []string{"SEL-1"},
			Cause: "The pool chooses the least busy worker, which is always the first while calls come one by one, or it chooses at random, or its counter of calls begins anew when it is full.",
			Run:   callsInSequenceGoRound,
		},
		{
			Name: "calls-in-sequence-go-round-beside-checks", Clauses: []string{"SEL-1"},
			Cause: "A health check takes a turn of the round, or begins it anew.",
			Run:   callsGoRoundBesideChecks,
		},
		{
			Name: "the-share-of-a-hung-worker-is-spread-evenly", Clauses: []string{"SEL-2"},
			Cause: "The round skips an unhealthy worker to the next or to the first one, which then serves twice its share.",
			Run:   theShareOfAHungWorkerIsSpreadEvenly,
		},
		{
			Name: "a-hung-worker-gets-no-calls", Clauses: []string{"SEL-3"},
			Cause: "The round ignores the health of a worker, always or when the others are full.",
			Run:   aHungWorkerGetsNoCalls,
		},
	}
}

// callsInSequenceGoRound makes more calls than a counter of 8 bits can count, which 3 does not divide.
func callsInSequenceGoRound(t *T) {
	s := t.stage()
	s.options.Workers = 3
	s.start()
	s.goesRound(100, func() {})
}

// callsGoRoundBesideChecks has each worker checked between two calls.
func callsGoRoundBesideChecks(t *T) {
	s := t.stage()
	s.options.Workers = 3
	s.options.HealthInterval, s.options.HealthTimeout = 20*time.Millisecond, checksNeverEnd(t)
	s.start()
	s.goesRound(4, func() {
		before := map[*scriptedWorker]int{}
		s.withLock(func() {
			for _, w := range s.workers {
				before[w] = w.healthCalls
			}
		})
		if !s.eventually(func() bool {
			for w, n := range before {
				if w.healthCalls <= n {
					return false
				}
			}
			return true
		}) {
			t.Blocked("health calls do not go on, see HLT-1; %s", s.scene())
		}
	})
}

// goesRound makes so many calls for each worker, one by one, and requires each worker to get its share: at the end exactly,
// and after each round no worker two calls more than another. between is called after each call.
func (s *stage) goesRound(rounds int, between func()) {
	t, workers := s.t, s.options.Workers
	for round := range rounds {
		for range workers {
			s.call().succeeds("SEL-1")
			between()
		}
		counts := slices.Collect(maps.Values(callsPerWorker(s)))
		if slices.Max(counts) > slices.Min(counts)+1 {
			t.FailNow("SEL-1", fmt.Sprintf("%d calls in sequence go round %d workers, so none gets two more than another", (round+1)*workers, workers), "%s", s.scene())
		}
	}
	for _, n := range callsPerWorker(s) {
		if n != rounds {
			t.FailNow("SEL-1", fmt.Sprintf("%d calls in sequence give %d to each of %d workers", rounds*workers, rounds, workers), "%s", s.scene())
		}
	}
}

// mismatch says what a case wants of the pool and what it got instead.
type mismatch struct{ want, got string }

func theShareOfAHungWorkerIsSpreadEvenly(t *T) { whileOneIsHung(t, "SEL-2", shareIsSpread) }

// shareIsSpread makes calls one by one and counts how many go to each worker that does not hang.
func shareIsSpread(s *stage, hung *scriptedWorker) *mismatch {
	const calls = 24
	before := callsPerWorker(s)
	for range calls {
		before := callsPerWorker(s)[hung]
		if c := s.call(); !s.eventually(func() bool { return c.ended() || hung.calls > before }) {
			return &mismatch{"calls go to the workers that do not hang", fmt.Sprintf("%s %s; %s", c.method, c.outcome(), s.scene())}
		}
		if callsPerWorker(s)[hung] > before {
			s.t.Blocked("a call reached the worker that hangs, see SEL-3")
		}
	}
	for w, n := range callsPerWorker(s) {
		if share := n - before[w]; w != hung && w.listens() && (share < calls/2-2 || share > calls/2+2) {
			return &mismatch{
				fmt.Sprintf("%d calls over 2 healthy workers give about %d to each", calls, calls/2),
				fmt.Sprintf("%d to %s; %s", share, w.name(), s.scene()),
			}
		}
	}
	return nil
}

func aHungWorkerGetsNoCalls(t *T) { whileOneIsHung(t, "SEL-3", hungGetsNoCalls) }

// hungGetsNoCalls makes calls one by one, and then more than the other workers have slots for, until one arrives at the
// worker that hangs.
func hungGetsNoCalls(s *stage, hung *scriptedWorker) *mismatch {
	before := callsPerWorker(s)[hung]
	for range 9 {
		c := s.call()
		s.eventually(func() bool { return c.ended() || hung.calls > before })
		if callsPerWorker(s)[hung] > before {
			return &mismatch{
				"no calls for a worker that counts as unhealthy while others are healthy",
				fmt.Sprintf("%s reached %s, which hangs; %s", c.method, hung.name(), s.scene()),
			}
		}
	}
	s.holdRequests()
	arrived, slots := len(s.requestsSoFar()), (s.options.Workers-1)*s.options.MaxInFlight
	for range slots + 3 {
		s.call()
	}
	s.eventuallyWithin(s.t.Patience()/4, func() bool { return len(s.requests) >= arrived+slots || hung.calls > before })
	s.watchBriefly(func() bool { return hung.calls > before })
	if callsPerWorker(s)[hung] > before {
		return &mismatch{
			"no calls for a worker that counts as unhealthy while others are healthy, though their slots are all taken",
			fmt.Sprintf("a call reached %s, which hangs; %s", hung.name(), s.scene()),
		}
	}
	return nil
}

// whileOneIsHung calls look while one of 3 workers hangs and the pool counts the other 2 as healthy. On a slow machine the
// pool may take another worker for hung as well. So a mismatch counts only if it is found again with longer and longer
// deadlines for health checks.
func whileOneIsHung(t *T, clause string, look func(s *stage, hung *scriptedWorker) *mismatch) {
	for deadline := shortHealthTimeout(t); ; deadline *= 5 {
		s := t.stage()
		s.options.Workers = 3
		s.options.HealthInterval, s.options.HealthTimeout = 50*time.Millisecond, deadline
		s.start()
		s.withLock(func() { s.onAppear = neverListens })
		hung := s.worker(clause, 2)
		hung.hang()
		s.onlyCountedUnhealthy(hung)
		found := look(s, hung)
		if found == nil {
			return
		}
		if deadline*5 > t.Patience()/2 {
			t.FailNow(clause, found.want, "%s", found.got)
		}
		t.Note("case", "%s; once more, with a longer deadline for health checks", found.got)
		s.clear()
	}
}

// onlyCountedUnhealthy waits until the pool counts one worker as unhealthy and the others have answered more health calls,
// which shows that it is the worker that hangs.
func (s *stage) onlyCountedUnhealthy(hung *scriptedWorker) {
	others := slices.DeleteFunc(s.workersSoFar(), func(w *scriptedWorker) bool { return w == hung })
	for h := (spec.Health{}); h.Healthy != len(others); h = s.health("HLT-2") {
		s.healthBecomes("HLT-2", "a worker that hangs counts as unhealthy, and the others do not", func(h spec.Health) bool {
			return h.Healthy == len(others)
		})
		s.checksGoOn("each worker gets health calls again and again", others...)
	}
}

// callsPerWorker returns how many calls have arrived at each worker, health calls left out.
func callsPerWorker(s *stage) map[*scriptedWorker]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := map[*scriptedWorker]int{}
	for _, w := range s.workers {
		calls[w] = w.calls
	}
	return calls
}

// listens reports whether the worker is ready and has not exited.
func (w *scriptedWorker) listens() bool {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.listening && !w.exited
}
