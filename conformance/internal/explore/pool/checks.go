package pool

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// milliseconds returns an option of the history as a time: a minute if it is not set, so that nothing happens by itself.
func milliseconds(n int) time.Duration {
	if n == 0 {
		return time.Minute
	}
	return time.Duration(n) * time.Millisecond
}

// stopTimeout is how long the pools of a history wait for a worker between SIGTERM and SIGKILL.
const stopTimeout = 3 * time.Second

// checks are the health calls that a process got.
type checks struct {
	count    int
	answered time.Time // when the last one was answered
	before   time.Time // when the one was that was the last when the latest came
}

// hang is a worker that answers no health call from some moment on.
type hang struct {
	w      *process
	others map[*process]int // how many checks each other worker had had when a check of this one hung; nil until then
	since  time.Time        // when that check came
	seen   bool             // the pool has shown that it counts the worker as unhealthy
	calls  int              // that had been made when that was sure
	sure   bool             // and none but it and other hung ones, when nothing was on its way to them
	past   bool             // it answers again, and the pool has counted every worker as healthy since
}

func newHang(w *process) *hang {
	w.mute = true
	return &hang{w: w}
}

// over reports whether there is nothing more to be said of the worker: it answers again, or it ends.
func (h *hang) over() bool { return !h.w.mute || !h.w.serves() }

// serves reports whether the process can answer a check, as far as the suite knows.
func (w *process) serves() bool { return w.listens && !w.exited && !w.ordered && !w.stalled }

// checked takes a health call that came to a worker. The check before the last has ended by now, also of a pool that does
// not wait for the last one.
func (m *model) checked(w *process) {
	w.checks.count++
	if w.checks.before.After(m.checkedAt) && !m.mayReplace() { // else it may have ended badly before
		m.checkedAt = w.checks.before
	}
	w.checks.before = w.checks.answered
	for _, h := range m.hangs {
		if h.w == w && h.others == nil {
			h.others, h.since = map[*process]int{}, time.Now()
			for _, o := range m.processes {
				if o != w && o.serves() && !o.mute {
					h.others[o] = o.checks.count
				}
			}
		}
	}
}

// owedChecks returns the first health call that must have come by now and has not; nil for nothing.
func (m *model) owedChecks() *explore.Failure {
	if m.options.CheckEvery == 0 || !m.started || m.stopping {
		return nil
	}
	missing := func(rule, clause, want string, kin ...string) *explore.Failure {
		return &explore.Failure{Rule: rule, Clause: clause, Kin: kin, Want: want, Got: "none has come", NotSeen: true}
	}
	for _, h := range m.hangs {
		if h.over() {
			continue
		}
		if h.others == nil {
			return missing("each-worker-is-checked", "HLT-1", "another health call for "+h.w.name(), "HLT-12")
		}
		for o, n := range h.others {
			if o.serves() && !o.mute && o.checks.count <= n {
				return missing("checks-go-on-beside-a-hung-one", "HLT-12", fmt.Sprintf("a health call for %s while that of %s is unanswered", o.name(), h.w.name()), "HLT-1")
			}
		}
		m.exercise("HLT-12")
	}
	for _, w := range m.processes {
		if w.serves() && w.checks.count == 0 {
			return missing("each-worker-is-checked", "HLT-1", "a health call for "+w.name(), "HLT-6")
		}
	}
	return nil
}

// unhang has a worker answer health calls again, those that wait first: as a healthy worker does, or with an error.
func (p *player) unhang(s explore.Step) {
	p.mu.Lock()
	if s.Worker < 1 || s.Worker > len(p.m.processes) || !p.m.processes[s.Worker-1].mute {
		p.mu.Unlock()
		return
	}
	w := p.m.processes[s.Worker-1]
	p.note(w.name(), "answers health calls again, %s", s.How)
	w.mute = false
	waiting := w.health
	w.health = nil
	if len(waiting) > 0 {
		w.checks.answered = time.Now()
	}
	if s.How == "error" {
		p.m.doubtful, p.m.failed = true, true
	}
	for _, a := range waiting {
		a.answered = true
	}
	p.mu.Unlock()
	for _, a := range waiting {
		if s.How == "error" {
			p.stage.reply(a, wire.ErrorAnswer(a.id, "out of sorts"))
		} else {
			p.stage.answerHealth(a)
		}
	}
}

