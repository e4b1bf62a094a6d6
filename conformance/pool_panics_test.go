package conformance_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

// panicVariable has TestResultsAreKeptWhenAPoolPanics be the process that panics, and names the file for the results.
const panicVariable = "PYPROCTEST_PANICS"

// A panic in a goroutine of the pool ends the process. What ended before is kept, and the case where it happened is named.
func TestResultsAreKeptWhenAPoolPanics(t *testing.T) {
	covered := []conformance.Option{conformance.Covering("RID-1", "RID-2"), conformance.Framings(conformance.Enhanced), conformance.Parallel(1)}
	if path := os.Getenv(panicVariable); path != "" {
		kept, err := os.Create(path)
		require.NoError(t, err)
		cases := 0
		open := func(o conformance.PoolOptions) (conformance.Pool, error) {
			p, err := newPlainPool(o)
			return panicsInAGoroutine{p, &cases}, err
		}
		conformance.CheckPool(context.Background(), open, append(covered, conformance.KeepResults(kept), conformance.OnCase(func(string) { cases++ }))...)
		return
	}
	path := filepath.Join(t.TempDir(), "kept")
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), panicVariable+"="+path)
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "the pool panics")
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Regexp(t, `(?s)^(\S+): begins\n.*(\S+): pass\n(\S+): begins\n$`, string(kept))
}

// panicsInAGoroutine panics at the first call of the second case.
type panicsInAGoroutine struct {
	*plainPool
	cases *int
}

func (p panicsInAGoroutine) Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	if *p.cases == 2 {
		go panic("the pool panics")
		select {}
	}
	return p.plainPool.Call(ctx, method, body)
}
