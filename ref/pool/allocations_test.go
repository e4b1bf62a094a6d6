//go:build !race

// With the race detector, sync.Pool loses things at random.

package pool_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// A call allocates the interface value that its body is passed in, and its answer. It does not matter whether it waits
// for a slot, nor whether hooks are told. Large bodies are lent, which takes more.
func TestACallAllocatesTwice(t *testing.T) {
	for name, hooks := range map[string]*pool.Hooks{"no hooks": nil, "empty hooks": {}, "counting hooks": new(counting).hooks()} {
		t.Run(name, func(t *testing.T) { testACallAllocatesTwice(t, hooks) })
	}
}

func testACallAllocatesTwice(t *testing.T, hooks *pool.Hooks) {
	body := json.RawMessage(`"` + strings.Repeat("x", 62) + `"`)
	withWorkers(t, pool.PoolOptions{Workers: 1, MaxInFlight: 16, Hooks: hooks}, func(t *testing.T, p *pool.Pool) {
		for _, callers := range []int{1, 4, 16, 64} {
			t.Run(fmt.Sprintf("callers=%d", callers), func(t *testing.T) {
				calls := 100 * callers
				run := turns.Callers(callers, func() error {
					_, err := p.Call(context.Background(), "echo", body)
					return err
				})
				allocations := testing.AllocsPerRun(3, func() { require.NoError(t, run(calls, nil)) })
				t.Logf("%.2f", allocations/float64(calls))
				require.Less(t, allocations/float64(calls), 2.5, "which leaves some for what goes on beside the calls")
			})
		}
	})
}
