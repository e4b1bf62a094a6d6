package conformance_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// A pool that cannot be started at first is told so, even where it could be the next time.
func TestWhatTheFirstCaseOfPoolsFoundIsTold(t *testing.T) {
	started := false
	rep := conformance.CheckPool(t.Context(), func(o conformance.PoolOptions) (conformance.Pool, error) {
		p, err := newPlainPool(o)
		return &startsFromTheSecondTime{plainPool: p, started: &started}, err
	}, conformance.Framings(conformance.Enhanced))
	require.Len(t, rep.Results, 1)
	require.Equal(t, result.StatusFail, rep.Results[0].Status)
	require.Contains(t, rep.Results[0].Text(), "not this time")
	require.Contains(t, rep.Results[0].Text(), "STA-1")
}

type startsFromTheSecondTime struct {
	*plainPool
	started *bool
}

func (p *startsFromTheSecondTime) Start(ctx context.Context) error {
	if !*p.started {
		*p.started = true
		return errors.New("not this time")
	}
	return p.plainPool.Start(ctx)
}
