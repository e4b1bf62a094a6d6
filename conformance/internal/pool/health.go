package pool

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func healthCases() []testCase {
	return []testCase{
		{
			Name: "each-worker-is-checked-on-the-interval", Clauses: []string{"HLT-1"}, Framings: suite.BothFramings,
			Cause: "The pool takes a running process or an accepted connection for health, or checks one worker for all of them.",
			Run:   eachWorkerIsCheckedOnTheInterval,
		},
		{
			Name: "a-full-worker-is-checked-too", Clauses: []string{"HLT-1"}, Framings: suite.BothFramings,
			Cause: "A health call waits for a slot or a connection behind the calls that it must judge (erratum E10).",
			Run:   aFullWorkerIsCheckedToo,
		},
		{
			Name: "a-worker-that-answers-no-health-call-is-unhealthy", Clauses: []string{"HLT-2", "HLT-1"}, Framings: suite.BothFramings,
			Cause: "A health call has no deadline, or its failure is only logged.",
			Run:   aWorkerThatAnswersNoHealthCallIsUnhealthy,
		},
		{
			Name: "a-worker-that-does-not-read-is-unhealthy", Clauses: []string{"HLT-2", "HLT-1"}, Framings: suite.BothFramings,
			Cause: "The pool counts a health call as answered when it is written.",
			Run:   aWorkerThatDoesNotReadIsUnhealthy,
		},
		{
			Name: "health-counts-workers-and-tells-the-last-check", Clauses: []string{"HLT-3"},
			Cause: "A field of Health is never set.",
			Run:   healthCountsWorkersAndTellsTheLastCheck,
		},
		{
			Name: "health-counts-a-dead-worker-as-unhealthy", Clauses: []string{"HLT-3"},
			Cause: "Health counts the workers that were started.",
			Run:   deadIsUnhealthy,
		},
		{
			Name: "health-counts-a-dead-worker-as-unhealthy-in-this-framing-too", Clauses: []string{"HLT-3"}, Framings: []spec.Framing{spec.Basic},
			Cause: "The pool notices the end of a worker's connections, but not the end of the worker.",
			Run:   deadIsUnhealthy,
		},
		{
			Name: "health-counts-restarts", Clauses: []string{"HLT-3"},
			Cause: "The number of restarts is never set.",
			Run:   healthCountsRestarts,
		},
	}
}

func eachWorkerIsCheckedOnTheInterval(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	s.checksGoOn("each worker gets health calls again and again", s.workersSoFar()...)
}

func aFullWorkerIsCheckedToo(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.holdRequests()
	s.start()
	calls := s.holdCalls("HLT-1", 4)
	s.checksGoOn("a worker whose slots are all taken gets health calls again and again", s.workersSoFar()...)
	s.release("HLT-1", calls)
}

func aWorkerThatAnswersNoHealthCallIsUnhealthy(t *T) { hungWorker(t, (*scriptedWorker).hang) }

func aWorkerThatDoesNotReadIsUnhealthy(t *T) {
	hungWorker(t, func(w *scriptedWorker) { w.readOnly(0) })
}

func healthCountsWorkersAndTellsTheLastCheck(t *T) {
	s := t.stage()
	s.options.Workers = 3
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	s.healthBecomes("HLT-3", "3 workers, 3 of them healthy, no restarts", func(h spec.Health) bool {
		return h.Total == 3 && h.Healthy == 3 && h.Restarts == 0
	})
	first := s.healthBecomes("HLT-3", "the time of a check since the start", func(h spec.Health) bool {
		return h.LastCheck.After(t.Began())
	})
	s.healthBecomes("HLT-3", "a later time after the next check", func(h spec.Health) bool {
		return h.LastCheck.After(first.LastCheck)
	})
}

func healthCountsRestarts(t *T) {
	s := t.stage()
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	s.worker("HLT-3", 1).die()
	if !s.awaitReplacement() {
		t.Note("case", "the worker was not restarted, see HLT-6; so there is no restart to count")
		return
	}
	s.healthBecomes("HLT-3", "at least 1 restart", func(h spec.Health) bool { return h.Restarts >= 1 })
}

// checksGoOn requires three more health calls at each of the workers. It blocks the case if the pool ends one of them
// meanwhile: on a slow machine it may take one for hung that is not.
func (s *stage) checksGoOn(want string, workers ...*scriptedWorker) {
	before := map[*scriptedWorker]int{}
	s.withLock(func() {
		for _, w := range workers {
			before[w] = w.healthCalls
		}
	})
	var ended *scriptedWorker
	s.requireEventually("HLT-1", want+fmt.Sprintf(", with an interval of %v", s.options.HealthInterval), func() bool {
		for w, n := range before {
			if w.exited && !w.exitOrdered {
				ended = w
				return true
			}
			if w.healthCalls < n+3 {
				return false
			}
		}
		return true
	})
	if ended != nil {
		s.t.Blocked("the pool has ended %s, so it gets no more health calls; %s", ended.name(), s.scene())
	}
}

func deadIsUnhealthy(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.StartTimeout = 8 * t.Patience() // the process that replaces the dead one stays in its start
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	s.worker("HLT-3", 1).die()
	s.healthBecomes("HLT-3", "2 workers, 1 of them healthy", func(h spec.Health) bool { return h.Total == 2 && h.Healthy == 1 })
}

// hungWorker lets one of two workers hang, and requires the pool to count it as unhealthy.
func hungWorker(t *T, hang func(*scriptedWorker)) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval, s.options.HealthTimeout = 50*time.Millisecond, shortHealthTimeout(t)
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	s.healthBecomes("HLT-3", "2 healthy workers", func(h spec.Health) bool { return h.Healthy == 2 })
	hang(s.worker("HLT-2", 1))
	s.healthBecomes("HLT-2", fmt.Sprintf("1 healthy worker when the other hangs, with an interval of %v and a deadline of %v",
		s.options.HealthInterval, s.options.HealthTimeout), func(h spec.Health) bool { return h.Healthy == 1 })
}

// awaitDeathNoticed waits until the pool's health, or a new process, shows that the pool has noticed a death.
func (s *stage) awaitDeathNoticed(clause string, victim *scriptedWorker) {
	s.healthBecomes(clause, "Health shows the death of "+victim.name(), func(h spec.Health) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return h.Healthy < s.options.Workers || h.Restarts > 0 || len(s.workers) > s.options.Workers
	})
}

// awaitReplacement waits until a new process replaces one that died and every worker counts as healthy. It returns false
// if no new process listens within the patience of the run.
func (s *stage) awaitReplacement() bool {
	if !s.eventually(func() bool {
		last := s.workers[len(s.workers)-1]
		return len(s.workers) > s.options.Workers && last.listening
	}) {
		s.unlessIgnored("RestartBackoff", "the worker was not restarted within "+s.t.Patience().String())
		return false
	}
	s.healthBecomes("HLT-6", "the pool counts a worker that was restarted as healthy", func(h spec.Health) bool { return h.Healthy == s.options.Workers })
	return true
}

// shortHealthTimeout returns a deadline for health checks that makes a hung worker unhealthy soon, and not a right one on a
// machine that is slow.
func shortHealthTimeout(t *T) time.Duration { return min(1500*time.Millisecond, t.Patience()/5) }
