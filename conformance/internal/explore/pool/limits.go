package pool

import (
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/pool"
)

// respectLimits takes over what the pool says of itself: its limit for a payload, and the options that it ignores, by which it is
// not judged.
func (p *player) respectLimits() {
	if r, ok := p.pool.(pool.Remote); ok {
		p.unknowing = !r.KnowsEnded()
	}
	l, ok := p.pool.(pool.Limited)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if limit := l.FixedMaxPayload(); limit > 0 {
		p.m.limit = limit
	}
	p.m.ignored = l.IgnoredOptions()
	if p.m.ignores("Queue") {
		p.m.options.Queue = 0
	}
	p.m.unknown = p.m.ignores("HealthInterval") || p.m.ignores("HealthTimeout")
	if p.m.unknown || p.m.ignores("RestartBackoff") || p.m.ignores("RestartBackoffMax") {
		p.m.options.CheckEvery, p.m.options.CheckWithin = 0, 0 // when a check comes, or a process, nobody knows
	}
}

func (m *model) ignores(option string) bool { return slices.Contains(m.ignored, option) }
