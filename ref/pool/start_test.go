package pool_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// [STA-1]
func TestStartReturnsWhenEveryWorkerAcceptsConnections(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		s.spawned = func(p *process) { p.startAfter = time.Duration(1+p.spec.Worker) * time.Second }
		p := s.pool(pool.PoolOptions{Workers: 3, Env: []string{"A=1"}})

		began := time.Now()
		require.NoError(t, p.Start(s.t.Context()))
		require.InDelta(t, 3, time.Since(began).Seconds(), 0.01, "all start at once, and the slowest is waited for")
		require.Equal(t, 3, p.Health().Healthy)

		paths := map[string]bool{}
		for _, proc := range s.all() {
			path := proc.spec.SocketPath
			require.Contains(t, proc.spec.Env, "PYPROC_SOCKET_PATH="+path)
			require.Contains(t, proc.spec.Env, "A=1")
			require.DirExists(t, filepath.Dir(path))
			paths[path] = true
		}
		require.Len(t, paths, 3, "each worker has a socket path of its own")
		require.NoError(t, p.Shutdown(context.Background()))
	})
}

// [STA-2] [STA-3] [STA-5] [STA-6] [STA-8] [STA-9]
func TestStartIsAllOrNothing(t *testing.T) {
	cases := map[string]struct {
		spoil func(*process)
		check func(*testing.T, *pool.StartError)
	}{
		"a worker exits early": {
			func(p *process) { p.exitsEarly = "exit status 3" },
			func(t *testing.T, err *pool.StartError) {
				var exit *pool.ExitError
				require.ErrorAs(t, err, &exit)
				require.Equal(t, "exit status 3", exit.Status)
				require.Equal(t, "cannot import name 1\n", err.Output)
				require.ErrorContains(t, err, "worker 1")
				require.ErrorContains(t, err, "exit status 3")
				require.ErrorContains(t, err, "cannot import name 1")
				require.NotErrorIs(t, err, pool.ErrWorkerDied, "it had never lived")
			},
		},
		"a worker never listens": {
			func(p *process) { p.neverListens = true },
			func(t *testing.T, err *pool.StartError) {
				require.ErrorContains(t, err, "did not accept connections within 7s")
				require.ErrorIs(t, err, syscall.ECONNREFUSED)
			},
		},
		"a worker never listens, and is deaf to SIGTERM": {
			func(p *process) { p.neverListens, p.deaf = true, true },
			func(t *testing.T, err *pool.StartError) {
				require.ErrorContains(t, err, "did not accept connections within 7s")
			},
		},
		"a program cannot be started": {
			func(p *process) { p.startErr = errors.New("no such program") },
			func(t *testing.T, err *pool.StartError) { require.ErrorContains(t, err, "no such program") },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inBothFramings(t, func(s *stage) {
				broken := true
				s.spawned = func(p *process) {
					if broken && p.spec.Worker == 1 {
						c.spoil(p)
					}
				}
				p := s.pool(pool.PoolOptions{Workers: 3, StartTimeout: 7 * time.Second})

				err := p.Start(s.t.Context())
				var start *pool.StartError
				require.ErrorAs(s.t, err, &start)
				require.Equal(s.t, 1, start.Worker)
				c.check(s.t, start)
				synctest.Wait()
				s.requireNothingLeft()

				_, err = p.Call(s.t.Context(), "echo", nil)
				require.ErrorIs(s.t, err, pool.ErrNotStarted)
				require.Zero(s.t, p.Health().Healthy)

				broken = false
				require.NoError(s.t, p.Start(s.t.Context()), "Start may be tried again")
				requireEcho(s.t, p, `"again"`)
			})
		})
	}
}

// [STA-2]
func TestStartFailsWhenAReadyWorkerExitsBeforeTheLastIsReady(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		s.spawned = func(p *process) {
			if p.spec.Worker == 1 {
				p.startAfter = 5 * time.Second
				return
			}
			time.AfterFunc(time.Second, func() { p.exit("exit status 9") })
		}
		err := s.pool(pool.PoolOptions{Workers: 2}).Start(s.t.Context())
		var start *pool.StartError
		require.ErrorAs(t, err, &start)
		require.Equal(t, 0, start.Worker)
		require.ErrorContains(t, err, "exit status 9")
	})
}

// [STA-3]
func TestAFailedStartStopsWorkersBySIGTERMFirst(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		s.spawned = func(p *process) {
			p.deaf = p.spec.Worker == 0
			if p.spec.Worker == 1 {
				p.exitsEarly = "exit status 1"
				p.startAfter = time.Second
			}
			p.neverListens = p.spec.Worker == 2
		}
		p := s.pool(pool.PoolOptions{Workers: 3, StopTimeout: 4 * time.Second})
		began := time.Now()
		require.Error(t, p.Start(s.t.Context()))
		require.Equal(t, 5*time.Second, time.Since(began).Round(10*time.Millisecond), "worker 2 is waited for no longer")
		require.Equal(t, []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}, s.process(0).got())
	})
}

