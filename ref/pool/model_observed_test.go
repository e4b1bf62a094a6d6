package pool_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// observed is what callers and workers see of a pool at one moment.
type observed struct {
	calls     map[int]observedCall
	told      *told
	health    pool.Health
	shutdowns []shutdown
	wrong     []string
}

type observedCall struct {
	at         int // the worker that has its request, or nobody
	sentTo     int // the worker that has read its request, or nobody
	ended      end
	mayHaveRun bool
	cancelled  bool // its worker was told
	err        error
}

type shutdown struct {
	returned bool
	err      error
}

// observe collects it. Nothing may happen meanwhile.
func (s *system) observe() observed {
	if s.pool == nil {
		return observed{}
	}
	o := observed{calls: map[int]observedCall{}, told: s.told, health: s.pool.Health()}
	for i, done := range s.shutdowns {
		select {
		case err := <-done:
			s.shutdowns[i] = returned(err)
			o.shutdowns = append(o.shutdowns, shutdown{true, err})
		default:
			o.shutdowns = append(o.shutdowns, shutdown{})
		}
	}
	if len(o.shutdowns) > 0 && !slices.Contains(o.shutdowns, shutdown{}) {
		s.demandNothingLeft("SHD-4")
	}
	for n, c := range s.calls {
		o.calls[n] = s.observeCall(n, c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o.wrong = slices.Clone(s.wrong)
	return o
}

// returned makes a channel that has a result again.
func returned(err error) <-chan error {
	again := make(chan error, 1)
	again <- err
	return again
}

func (s *system) observeCall(n int, c *liveCall) observedCall {
	select {
	case o := <-c.done:
		c.end = &o
	default:
	}
	o := observedCall{at: nobody, sentTo: nobody}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.requests[n]; r != nil {
		o.cancelled = r.cancelled
		o.sentTo = r.connection.spec.Worker
		if !r.over {
			o.at = r.connection.spec.Worker
		}
	}
	if c.end != nil {
		o.err = c.end.err
		o.ended = s.endOf(n, *c.end)
		o.mayHaveRun = errors.Is(o.err, pool.ErrMayHaveRun)
	}
	return o
}

func (s *system) endOf(n int, o outcome) end {
	var remote *pool.RemoteError
	switch {
	case o.err == nil && string(o.body) == strconv.Itoa(n):
		return answered
	case o.err == nil:
		s.blame("[RID-4] call %d got the answer %s", n, o.body)
		return answered
	case errors.As(o.err, &remote):
		if remote.Message != strconv.Itoa(n) {
			s.blame("[RID-4] call %d got the error answer %q", n, remote.Message)
		}
		return refusedByIt
	case errors.Is(o.err, context.Canceled):
		return canceled
	case errors.Is(o.err, pool.ErrBusy):
		return busy
	case errors.Is(o.err, pool.ErrNotStarted):
		return notStarted
	case errors.Is(o.err, pool.ErrClosed):
		return shut
	case errors.Is(o.err, pool.ErrWorkerDied):
		return died
	}
	return broken
}

// differences returns how the pool differs from the model, each with its clause.
func (o observed) differences(m model) []string {
	all := o.wrong
	differ := func(clause, format string, args ...any) {
		all = append(all, "["+clause+"] "+fmt.Sprintf(format, args...))
	}
	if m.phase == unmade {
		return all
	}
	requests := 0
	for _, c := range o.calls {
		if c.at != nobody {
			requests++
		}
	}
	for _, n := range slices.Sorted(maps.Keys(m.calls)) {
		want, got := m.calls[n], o.calls[n]
		switch {
		case got.ended != want.ended && want.ended != "":
			differ(clauseOf[want.ended], "call %d comes to %s: %v, expected %s", n, whatOf(got.ended), got.err, want.ended)
		case got.ended != "" && want.ended == "":
			differ("RID-4", "call %d comes to %s: %v, though it goes on", n, got.ended, got.err)
		case got.at == want.at:
		case want.at == nobody && want.ended == "" && requests > len(m.atWorkers()):
			differ("BPR-1", "call %d is at worker %d, though it waits", n, got.at)
		case want.at == nobody && want.ended == "":
			differ("BPR-5", "call %d is at worker %d, out of its turn", n, got.at)
		case want.at == nobody:
			differ("HLT-8", "call %d is at worker %d, though it has ended", n, got.at)
		case got.at == nobody:
			differ("BPR-7", "call %d waits, though worker %d is free", n, want.at)
		default:
			differ("SEL-1", "call %d is at worker %d, expected at worker %d", n, got.at, want.at)
		}
		if want.ended != "" && got.ended == want.ended && got.mayHaveRun != want.mayHaveRun {
			differ("HLT-5", "call %d says that it may have run: %t, expected %t", n, got.mayHaveRun, want.mayHaveRun)
		}
		// When the last call ends, Shutdown stops the workers, perhaps before they get the cancellation.
		if want.withdrawn && !got.cancelled && m.phase != closed {
			differ("CAN-2", "the worker was not told that call %d is cancelled", n)
		}
	}
	o.healthDiffers(m, differ)
	all = append(all, o.told.differences(m, func(n int) int { return o.calls[n].sentTo })...)
	for i, s := range o.shutdowns {
		var want error
		if m.hurried {
			want = context.Canceled
		}
		switch {
		case s.returned != (m.phase == closed):
			differ("SHD-2", "Shutdown %d has returned: %t, expected %t", i, s.returned, m.phase == closed)
		case s.returned && !errors.Is(s.err, want):
			differ("SHD-2", "the error of Shutdown %d is %v, expected %v", i, s.err, want)
		}
	}
	return all
}

func whatOf(e end) end {
	if e == "" {
		return "nothing yet"
	}
	return e
}

func (o observed) healthDiffers(m model, differ func(clause, format string, args ...any)) {
	h := o.health
	if h.Total != m.workers || h.Healthy != m.healthy() {
		differ("HLT-3", "%d of %d workers are healthy, expected %d of %d", h.Healthy, h.Total, m.healthy(), m.workers)
	}
	if h.InFlight != len(m.atWorkers()) {
		differ("BPR-4", "%d slots are taken, expected %d", h.InFlight, len(m.atWorkers()))
	}
	if h.Waiting != len(m.waiting) {
		differ("BPR-3", "%d callers wait, expected %d", h.Waiting, len(m.waiting))
	}
}
