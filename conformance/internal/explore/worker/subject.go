package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/worker"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Subject is the worker under test. It implements [explore.Subject].
type Subject struct {
	Command  worker.Command
	Framings []spec.Framing
	// StartWithin is how long the worker may take to accept connections.
	StartWithin time.Duration

	traits *traits
}

// Role implements [explore.Subject].
func (s *Subject) Role() spec.Role { return spec.RoleWorker }

// Name returns the command line.
func (s *Subject) Name() string { return s.Command.String() }

// Open starts a process of the worker.
func (s *Subject) Open(ctx context.Context) (explore.Session, error) {
	if err := s.Command.Startable(); err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, s.StartWithin)
	defer cancel()
	running, err := worker.Launch(within, s.Command)
	if err != nil {
		return nil, err
	}
	p := &Player{command: s.Command, framings: s.Framings, running: running}
	if s.traits == nil {
		t, err := s.calibrate(running)
		if err != nil {
			running.Discard()
			return nil, err
		}
		s.traits = &t
	}
	p.traits = *s.traits
	p.traits.within = func(pid int) bool { return proc.IsWithin(pid, running.PID()) }
	if p.gauge, err = openSide(running.Socket(), s.Framings[0]); err == nil {
		p.pacer, err = openSide(running.Socket(), s.Framings[0])
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// napping is how long the handler sleeps that the traits are measured beside. An answer that comes later than that only
// makes the model demand less.
const napping = 300 * time.Millisecond

// calibrate measures the traits of the worker.
func (s *Subject) calibrate(r *worker.Running) (t traits, err error) {
	gauge, err := openSide(r.Socket(), s.Framings[0])
	if err != nil {
		return t, err
	}
	defer gauge.close()
	n, ok := gauge.inflight(s.StartWithin)
	if !ok {
		return t, fmt.Errorf("the worker answers no `inflight` with a number in the %s framing: see WRK-21 and `pyproctest run`; %s", s.Framings[0], r.Output())
	}
	t.idle = n
	t.concurrent = s.answersBesideASleep(r, false)
	t.overtakes = s.answersBesideASleep(r, true)
	return t, nil
}

// answersBesideASleep reports whether something that was asked while a handler slept was answered before it had slept: on
// the same connection or on another one.
func (s *Subject) answersBesideASleep(r *worker.Running, same bool) bool {
	sleeper, err := openSide(r.Socket(), s.Framings[0])
	if err != nil {
		return false
	}
	defer sleeper.close()
	asker := sleeper
	if !same {
		if asker, err = openSide(r.Socket(), s.Framings[0]); err != nil {
			return false
		}
		defer asker.close()
	}
	began := time.Now()
	slept := sleeper.begin("sleep", fmt.Sprintf(`{"ms":%d}`, napping.Milliseconds()))
	type asked struct{ at, answered time.Time }
	var all []asked
	for time.Since(began) < s.StartWithin && sleeper.answeredAt(slept).IsZero() {
		a := asked{at: time.Now()}
		id := asker.begin("health", "null")
		if asker.awaitID(id, s.StartWithin) {
			a.answered = asker.answeredAt(id)
			all = append(all, a)
		}
		sleeper.awaitID(slept, napping/10)
	}
	end := sleeper.answeredAt(slept)
	for _, a := range all {
		if !end.IsZero() && a.at.After(end.Add(-napping*9/10)) && a.answered.Before(end.Add(-napping/10)) {
			return true
		}
	}
	return false
}
