package pool

import (
	"context"
	"fmt"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
)

// slowStart is a Start beside the history: one of its workers does not listen before the step "ready".
type slowStart struct {
	step   explore.Step
	before int          // processes before it
	beside []*slowStart // the Start that was called while it ran
	cancel context.CancelFunc
	done   chan struct{}
	err    error
	panics any
}

func (s *slowStart) returned() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// beginStart begins a Start beside the history.
func (p *player) beginStart(step explore.Step, before int) *slowStart {
	ctx, cancel := context.WithCancel(p.ctx)
	s := &slowStart{step: step, before: before, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer func() {
			s.panics = recover()
			close(s.done)
			p.mu.Lock()
			p.changedLocked()
			p.mu.Unlock()
		}()
		p.label.do(func() { s.err = p.pool.Start(ctx) })
	}()
	return s
}

// startSlowly begins a Start that cannot be done before the step "ready".
func (p *player) startSlowly(s *slowStart) {
	victim := s.before + 1 + max(s.step.Worker-1, 0)%p.m.options.Workers
	p.mu.Lock()
	p.m.starting = s
	p.mu.Unlock()
	p.await(func() bool { return len(p.m.processes) >= victim || s.returned() })
}

// mayDuringStart are the steps that a slow Start can have beside it. What befalls a worker would make it fail.
var mayDuringStart = []string{"settle", "call", "end-context", "answer", "health", "shutdown", "start", "ready"}

// duringStart reports whether the step cannot be played, since a Start is running.
func (p *player) duringStart(step explore.Step) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.m.starting
	switch {
	case s == nil:
		return false
	case step.Do == "answer":
		return !slices.Contains(rightAnswers, step.How)
	case step.Do == "shutdown" && len(s.beside) > 0:
		return true // whether the second of two Starts may follow a Shutdown that ends the first is left open [SHD-7]
	}
	return !slices.Contains(mayDuringStart, step.Do)
}

// rightAnswers are the answers for which a pool may give up neither connection nor worker.
var rightAnswers = []string{"", "error", "no-body", "envelope", "envelope-id", "more"}

// ready has the worker listen that a slow Start waits for, unless the pool is shut down meanwhile, and waits until Start has
// returned.
func (p *player) ready() {
	p.mu.Lock()
	s := p.m.starting
	if s == nil || p.m.stopping {
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	p.awaitFor(arrivesSoon, s.returned) // it must not. Nothing follows from the wait
	if !s.returned() {
		p.listenAll()
	}
	p.awaitStart(s, explore.Failure{Rule: "start-returns", Clause: "STA-1", Kin: []string{"SHD-7"}, Want: "Start returns, since every worker listens", Got: "it does not"})
}

// listenAll has every worker listen that does not yet. What Shutdown meets it must deal with as it is [SHD-7].
func (p *player) listenAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m.stopping {
		return
	}
	for _, w := range p.m.processes {
		if w.silent && !w.exited {
			w.silent, w.listens = false, true
			p.note(w.name(), "listens at last")
			w.order(scripted.Message{Kind: scripted.OrderListen})
		}
	}
	for number, fate := range p.m.fate { // a process that has yet to appear need not wait
		if fate == "slow" || fate == "bound" {
			delete(p.m.fate, number)
		}
	}
}

// awaitStart waits until Start has returned, and judges it.
func (p *player) awaitStart(s *slowStart, missing explore.Failure) {
	p.must(func() *explore.Failure {
		if s.returned() {
			return nil
		}
		missing.NotSeen = true
		return &missing
	})
	if !s.returned() {
		return
	}
	s.cancel()
	p.besideStart(s)
	p.mu.Lock()
	stopping := p.m.stopping
	p.m.starting = nil
	p.mu.Unlock()
	if !stopping {
		p.startReturned(s.step, s.before, s.err, s.panics)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note("caller", "Start returned: %v", s.err)
	if p.unreachable(s.err) {
		return
	}
	p.m.exercise("SHD-7")
	if s.panics != nil || s.err == nil {
		p.m.fail(explore.Failure{
			Rule: "shutdown-ends-a-start", Clause: "SHD-7", Kin: []string{"STA-1", "SHD-5"},
			Want: "an error from Start, since Shutdown was called before all its workers were ready", Got: startOutcome(s),
		})
	}
}

// besideStart waits for the Start that was called while the other ran, and looks whether both have started workers.
func (p *player) besideStart(s *slowStart) {
	if len(s.beside) == 0 {
		return
	}
	second := s.beside[0]
	p.must(func() *explore.Failure {
		if second.returned() {
			return nil
		}
		return &explore.Failure{Rule: "start-returns", Clause: "SHD-7", Kin: []string{"STA-1"}, NotSeen: true, Want: "the second Start returns, since the first one has", Got: "it does not"}
	})
	if !second.returned() {
		return
	}
	second.cancel()
	if second.panics != nil {
		p.mu.Lock()
		p.m.fail(explore.Failure{Rule: "no-panic", Clause: "SHD-5", Want: "the second Start returns", Got: fmt.Sprint("panic: ", second.panics)})
		p.mu.Unlock()
		return
	}
	// A Start that finds the socket of another one's worker may return before its own has appeared. Nothing follows from the wait.
	p.awaitFor(arrivesSoon, func() bool { return len(p.m.processes)-s.before > p.m.options.Workers })
	p.must(func() *explore.Failure {
		alive, collided := 0, 0
		for _, w := range p.m.processes[s.before:] {
			if !w.exited {
				alive++
			} else if !w.ordered && len(w.signals) == 0 && !p.m.mayReplace() && p.m.pathTaken(w) {
				collided++
			}
		}
		if alive <= p.m.options.Workers && collided == 0 {
			p.m.exercise("SHD-7")
			return nil
		}
		return &explore.Failure{
			Rule: "two-starts-start-one-pool", Clause: "SHD-7", Kin: []string{"STA-1", "SHD-4"}, NotSeen: true,
			Want: fmt.Sprintf("%d workers, also where Start is called twice", p.m.options.Workers), Got: fmt.Sprintf("%d processes, and %d that ended by themselves", alive, collided),
		}
	})
}

// pathTaken reports whether another process has the path of that one.
func (m *model) pathTaken(w *process) bool {
	return slices.ContainsFunc(m.processes, func(o *process) bool { return o != w && o.path == w.path })
}

func startOutcome(s *slowStart) string {
	if s.panics != nil {
		return "a panic"
	}
	return "no error"
}
