package conformance_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

func TestPoolFaultsOfTheSecondBlindBatchesShow(t *testing.T) {
	showEach(t, []showing{
		{"waiters-are-served-at-releases-alone", "gets worker 1", "waits", inBubble(func(p *playedPool) string {
			p.workers[0].inFlight = 1
			p.workers[1].healthy = false
			p.answers()
			p.running.Go(p.workers[1].checkHealth)
			return p.acquires(func() { time.Sleep(3 * p.o.HealthInterval) })
		})},
		{"callers-queue-at-one-worker", "gets worker 1", "waits", inBubble(func(p *playedPool) string {
			p.workers[0].inFlight, p.workers[1].inFlight = 1, 1
			return p.acquires(p.workers[1].release)
		})},
		{"freed-slots-go-straight-to-waiters", "waits", "gets worker 0", inBubble(func(p *playedPool) string {
			p.workers[0].inFlight, p.workers[1].inFlight = 1, 1
			p.workers[0].healthy = false
			return p.acquires(p.workers[0].release)
		})},
		{"a-death-frees-the-slots-of-cancelled-calls-again", "0 in flight", "-1 in flight", inBubble(func(p *playedPool) string {
			go func() { _, _ = io.Copy(io.Discard, p.ends[0]) }()
			ctx, cancel := context.WithCancel(p.ctx)
			go func() { _, _ = p.Call(ctx, "sleep", nil) }()
			synctest.Wait()
			cancel()
			synctest.Wait()
			_ = p.ends[0].Close()
			synctest.Wait()
			return fmt.Sprint(p.workers[0].inFlight, " in flight")
		})},
		{"waiters-say-busy-when-their-context-ends", "context canceled", "busy", inBubble(func(p *playedPool) string {
			p.workers[0].inFlight, p.workers[1].inFlight = 1, 1
			ctx, cancel := context.WithCancel(p.ctx)
			time.AfterFunc(time.Second, cancel)
			_, err := p.Call(ctx, "echo", nil)
			return err.Error()
		})},
		{"cancelled-calls-wait-until-their-cancellation-is-out", "returns", "waits", inBubble(func(p *playedPool) string {
			ctx, cancel := context.WithCancel(p.ctx)
			return done(func() { _, _ = p.Call(ctx, "sleep", nil) }, "returns", cancel)
		})},
		{"calls-wait-for-the-start-whatever-their-context", "returns", "waits", inBubble(func(p *playedPool) string {
			p.state, p.started = "starting", make(chan struct{})
			ctx, cancel := context.WithCancel(p.ctx)
			cancel()
			does := done(func() { _, _ = p.Call(ctx, "echo", nil) }, "returns", func() {})
			close(p.started)
			synctest.Wait()
			return does
		})},
		{"violated-connections-are-left-open", "closed", "open", inBubble(func(p *playedPool) string {
			failed := make(chan error, 1)
			go func() {
				_, err := p.Call(p.ctx, "echo", nil)
				failed <- err
			}()
			p.asked(0)
			_, _ = p.ends[0].Write(make([]byte, 18))
			<-failed
			return map[string]string{"returns": "closed", "waits": "open"}[done(func() { _, _ = p.ends[0].Read(make([]byte, 1)) }, "returns", func() {})]
		})},
		{"an-empty-error-is-none", "fails", "goes out", inBubble(func(p *playedPool) string {
			go p.answer(0, p.asked, `"ok":false,"error":""`)
			_, err := p.Call(p.ctx, "echo", nil)
			return fate(err)
		})},
		{"limit-counts-characters", "too_large", "sent", inBubble(func(p *playedPool) string {
			p.o.MaxPayload = 1000
			p.answers()
			if _, err := p.Call(p.ctx, "echo", json.RawMessage(`"`+strings.Repeat("é", 600)+`"`)); errors.Is(err, conformance.TooLarge) {
				return "too_large"
			}
			return "sent"
		})},
		{"checks-count-on-their-own", "1 2", "1 1", inBubble(func(p *playedPool) string {
			return fmt.Sprint(p.id(p.workers[0], "echo"), p.id(p.workers[1], "health"))
		})},
		{"a-failed-check-is-the-last", "3 checks", "1 check", inBubble(func(p *playedPool) string {
			p.o.HealthTimeout = time.Millisecond
			p.running.Go(p.workers[0].checkHealth)
			checks := 0
			go func() {
				for {
					if _, text, err := readPlanted(p.ends[0]); err != nil {
						return
					} else if strings.Contains(text, "health") {
						checks++
					}
				}
			}()
			time.Sleep(3*p.o.HealthInterval + p.o.HealthInterval/2)
			synctest.Wait()
			return fmt.Sprintf("%d check%s", checks, strings.Repeat("s", min(1, checks-1)))
		})},
		{"failed-calls-are-tried-at-another-worker", "1", "1 1", inBubble(func(p *playedPool) string {
			sent := make(chan int, 8)
			for i := range p.ends {
				go func() {
					for p.answer(i, p.asked, `"ok":false,"error":"no"`) {
						sent <- 1
					}
				}()
			}
			_, err := p.Call(p.ctx, "fail", nil)
			require.ErrorIs(p.t, err, conformance.ErrorAnswer)
			synctest.Wait()
			close(sent)
			var all []int
			for n := range sent {
				all = append(all, n)
			}
			return strings.Trim(fmt.Sprint(all), "[]")
		})},
		{"drains-no-longer-than-the-stop-timeout", "1m0s", "5s", inBubble(func(p *playedPool) string {
			p.workers[0].inFlight, p.o.StopTimeout = 1, 5*time.Second
			ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
			defer cancel()
			began := time.Now()
			p.drain(ctx)
			return time.Since(began).String()
		})},
		{"restarted-workers-come-twice-in-the-round", "[0 1 0 1 0 1]", "[0 1 1 0 1 1]", inBubble(func(p *playedPool) string {
			p.workers[1].restarts = 1
			var round []int
			for range 6 {
				round = append(round, p.pick().index)
			}
			return fmt.Sprint(round)
		})},
		{"healthy-means-alive", "1 of 2", "2 of 2", inBubble(func(p *playedPool) string {
			p.workers[0].healthy = false
			return fmt.Sprintf("%d of %d", p.Health().Healthy, p.Health().Total)
		})},
		{"deaths-never-say-may-have-run", "may have run", "has not run", inBubble(func(p *playedPool) string {
			go func() {
				p.asked(0)
				_ = p.ends[0].Close()
			}()
			_, err := p.Call(p.ctx, "echo", nil)
			require.ErrorIs(p.t, err, conformance.WorkerDied)
			if errors.Is(err, conformance.MayHaveRun) {
				return "may have run"
			}
			return "has not run"
		})},
		{"health-waits-for-shutdown", "returns", "waits", inBubble(func(p *playedPool) string {
			p.state, p.done = "closed", make(chan struct{})
			does := done(func() { p.Health() }, "returns", func() {})
			close(p.done)
			synctest.Wait()
			return does
		})},
		{"a-queue-for-each-worker", "1 waits", "2 wait", inBubble(func(p *playedPool) string {
			p.o.Queue = 1
			p.workers[0].inFlight, p.workers[1].inFlight = 1, 1
			ctx, cancel := context.WithCancel(p.ctx)
			defer cancel()
			for range 3 {
				go func() { _, _ = p.acquire(ctx) }()
			}
			synctest.Wait()
			return map[int]string{1: "1 waits", 2: "2 wait"}[len(p.waiters)]
		})},
		{"bodies-are-made-compact-without-regard-to-escapes", `{"a": "\"b c\" d"}`, `{"a":"\"bc\" d"}`, inBubble(func(p *playedPool) string {
			body := make(chan string, 1)
			go p.answer(0, func(i int) (id uint64, text string) {
				id, text = p.asked(i)
				_, after, _ := strings.Cut(text, `"body":`)
				body <- strings.TrimSuffix(after, "}")
				return id, text
			}, `"ok":true`)
			_, err := p.Call(p.ctx, "echo", json.RawMessage(`{"a": "\"b c\" d"}`))
			require.NoError(p.t, err)
			return <-body
		})},
		{"shutdown-before-start-does-nothing", "closed", "not_started", func(t *testing.T, what ...string) string {
			p, err := newPlainPool(conformance.PoolOptions{}, what...)
			require.NoError(t, err)
			require.NoError(t, p.Shutdown(t.Context()))
			_, err = p.Call(t.Context(), "echo", nil)
			return err.Error()
		}},
		{"cancellations-go-by-a-new-connection", "the same", "a new one", func(t *testing.T, what ...string) string {
			listener, err := net.Listen("unix", filepath.Join(shortDir(t), "w.sock"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = listener.Close() })
			p, end := playedOver(t, listener, what...)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { _, _ = p.Call(ctx, "sleep", nil) }()
			_, _, err = readPlanted(end)
			require.NoError(t, err)
			cancel()
			came := make(chan string, 2)
			look := func(conn net.Conn, where string) {
				if _, text, err := readPlanted(conn); err == nil && strings.Contains(text, "cancellation") {
					came <- where
				}
			}
			go look(end, "the same")
			go func() {
				if conn, err := listener.Accept(); err == nil {
					look(conn, "a new one")
				}
			}()
			return <-came
		}},
		{"the-first-in-line-tells-the-error", "exit status 3", "context canceled", func(t *testing.T, what ...string) string {
			return said(startOf(t, 2, time.Minute, `case $PYPROC_SOCKET_PATH in *w0.sock) exec sleep 60;; *) exit 3;; esac`, what...).Start(t.Context()))
		}},
		{"rollback-stops-only-what-was-ready", "0 left", "1 left", func(t *testing.T, what ...string) string {
			p := startOf(t, 2, time.Minute, `case $PYPROC_SOCKET_PATH in *w0.sock) exec sleep 60;; *) exit 3;; esac`, what...)
			require.Error(t, p.Start(t.Context()))
			return fmt.Sprint(len(p.leaks), " left")
		}},
		{"stdout-is-piped-and-not-read", "exit status 3", "not ready", func(t *testing.T, what ...string) string {
			limit := time.Minute
			if len(what) > 0 {
				limit = time.Second
			}
			return said(startOf(t, 1, limit, `head -c 200000 /dev/zero; exit 3`, what...).Start(t.Context()))
		}},
		{"a-socket-file-is-a-start", "not ready", "started", func(t *testing.T, what ...string) string {
			limit := time.Second
			if len(what) > 0 {
				limit = time.Minute
			}
			p := startOf(t, 1, limit, `: > "$PYPROC_SOCKET_PATH"; exec sleep 60`, what...)
			defer func() { _ = p.Shutdown(t.Context()) }()
			return said(p.Start(t.Context()))
		}},
		{"output-of-restarted-workers-is-not-read", "exit status 0", "signal: killed", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, "", what...)
			p.state = "running" // so this process is no first one
			cmd := exec.Command("/bin/sh", "-c", `head -c 200000 /dev/zero`)
			out, err := startPiped(cmd, p)
			require.NoError(t, err)
			if len(what) > 0 {
				time.AfterFunc(time.Second, func() { _ = cmd.Process.Kill() })
			}
			<-out.exited
			return cmd.ProcessState.String()
		}},
		{"restarts-end-with-the-context-of-start", "1 restart", "no restart", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, `echo >> "$PYPROC_SOCKET_PATH.starts"; exec "$PLANTED_BINARY"`, what...)
			p.o.RestartBackoff, p.o.RestartBackoffMax = time.Millisecond, time.Millisecond
			ctx, cancel := context.WithCancel(t.Context())
			require.NoError(t, p.Start(ctx))
			defer func() { require.NoError(t, p.Shutdown(t.Context())) }()
			path, process := p.workers[0].path, p.workers[0].cmd.Process
			cancel()
			require.NoError(t, process.Kill())
			does := ""
			require.Eventually(t, func() bool {
				if p.Health().Restarts > 0 {
					does = "1 restart"
				} else if starts, _ := os.ReadFile(path + ".starts"); len(starts) > 3 {
					does = "no restart"
				}
				return does != ""
			}, time.Minute, 5*time.Millisecond)
			return does
		}},
		{"shutdown-misses-restarts-under-way", "0 left", "1 left", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, `if mkdir "$PYPROC_SOCKET_PATH.first"; then exec "$PLANTED_BINARY"; fi; : > "$PYPROC_SOCKET_PATH.again"; exec sleep 60`, what...)
			p.o.RestartBackoff, p.o.RestartBackoffMax = time.Millisecond, time.Millisecond
			require.NoError(t, p.Start(t.Context()))
			path, process := p.workers[0].path, p.workers[0].cmd.Process
			require.NoError(t, process.Kill())
			require.Eventually(t, func() bool { return exists(path + ".again") }, time.Minute, 5*time.Millisecond)
			require.NoError(t, p.Shutdown(t.Context()))
			return fmt.Sprint(len(p.leaks), " left")
		}},
		{"a-second-start-keeps-the-workers-of-the-first", "1 worker", "2 workers", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, `if mkdir "$PYPROC_SOCKET_PATH.tried"; then exit 3; fi; exec "$PLANTED_BINARY"`, what...)
			defer func() { require.NoError(t, p.Shutdown(t.Context())) }()
			require.Error(t, p.Start(t.Context()))
			require.NoError(t, p.Start(t.Context()))
			n := p.Health().Total
			return fmt.Sprintf("%d worker%s", n, strings.Repeat("s", n-1))
		}},
	})
}

