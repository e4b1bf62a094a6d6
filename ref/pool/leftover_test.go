package pool_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// scriptedWorker returns the command of the bundled worker, with Python code that runs before it listens.
func scriptedWorker(t *testing.T, code string, arguments ...string) []string {
	t.Helper()
	worker, err := filepath.Abs("../../pyworker/conformance_worker.py")
	require.NoError(t, err)
	script := filepath.Join(t.TempDir(), "worker.py")
	require.NoError(t, os.WriteFile(script, []byte("import os, sys\n"+code+`
import runpy
del sys.argv[1:]
runpy.run_path(`+strconv.Quote(worker)+`, run_name="__main__")
`), 0o600))
	return append([]string{python(), script}, arguments...)
}

// lines is an Output in which a test looks for lines. A worker writes each of them at once, or another worker's output
// could come in between.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

// await waits until a pattern has matched n times, and returns what its only group has matched.
func (l *lines) await(t *testing.T, pattern string, n int) []string {
	t.Helper()
	var found []string
	until(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		found = nil
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(l.all.String(), -1) {
			found = append(found, m[1])
		}
		return len(found) >= n
	})
	return found
}

func numbers(t *testing.T, texts []string) []int {
	t.Helper()
	var all []int
	for _, text := range texts {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		all = append(all, n)
	}
	return all
}

// isRunning reports whether a process runs. A process that has ended does not, even if nobody has reaped it yet.
func isRunning(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return false
	}
	if runtime.GOOS == "linux" {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		_, state, _ := strings.Cut(string(stat), ") ")
		return !strings.HasPrefix(state, "Z")
	}
	return true
}

// withChild starts a process in the group of the worker. It keeps the worker's output open, and ignores SIGTERM if
// asked to.
const withChild = `
import subprocess
child = subprocess.Popen([sys.executable, "-c", """
import signal, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
""", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
os.write(1, b"child: %d\n" % child.pid)
`

// [STA-3] [SHD-4] [SHD-6] Also where a child is deaf to SIGTERM.
func TestProcessesThatAWorkerLeavesInItsGroupAreEnded(t *testing.T) {
	for _, kind := range []string{"plain", "deaf"} {
		t.Run("when it dies, "+kind, func(t *testing.T) {
			out := &lines{}
			p, err := pool.NewPool(pool.PoolOptions{
				Command: scriptedWorker(t, withChild, kind), Workers: 1, Output: out, RestartMin: time.Millisecond,
			})
			require.NoError(t, err)
			require.NoError(t, p.Start(t.Context()))
			child := numbers(t, out.await(t, `child: (\d+)\n`, 1))[0]
			require.True(t, isRunning(child))
			_, err = p.Call(t.Context(), "exit", map[string]int{"code": 3})
			require.ErrorIs(t, err, pool.ErrWorkerDied)
			until(t, func() bool { return p.Health().Restarts == 1 })
			require.False(t, isRunning(child), "the next worker is started after that")

			child = numbers(t, out.await(t, `child: (\d+)\n`, 2))[1]
			require.True(t, isRunning(child))
			require.NoError(t, p.Shutdown(context.Background()))
			require.False(t, isRunning(child), "at Shutdown")
		})
		t.Run("when Start fails, "+kind, func(t *testing.T) {
			out := &lines{}
			p, err := pool.NewPool(pool.PoolOptions{
				Command: scriptedWorker(t, withChild+`
if os.environ["PYPROC_SOCKET_PATH"].endswith("1.sock"):
    raise SystemExit("cannot load the model")
`, kind), Workers: 2, Output: out,
			})
			require.NoError(t, err)
			require.ErrorContains(t, p.Start(t.Context()), "cannot load the model")
			children := numbers(t, out.await(t, `child: (\d+)\n`, 1))
			for _, child := range children {
				require.False(t, isRunning(child))
			}
			require.NoError(t, p.Shutdown(context.Background()))
		})
	}
}

