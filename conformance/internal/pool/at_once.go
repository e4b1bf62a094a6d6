package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func atOnceCases() []testCase {
	all := []testCase{
		{
			Name: "a-shutdown-ends-a-start", Clauses: []string{"SHD-7", "SHD-4", "STA-3", "STA-4"},
			Cause: "Shutdown waits for Start, or returns without a word to it.",
			Run:   aShutdownEndsAStart,
		},
	}
	for _, p := range pairs {
		all = append(all, testCase{
			Name: p.first + "-beside-" + p.second, Clauses: []string{"SHD-7", "SHD-4", "STA-3", "STA-4"},
			Cause: p.cause,
			Long:  true, // it plays up to seven pools, one after another
			Run:   p.keepsAllClauses,
		})
	}
	return all
}

// pair is two of the methods of a pool that are called at the same time.
type pair struct{ first, second, cause string }

const (
	start    = "start"
	calling  = "call"
	health   = "health"
	shutdown = "shutdown"
)

// pairs are all of them, each with itself too.
var pairs = []pair{
	{start, start, "Start checks whether the pool was started and marks it in two steps, so that two sets of workers run."},
	{start, calling, "A call takes what Start has made so far, or waits for what a Start never does."},
	{start, health, "Health waits until Start has ended, or counts workers that are not there yet."},
	{start, shutdown, "Shutdown does not know of the workers of a Start that is under way, or the two wait for each other."},
	{calling, calling, "Two calls share what belongs to one."},
	{calling, health, "Health and a call wait for each other, or one changes what the other reads."},
	{calling, shutdown, "A call that has seen the pool open goes on with what Shutdown closes."},
	{health, health, "Health changes what another Health reads."},
	{health, shutdown, "Health uses what Shutdown has given back, or waits until Shutdown has ended."},
	{shutdown, shutdown, "Two Shutdowns give the same thing back, or wait for each other."},
}

// aShutdownEndsAStart calls Shutdown while one worker of a Start listens and the other does not.
func aShutdownEndsAStart(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.StartTimeout = 8 * t.Patience() // the case does not wait for it
	s.onAppear = func(w *scriptedWorker) {
		if w.number == 1 {
			w.listen()
		}
	}
	s.open()
	st := s.beginStart(t.Context(), "SHD-7")
	s.worker("STA-1", 1)
	done := s.beginShutdown(t.Context(), "SHD-7")
	s.awaitShutdown(done, "SHD-7")
	if err := s.awaitStart(st, "SHD-7", "Start returns when a Shutdown began that found it with a worker running"); err == nil {
		t.FailNow("SHD-7", "Start fails when Shutdown ends it before all workers listen", "no error; %s", s.scene())
	}
	noProcessIsLeft(s, "SHD-7", "Start and Shutdown have returned")
	s.call().fails("SHD-7")
}

// keepsAllClauses has the two methods called in each order and at about the same time, by several pools one after
// another.
func (p pair) keepsAllClauses(t *T) {
	orders := []struct {
		name  string
		delay time.Duration // of the second after the first
		swap  bool
	}{
		{name: "at once"}, {name: "at once", swap: true},
		{name: "1 ms apart", delay: time.Millisecond}, {name: "1 ms apart", delay: time.Millisecond, swap: true},
		{name: "10 ms apart", delay: 10 * time.Millisecond}, {name: "10 ms apart", delay: 10 * time.Millisecond, swap: true},
	}
	for _, o := range orders {
		if o.swap && p.first == p.second {
			continue
		}
		a, b := p.first, p.second
		if o.swap {
			a, b = b, a
		}
		t.Note("case", "next: %s, then %s, %s", a, b, o.name)
		p.play(t, a, b, o.delay)
	}
	if p.first == start && p.second != start {
		p.play(t, p.first, p.second, untilAWorkerRuns)
	}
}

// untilAWorkerRuns as a delay lets the second method begin when the first, Start, has a worker running.
const untilAWorkerRuns time.Duration = -1

// lifecycle is what the methods that were called at once have come to.
type lifecycle struct {
	mu        sync.Mutex
	starts    int // that returned without error
	failed    []error
	shutdowns int
}

