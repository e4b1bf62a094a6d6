package pool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// These tests run the bundled Python worker, with real processes and sockets.

func python() string {
	if p := os.Getenv("PYPROCTEST_PYTHON"); p != "" {
		return p
	}
	return "python3"
}

func workerCommand(arguments ...string) []string {
	return append([]string{python(), "../../pyworker/conformance_worker.py"}, arguments...)
}

// withWorkers runs a test with a pool of real workers, and checks that nothing is left of it.
func withWorkers(t *testing.T, o pool.PoolOptions, play func(*testing.T, *pool.Pool)) {
	for _, f := range []frame.Framing{frame.Enhanced, frame.Basic} {
		t.Run(f.String(), func(t *testing.T) {
			before := descriptors(t)
			o.Framing = f
			o.SocketDir = shortDir(t)
			if o.Command == nil {
				o.Command = workerCommand()
			}
			p, err := pool.NewPool(o)
			require.NoError(t, err)
			require.NoError(t, p.Start(t.Context()))
			var pids []int
			for _, w := range p.Health().Workers {
				pids = append(pids, w.PID)
			}
			play(t, p)
			for _, w := range p.Health().Workers {
				if w.PID != 0 {
					pids = append(pids, w.PID)
				}
			}
			defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would close descriptors that the pool has forgotten
			require.NoError(t, p.Shutdown(context.Background()))
			requireGone(t, pids, o.SocketDir, before)
		})
	}
}

func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "pp")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// requireGone checks [STA-3] to [STA-5], or [SHD-4] and [SHD-6]. goleak checks goroutines.
func requireGone(t *testing.T, pids []int, socketDir string, descriptorsBefore int) {
	t.Helper()
	for _, pid := range pids {
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "process %d", pid)
	}
	left, err := os.ReadDir(socketDir)
	require.NoError(t, err)
	require.Empty(t, left)
	if descriptorsBefore >= 0 {
		until(t, func() bool { return descriptors(t) <= descriptorsBefore })
	}
}

// descriptors returns the number of open descriptors of this process, or -1 if the system offers no way.
func descriptors(t *testing.T) int {
	if runtime.GOOS != "linux" {
		return -1
	}
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}

func TestCallsToARealWorker(t *testing.T) {
	withWorkers(t, pool.PoolOptions{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		for _, body := range []string{
			`null`, `false`, `0`, `""`, `[]`, `{}`, `9007199254740993`, `18446744073709551615`, `-9223372036854775808`,
			`"\u0000é€😀"`, `{"a":[1,2,{"b":null}]}`, strings.Repeat("[", 90) + strings.Repeat("]", 90),
		} {
			answer, err := p.Call(t.Context(), "echo", json.RawMessage(body))
			require.NoError(t, err)
			require.JSONEq(t, body, string(answer))
			if len(body) < 25 && body[0] != '"' {
				require.Equal(t, body, string(answer), "integers arrive exactly")
			}
		}
		var pids [2]int
		for i := range pids {
			require.NoError(t, p.CallInto(t.Context(), "pid", nil, &pids[i]))
		}
		require.NotEqual(t, pids[0], pids[1])

		_, err := p.Call(t.Context(), "fail", map[string]string{"message": "on purpose"})
		var remote *pool.RemoteError
		require.ErrorAs(t, err, &remote)
		require.Contains(t, remote.Message, "on purpose")
		_, err = p.Call(t.Context(), "no such method", nil)
		require.ErrorAs(t, err, &remote)
		_, err = p.Call(t.Context(), "unserializable", nil)
		require.ErrorAs(t, err, &remote)
	})
}

// [MSG-5]
func TestRequestIDsBeyondADoubleWithARealWorker(t *testing.T) {
	for _, f := range []frame.Framing{frame.Enhanced, frame.Basic} {
		p, err := pool.NewPool(pool.PoolOptions{Command: workerCommand(), Workers: 1, Framing: f})
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context()))
		for _, id := range []uint64{1<<31 - 1, 1<<32 - 1, 1 << 53, 1<<63 - 1, 1<<64 - 3} {
			pool.SetLastID(p, id)
			for range 5 {
				requireEcho(t, p, `"x"`)
			}
		}
		require.NoError(t, p.Shutdown(context.Background()))
	}
}