// playedPool is a plain pool of two workers, which the test plays at the other ends of their connections. Nothing supervises
// or checks them.
type playedPool struct {
	*plainPool
	t    *testing.T
	ctx  context.Context
	ends []net.Conn
}

// inBubble has a played pool do something in virtual time.
func inBubble(does func(p *playedPool) string) func(*testing.T, ...string) string {
	return func(t *testing.T, what ...string) (did string) {
		synctest.Test(t, func(t *testing.T) {
			p := newPlayed(t, 2, what...)
			for _, w := range p.workers {
				mine, its := net.Pipe()
				w.shared = w.adopt(mine)
				p.ends = append(p.ends, its)
			}
			did = does(p)
			p.end()
			for i, w := range p.workers {
				_ = p.ends[i].Close()
				w.drop(errors.New("the test is over"))
			}
			p.running.Wait()
			p.mopUp()
		})
		return did
	}
}

func newPlayed(t *testing.T, workers int, what ...string) *playedPool {
	t.Helper()
	plain, err := newPlainPool(conformance.PoolOptions{Workers: workers, MaxInFlight: 1, Framing: conformance.Enhanced, HealthInterval: time.Second, HealthTimeout: time.Second}, what...)
	require.NoError(t, err)
	p := &playedPool{plainPool: plain, t: t}
	p.life, p.end = context.WithCancel(t.Context())
	p.ctx, p.state = p.life, "running"
	for i := range workers {
		p.workers = append(p.workers, &plainWorker{p: plain, index: i, alive: true, healthy: true})
	}
	return p
}

