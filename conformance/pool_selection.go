package conformance

import (
	"fmt"
	"time"
)

func poolSelectionCases() []poolCase {
	return []poolCase{
		{
			Case: Case{
				Name: "calls-in-sequence-go-round", Clauses: []string{"SEL-1"},
				Cause: "the least busy worker is chosen, which is always the first while calls come one by one, or a random one",
			},
			run: func(t *poolT) {
				const workers, rounds = 3, 5
				s := t.stage()
				s.options.Workers = workers
				s.start()
				for range rounds * workers {
					s.call().succeeds("SEL-1")
				}
				for _, n := range callsOf(s) {
					if n != rounds {
						t.FailNow("SEL-1", fmt.Sprintf("%d calls in sequence give %d to each of %d workers", rounds*workers, rounds, workers), "%s", s.scene())
					}
				}
			},
		},
		{
			Case: Case{
				Name: "the-share-of-a-hung-worker-is-spread-evenly", Clauses: []string{"SEL-2"},
				Cause: "the round skips to the next worker or to the first one, which then serves twice its share",
			},
			run: func(t *poolT) {
				const calls = 24
				s, hung := hungStage(t, "SEL-2")
				s.whileOneIsHung("SEL-2", func() (want, got string) {
					before := callsOf(s)
					for range calls {
						s.call().wait("SEL-2")
					}
					for w, n := range callsOf(s) {
						if share := n - before[w]; w != hung && w.listens() && (share < calls/2-2 || share > calls/2+2) {
							return fmt.Sprintf("%d calls over 2 healthy workers give about %d to each", calls, calls/2),
								fmt.Sprintf("%d to %s; %s", share, w.name(), s.scene())
						}
					}
					return "", ""
				})
			},
		},
		{
			Case: Case{
				Name: "a-hung-worker-gets-no-calls", Clauses: []string{"SEL-3"},
				Cause: "the round does not look at the health of a worker",
			},
			run: func(t *poolT) {
				s, hung := hungStage(t, "SEL-3")
				s.whileOneIsHung("SEL-3", func() (want, got string) {
					before := callsOf(s)[hung]
					for range 9 {
						c := s.call()
						s.becomes(func() bool { return c.ended() || hung.calls > before })
						if callsOf(s)[hung] > before {
							return "no calls for a worker that counts as unhealthy while others are healthy",
								fmt.Sprintf("%s reached %s, which hangs; %s", c.method, hung.name(), s.scene())
						}
					}
					return "", ""
				})
			},
		},
	}
}

// hungStage starts 3 workers, has the second one hang and waits until the pool counts 2 as healthy.
// A worker that the pool puts in its place never gets ready.
func hungStage(t *poolT, clause string) (*stage, *scriptedWorker) {
	s := t.stage()
	s.options.Workers = 3
	s.hangsAreNoticed()
	s.start()
	s.set(func() { s.appears = neverListens })
	hung := s.worker(clause, 2)
	hung.hang()
	s.healthBecomes("HLT-2", "a worker that hangs counts as unhealthy", func(h Health) bool { return h.Healthy == 2 })
	return s, hung
}

// hangsAreNoticed sets the times of health checks so that a hung worker is found out soon, and one on a
// busy machine is not taken for one.
func (s *stage) hangsAreNoticed() {
	s.options.HealthInterval = 50 * time.Millisecond
	s.options.HealthTimeout = min(500*time.Millisecond, s.t.patience/4)
}

// whileOneIsHung looks at the pool while exactly one worker of 3 counts as unhealthy. On a slow machine
// another one may be taken for hung meanwhile, so what is found must be found each time.
func (s *stage) whileOneIsHung(clause string, look func() (want, got string)) {
	for tries := 3; ; tries-- {
		s.healthBecomes("HLT-2", "a worker that hangs counts as unhealthy, and the others do not", func(h Health) bool { return h.Healthy == 2 })
		want, got := look()
		if got == "" {
			return
		}
		if tries == 1 {
			s.t.FailNow(clause, want, "%s", got)
		}
	}
}

func callsOf(s *stage) map[*scriptedWorker]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := map[*scriptedWorker]int{}
	for _, w := range s.workers {
		calls[w] = w.calls
	}
	return calls
}

func (w *scriptedWorker) listens() bool {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.listening && !w.gone
}
