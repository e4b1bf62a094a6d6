package pool

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Remote stands for a pool in another process.
type Remote interface {
	Pool
	// HealthNow is Health, with an error where there is none to be had.
	HealthNow() (spec.Health, error)
	// PID is that of the process.
	PID() int
	// Another makes one more pool in the same process, once this one is shut down.
	Another(o Options) (Pool, error)
	// Close ends the process.
	Close() error
}

// guarded is a pool whose errors conclude the case where its process could not do its part.
type guarded struct {
	Pool
	t *T
}

func (g guarded) Start(ctx context.Context) error { return g.concludeOn(g.Pool.Start(ctx)) }

func (g guarded) Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	answer, err := g.Pool.Call(ctx, method, body)
	return answer, g.concludeOn(err)
}

func (g guarded) Health() spec.Health {
	r := g.remote()
	if r == nil {
		return g.Pool.Health()
	}
	h, err := r.HealthNow()
	_ = g.concludeOn(err)
	return h
}

func (g guarded) Shutdown(ctx context.Context) error { return g.concludeOn(g.Pool.Shutdown(ctx)) }

func (g guarded) concludeOn(err error) error {
	if errors.Is(err, suite.Crashed) {
		clause := g.t.clauses[0]
		g.t.Conclude("", "", result.Finding{Clause: clause, Want: "a pool whose process lives", Got: err.Error()})
	}
	g.t.Concludes(err)
	return err
}

// remote is what stands here for a pool in another process, nil where the pool lives in this one.
func (g guarded) remote() Remote {
	r, _ := g.Pool.(Remote)
	return r
}
