package rows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// Worker returns the rows of a worker under the reference pool.
func Worker(side string, command conformance.WorkerCommand, extent Extent) []Row {
	return calls(side, StartWorkers(command), extent)
}

// StartWorkers starts the worker under the reference pool.
func StartWorkers(command conformance.WorkerCommand) Starter {
	return func(ctx context.Context, _ *Shelf, framing conformance.Framing, workers int) (*started, error) {
		p, err := pool.NewPool(pool.PoolOptions{
			Command: append([]string{command.Path}, command.Args...), Env: command.Env, Dir: command.Dir,
			Workers: workers, Framing: framingOf(framing),
		})
		if err != nil {
			return nil, err
		}
		if err := p.Start(ctx); err != nil {
			return nil, fmt.Errorf("the worker does not start under the reference pool: %w", err)
		}
		s := &started{
			call: func(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
				answer, err := p.Call(ctx, method, body)
				if errors.Is(err, pool.ErrWorkerDied) {
					err = fmt.Errorf("%w: %w", conformance.WorkerDied, err)
				}
				return answer, err
			},
			health: func() (conformance.Health, error) {
				h := p.Health()
				return conformance.Health{Total: h.Total, Healthy: h.Healthy, Restarts: h.Restarts, LastCheck: h.LastCheck}, nil
			},
			stop:  func() error { return p.Shutdown(context.Background()) },
			abort: func() { _ = p.Shutdown(ended()) },
		}
		for _, w := range p.Workers() {
			s.pids = append(s.pids, w.Health().PID)
		}
		return s, nil
	}
}
