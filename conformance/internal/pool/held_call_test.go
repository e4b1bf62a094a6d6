package pool

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// refusing is a pool that refuses calls, and then has each be at a worker until its context ends.
type refusing struct {
	s         *stage
	mu        sync.Mutex
	refuses   int // so many calls from now on
	unhealthy int // so many times from now on it says that a worker is
}

func (p *refusing) Start(context.Context) error    { return nil }
func (p *refusing) Shutdown(context.Context) error { return nil }

func (p *refusing) Health() spec.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unhealthy--; p.unhealthy >= 0 {
		return spec.Health{Total: 2, Healthy: 1}
	}
	return spec.Health{Total: 2, Healthy: 2}
}

func (p *refusing) Call(ctx context.Context, method string, _ json.RawMessage) (json.RawMessage, error) {
	p.mu.Lock()
	refuse := p.refuses > 0
	p.refuses--
	p.mu.Unlock()
	if refuse {
		return nil, errors.New("no worker is healthy")
	}
	p.s.withLock(func() { p.s.requests = append(p.s.requests, &request{method: method}) })
	p.s.notify()
	<-ctx.Done()
	return nil, ctx.Err()
}

// A call that a pool refuses while it counts a worker as unhealthy says nothing of what the case is about. One that it refuses
// while all is well does, and is told at once with what it returned.
func TestACallThatIsRefusedWhileAWorkerIsUnhealthyIsMadeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		refuses   int
		unhealthy int
		held      bool
	}{
		"none is refused":                        {0, 0, true},
		"one is refused, and a worker unhealthy": {1, 3, true},
		"all are, and a worker is unhealthy":     {3, 3, true},
		"one is refused, and all are healthy":    {1, 0, false},
		"they are refused again and again":       {1 << 30, 1 << 30, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			of := &T{T: suite.NewT(ctx, 300*time.Millisecond), framing: spec.Enhanced, clauses: []string{"RID-7"}}
			defer of.Clean()
			defer cancel()
			s := of.stage()
			s.options.Workers, s.mostHeld = 2, 3
			s.pool = &refusing{s: s, refuses: c.refuses, unhealthy: c.unhealthy}
			var held []heldCall
			done := make(chan struct{})
			go func() { // the case ends its goroutine with its first finding
				defer close(done)
				held = s.holdCalls("RID-7", 3)
			}()
			<-done
			require.Equal(t, c.held, len(held) == 3)
			require.Equal(t, c.held, !of.Failed())
		})
	}
}
