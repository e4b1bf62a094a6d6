package pool

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// isDeaf reports whether a process has yet to listen.
func isDeaf(w *process) bool { return w.silent && !w.exited }

// mostHealthy returns how many workers may be healthy at most where these processes were deaf when the pool was asked for its
// health. A pool that starts a process before it ends the one whose place that is to take may still count the old one.
func (m *model) mostHealthy(deaf []*process) int {
	serving := 0
	for _, w := range m.processes {
		if w.listens && !w.exited {
			serving++
		}
	}
	still := 0
	for _, w := range deaf {
		if isDeaf(w) {
			still++
		}
	}
	return max(serving, m.options.Workers-still)
}

// healthWhileDeaf asks the pool for its health. Where processes are deaf it asks again for a moment, since a pool that counts one
// as healthy too early may do so only after it has looked for it. The answer is the first with too many, or the last.
func (p *player) healthWhileDeaf(deaf []*process) spec.Health {
	h := p.pool.Health()
	if len(deaf) == 0 {
		return h
	}
	moment, again := time.NewTimer(arrivesSoon), time.NewTicker(arrivesSoon/10)
	defer moment.Stop()
	defer again.Stop()
	for {
		p.mu.Lock()
		done := p.over || p.m.stopping || h.Healthy > p.m.mostHealthy(deaf)
		p.mu.Unlock()
		if done {
			return h
		}
		select {
		case <-again.C:
			h = p.pool.Health()
		case <-moment.C:
			return h
		case <-p.ctx.Done():
			return h
		}
	}
}

// lookAgain looks at a pool that something has happened to as one looks at one that is new: what its health tells, whether
// calls go round, and whether what its workers print is read.
func (p *player) lookAgain() {
	p.mu.Lock()
	m := p.m
	skip := !m.started || m.stopping || m.failure != nil || p.blocked != ""
	something := m.doubtful || len(m.processes) > m.options.Workers
	p.mu.Unlock()
	if skip {
		return
	}
	p.health()
	p.settle()
	if !something {
		return
	}
	p.goesRoundAgain()
	p.mu.Lock()
	var living []*process
	for _, w := range m.processes {
		if w.serves() && len(w.signals) == 0 {
			living = append(living, w)
		}
	}
	p.mu.Unlock()
	for _, w := range living {
		for _, to := range []string{"", "stdout"} {
			p.do(explore.Step{Do: "print", Worker: w.number, Size: 200_000, How: to})
		}
	}
	p.settle()
}

// roundsAgain is how many calls each worker must get.
const roundsAgain = 3

// goesRoundAgain makes calls one after the other while the pool says that every worker is healthy, and each worker must get
// its share [SEL-1]. The first of them are for what a pool does only when a call comes, and are not counted.
func (p *player) goesRoundAgain() {
	workers := func() (living []int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range p.m.processes {
			if !w.exited {
				living = append(living, w.number)
			}
		}
		return living
	}
	p.mu.Lock()
	n := p.m.options.Workers
	sure := n > 1 && !p.m.mayReplace() && p.m.failure == nil && p.blocked == ""
	for _, c := range p.m.calls {
		sure = sure && c.returned
	}
	p.mu.Unlock()
	before := workers()
	if !sure || len(before) != n || !p.allHealthy() {
		return
	}
	var turns []int
	for i := range n + n*roundsAgain {
		name := fmt.Sprintf("round%d", i+1)
		p.call(explore.Step{Call: name})
		p.answer(explore.Step{Do: "answer", Call: name})
		var c *call
		came := p.await(func() bool { c = p.m.call(name); return c != nil && c.returned || p.m.failure != nil })
		p.mu.Lock()
		well := came && p.m.failure == nil && c.err == nil && c.arrival != nil
		if well && i >= n {
			turns = append(turns, c.arrival.at.number)
		}
		p.mu.Unlock()
		if !well {
			return
		}
	}
	if after := workers(); fmt.Sprint(before) != fmt.Sprint(after) || !p.allHealthy() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.m.exercise("SEL-1")
	p.m.judgeTurns(turns, roundsAgain)
}
