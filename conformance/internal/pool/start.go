package pool

import (
	"context"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

// firstCase shows that the pool under test and the suite work together at all.
func firstCase() testCase {
	return testCase{
		Name: "a-right-worker-is-started-and-called", Clauses: []string{"STA-1", "MSG-17"}, Framings: suite.BothFramings,
		Cause: "The pool does not start PoolOptions.Program with PoolOptions.Argument, or leaves PoolOptions.Env or PYPROC_SOCKET_PATH out of its environment, or speaks another framing than PoolOptions.Framing.",
		Run:   aRightWorkerIsStartedAndCalled,
	}
}

func aRightWorkerIsStartedAndCalled(t *T) {
	s := t.stage()
	s.open()
	if err := s.startWith(t.Context(), "STA-1"); err != nil {
		t.FailNow("STA-1", "Start succeeds with one right worker", "error: %v; %s", err, s.scene())
	}
	c := s.call()
	s.eventually(func() bool { return c.ended() || s.unreadable != "" })
	if !t.Failed() {
		c.succeeds("STA-1")
	}
}

func startCases() []testCase {
	return []testCase{
		{
			Name: "each-worker-has-a-socket-path-of-its-own", Clauses: []string{"STA-1"},
			Cause: "All workers get the same socket path.",
			Run:   eachWorkerHasASocketPathOfItsOwn,
		},
		{
			Name: "start-waits-for-a-worker-that-is-late", Clauses: []string{"STA-1"},
			Cause: "Start returns once the processes run, or it gives up after fewer tries than its time limit allows.",
			Run:   startWaits,
		},
		{
			Name: "start-waits-until-a-worker-listens-at-its-socket", Clauses: []string{"STA-1"},
			Cause: "The pool looks for the socket file, which is there before anybody listens, and does not connect.",
			Run:   startWaitsUntilAWorkerListensAtItsSocket,
		},
		{
			Name: "cancelling-its-context-fails-start", Clauses: []string{"STA-7", "STA-3"},
			Cause: "Start looks at its context only before it starts the workers.",
			Run:   cancellingItsContextFailsStart,
		},
		{
			Name: "cancelling-the-context-of-start-later-touches-nothing", Clauses: []string{"STA-7"},
			Cause: "Processes or connections are tied to the context given to Start, for instance by exec.CommandContext.",
			Run:   startContextEndsLater,
		},
		{
			Name: "the-deadline-of-start-is-over-later-and-touches-nothing", Clauses: []string{"STA-7"}, Framings: suite.BothFramings,
			Cause: "The deadline of the context given to Start stays on the connections that Start made.",
			Run:   startDeadlineIsOverLater,
		},
	}
}

func eachWorkerHasASocketPathOfItsOwn(t *T) {
	s := t.stage()
	s.options.Workers = 3
	s.start()
	workers := s.workersSoFar()
	if len(workers) != 3 {
		t.FailNow("STA-1", "3 worker processes after Start", "%d; %s", len(workers), s.scene())
	}
	for i, w := range workers {
		for _, o := range workers[:i] {
			if w.path == o.path {
				t.Fail("STA-1", "a socket path of its own for each worker", "%s and %s both got %q", o.name(), w.name(), w.path)
			}
		}
	}
}

func cancellingItsContextFailsStart(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.StartTimeout = 8 * t.Patience()
	s.onAppear = neverListens
	s.open()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	st := s.beginStart(ctx, "STA-7")
	s.worker("STA-7", 1)
	t.Note("case", "the context of Start is cancelled")
	cancel()
	if err := s.awaitStart(st, "STA-7", "Start returns when its context is cancelled"); err == nil {
		t.FailNow("STA-7", "Start fails when its context is cancelled before the end", "no error")
	}
	noProcessIsLeft(s, "STA-3", "Start has failed")
}

// startWaits lets the workers listen late, one after the other.
func startWaits(t *T) { startWaitsFor(t, neverListens) }

func startWaitsUntilAWorkerListensAtItsSocket(t *T) { startWaitsFor(t, (*scriptedWorker).bind) }

// startWaitsFor lets the workers do something that is not enough when they appear, and listen late.
func startWaitsFor(t *T, appear func(*scriptedWorker)) {
	s := t.stage()
	s.options.Workers = 2
	s.onAppear = appear
	s.open()
	began := time.Now()
	st := s.beginStart(t.Context(), "STA-1")
	returned := func() bool { return isClosed(st.done) }
	late := time.Duration(0) // until the latest worker listened, or Start returned before
	requireNoError := func(err error) {
		if err != nil && late > s.options.StartTimeout/2 {
			t.Blocked("on this slow machine a worker did not listen until %v after Start was called, and Start failed: %v", late, err)
		}
		if err != nil {
			t.FailNow("STA-1", "Start waits for a worker that is late, but within the limit of "+s.options.StartTimeout.String(), "error: %v", err)
		}
	}
	for n := 1; n <= s.options.Workers; n++ {
		w := s.worker("STA-1", n)
		s.waitUntilParked(&st.goroutine, st.done)
		s.watchBriefly(returned)
		if returned() {
			late = time.Since(began)
			requireNoError(s.awaitStart(st, "STA-1", "Start returns"))
			t.FailNow("STA-1", "Start returns only when every worker accepts connections", "it returned before %s listened", w.name())
		}
		w.listen()
		late = time.Since(began)
	}
	requireNoError(s.awaitStart(st, "STA-1", "Start returns when every worker accepts connections"))
	for range s.options.Workers {
		s.call().succeeds("STA-1")
	}
}

// startContextEndsLater cancels the context of Start after Start has returned.
func startContextEndsLater(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.open()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := s.startWith(ctx, "STA-7"); err != nil {
		t.Blocked("Start failed with right workers: %v", err)
	}
	s.runsOnAfter("the context of Start is cancelled", cancel)
}

// startDeadlineIsOverLater lets Start return before the deadline of its context. On a slow machine that takes a later one.
func startDeadlineIsOverLater(t *T) {
	for limit := min(500*time.Millisecond, t.Patience()/10); ; limit *= 4 {
		s := t.stage()
		s.options.Workers = 2
		s.options.HealthInterval = 50 * time.Millisecond
		s.open()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		if err := s.startWith(ctx, "STA-7"); err == nil {
			s.runsOnAfter("the deadline of Start is over", func() { <-ctx.Done() })
			return
		} else if ctx.Err() == nil || 4*limit > t.Patience() {
			t.Blocked("Start failed with right workers: %v", err)
		}
		t.Note("case", "the deadline was over before Start had ended; next: a later one")
		s.clear()
	}
}

// runsOnAfter lets the context of a Start end that has returned, and requires the calls that run then, later ones and the
// workers to go on.
func (s *stage) runsOnAfter(what string, end func()) {
	t := s.t
	s.holdRequests()
	running := s.holdCalls("STA-7", 2)
	t.Note("case", "%s, after its end", what)
	end()
	s.watchBriefly(func() bool { return running[0].ended() || running[1].ended() })
	s.echoRequests()
	s.release("STA-7", running)
	// An effect of the end would show soon, before more health checks and calls are over.
	for round := range 3 {
		for range s.options.Workers {
			s.call().succeeds("STA-7")
		}
		checks := map[*scriptedWorker]int{}
		s.withLock(func() {
			for _, w := range s.workers {
				checks[w] = w.healthCalls
			}
		})
		checked := s.eventually(func() bool {
			for w, before := range checks {
				if w.exited || w.healthCalls <= before {
					return w.exited
				}
			}
			return true
		})
		if !checked {
			t.Blocked("no more health calls arrive, so it cannot be seen whether the workers run on, see HLT-1")
		}
		for _, w := range s.workersSoFar() {
			if w.hasExited() || w.number > s.options.Workers {
				t.FailNow("STA-7", "the workers run on after the context of Start has ended", "in round %d: %s", round+1, s.scene())
			}
		}
	}
}
