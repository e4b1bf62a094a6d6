package pool

import "time"

// asNew has the model take a pool for one that has just started where it has surely replaced every worker that died: else the
// first death would leave all that follows in doubt, and faults of a pool that has restarted a worker unseen.
func (p *player) asNew() {
	p.mu.Lock()
	m := p.m
	wait := m.deaths > m.waitedFor && m.options.RestartIn == 0 && !m.stopping
	m.waitedFor = m.deaths
	p.mu.Unlock()
	if wait { // in case it restarts workers at once. Nothing follows from the wait
		p.awaitFor(appearsSoon, func() bool { return m.restored() > 0 || m.stopping })
	}
	p.mu.Lock()
	last := m.restored()
	p.mu.Unlock()
	if last == 0 || !p.soonHealthy() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.restored() != last {
		return
	}
	m.doubtful, m.disturbed, m.turns = false, false, nil
	m.deaths, m.waitedFor = 0, 0
	m.atStart, m.replaced = len(m.processes), false
	for _, w := range m.processes {
		w.past = w.exited
	}
	m.seen["as new"] = true
}

// soonHealthy reports whether the pool says within a moment that every worker is healthy.
func (p *player) soonHealthy() bool {
	moment, again := time.NewTimer(arrivesSoon), time.NewTicker(arrivesSoon/20)
	defer moment.Stop()
	defer again.Stop()
	for !p.allHealthy() {
		select {
		case <-again.C:
		case <-moment.C:
			return false
		case <-p.ctx.Done():
			return false
		}
	}
	return true
}

// restored returns the number of the last process if as many workers live as the pool has, each with a connection, no call is
// under way, and nothing else has happened than deaths that were seen by the pool, since other processes have come. Else it
// returns 0. What a connection that broke leads to is the pool's choice, and may come at any time.
func (m *model) restored() int {
	if !m.doubtful || !m.started || m.stopping || m.failure != nil || m.mayReplace() || len(m.hangs) > 0 || len(m.processes)-m.atStart < m.deaths {
		return 0
	}
	for _, c := range m.calls {
		if !c.returned {
			return 0
		}
	}
	living := 0
	for _, w := range m.processes {
		if w.exited {
			continue
		}
		if !w.serves() || w.loose || len(w.signals) > 0 || w.dying || !w.connected() {
			return 0
		}
		living++
	}
	if living != m.options.Workers {
		return 0
	}
	return len(m.processes)
}

// connected reports whether the pool has a connection to the process, and none on which anything odd has happened.
func (w *process) connected() bool {
	open := 0
	for _, c := range w.conns {
		if c.spoiled || c.loose || c.broken && !c.ended {
			return false
		}
		if !c.ended {
			open++
		}
	}
	return open > 0
}