// watchLifeline ends the worker when its lifeline ends. A child of the worker inherits its descriptors, which must not
// keep the lifeline of another worker open.
const watchLifeline = `
import fcntl, subprocess, threading
lifeline = int(os.environ["PYPROC_LIFELINE_FD"])
assert not fcntl.fcntl(lifeline, fcntl.F_GETFL) & os.O_NONBLOCK
os.set_inheritable(lifeline, True)
child = subprocess.Popen(["sleep", "600"], close_fds=False)
def watch():
    os.read(lifeline, 1)
    child.kill()
    os._exit(7)
threading.Thread(target=watch, daemon=True).start()
`

const killedParent = "PYPROCTEST_POOL_TO_KILL" // names the directory for sockets

// runParent runs a pool until the process is killed. It is called by TestMain of a test binary that was started as
// the parent of TestWorkersNoticeThatTheirPoolWasKilled.
func runParent(dir string) error {
	p, err := pool.NewPool(pool.PoolOptions{Command: os.Args[1:], Workers: 3, SocketDir: dir})
	if err != nil {
		return err
	}
	if err := p.Start(context.Background()); err != nil {
		return err
	}
	var pids []int
	for _, w := range p.Health().Workers {
		pids = append(pids, w.PID)
	}
	if err := json.NewEncoder(os.Stdout).Encode(pids); err != nil {
		return err
	}
	select {}
}

// [WRK-19] The lifeline ends with the pool's process. The next pool removes the sockets.
func TestWorkersNoticeThatTheirPoolWasKilled(t *testing.T) {
	dir := shortDir(t)
	self, err := os.Executable()
	require.NoError(t, err)
	// A worker that notices nothing but its lifeline: the bundled one watches its parent too.
	script := filepath.Join(t.TempDir(), "worker.py")
	require.NoError(t, os.WriteFile(script, []byte(`
import os, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.environ["PYPROC_SOCKET_PATH"])
listener.listen()
`+watchLifeline+`
time.sleep(600)
`), 0o600))
	parent := exec.Command(self, python(), script)
	parent.Env = append(os.Environ(), killedParent+"="+dir)
	parent.Stderr = os.Stderr
	stdout, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		_ = parent.Process.Kill()
		_ = parent.Wait()
		require.NoError(t, err)
	}
	var pids []int
	require.NoError(t, json.Unmarshal(line, &pids))
	require.Len(t, pids, 3)
	for _, pid := range pids {
		require.True(t, isRunning(pid))
	}
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	for _, pid := range pids {
		until(t, func() bool { return !isRunning(pid) })
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "the sockets of the killed pool")

	next, err := pool.NewPool(pool.PoolOptions{Command: workerCommand(), Workers: 1, SocketDir: dir})
	require.NoError(t, err)
	require.NoError(t, next.Start(t.Context()))
	require.NoDirExists(t, filepath.Join(dir, left[0].Name()))
	requireEcho(t, next, `1`)
	require.NoError(t, next.Shutdown(context.Background()))
	requireGone(t, nil, dir, -1)
}

// The lifeline does not end while the pool lives, whatever happens to other workers.
func TestTheLifelineLastsAsLongAsThePool(t *testing.T) {
	t.Setenv(pool.LifelineVariable, "99") // as if this process were a worker itself
	p, err := pool.NewPool(pool.PoolOptions{
		Command: scriptedWorker(t, watchLifeline), Workers: 2, RestartMin: time.Millisecond,
		Env: []string{pool.LifelineVariable + "=98"},
	})
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context()))
	kept := p.Health().Workers[1].PID
	for i := range 3 {
		require.NoError(t, syscall.Kill(p.Health().Workers[0].PID, syscall.SIGKILL))
		until(t, func() bool { return p.Health().Restarts == i+1 })
		requireEcho(t, p, `1`)
		requireEcho(t, p, `2`)
	}
	require.Equal(t, kept, p.Health().Workers[1].PID)
	require.NoError(t, p.Shutdown(context.Background()))
}
