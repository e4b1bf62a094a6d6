package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// poolAdapter brings the reference and the suite together.
type poolAdapter struct{ *pool.Pool }

func referencePool(o conformance.PoolOptions) (conformance.Pool, error) {
	framing := frame.Enhanced
	if o.Framing == conformance.Basic {
		framing = frame.Basic
	}
	p, err := pool.NewPool(pool.PoolOptions{
		Command:        []string{o.Program, o.Argument},
		Env:            o.Env,
		SocketDir:      o.SocketDir,
		Workers:        o.Workers,
		MaxInFlight:    o.MaxInFlight,
		Queue:          o.Queue,
		Framing:        framing,
		MaxPayload:     o.MaxPayload,
		StartTimeout:   o.StartTimeout,
		HealthInterval: o.HealthInterval,
		HealthTimeout:  o.HealthTimeout,
		RestartMin:     o.RestartBackoff,
		RestartMax:     o.RestartBackoffMax,
		StopTimeout:    o.StopTimeout,
		Output:         o.Output,
	})
	return poolAdapter{p}, err
}

func (p poolAdapter) Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	answer, err := p.Pool.Call(ctx, method, body)
	return answer, inWordsOfTheSuite(err)
}

func (p poolAdapter) Health() conformance.Health {
	h := p.Pool.Health()
	return conformance.Health{Total: h.Total, Healthy: h.Healthy, Restarts: h.Restarts, LastCheck: h.LastCheck}
}

// inWordsOfTheSuite wraps the kinds that the suite looks for beside the error of the reference.
func inWordsOfTheSuite(err error) error {
	for _, kind := range []struct {
		ours   error
		theirs error
	}{
		{pool.ErrBusy, conformance.Busy},
		{pool.ErrClosed, conformance.Closed},
		{pool.ErrNotStarted, conformance.NotStarted},
		{pool.ErrWorkerDied, conformance.WorkerDied},
		{pool.ErrMayHaveRun, conformance.MayHaveRun},
		{frame.ErrTooLarge, conformance.TooLarge},
	} {
		if errors.Is(err, kind.ours) {
			err = fmt.Errorf("%w (%w)", err, kind.theirs)
		}
	}
	if answered := (*pool.RemoteError)(nil); errors.As(err, &answered) {
		err = fmt.Errorf("%w (%w)", err, conformance.ErrorAnswer)
	}
	return err
}