// askHealth asks the pool for its health. It reports false if the pool says nothing within the patience of the run.
func (p *player) askHealth() (h spec.Health, ok bool) {
	answer := make(chan spec.Health, 1)
	p.calls.Go(func() {
		defer func() { _ = recover() }() // a step of the history shows that
		p.label.do(func() { answer <- p.pool.Health() })
	})
	timer := time.NewTimer(p.w.Patience)
	defer timer.Stop()
	select {
	case h = <-answer:
		return h, true
	case <-timer.C:
	case <-p.ctx.Done():
	}
	return h, false
}

// allHealthy asks the pool whether every worker is healthy.
func (p *player) allHealthy() bool {
	h, ok := p.askHealth()
	return ok && h.Healthy == p.m.options.Workers
}

// hungAreUnhealthy waits until the pool shows that it counts each worker as unhealthy that has left a check unanswered for
// longer than that may take: by what Health says, by a signal, or by a new process.
func (p *player) hungAreUnhealthy() {
	for {
		p.mu.Lock()
		at := slices.IndexFunc(p.m.hangs, func(h *hang) bool { return !h.seen && !h.over() && h.others != nil })
		if at < 0 || p.m.options.CheckWithin == 0 || p.m.stopping || p.m.failure != nil || p.blocked != "" {
			p.mu.Unlock()
			return
		}
		h := p.m.hangs[at]
		p.mu.Unlock()
		came, blocked := p.w.Until(p.ctx, p.changes, func() bool {
			p.mu.Lock()
			over := h.over() || len(h.w.signals) > 0
			p.mu.Unlock()
			if over {
				return true
			}
			told, ok := p.askHealth()
			return ok && (told.Healthy < p.m.options.Workers || told.Restarts > 0)
		})
		p.mu.Lock()
		h.seen = true
		p.m.exercise("HLT-2")
		switch {
		case came:
		case blocked:
			p.blocked = "the machine served nothing"
		default:
			p.m.fail(explore.Failure{
				Rule: "hung-workers-are-unhealthy", Clause: "HLT-2", Kin: []string{"HLT-1"}, NotSeen: true,
				Want: fmt.Sprintf("%s counts as unhealthy, since its check is unanswered for more than %d ms", h.w.name(), p.m.options.CheckWithin), Got: "every worker is healthy",
			})
		}
		p.mu.Unlock()
	}
}

// sureOfHung notes which workers are surely those that the pool counts as unhealthy: at an earlier settle it has shown that it
// counts some, and now it counts as many as hang.
func (p *player) sureOfHung() {
	p.mu.Lock()
	hanging := p.m.onlyHanging()
	over := len(p.m.hangs) > 0 && !slices.ContainsFunc(p.m.hangs, func(h *hang) bool { return !h.over() })
	p.mu.Unlock()
	if over && p.allHealthy() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, h := range p.m.hangs {
			h.past = h.past || h.over()
		}
		return
	}
	if hanging == 0 {
		return
	}
	told, ok := p.askHealth()
	if !ok || told.Restarts > 0 || told.Total-told.Healthy != hanging {
		return
	}
	p.stage.sync()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m.onlyHanging() != hanging {
		return
	}
	for _, h := range p.m.hangs {
		if !h.sure && !h.past {
			h.calls = len(p.m.calls)
		}
		h.sure = !h.past
	}
}

// onlyHanging returns how many workers hang, each for longer than a check may take, if nothing else may make the pool count one
// as unhealthy: none has died, answers again, reads no more, or has sent what cannot be read. Else it returns 0.
func (m *model) onlyHanging() (n int) {
	if m.deaths > 0 || m.stopping || m.failure != nil || m.options.CheckWithin == 0 || m.replaced || m.unsteady() {
		return 0
	}
	for _, h := range m.hangs {
		if h.past {
			continue
		}
		if !h.seen || h.over() || time.Since(h.since) <= milliseconds(m.options.CheckWithin) {
			return 0
		}
		n++
	}
	return n
}

// givenToUnhealthy judges a call that has reached a worker.
func (m *model) givenToUnhealthy(w *process, name string) {
	made := slices.IndexFunc(m.calls, func(c *call) bool { return c.name == name }) // an earlier one may have been given before
	hung := func(o *process) bool {
		return slices.ContainsFunc(m.hangs, func(h *hang) bool { return h.w == o && h.sure && !h.over() && made >= h.calls })
	}
	other := slices.IndexFunc(m.processes, func(o *process) bool { return o != w && o.serves() && !o.mute })
	if other < 0 || m.deaths > 0 || !slices.ContainsFunc(m.hangs, func(h *hang) bool { return h.sure && !h.over() }) {
		return
	}
	m.exercise("SEL-3")
	if hung(w) {
		m.fail(explore.Failure{
			Rule: "unhealthy-workers-get-no-calls", Clause: "SEL-3", Kin: []string{"HLT-2"},
			Want: "no call reaches " + w.name() + ", which the pool counts as unhealthy, while " + m.processes[other].name() + " is healthy", Got: "the request of " + name,
		})
	}
}