// playedOver is a pool of one worker, over a socket, and the other end of its connection.
func playedOver(t *testing.T, listener net.Listener, what ...string) (p *playedPool, end net.Conn) {
	t.Helper()
	p = newPlayed(t, 1, what...)
	w := p.workers[0]
	w.path = listener.Addr().String()
	conn, err := net.Dial("unix", w.path)
	require.NoError(t, err)
	end, err = listener.Accept()
	require.NoError(t, err)
	w.shared = w.adopt(conn)
	t.Cleanup(func() {
		_ = end.Close()
		p.end()
		w.drop(errors.New("the test is over"))
	})
	return p, end
}

// acquires tells whether a caller gets a slot once something has happened.
func (p *playedPool) acquires(then func()) string {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	var got *plainWorker
	does := done(func() { got, _ = p.acquire(ctx) }, "gets", then)
	if does == "gets" {
		return fmt.Sprint("gets worker ", got.index)
	}
	return does
}

// asked reads a request to the worker.
func (p *playedPool) asked(i int) (id uint64, text string) {
	id, text, _ = readPlanted(p.ends[i])
	return id, text
}

// answer answers a request to the worker, and reports whether there was one.
func (p *playedPool) answer(i int, asked func(int) (uint64, string), rest string) bool {
	id, text := asked(i)
	if text == "" {
		return false
	}
	_, err := p.ends[i].Write(plantedFrame(id, fmt.Appendf(nil, `{"id":%d,%s}`, id, rest)))
	return err == nil
}

