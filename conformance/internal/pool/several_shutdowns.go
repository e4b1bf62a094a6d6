package pool

import (
	"context"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
)

func severalShutdownCases() []testCase {
	return []testCase{
		{
			Name: "a-second-shutdown-returns-when-nothing-is-left", Clauses: []string{"SHD-8", "SHD-4"}, Framings: suite.BothFramings,
			Cause: "A second Shutdown finds the pool marked as closed and returns, while the first still waits for calls or workers.",
			Run:   aSecondShutdownReturnsWhenNothingIsLeft,
		},
		{
			Name: "a-second-shutdown-whose-context-ends-may-hurry-or-leave", Clauses: []string{"SHD-8", "SHD-4"}, Framings: suite.BothFramings,
			Cause: "A Shutdown whose context ends says that all is done, or makes the others say so.",
			Run:   aSecondShutdownWhoseContextEnds,
		},
	}
}

// pendingShutdown is a Shutdown that runs beside the case.
type pendingShutdown struct {
	name string
	done chan struct{} // closed when it has returned or panicked
	err  error
	left string // what was left when it returned
}

// watchShutdown calls Shutdown beside the case, and looks at the moment of its return for what is left.
func (s *stage) watchShutdown(ctx context.Context, name string) *pendingShutdown {
	p := &pendingShutdown{name: name, done: make(chan struct{})}
	s.t.Note("case", "%s begins", name)
	go func() {
		defer s.notify()
		defer close(p.done)
		if s.t.Protect("SHD-5", name, func() { p.err = s.pool.Shutdown(ctx) }) {
			p.left = s.whatIsLeft()
			s.t.Note("case", "%s returns: %s", name, text.OneLine(p.err))
		}
	}()
	return p
}

// whatIsLeft describes a worker process that still runs or was not reaped, or is empty.
func (s *stage) whatIsLeft() string {
	for _, w := range s.workersSoFar() {
		if left := w.processLeft(); left != "" {
			return left
		}
	}
	return ""
}

// leavesNothing waits for the Shutdown to return and requires that nothing was left then.
func (p *pendingShutdown) leavesNothing(s *stage) {
	if !s.t.WaitFor(s.t.Patience(), p.done) {
		s.t.FailNow("SHD-5", p.name+" returns", "it has not after %v; %s", s.t.Patience(), s.scene())
	}
	if p.left != "" {
		s.t.FailNow("SHD-8", p.name+" returns when nothing is left, because its context has not ended", "it returned (%s), and %s", text.OneLine(p.err), p.left)
	}
}

func aSecondShutdownReturnsWhenNothingIsLeft(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.options.StopTimeout = 8 * t.Patience()
	s.holdRequests()
	stopping := 0
	s.onStop = func(*scriptedWorker) { s.withLock(func() { stopping++; s.notifyLocked() }) }
	s.start()
	running := s.holdCalls("SHD-8", 2)
	first := s.watchShutdown(t.Context(), "the first Shutdown")
	s.untilRefused("SHD-1")
	second := s.watchShutdown(t.Context(), "a Shutdown while calls finish")
	s.watchBriefly(func() bool { return isClosed(second.done) })
	for _, h := range running {
		h.req.answer(h.body)
	}
	s.eventually(func() bool { return stopping > 0 || isClosed(first.done) })
	third := s.watchShutdown(t.Context(), "a Shutdown while workers stop")
	s.watchBriefly(func() bool { return isClosed(third.done) })
	s.withLock(func() { s.onStop = func(w *scriptedWorker) { w.exit(0) } })
	for _, w := range s.workersSoFar() {
		w.exit(0)
	}
	for _, p := range []*pendingShutdown{third, second, first} {
		p.leavesNothing(s)
	}
}

func aSecondShutdownWhoseContextEnds(t *T) {
	s := t.stage()
	s.options.Workers = 2
	s.holdRequests()
	s.start()
	running := s.holdCalls("SHD-8", 2)
	first := s.watchShutdown(t.Context(), "the first Shutdown")
	s.untilRefused("SHD-1")
	hurried := s.watchShutdown(endedContext(t), "a Shutdown whose context has ended")
	// How soon it returns is its own matter: it may hurry all, which takes the stop timeout, or leave at once.
	s.eventuallyWithin(t.Patience()/2, func() bool { return isClosed(hurried.done) })
	s.watchBriefly(func() bool { return isClosed(first.done) })
	for _, h := range running {
		h.req.answer(h.body)
	}
	first.leavesNothing(s)
	if !t.WaitFor(t.Patience(), hurried.done) {
		t.FailNow("SHD-5", hurried.name+" returns", "it has not after %v; %s", t.Patience(), s.scene())
	}
	if hurried.left != "" && hurried.err == nil {
		t.FailNow("SHD-8", hurried.name+" returns its context's error, or when nothing is left", "it returned without error, and %s", hurried.left)
	}
}