// play calls both methods, and then requires that the pool is in one of the states that either order leads to.
func (p pair) play(t *T, first, second string, delay time.Duration) {
	s := t.stage()
	s.options.Workers = 2
	s.options.StartTimeout = 8 * t.Patience() // so that a Start that fails has another reason
	if delay == untilAWorkerRuns {
		s.onAppear = neverListens
	}
	s.open()
	startIsOne := first == start || second == start
	if !startIsOne {
		if err := s.startWith(t.Context(), "SHD-7"); err != nil {
			t.Blocked("Start failed with right workers: %v", err)
		}
	}
	var l lifecycle
	var ends []<-chan struct{}
	run := func(method string, wait func()) {
		done, number := make(chan struct{}), len(ends)
		ends = append(ends, done)
		go func() {
			defer s.notify()
			defer close(done)
			wait()
			t.Protect("SHD-7", method, func() { s.runOne(method, number, &l) })
		}()
	}
	ready := make(chan struct{})
	run(first, func() { <-ready })
	run(second, func() {
		<-ready
		switch {
		case delay > 0:
			<-time.After(delay) // part of what is tried, and nothing is waited for
		case delay == untilAWorkerRuns:
			s.eventually(func() bool { return len(s.workers) > 0 })
		}
	})
	close(ready)
	if delay == untilAWorkerRuns {
		// The second method returns while Start waits, unless it is a call, which may wait for Start.
		if second != calling && !t.WaitFor(t.Patience(), ends[1]) {
			t.FailNow("SHD-7", second+" returns while Start waits for a worker", "it has not after %v; %s", t.Patience(), s.scene())
		}
		s.withLock(func() { s.onAppear = func(w *scriptedWorker) { w.listen() } })
		for _, w := range s.workersSoFar() {
			w.listen()
		}
	}
	for i, method := range []string{first, second} {
		if !t.WaitFor(t.Patience(), ends[i]) {
			t.FailNow("SHD-7", method+" returns beside "+[]string{second, first}[i], "it has not after %v; %s", t.Patience(), s.scene())
		}
	}
	if t.Failed() { // one of them panicked
		s.clear()
		return
	}
	s.afterBoth(&l, startIsOne)
	s.clear()
}

// again is how often a call or Health is called, since each is soon over.
const again = 20

// runOne calls one of the methods and records what it came to.
func (s *stage) runOne(method string, number int, l *lifecycle) {
	switch method {
	case start:
		err := s.pool.Start(s.t.Context())
		l.mu.Lock()
		defer l.mu.Unlock()
		if err == nil {
			l.starts++
			s.withLock(func() { s.started = true })
		} else {
			l.failed = append(l.failed, err)
		}
	case calling:
		for i := range again {
			body := fmt.Sprintf(`"caller %d, call %d"`, number, i) // unlike that of the other caller
			answer, err := s.pool.Call(s.t.Context(), "beside", []byte(body))
			if err == nil && wire.DiffBody(body, answer) != "" {
				s.t.Fail("SHD-7", "a call gets its own answer or an error", "%s", wire.DiffBody(body, answer))
			}
		}
	case health:
		for range again {
			if h := s.pool.Health(); h.Healthy > h.Total || h.Total > s.options.Workers {
				s.t.Fail("SHD-7", fmt.Sprintf("Health tells of at most %d workers, and of no more healthy ones than there are", s.options.Workers), "%d workers, %d healthy", h.Total, h.Healthy)
			}
		}
	case shutdown:
		ctx, cancel := context.WithTimeout(s.t.Context(), s.t.Patience()/2)
		defer cancel()
		_ = s.pool.Shutdown(ctx)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.shutdowns++
	}
}

// afterBoth requires that the pool runs with as many workers as it should have, or that it is shut down and nothing is
// left of it.
func (s *stage) afterBoth(l *lifecycle, startIsOne bool) {
	t := s.t
	if l.shutdowns == 0 {
		if startIsOne && l.starts == 0 {
			t.FailNow("SHD-7", "Start succeeds with right workers, whatever is called meanwhile", "%v", errors.Join(l.failed...))
		}
		for range 2 * s.options.Workers {
			s.call().succeeds("SHD-7")
		}
		running := 0
		if !t.Settle(func() bool { running = s.processesRunning(); return running == s.options.Workers }) {
			t.FailNow("SHD-7", fmt.Sprintf("%d worker processes run", s.options.Workers), "%d do after %v; %s", running, t.Patience(), s.scene())
		}
		return
	}
	if startIsOne && l.starts > 0 {
		// Start may have come after Shutdown, and whether that is allowed is open. Then another Shutdown ends it.
		s.call().getsOwnAnswerOrFails("SHD-7")
		_ = s.shutdown("SHD-7")
	}
	noProcessIsLeft(s, "SHD-7", "Shutdown has returned")
	if c := s.call(); startIsOne {
		c.fails("SHD-7")
	} else {
		c.fails("SHD-7", spec.Closed)
	}
}

// processesRunning counts the worker processes that have not ended.
func (s *stage) processesRunning() (n int) {
	for _, w := range s.workersSoFar() {
		if w.processLeft() != "" {
			n++
		}
	}
	return n
}
