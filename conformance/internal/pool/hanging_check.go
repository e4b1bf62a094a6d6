package pool

import (
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func hangingCheckCases() []testCase {
	return []testCase{
		{
			Name: "health-returns-while-checks-hang", Clauses: []string{"HLT-9"}, Framings: suite.BothFramings,
			Cause: "Health makes a check itself, or it waits for a lock that is held during a check.",
			Run:   healthReturnsWhileChecksHang,
		},
		{
			Name: "health-returns-while-a-check-hangs-and-a-worker-is-restarted", Clauses: []string{"HLT-9"},
			Cause: "Health waits for a lock that is held until a restart has ended.",
			Run:   healthReturnsDuringARestart,
		},
		{
			Name: "health-returns-while-a-check-hangs-in-shutdown", Clauses: []string{"HLT-9"},
			Cause: "Health waits for a lock that is held until Shutdown has ended, or until the checks have.",
			Run:   healthReturnsDuringShutdown,
		},
		{
			Name: "a-check-that-fails-is-the-last-check", Clauses: []string{"HLT-10"}, Framings: suite.BothFramings,
			Cause: "The pool sets the time of the last check only when a worker has answered.",
			Run:   aCheckThatFailsIsTheLastCheck,
		},
		{
			Name: "the-last-check-is-that-of-any-worker", Clauses: []string{"HLT-10"}, Framings: suite.BothFramings,
			Cause: "Health tells the last check of the first worker, or the oldest of the last checks.",
			Run:   theLastCheckIsThatOfAnyWorker,
		},
		{
			Name: "the-time-of-a-check-is-when-it-ended", Clauses: []string{"HLT-10"}, Framings: suite.BothFramings,
			Cause: "The pool takes the time when a check begins.",
			Run:   theTimeOfACheckIsWhenItEnded,
		},
		{
			Name: "a-worker-is-checked-while-the-check-of-another-hangs", Clauses: []string{"HLT-12"}, Framings: suite.BothFramings,
			Cause: "The pool checks its workers one after another, so that one that hangs holds up the checks of all.",
			Run:   checkedBesideAHangingCheck,
		},
		{
			Name: "a-worker-that-answers-again-is-given-calls-again", Clauses: []string{"HLT-13"}, Framings: suite.BothFramings,
			Cause: "The pool does not check a worker any more that was unhealthy once, or the round leaves it out for good.",
			Run:   aWorkerThatAnswersAgainIsGivenCallsAgain,
		},
		{
			Name: "no-worker-is-healthy-after-shutdown", Clauses: []string{"HLT-11"}, Framings: suite.BothFramings,
			Cause: "Shutdown stops the workers and leaves what Health tells as it was.",
			Run:   noWorkerIsHealthyAfterShutdown,
		},
		{
			Name: "no-worker-is-healthy-after-a-shutdown-that-was-hurried", Clauses: []string{"HLT-11"},
			Cause: "Shutdown forgets what Health tells where its context ends before it has stopped the workers.",
			Run:   noWorkerIsHealthyAfterAHurriedShutdown,
		},
	}
}

// checksNeverEnd is a deadline for health checks that no case outlasts.
func checksNeverEnd(t *T) time.Duration { return 8 * t.Patience() }

// startWithChecksThatHang starts a pool of 2 workers whose checks have no deadline that the case could see.
func startWithChecksThatHang(t *T) *stage {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval, s.options.HealthTimeout = 50*time.Millisecond, checksNeverEnd(t)
	s.start()
	s.withLock(func() { s.onAppear = neverListens })
	return s
}

// hangInCheck lets the worker hang and waits until a check of it hangs.
func (s *stage) hangInCheck(w *scriptedWorker) {
	w.hang()
	s.requireEventually("HLT-1", "a health call reaches "+w.name(), func() bool { return len(w.unanswered) > 0 })
}

// eachHangsInCheck lets each of the two workers hang in a check, one after the other, and calls look meanwhile. Both
// hang in the same pool: which worker of a pool appears first is not the same in two pools.
func (s *stage) eachHangsInCheck(look func(s *stage, hung, other *scriptedWorker)) {
	for n := range 2 {
		hung, other := s.nthWorker(n), s.nthWorker(1-n)
		s.hangInCheck(hung)
		look(s, hung, other)
		before := 0
		s.withLock(func() { before = hung.healthCalls })
		hung.resume()
		if !s.eventually(func() bool { return hung.healthCalls > before || hung.exited }) {
			s.t.Blocked("checks of %s do not go on when it answers again, see HLT-1", hung.name())
		}
		if hung.hasExited() {
			s.t.Note("case", "the pool has ended %s, whose check had not ended; so the other worker is not tried", hung.name())
			return
		}
	}
}

func healthReturnsWhileChecksHang(t *T) {
	s := startWithChecksThatHang(t)
	for n := range s.options.Workers {
		w := s.nthWorker(n)
		w.hang()
		// A pool that checks one worker after another does not come to the second one.
		s.eventuallyWithin(t.Patience()/8, func() bool { return len(w.unanswered) > 0 })
		if n == 0 && !s.eventually(func() bool { return len(w.unanswered) > 0 || len(s.workers[1].unanswered) > 0 }) {
			t.Blocked("no health call arrives, see HLT-1")
		}
		s.health("HLT-9")
	}
}

func healthReturnsDuringARestart(t *T) {
	s := startWithChecksThatHang(t)
	s.hangInCheck(s.worker("HLT-9", 1))
	s.worker("HLT-9", 2).die()
	s.health("HLT-9")
	s.eventuallyWithin(t.Patience()/8, func() bool { return len(s.workers) > 2 }) // a pool need not restart, see HLT-6
	s.health("HLT-9")
}

func healthReturnsDuringShutdown(t *T) {
	s := startWithChecksThatHang(t)
	s.holdRequests()
	running := s.holdCalls("HLT-9", 2)
	s.hangInCheck(s.worker("HLT-9", 1))
	var stopped int
	s.withLock(func() { s.onStop = func(*scriptedWorker) { s.withLock(func() { stopped++; s.notifyLocked() }) } })
	done := s.beginShutdown(t.Context(), "HLT-9")
	s.untilRefused("SHD-1")
	s.health("HLT-9") // while calls finish
	for _, h := range running {
		h.req.answer(h.body)
	}
	s.eventually(func() bool { return stopped > 0 || isClosed(done) })
	s.health("HLT-9") // while workers stop
	for _, w := range s.workersSoFar() {
		w.exit(0)
	}
	s.awaitShutdown(done, "HLT-9")
}

// lastCheckBecomes waits until Health tells a last check that ended at that time or later. A pool in another process
// tells whole milliseconds.
func (s *stage) lastCheckBecomes(want string, at time.Time) {
	var h spec.Health
	if !s.t.Settle(func() bool { h = s.health("HLT-9"); return !h.LastCheck.Before(at.Truncate(time.Millisecond)) }) {
		s.t.blockIfLate()
		s.t.FailNow("HLT-10", want, "after %v Health still says that the last check ended %s; %s",
			s.t.Patience(), ago(h.LastCheck), s.scene())
	}
}

// aCheckThatFailsIsTheLastCheck lets the only worker hang, so that its checks end by their deadline.
func aCheckThatFailsIsTheLastCheck(t *T) {
	s := t.stage()
	s.options.HealthInterval, s.options.HealthTimeout = 50*time.Millisecond, shortHealthTimeout(t)
	s.start()
	s.withLock(func() { s.onAppear = neverListens }) // for a pool that replaces the worker
	w := s.worker("HLT-10", 1)
	s.hangInCheck(w)
	s.healthBecomes("HLT-2", "no healthy worker when the only one hangs", func(h spec.Health) bool { return h.Healthy == 0 })
	s.lastCheckBecomes("the time of a check that failed, as the last check", w.hungSince)
}

// theLastCheckIsThatOfAnyWorker lets the check of one worker hang, and looks at what Health tells after checks of the
// other one.
func theLastCheckIsThatOfAnyWorker(t *T) {
	startWithChecksThatHang(t).eachHangsInCheck(func(s *stage, hung, other *scriptedWorker) {
		before := 0
		s.withLock(func() { before = other.healthCalls })
		if !s.eventuallyWithin(t.Patience()/4, func() bool { return other.healthCalls > before }) {
			t.Note("case", "%s gets no health calls meanwhile, see HLT-12; so no check ends", other.name())
			return
		}
		began := time.Now()
		if !s.eventually(func() bool { return other.healthCalls > before+2 }) { // so the check before it has ended
			t.Blocked("checks of %s do not go on, see HLT-1", other.name())
		}
		s.lastCheckBecomes("the time of the last check of "+other.name()+", while the check of "+hung.name()+" has not ended", began)
	})
}

// theTimeOfACheckIsWhenItEnded answers one check late, and none after it.
func theTimeOfACheckIsWhenItEnded(t *T) {
	s := t.stage()
	s.options.HealthInterval, s.options.HealthTimeout = 50*time.Millisecond, checksNeverEnd(t)
	s.start()
	w := s.worker("HLT-10", 1)
	s.hangInCheck(w)
	s.watchBriefly(func() bool { return w.exited }) // so that the beginning and the end of the check differ
	answered := time.Now()
	var late *request
	s.withLock(func() { late = w.unanswered[0] })
	late.answerHealth()
	s.lastCheckBecomes("the time when the check ended, as the last check", answered)
}

func checkedBesideAHangingCheck(t *T) {
	startWithChecksThatHang(t).eachHangsInCheck(func(s *stage, hung, other *scriptedWorker) {
		before := 0
		s.withLock(func() { before = other.healthCalls })
		s.requireEventually("HLT-12", other.name()+" gets health calls while the check of "+hung.name()+" is unanswered", func() bool {
			return other.healthCalls > before+1 // one may have been on its way
		})
	})
}

func aWorkerThatAnswersAgainIsGivenCallsAgain(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval, s.options.HealthTimeout = 50*time.Millisecond, shortHealthTimeout(t)
	s.start()
	hung := s.worker("HLT-13", 1)
	hung.hang()
	s.healthBecomes("HLT-2", "1 healthy worker when the other hangs", func(h spec.Health) bool { return h.Healthy == 1 })
	hung.resume()
	before := callsPerWorker(s)
	s.callUntil(t.Patience(), func() bool { return hung.calls > before[hung] || hung.exited })
	after, elsewhere := callsPerWorker(s), 0
	if after[hung] > before[hung] {
		return
	}
	for w, n := range after {
		if w != hung {
			elsewhere += n - before[w]
		}
	}
	if hung.hasExited() {
		t.Note("case", "the pool has replaced the worker that hung, so it cannot become healthy again")
		return
	}
	if elsewhere < 2 {
		t.Blocked("no worker is given calls, see SEL-3; on a slow machine the checks of all may come too late")
	}
	t.FailNow("HLT-13", "a worker that hung and answers again is given calls again", "none in %v; %s", t.Patience(), s.scene())
}

func noWorkerIsHealthyAfterShutdown(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	s.checksGoOn("each worker gets health calls", s.workersSoFar()...)
	s.call().succeeds("HLT-11")
	_ = s.shutdown("HLT-11")
	s.noneIsHealthy()
}

func noWorkerIsHealthyAfterAHurriedShutdown(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.holdRequests()
	s.start()
	s.holdCalls("HLT-11", 2)
	_ = s.shutdownWith(endedContext(t), "HLT-11")
	s.noneIsHealthy()
}

// noneIsHealthy requires that Health tells of no healthy worker, at once and a little later.
func (s *stage) noneIsHealthy() {
	for range 2 {
		if h := s.health("HLT-11"); h.Healthy > 0 {
			s.t.FailNow("HLT-11", "no healthy worker when Shutdown has returned", "Health says %d workers, %d of them healthy", h.Total, h.Healthy)
		}
		s.watchBriefly(func() bool { return false })
	}
}