// Both sides read while they write. If not, bodies larger than the sockets' buffers would block for ever.
func TestLargeBodiesBothWaysAtOnce(t *testing.T) {
	withWorkers(t, pool.PoolOptions{Workers: 1, MaxInFlight: 8}, func(t *testing.T, p *pool.Pool) {
		var all sync.WaitGroup
		for caller := range 8 {
			all.Go(func() {
				for i := range 3 {
					size := []int{10_000_000, 65_536, 300_000}[(caller+i)%3]
					body := `"` + strings.Repeat(fmt.Sprint((caller*3+i)%10), size) + `"`
					answer, err := p.Call(t.Context(), "echo", json.RawMessage(body))
					if err != nil || string(answer) != body {
						t.Errorf("answer of %d bytes, wanted %d, error %v", len(answer), len(body), err)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestManyCallersOfManyWorkers(t *testing.T) {
	withWorkers(t, pool.PoolOptions{Workers: 3, MaxInFlight: 8}, func(t *testing.T, p *pool.Pool) {
		var all sync.WaitGroup
		for caller := range 50 {
			all.Go(func() {
				for i := range 40 {
					body := fmt.Sprintf(`"%d/%d"`, caller, i)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					if i%7 == 3 {
						cancel() // before, beside or after
					}
					answer, err := p.Call(ctx, "echo", json.RawMessage(body))
					cancel()
					switch {
					case err == nil && string(answer) != body:
						t.Errorf("%s got the answer %s", body, answer)
					case err != nil && i%7 != 3:
						t.Errorf("%s: %v", body, err)
					}
				}
			})
		}
		all.Wait()
	})
}

// [CAN-1] [CAN-3]
func TestCancellationReachesARealWorker(t *testing.T) {
	withWorkers(t, pool.PoolOptions{Workers: 1, MaxInFlight: 2}, func(t *testing.T, p *pool.Pool) {
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			_, err := p.Call(ctx, "sleep", map[string]int{"ms": 600_000})
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, pool.ErrMayHaveRun)
		}
		until(t, func() bool { // no handler but the one that counts
			var running int
			return p.CallInto(t.Context(), "inflight", nil, &running) == nil && running <= 1
		})
	})
}

// [HLT-4] [HLT-5] [HLT-6]
func TestARealWorkerThatExitsIsReplaced(t *testing.T) {
	withWorkers(t, pool.PoolOptions{Workers: 2, RestartMin: time.Millisecond}, func(t *testing.T, p *pool.Pool) {
		_, err := p.Call(t.Context(), "exit", map[string]int{"code": 3})
		require.ErrorIs(t, err, pool.ErrWorkerDied)
		require.ErrorIs(t, err, pool.ErrMayHaveRun)
		require.ErrorContains(t, err, "exit status 3")
		for i := range 20 {
			requireEcho(t, p, fmt.Sprint(i))
		}
		until(t, func() bool { return p.Health().Healthy == 2 })
		require.Equal(t, 1, p.Health().Restarts)
	})
}

// [HLT-4] [HLT-8] Of calls that run all the time only those on the worker may fail.
func TestARealWorkerThatIsKilled(t *testing.T) {
	withWorkers(t, pool.PoolOptions{Workers: 2, MaxInFlight: 4, RestartMin: time.Millisecond}, func(t *testing.T, p *pool.Pool) {
		stop := make(chan struct{})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					body := fmt.Sprint(i)
					answer, err := p.Call(t.Context(), "echo", json.RawMessage(body))
					if err == nil && string(answer) != body {
						t.Errorf("%s got the answer %s", body, answer)
					}
					if err != nil && !errors.Is(err, pool.ErrWorkerDied) {
						t.Errorf("%s: %v", body, err)
					}
				}
			})
		}
		for kill := range 4 {
			until(t, func() bool { return p.Health().Healthy == 2 })
			require.NoError(t, syscall.Kill(p.Health().Workers[kill%2].PID, syscall.SIGKILL))
			until(t, func() bool { return p.Health().Restarts > kill })
		}
		close(stop)
		all.Wait()
		require.Equal(t, 4, p.Health().Restarts)
	})
}

// [HLT-4] No call is affected.
func TestTheDeathOfAnIdleWorkerFailsNoCall(t *testing.T) {
	withWorkers(t, pool.PoolOptions{Workers: 2, RestartMin: time.Millisecond}, func(t *testing.T, p *pool.Pool) {
		for i := range 5 {
			until(t, func() bool { return p.Health().Healthy == 2 })
			pid := p.Health().Workers[i%2].PID
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			until(t, func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
			for range 10 {
				requireEcho(t, p, `1`)
			}
			until(t, func() bool { return p.Health().Restarts > i })
		}
	})
}

// [HLT-2] A stopped process is a hung worker.
func TestARealWorkerThatIsStoppedIsUnhealthy(t *testing.T) {
	o := pool.PoolOptions{Workers: 2, HealthInterval: 20 * time.Millisecond, HealthTimeout: time.Second}
	withWorkers(t, o, func(t *testing.T, p *pool.Pool) {
		pid := p.Health().Workers[0].PID
		require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
		until(t, func() bool { return !p.Health().Workers[0].Healthy })
		for range 10 {
			requireEcho(t, p, `1`)
		}
		require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
		until(t, func() bool { return p.Health().Workers[0].Healthy })
		require.Zero(t, p.Health().Restarts)
	})
}

// [SHD-2] [SHD-3]
func TestShutdownOfRealWorkersWaitsForRunningCalls(t *testing.T) {
	withWorkers(t, pool.PoolOptions{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		var calls []<-chan outcome
		for range 4 {
			calls = append(calls, start(t.Context(), p, "sleep", map[string]int{"ms": 200}))
		}
		until(t, func() bool { return p.Health().InFlight == 4 })
		require.NoError(t, p.Shutdown(context.Background()))
		for _, c := range calls {
			require.NoError(t, (<-c).err)
		}
	})
}

// [STA-2] to [STA-6]
func TestRollbackOfRealProcesses(t *testing.T) {
	script := filepath.Join(t.TempDir(), "worker.py")
	require.NoError(t, os.WriteFile(script, []byte(`
import os, signal, socket, sys, time
what = sys.argv[1]
number = os.path.basename(os.environ["PYPROC_SOCKET_PATH"])
if number == "1.sock":
    if what == "exit":
        raise SystemExit("cannot load the model")
    if what == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
s = socket.socket(socket.AF_UNIX)
s.bind(os.environ["PYPROC_SOCKET_PATH"])
s.listen()
time.sleep(600)
`), 0o600))
	for _, what := range []string{"exit", "silent", "deaf"} {
		t.Run(what, func(t *testing.T) {
			before := descriptors(t)
			dir := shortDir(t)
			limit := 2 * time.Second // which the others let run out
			if what == "exit" {
				limit = time.Minute
			}
			var mu sync.Mutex
			var pids []int
			p, err := pool.NewPool(pool.PoolOptions{
				Command: []string{python(), script, what}, Workers: 3, SocketDir: dir,
				StartTimeout: limit, StopTimeout: 500 * time.Millisecond,
				Spawn: func(spec pool.ProcessSpec) (pool.Process, error) {
					proc, err := pool.StartProcess(spec)
					mu.Lock()
					defer mu.Unlock()
					pids = append(pids, proc.PID())
					return proc, err
				},
			})
			require.NoError(t, err)
			for range 2 {
				err = p.Start(t.Context())
				var start *pool.StartError
				require.ErrorAs(t, err, &start)
				if what == "exit" {
					require.Equal(t, 1, start.Worker)
					require.ErrorContains(t, err, "exit status 1")
					require.ErrorContains(t, err, "cannot load the model")
				} else {
					require.ErrorContains(t, err, "did not accept connections")
				}
				requireGone(t, pids, dir, before)
			}
			require.NoError(t, p.Shutdown(context.Background()))
		})
	}
}

func TestAProgramThatDoesNotExist(t *testing.T) {
	p, err := pool.NewPool(pool.PoolOptions{Command: []string{"no-such-program"}, Workers: 2})
	require.NoError(t, err)
	err = p.Start(t.Context())
	require.ErrorContains(t, err, "no-such-program")
	require.NoError(t, p.Shutdown(context.Background()))
}

// What arrives on a connection without a call affects no call, and is no answer. The test runs in a bubble, where no
// time passes while a real socket is read. So nobody reads between two calls.
func TestWhatComesOnAnIdleConnectionReachesNoCall(t *testing.T) {
	const id = 100
	for _, framing := range []frame.Framing{frame.Enhanced, frame.Basic} {
		answer := func(id uint64) []byte {
			return frame.AppendFrame(nil, framing, 100, fmt.Appendf(nil, `{"id":%d,"ok":true,"body":"early"}`, id))
		}
		early := answer(id)
		for name, x := range map[string]struct {
			unasked []byte
			closes  bool
		}{
			"garbage [RID-7]":                    {[]byte("{} is no frame, in neither framing"), true},
			"an answer to the next call [RID-5]": {early, false},
			"many such answers [RID-5]":          {bytes.Repeat(early, 1000), false},
			"a part of it, then garbage [RID-7]": {append(early[:len(early)-5:len(early)-5], "#####"...), true},
			"an answer with two IDs [MSG-13]":    {answer(101), framing == frame.Enhanced},
		} {
			for _, behind := range []bool{false, true} {
				name := fmt.Sprintf("%v/%s/behind an answer=%v", framing, name, behind)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						conns, ended := make(chan spoken, 2), make(chan struct{}, 2)
						p := overSocket(t, listen(t), pool.PoolOptions{Framing: framing}, func(conn net.Conn) {
							c := spoken{conn, make(chan []byte, 1), make(chan []byte, 1), make(chan struct{}, 1)}
							conns <- c
							echoOn(t, c, framing)
							ended <- struct{}{}
						})
						c := <-conns
						untilUnread := func() {
							for !pool.IsUnread(p) {
								runtime.Gosched()
							}
						}
						if behind {
							c.after <- x.unasked
							requireEcho(t, p, `1`)
							<-c.wrote
							if !x.closes {
								untilUnread()
							}
						} else {
							requireEcho(t, p, `1`)
							untilUnread()
							_, err := c.Conn.Write(x.unasked)
							require.NoError(t, err)
						}
						pool.SetLastID(p, id-1)
						requireEcho(t, p, `2`)
						requireEcho(t, p, `3`)
						if x.closes {
							<-ended
							<-conns
						}
						require.Empty(t, conns)
						require.Empty(t, ended)
					})
				})
			}
		}
	}
}