// answers answers all requests as a healthy worker does its checks.
func (p *playedPool) answers() {
	for i := range p.ends {
		go func() {
			for p.answer(i, p.asked, `"ok":true,"body":{"status":"healthy"}`) {
			}
		}()
	}
}

func readPlanted(conn net.Conn) (id uint64, text string, err error) {
	h := make([]byte, 18)
	if _, err := io.ReadFull(conn, h); err != nil {
		return 0, "", err
	}
	payload := make([]byte, binary.BigEndian.Uint32(h[2:])-18)
	_, err = io.ReadFull(conn, payload)
	return binary.BigEndian.Uint64(h[6:]), string(payload), err
}

// startOf is a pool whose workers are this shell script.
func startOf(t *testing.T, workers int, limit time.Duration, script string, what ...string) *plainPool {
	t.Helper()
	dir := shortDir(t)
	file := filepath.Join(dir, "worker.sh")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
	p, err := newPlainPool(conformance.PoolOptions{
		Workers: workers, MaxInFlight: 1, Framing: conformance.Enhanced, Program: "/bin/sh", Argument: file, SocketDir: dir,
		Env:          []string{"PLANTED_BINARY=" + os.Args[0], plantedVariable + "=odd: none"},
		StartTimeout: limit, StopTimeout: time.Minute, HealthInterval: time.Hour, HealthTimeout: time.Minute,
		RestartBackoff: time.Minute, RestartBackoffMax: time.Minute,
	}, what...)
	require.NoError(t, err)
	t.Cleanup(p.mopUp)
	return p
}

// said is what the error of a start says.
func said(err error) string {
	if err == nil {
		return "started"
	}
	for _, word := range []string{"exit status 3", "not ready", "context canceled"} {
		if strings.Contains(err.Error(), word) {
			return word
		}
	}
	return err.Error()
}
