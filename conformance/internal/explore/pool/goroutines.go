package pool

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync/atomic"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/pool"
)

// label tells the goroutines of one pool, and those that they start, from all others of the process, whatever runs beside: it
// is a profiler label, which goroutines inherit.
type label string

const labelKey = "pyproctest-history"

var labels atomic.Int64

func newLabel() label { return label(fmt.Sprint(labels.Add(1))) }

// do calls f, and labels all goroutines that it starts.
func (l label) do(f func()) {
	pprof.Do(context.Background(), pprof.Labels(labelKey, string(l)), func(context.Context) { f() })
}

// left returns the stacks of the goroutines that bear the label.
func (l label) left() (stacks []string) {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1) // a buffer takes everything
	words := fmt.Sprintf("%q:%q", labelKey, string(l))
	for _, stack := range strings.Split(b.String(), "\n\n") {
		if strings.Contains(stack, words) {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// goroutinesEnd waits until no goroutine of the pool is left. Those of a pool in another process cannot be seen.
func (p *player) goroutinesEnd(clause, when string, kin ...string) {
	p.mu.Lock()
	skip := p.m.failure != nil || p.blocked != ""
	p.mu.Unlock()
	if _, remote := p.pool.(pool.Remote); remote || skip {
		return
	}
	var left []string
	came, blocked := p.w.Until(p.ctx, nil, func() bool {
		left = p.label.left()
		return len(left) == 0
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case came:
		p.m.exercise(clause)
	case blocked:
		p.blocked = "the machine served nothing"
	default:
		p.m.fail(explore.Failure{Rule: "goroutines-are-given-back", Clause: clause, Kin: kin, NotSeen: true, Want: "no goroutine of the pool is left " + when, Got: left[0]})
	}
}

// goroutinesOfAFailedStartEnd is for a moment at which nothing but the Start that failed has been called.
func (p *player) goroutinesOfAFailedStartEnd() {
	p.mu.Lock()
	beside := p.m.started || p.pending > 0 || len(p.m.calls) > 0
	p.mu.Unlock()
	if !beside {
		p.goroutinesEnd("STA-5", "when Start has failed", "SHD-6")
	}
}
