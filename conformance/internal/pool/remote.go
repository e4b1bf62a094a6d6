package pool

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Remote is a pool that lives in another process.
type Remote interface {
	Pool
	// HealthNow is like Health, and returns an error if the process gave no health.
	HealthNow() (spec.Health, error)
	// PID returns the ID of the process.
	PID() int
	// KnowsEnded reports whether a call whose context has ended before reaches the pool with a context that has ended
	// [CAN-11].
	KnowsEnded() bool
	// Another makes one more pool in the same process. The first pool must be shut down.
	Another(o Options) (Pool, error)
	// Close ends the process.
	Close() error
}

// guarded is a pool that concludes the case when the process in which the pool lives crashes or cannot be reached.
type guarded struct {
	Pool
	t *T
}

// Start implements [Pool].
func (g guarded) Start(ctx context.Context) error { return g.concludeOn(g.Pool.Start(ctx)) }

// Call implements [Pool].
func (g guarded) Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	answer, err := g.Pool.Call(ctx, method, body)
	return answer, g.concludeOn(err)
}

// Health implements [Pool].
func (g guarded) Health() spec.Health {
	r := g.remote()
	if r == nil {
		return g.Pool.Health()
	}
	h, err := r.HealthNow()
	_ = g.concludeOn(err)
	return h
}

// Shutdown implements [Pool].
func (g guarded) Shutdown(ctx context.Context) error { return g.concludeOn(g.Pool.Shutdown(ctx)) }

// concludeOn returns err. It concludes the case first if err says that the pool's process crashed, which is a finding, or
// that the pool could not be asked.
func (g guarded) concludeOn(err error) error {
	if errors.Is(err, suite.Crashed) {
		clause := g.t.clauses[0]
		g.t.Conclude("", "", result.Finding{Clause: clause, Want: "a pool whose process lives", Got: err.Error()})
	}
	g.t.Concludes(err)
	return err
}

// remote returns the pool as a [Remote], or nil if it lives in this process.
func (g guarded) remote() Remote {
	r, _ := g.Pool.(Remote)
	return r
}
