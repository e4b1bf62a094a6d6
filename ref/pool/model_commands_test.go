package pool_test

import (
	"fmt"
	"maps"
	"slices"
	"testing/synctest"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/commands"
	"github.com/leanovate/gopter/gen"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// step is one thing that happens to a pool. It names calls and workers by numbers that do not change when earlier steps
// are omitted, so that a failing list of steps can be shortened.
type step struct {
	name string
	may  func(model) bool
	run  func(*system)
	next func(*model)
}

func (s step) String() string                         { return s.name }
func (s step) PreCondition(state commands.State) bool { return s.may(state.(model)) }

func (s step) NextState(state commands.State) commands.State {
	m := state.(model).clone()
	s.next(&m)
	return m
}

func (s step) Run(sut commands.SystemUnderTest) commands.Result {
	system := sut.(*system)
	s.run(system)
	synctest.Wait()
	return system.observe()
}

func (s step) PostCondition(state commands.State, result commands.Result) *gopter.PropResult {
	if differences := result.(observed).differences(state.(model)); len(differences) > 0 {
		return &gopter.PropResult{Status: gopter.PropFalse, Labels: []string{fmt.Sprintf("%s: %q", s.name, differences)}}
	}
	return &gopter.PropResult{Status: gopter.PropTrue}
}

// nextStep generates a step that is possible next.
func nextStep(state commands.State) gopter.Gen {
	m := state.(model)
	if m.phase == unmade {
		return gopter.CombineGens(gen.OneConstOf(frame.Enhanced, frame.Basic), gen.IntRange(1, 3), gen.IntRange(1, 3),
			gen.OneConstOf(pool.NoQueue, 0, 1, 3)).Map(func(v []any) commands.Command {
			return makePool(crew{v[0].(frame.Framing), v[1].(int), v[2].(int), v[3].(int)})
		})
	}
	var kinds [][]commands.Command // of steps that are as likely as each other
	add := func(weight int, kind ...commands.Command) {
		for range weight {
			if len(kind) > 0 {
				kinds = append(kinds, kind)
			}
		}
	}
	var ends, cancels, strays, lates, breaks, deaths, mutes []commands.Command
	for _, n := range slices.Sorted(maps.Keys(m.calls)) { // always the same for the same seed
		switch c := m.calls[n]; {
		case c.withdrawn:
			lates = append(lates, answerLate(n))
		case c.ended == "":
			cancels = append(cancels, cancelCall(n))
			ends = append(ends, answerCall(n), answerTwice(n), answerError(n))
			strays = append(strays, answerNobody(n))
			breaks = append(breaks, breakConnection(n))
		}
	}
	for w := range m.seats {
		deaths = append(deaths, crash(w), revive(w), revive(w))
		mutes = append(mutes, setMute(w, true), setMute(w, false))
	}
	add(6, newCall(len(m.calls)))
	add(6, ends...)
	add(2, cancels...)
	add(2, deaths...)
	add(2, mutes...)
	add(1, strays...)
	add(1, lates...)
	add(1, breaks...)
	add(1, startTwice(), pause())
	if m.phase == fresh {
		kinds = nil
		add(4, startPool())
		add(1, startFailing(0), startFailing(m.workers-1), newCall(len(m.calls)))
	}
	if m.phase != running || len(m.calls) > 12 { // late, for it is the end of most
		add(1, stopPool(), pause())
	}
	if m.phase == closing {
		add(8, hurryUp())
	}
	return gen.IntRange(0, 1<<30).Map(func(i int) commands.Command {
		kind := kinds[i%len(kinds)]
		return kind[i/len(kinds)%len(kind)]
	})
}

func makePool(c crew) step {
	return step{
		name: "pool of " + c.String(),
		may:  func(m model) bool { return m.phase == unmade },
		run:  func(s *system) { s.make(c) },
		next: func(m *model) {
			m.crew, m.phase, m.seats = c, fresh, make([]seat, c.workers)
		},
	}
}

func startPool() step {
	return step{
		name: "start",
		may:  func(m model) bool { return m.phase == fresh },
		run:  func(s *system) { s.start() },
		next: func(m *model) {
			m.phase = running
			for w := range m.seats {
				m.setUp(w, true)
			}
		},
	}
}

func startTwice() step {
	return step{
		name: "start twice",
		may:  func(m model) bool { return m.phase == running },
		run:  func(s *system) { s.demand("STA-1", s.pool.Start(s.t.Context()), pool.ErrStarted) },
		next: func(*model) {},
	}
}

// startFailing is a start in which a worker exits before it listens. It may be tried again [STA-9].
func startFailing(w int) step {
	return step{
		name: fmt.Sprintf("start, but worker %d exits", w),
		may:  func(m model) bool { return m.phase == fresh },
		run:  func(s *system) { s.failToStart(w) },
		next: func(*model) {},
	}
}

func newCall(n int) step {
	return step{
		name: fmt.Sprintf("call %d", n),
		may: func(m model) bool {
			_, made := m.calls[n]
			return m.phase != unmade && !made
		},
		run:  func(s *system) { s.call(n) },
		next: func(m *model) { m.call(n) },
	}
}

// atWorker returns a step with the request of call n, which is at its worker.
func atWorker(name string, n int, run func(*system, *atHand), next func(*model)) step {
	return step{
		name: fmt.Sprintf(name, n),
		may: func(m model) bool {
			c, made := m.calls[n]
			return made && c.at != nobody
		},
		run: func(s *system) {
			if r := s.request(n); r != nil {
				run(s, r)
			}
		},
		next: next,
	}
}

func answerCall(n int) step {
	return atWorker("answer %d", n, func(_ *system, r *atHand) { r.answer() }, func(m *model) { m.end(answered, false, n) })
}

// answerTwice sends an answer twice. The second one reaches nobody [RID-5].
func answerTwice(n int) step {
	return atWorker("answer %d twice", n, func(_ *system, r *atHand) {
		r.answer()
		r.connection.answer(r.ID, `"again"`)
	}, func(m *model) { m.end(answered, false, n) })
}

func answerError(n int) step {
	return atWorker("answer %d with an error", n, func(_ *system, r *atHand) { r.fail() }, func(m *model) { m.end(refusedByIt, false, n) })
}

// answerNobody sends an answer with an ID that no call has, on the connection of a call [RID-5].
func answerNobody(n int) step {
	return atWorker("answer nobody beside %d", n, func(_ *system, r *atHand) {
		r.connection.answer(r.ID+1<<40, `"nobody's"`)
	}, func(*model) {})
}

// breakConnection sends a framing error on the connection of a call. The calls on it fail, and the worker goes on
// [RID-7]. It would be restarted if it answered nothing, or if its connections failed in a row. So time passes after
// it.
func breakConnection(n int) step {
	s := atWorker("break the connection of %d", n, func(s *system, r *atHand) {
		r.connection.raw(damaged(s.crew.framing, r.ID)["too_large"])
		pass(settle)
	}, func(m *model) {
		w := m.calls[n].at
		which := m.ofWorker(w)
		m.setUp(w, false)
		m.end(broken, true, which...)
		if m.phase != closed {
			m.setUp(w, true)
		}
	})
	may := s.may
	s.may = func(m model) bool { return may(m) && !m.seats[m.calls[n].at].mute }
	return s
}

func cancelCall(n int) step {
	return step{
		name: fmt.Sprintf("cancel %d", n),
		may: func(m model) bool {
			c, made := m.calls[n]
			return made && c.ended == ""
		},
		run:  func(s *system) { s.calls[n].cancel() },
		next: func(m *model) { m.end(canceled, m.calls[n].at != nobody, n) },
	}
}

// answerLate sends an answer after the call was cancelled [CAN-3].
func answerLate(n int) step {
	return step{
		name: fmt.Sprintf("answer %d too late", n),
		may:  func(m model) bool { return m.calls[n].withdrawn },
		run: func(s *system) {
			if r := s.request(n); r != nil {
				r.answer()
			}
		},
		next: func(*model) {},
	}
}

// settle is long enough for a check of every worker to fail, and for a restart to begin.
const settle = 3 * time.Second

func pause() step {
	return step{
		name: "pause",
		may:  func(m model) bool { return m.phase != unmade },
		run:  func(*system) { pass(settle) },
		next: func(*model) {},
	}
}

func crash(w int) step {
	return step{
		name: fmt.Sprintf("crash worker %d", w),
		may:  func(m model) bool { return (m.phase == running || m.phase == closing) && !m.seats[w].dead },
		run:  func(s *system) { s.process(w).exit("signal: segmentation fault") },
		next: func(m *model) {
			m.seats[w] = seat{dead: true}
			m.end(died, true, m.ofWorker(w)...)
		},
	}
}

// revive lets the process listen that has replaced one that died.
func revive(w int) step {
	return step{
		name: fmt.Sprintf("revive worker %d", w),
		may:  func(m model) bool { return (m.phase == running || m.phase == closing) && m.seats[w].dead },
		run: func(s *system) {
			pass(settle)
			s.listen(s.process(w))
			pass(settle)
		},
		next: func(m *model) {
			m.seats[w] = seat{}
			m.setUp(w, true)
		},
	}
}

// setMute makes a worker ignore health checks, or answer them again [HLT-2].
func setMute(w int, mute bool) step {
	return step{
		name: fmt.Sprintf("worker %d answers checks: %t", w, !mute),
		may: func(m model) bool {
			return (m.phase == running || m.phase == closing) && !m.seats[w].dead && m.seats[w].mute != mute
		},
		run: func(s *system) {
			s.process(w).setMute(mute)
			pass(settle)
		},
		next: func(m *model) {
			m.seats[w].mute = mute
			m.setUp(w, !mute)
		},
	}
}

func stopPool() step {
	return step{
		name: "shut down",
		may:  func(m model) bool { return m.phase != unmade },
		run:  func(s *system) { s.shutDown() },
		next: func(m *model) { m.shutDown() },
	}
}

// hurryUp ends the context of Shutdown, so that running calls fail [SHD-2].
func hurryUp() step {
	return step{
		name: "hurry the shutdown",
		may:  func(m model) bool { return m.phase == closing },
		run:  func(s *system) { s.hurry() },
		next: func(m *model) {
			m.hurried = true
			m.end(shut, true, m.atWorkers()...)
		},
	}
}