// [RID-5] A call does not wait for the rest of an answer with an unknown ID.
func TestACallGoesOutWhileAnAnswerThatNobodyAskedForIsHalfThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unasked := frame.AppendFrame(nil, frame.Enhanced, 1<<40, fmt.Appendf(nil, `{"id":%d,"ok":true}`, 1<<40))
		conns := make(chan spoken, 1)
		p := overSocket(t, listen(t), pool.PoolOptions{}, func(conn net.Conn) {
			c := spoken{conn, make(chan []byte, 1), nil, nil}
			conns <- c
			echoOn(t, c, frame.Enhanced)
		})
		requireEcho(t, p, `1`)
		for !pool.IsUnread(p) {
			runtime.Gosched()
		}
		c := <-conns
		_, err := c.Conn.Write(unasked[:20])
		require.NoError(t, err)
		c.before <- unasked[20:]
		requireEcho(t, p, `2`)
		requireEcho(t, p, `3`)
	})
}

// spoken is a connection to whose next write a test adds bytes, before or after.
type spoken struct {
	net.Conn
	before, after chan []byte
	wrote         chan struct{} // what came after
}

func (c spoken) Write(b []byte) (int, error) {
	select {
	case before := <-c.before:
		b = slices.Concat(before, b)
	case after := <-c.after:
		defer func() { c.wrote <- struct{}{} }()
		b = slices.Concat(b, after)
	default:
	}
	return c.Conn.Write(b)
}

// echoOn echoes until the connection ends.
func echoOn(t *testing.T, conn net.Conn, framing frame.Framing) {
	frames, err := frame.NewReader(conn, frame.Options{Framing: framing})
	require.NoError(t, err)
	for {
		f, err := frames.ReadFrame()
		if err != nil {
			return
		}
		r, err := message.ParseRequest(f.Payload)
		if err != nil {
			continue // a cancellation
		}
		if r.Method == "health" {
			r.Body = json.RawMessage(`{"status":"healthy"}`)
		}
		answer := message.AppendResponse(nil, r.ID, r.Body)
		_, _ = conn.Write(frame.AppendFrame(nil, framing, r.ID, answer))
	}
}

// until waits for something without an event, such as the state of a process.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, time.Minute, time.Millisecond)
}
