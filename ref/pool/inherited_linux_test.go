package pool_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// A worker that starts while the pool is connected to others has only its standard streams and its lifeline, besides
// descriptors that this process has itself inherited.
func TestWorkersInheritNoConnectionOfThePool(t *testing.T) {
	inherited := map[string]bool{os.DevNull: true}
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			inherited[to] = true
		}
	}
	out := &lines{}
	p, err := pool.NewPool(pool.PoolOptions{
		Command: scriptedWorker(t, `
links = [os.readlink("/proc/self/fd/" + n) for n in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + n)]
os.write(1, ("descriptors: " + " ".join(links) + "\n").encode())
`), Workers: 3, Output: out, RestartMin: time.Millisecond,
	})
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context()))
	_, err = p.Call(t.Context(), "exit", map[string]int{"code": 3})
	require.ErrorIs(t, err, pool.ErrWorkerDied)
	for _, links := range out.await(t, `descriptors: (.*)\n`, 4) {
		own := map[string]bool{}
		for _, to := range strings.Fields(links) {
			if !inherited[to] {
				own[to] = true
			}
		}
		require.Len(t, own, 2, "the pipe of its output, and its lifeline: %v", own)
		for to := range own {
			require.True(t, strings.HasPrefix(to, "pipe:"), to)
		}
	}
	until(t, func() bool { return p.Health().Healthy == 3 })
	require.NoError(t, p.Shutdown(context.Background()))
}
