package pool

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

func afterRestartCases() []testCase {
	return []testCase{
		{
			Name: "a-restarted-worker-is-checked", Clauses: []string{"HLT-1"}, Framings: suite.BothFramings,
			Cause: "The checks of a worker belong to its first process, and end with it.",
			Run:   aRestartedWorkerIsChecked,
		},
		{
			Name: "calls-after-a-restart-succeed", Clauses: []string{"HLT-4"}, Framings: suite.BothFramings,
			Cause: "The first call after a restart gets a connection of the process that died.",
			Run:   callsAfterARestartSucceed,
		},
		{
			Name: "calls-go-round-after-a-restart", Clauses: []string{"SEL-1"},
			Cause: "A restart puts the new process into the round beside what was there for the old one, or at a place of its own.",
			Run:   callsGoRoundAfterARestart,
		},
		{
			Name: "output-of-a-restarted-worker-is-read", Clauses: []string{"OUT-1"},
			Cause: "Start begins to read what a worker prints, and a restart does not.",
			Run:   outputOfARestartedWorkerIsRead,
		},
		{
			Name: "ids-are-not-used-again-after-a-restart", Clauses: []string{"RID-2", "RID-9", "RID-4"}, Framings: suite.BothFramings,
			Cause: "A restart makes the counter of IDs anew, so that a call that waits at another worker shares its ID with a later one.",
			Run:   idsAreNotUsedAgainAfterARestart,
		},
		{
			Name: "shutdown-leaves-nothing-of-restarted-workers", Clauses: []string{"SHD-4"},
			Cause: "Shutdown knows the processes that Start has started, and not those that took their places.",
			Run:   shutdownLeavesNothingOfRestartedWorkers,
		},
	}
}

// replace lets a worker die, and waits until a new process has taken its place and every worker counts as healthy. It
// returns nil if the pool does not restart the worker within the patience of the run. The script then answers requests.
func (s *stage) replace(victim *scriptedWorker) *scriptedWorker {
	n := len(s.workersSoFar())
	s.echoRequests()
	victim.die()
	s.callUntil(s.t.Patience(), func() bool { return len(s.workers) > n && s.workers[n].listening })
	if len(s.workersSoFar()) == n {
		s.unlessIgnored("RestartBackoff", "the worker was not restarted within "+s.t.Patience().String())
		s.t.Note("case", "the worker was not restarted, see HLT-6")
		return nil
	}
	s.awaitAllHealthy()
	return s.nthWorker(n)
}

// mustReplace is like replace, and ends the case where the pool does not restart workers.
func (s *stage) mustReplace(victim *scriptedWorker) *scriptedWorker {
	again := s.replace(victim)
	if again == nil {
		s.t.Blocked("the worker was not restarted, see HLT-6; so nothing can be seen after a restart")
	}
	return again
}

func aRestartedWorkerIsChecked(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.start()
	worker := s.worker("HLT-1", 1)
	for range 2 {
		worker = s.mustReplace(worker)
		s.checksGoOn("a worker that was restarted gets health calls again and again", worker)
	}
}

// callsAfterARestartSucceed makes calls, one by one and then as many at once as there are slots, after each of two restarts.
func callsAfterARestartSucceed(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.checkOften()
	s.start()
	victim := s.worker("HLT-4", 1)
	for range 2 {
		victim = s.mustReplace(victim)
		for range 2 * s.options.Workers {
			s.call().succeeds("HLT-4")
		}
		s.holdRequests()
		s.release("HLT-4", s.holdCalls("HLT-4", s.options.Workers*s.options.MaxInFlight))
	}
}

// callsGoRoundAfterARestart makes calls one by one after each of two restarts, of different workers. The first ones are for
// what a pool does only when a call comes.
func callsGoRoundAfterARestart(t *T) {
	s := t.stage()
	s.options.Workers = 3
	s.checkOften()
	s.start()
	for n := range 2 {
		s.mustReplace(s.worker("SEL-1", 1+n))
		for range s.options.Workers {
			s.call().isAnswered("HLT-4")
		}
		before := callsPerWorker(s)
		const rounds = 4
		for range rounds * s.options.Workers {
			s.call().isAnswered("HLT-4")
		}
		if h := s.health("SEL-1"); h.Healthy != s.options.Workers {
			t.Blocked("after the restart %d of %d workers are healthy, so it is not known among how many calls go round; %s", h.Healthy, h.Total, s.scene())
		}
		for w, n := range callsPerWorker(s) {
			if share := n - before[w]; !w.hasExited() && share != rounds {
				t.FailNow("SEL-1", fmt.Sprintf("%d calls in sequence after a restart give %d to each of %d workers", rounds*s.options.Workers, rounds, s.options.Workers), "%d to %s; %s", share, w.name(), s.scene())
			}
		}
	}
}

func outputOfARestartedWorkerIsRead(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.checkOften()
	s.start()
	victim := s.worker("OUT-1", 1)
	for range 2 {
		victim = s.mustReplace(victim)
		s.canPrint(victim, "that was started in place of one that died")
		s.call().isAnswered("HLT-4")
	}
}

// idsAreNotUsedAgainAfterARestart lets the first calls of all wait at a worker while the other one is restarted and then
// called more often than there were calls before.
func idsAreNotUsedAgainAfterARestart(t *T) {
	s := t.stage()
	s.options.Workers, s.options.MaxInFlight = 2, 12
	s.checkOften()
	s.holdRequests()
	s.start()
	calls := s.holdCalls("RID-2", s.options.Workers*8)
	victim := calls[0].req.worker
	s.mustReplace(victim)
	for range 40 {
		c := s.call()
		s.eventually(func() bool { return c.ended() || s.audit.reported["RID-2"] })
	}
	s.audit.wait()
	if t.Failed() {
		return
	}
	for _, h := range calls {
		if h.req.worker != victim {
			s.release("RID-4", []heldCall{h})
		}
	}
}

// shutdownLeavesNothingOfRestartedWorkers restarts each of two workers, one of them twice.
func shutdownLeavesNothingOfRestartedWorkers(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.checkOften()
	s.start()
	again := s.mustReplace(s.worker("SHD-4", 1))
	s.mustReplace(s.worker("SHD-4", 2))
	s.mustReplace(again)
	_ = s.shutdown("SHD-4")
	noProcessIsLeft(s, "SHD-4", "Shutdown has returned")
	noSocketIsLeft(s, "SHD-4", "Shutdown has returned")
}