// [STA-7]
func TestTheContextOfStartBoundsTheStartAlone(t *testing.T) {
	t.Run("cancelled before the end", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			s.spawned = func(p *process) { p.neverListens = true }
			p := s.pool(pool.PoolOptions{Workers: 2})
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := p.Start(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
			s.requireNothingLeft()
		})
	})
	t.Run("cancelled before the beginning", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			ctx, cancel := context.WithCancel(s.t.Context())
			cancel()
			require.ErrorIs(t, s.pool(pool.PoolOptions{Workers: 2}).Start(ctx), context.Canceled)
			require.Empty(t, s.all(), "no process is started in vain")
		})
	})
	t.Run("cancelled later", func(t *testing.T) {
		onStage(t, frame.Enhanced, func(s *stage) {
			p := s.pool(pool.PoolOptions{Workers: 2})
			ctx, cancel := context.WithCancel(s.t.Context())
			require.NoError(t, p.Start(ctx))
			cancel()
			synctest.Wait()
			for range 4 {
				requireEcho(s.t, p, `1`)
			}
			require.Len(t, s.all(), 2, "no worker was touched")
		})
	})
}

func TestStartTwiceAndAfterShutdown(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		p := s.started(pool.PoolOptions{Workers: 1})
		require.ErrorIs(t, p.Start(s.t.Context()), pool.ErrStarted)
		require.NoError(t, p.Shutdown(context.Background()))
		require.ErrorIs(t, p.Start(s.t.Context()), pool.ErrClosed)
	})
}

// [STA-1] The pool's own variables win over those that it has inherited, as a worker of another pool for instance, and
// over Env.
func TestThePoolSetsItsOwnVariables(t *testing.T) {
	t.Setenv("PYPROC_SOCKET_PATH", "/inherited")
	t.Setenv("PYPROC_LIFELINE_FD", "98")
	onStage(t, frame.Enhanced, func(s *stage) {
		s.started(pool.PoolOptions{Workers: 1, Env: []string{"PYPROC_SOCKET_PATH=/own", "PYPROC_LIFELINE_FD=99", "A=1"}})
		var own []string
		for _, e := range s.process(0).spec.Env {
			if strings.HasPrefix(e, "PYPROC_SOCKET_PATH") || strings.HasPrefix(e, "PYPROC_LIFELINE_FD") {
				own = append(own, e)
			}
		}
		require.Equal(t, []string{"PYPROC_SOCKET_PATH=" + s.process(0).spec.SocketPath}, own,
			"a Spawn of the user's has no lifeline but its own")
		require.Contains(t, s.process(0).spec.Env, "A=1")
	})
}

func TestARelativeSocketDirIsThatOfThePool(t *testing.T) {
	command, err := filepath.Abs("../../pyworker/conformance_worker.py")
	require.NoError(t, err)
	t.Chdir(shortDir(t))
	require.NoError(t, os.Mkdir("sockets", 0o700))
	for name, dir := range map[string]string{"with Dir": t.TempDir(), "without": ""} {
		t.Run(name, func(t *testing.T) {
			p, err := pool.NewPool(pool.PoolOptions{
				Command: []string{python(), command}, Workers: 1, SocketDir: "sockets", Dir: dir,
			})
			require.NoError(t, err)
			require.NoError(t, p.Start(t.Context()))
			requireEcho(t, p, `1`)
			require.NoError(t, p.Shutdown(context.Background()))
			requireGone(t, nil, "sockets", -1)
		})
	}
}

func TestANilContextIsAnError(t *testing.T) {
	inBothFramings(t, func(s *stage) {
		p := s.pool(pool.PoolOptions{Workers: 1})
		var none context.Context
		require.ErrorIs(s.t, p.Start(none), pool.ErrNilContext)
		require.NoError(s.t, p.Start(s.t.Context()))
		_, err := p.Call(none, "echo", 1)
		require.ErrorIs(s.t, err, pool.ErrNilContext)
		require.ErrorIs(s.t, p.CallInto(none, "echo", 1, nil), pool.ErrNilContext)
		err = p.Shutdown(none)
		require.ErrorIs(s.t, err, pool.ErrNilContext)
		require.ErrorContains(s.t, err, "pass context.Background()")
		requireEcho(s.t, p, `1`) // it has done nothing
	})
}

func TestTwoStartsAtOnce(t *testing.T) {
	onStage(t, frame.Enhanced, func(s *stage) {
		s.spawned = func(p *process) { p.startAfter = time.Second }
		p := s.pool(pool.PoolOptions{Workers: 2})
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- p.Start(s.t.Context()) }()
		}
		got := []error{<-errs, <-errs}
		require.ErrorIs(t, got[0], pool.ErrStarted)
		require.NoError(t, got[1])
		require.Len(t, s.all(), 2)
	})
}

func TestOptionsThatCannotBeUsed(t *testing.T) {
	command := []string{"python3", "worker.py"}
	long := "/" + string(slices.Repeat([]byte("d"), 100))
	for field, o := range map[string]pool.PoolOptions{
		"Command":        {},
		"Workers":        {Command: command, Workers: -1},
		"MaxInFlight":    {Command: command, MaxInFlight: -1},
		"MaxPayload":     {Command: command, MaxPayload: frame.MaxPayloadLimit},
		"Queue":          {Command: command, Queue: -2},
		"Framing":        {Command: command, Framing: 2},
		"StartTimeout":   {Command: command, StartTimeout: -1},
		"HealthInterval": {Command: command, HealthInterval: -1},
		"RestartMin":     {Command: command, RestartMin: 2, RestartMax: 1},
		"SocketDir":      {Command: command, SocketDir: long},
	} {
		t.Run(field, func(t *testing.T) {
			_, err := pool.NewPool(o)
			var wrong *pool.OptionsError
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, field, wrong.Field)
			t.Log(err)
		})
	}
}
