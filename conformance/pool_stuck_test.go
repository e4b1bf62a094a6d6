package conformance_test

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// stuckPool is a pool whose calls never return, once it has answered some, whatever becomes of their contexts.
type stuckPool struct {
	conformance.Pool
	calls atomic.Int64
	over  chan struct{}
}

func (p *stuckPool) Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	if p.calls.Add(1) > 1000 {
		<-p.over
		return nil, conformance.Closed
	}
	return p.Pool.Call(ctx, method, body)
}

func (p *stuckPool) Shutdown(ctx context.Context) error {
	select {
	case <-p.over:
	default:
		close(p.over)
	}
	return p.Pool.Shutdown(ctx)
}

// A case of many calls has much more time than others, and ends soon all the same where no call returns any more.
func TestAPoolThatAnswersNoMoreIsNotWaitedForAsLongAsManyCallsMayTake(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var made []*plainPool
	rep := conformance.CheckPool(t.Context(), func(o conformance.PoolOptions) (conformance.Pool, error) {
		p, err := newPlainPool(o)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		made = append(made, p)
		mu.Unlock()
		return &stuckPool{Pool: p, over: make(chan struct{})}, nil
	}, conformance.Only("RID-2/ids-are-not-used-again-after-65536-calls"), conformance.Patience(2*time.Second))
	for _, p := range made {
		p.mopUp()
	}
	require.Len(t, rep.Results, 1)
	require.Equal(t, result.StatusFail, rep.Results[0].Status, rep.Results[0].Text())
	require.Contains(t, rep.Results[0].Text(), "none got one in 4s")
}