// comesBack has every worker answer its checks, waits until the pool counts all as healthy, and then makes as many calls as
// the bound allows, which must all reach a worker. It is for pools that check often, after something went wrong.
func (p *player) comesBack() {
	p.mu.Lock()
	m := p.m
	skip := m.options.CheckEvery == 0 || m.options.RestartIn > 0 || !m.started || m.stopping || m.failure != nil || p.blocked != "" || !m.doubtful && len(m.hangs) == 0
	clause, kin := "BPR-4", []string{"BPR-7", "HLT-6", "HLT-13"}
	switch {
	case m.deaths > 0:
		clause, kin = "HLT-6", []string{"HLT-13", "BPR-4", "BPR-7", "HLT-4"}
	case len(m.hangs) > 0:
		clause, kin = "HLT-13", []string{"HLT-6", "BPR-4", "BPR-7", "HLT-2"}
	}
	n := len(m.processes)
	p.mu.Unlock()
	if skip {
		return
	}
	for i := range n {
		p.unhang(explore.Step{Worker: i + 1})
	}
	p.must(p.m.owedChecks)
	tries := 0
	came, blocked := p.w.Until(p.ctx, nil, func() bool { // a pool may restart a worker only when there is a call for it
		tries++
		name := fmt.Sprintf("try%d", tries)
		p.call(explore.Step{Call: name})
		p.answer(explore.Step{Do: "answer", Call: name})
		return p.restarted() >= m.deaths && p.allHealthy()
	})
	restarted := p.restarted()
	p.mu.Lock()
	switch {
	case blocked:
		p.blocked = "the machine served nothing"
	case !came && m.mayGiveUp: // as a pool may where a worker dies again and again [HLT-7]
	case !came && restarted < m.deaths:
		m.fail(explore.Failure{
			Rule: "dead-workers-are-restarted", Clause: "HLT-6", Kin: []string{"HLT-4", "OUT-2"}, NotSeen: true,
			Want: fmt.Sprintf("%s, since so many workers died", text.Plural(m.deaths, "new process")), Got: fmt.Sprintf("%d, and %s made meanwhile", restarted, text.Plural(tries, "call")),
		})
	case !came:
		m.fail(explore.Failure{
			Rule: "workers-become-healthy-again", Clause: clause, Kin: kin, NotSeen: true,
			Want: fmt.Sprintf("%d healthy workers, since all answer their checks", m.options.Workers), Got: "fewer",
		})
	}
	stop := !came || m.failure != nil || p.blocked != ""
	p.mu.Unlock()
	if stop {
		return
	}
	p.answerAll()
	p.settle()
	bound := m.options.Workers * m.options.MaxInFlight
	for i := range bound {
		p.call(explore.Step{Call: fmt.Sprintf("again%d", i+1)})
	}
	there := 0
	came, blocked = p.w.Until(p.ctx, p.changes, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		there, _ = m.outstanding()
		return there >= bound || m.failure != nil
	})
	healthy := p.allHealthy()
	p.mu.Lock()
	switch {
	case came || m.failure != nil:
		m.exercise(clause)
	case blocked:
		p.blocked = "the machine served nothing"
	case healthy && !slices.ContainsFunc(m.calls, func(c *call) bool { return c.returned && c.err != nil && m.isAgain(c) }):
		m.fail(explore.Failure{
			Rule: "healthy-workers-are-given-calls-again", Clause: clause, Kin: kin, NotSeen: true,
			Want: fmt.Sprintf("%d calls at once at the workers, since all are healthy", bound), Got: fmt.Sprint(there),
		})
	}
	p.mu.Unlock()
	p.answerAll()
	p.settle()
}

// restarted returns how many processes have appeared since Start returned.
func (p *player) restarted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.m.processes) - p.m.atStart
}

// isAgain reports whether comesBack made the call.
func (m *model) isAgain(c *call) bool { return strings.HasPrefix(c.name, "again") }
