package load

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/peer"
	"github.com/pyproctest/pyproctest/pyworker"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// stallingWorker answers echo, and stands still for 100 ms at every 5,000th call.
const stallingWorker = `import ctypes, sys
sys.path.insert(0, sys.argv[1])
from pyproctest_worker import expose, run_worker

calls = 0

@expose
def echo(body):
    global calls
    calls += 1
    if calls % 5000 == 0:
        ctypes.PyDLL(None).usleep(100_000)  # which keeps all threads of the interpreter waiting
    return body

run_worker()
`

// The same as TestAStallThatAClosedLoopHidesIsSeenAtARate, with a worker. What else the machine does can make times longer, and
// makes those of the open model longer than those of the closed one.
func TestAStallOfAWorkerIsSeenAtARateAndHiddenByAClosedLoop(t *testing.T) {
	dir := t.TempDir()
	_, source, err := pyworker.Extract(dir)
	require.NoError(t, err)
	program := filepath.Join(dir, "stalling.py")
	require.NoError(t, os.WriteFile(program, []byte(stallingWorker), 0o600))
	p, err := pool.NewPool(pool.PoolOptions{Command: []string{peer.Python(), program, source}, Workers: 1})
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.Background())) })
	call := func(ctx context.Context, method string, body json.RawMessage) error {
		_, err := p.Call(ctx, method, body)
		return err
	}

	const calls = 5500 // of which one stalls, or two
	closed, err := Closed(t.Context(), Options{For: time.Hour, Most: calls}, 1, call)
	require.NoError(t, err)
	require.EqualValues(t, calls, closed.Calls)
	require.GreaterOrEqual(t, closed.At(100), 100*time.Millisecond, "the stall was there")
	open, err := Open(t.Context(), Options{Rate: closed.Rate / 2, For: time.Hour, Most: calls}, call)
	require.NoError(t, err)
	t.Logf("closed, %d calls: p99.9 %v; open, %d calls: p99.9 %v", closed.Calls, closed.At(99.9), open.Calls, open.At(99.9))
	require.GreaterOrEqual(t, open.At(99.9), 80*time.Millisecond, "every call that came in the first 20 ms of the stall waited so long")
	require.Less(t, closed.At(99.9), open.At(99.9)/2)
}
