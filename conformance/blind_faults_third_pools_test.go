package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPoolFaultsOfTheThirdBlindBatchShow(t *testing.T) {
	showEach(t, []showing{
		{"a-second-start-gets-the-ended-life-of-the-first", "checked", "nobody checks", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, `if mkdir "$PYPROC_SOCKET_PATH.tried"; then exit 3; fi; exec "$PLANTED_BINARY"`, what...)
			p.o.HealthInterval = 5 * time.Millisecond
			require.Error(t, p.Start(t.Context()))
			require.NoError(t, p.Start(t.Context()))
			defer func() { require.NoError(t, p.Shutdown(t.Context())) }()
			over := make(chan struct{})
			go func() {
				p.running.Wait() // of those that check and restart
				close(over)
			}()
			for {
				select {
				case <-over:
					return "nobody checks"
				case <-time.After(5 * time.Millisecond):
					if !p.Health().LastCheck.IsZero() {
						return "checked"
					}
				}
			}
		}},
		{"a-last-line-without-its-end-is-lost", "tells why", "does not tell why", func(t *testing.T, what ...string) string {
			err := startOf(t, 1, time.Minute, `echo it starts; printf 'the reason' >&2; exit 3`, what...).Start(t.Context())
			require.ErrorContains(t, err, "it starts")
			if strings.Contains(err.Error(), "the reason") {
				return "tells why"
			}
			return "does not tell why"
		}},
		{"a-program-that-cannot-be-run-leaks-its-pipes", "0 left", "1 left", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, "", what...)
			p.o.Program = filepath.Join(p.o.SocketDir, "nothing")
			require.Error(t, p.Start(t.Context()))
			return fmt.Sprint(len(p.leaks), " left")
		}},
		{"shutdown-waits-for-the-delay-of-a-restart", "at once", "after the delay", inBubble(func(p *playedPool) string {
			w := p.workers[0]
			p.o.RestartBackoff, p.o.RestartBackoffMax = time.Minute, time.Minute
			w.cmd, w.exited = &exec.Cmd{}, make(chan struct{})
			close(w.exited)
			p.running.Go(w.supervise)
			synctest.Wait()
			began := time.Now()
			p.end() // as Shutdown does
			p.running.Wait()
			if time.Since(began) == 0 {
				return "at once"
			}
			return "after the delay"
		})},
		{"a-second-shutdown-hurries-at-once", "1m0s", "0s", inBubble(func(p *playedPool) string {
			p.workers[0].inFlight, p.done = 1, make(chan struct{})
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			began := time.Now()
			go func() { _ = p.Shutdown(ctx) }()
			synctest.Wait()
			_ = p.Shutdown(context.Background())
			return time.Since(began).String()
		})},
		{"the-queue-counts-those-that-run", "waits", "busy", inBubble(func(p *playedPool) string {
			p.o.Queue = 1
			p.workers[0].inFlight, p.workers[1].inFlight = 1, 1
			ctx, cancel := context.WithCancel(p.ctx)
			defer cancel()
			var err error
			if done(func() { _, err = p.acquire(ctx) }, "ends", func() {}) == "waits" {
				return "waits"
			}
			return err.Error()
		})},
		{"no-cancellations-once-shutdown-has-begun", "comes", "does not come", inBubble(func(p *playedPool) string {
			p.done = make(chan struct{})
			ctx, cancel := context.WithCancel(p.ctx)
			go func() { _, _ = p.Call(ctx, "sleep", nil) }()
			p.asked(0)
			go func() { _ = p.Shutdown(context.Background()) }()
			synctest.Wait()
			came := make(chan string, 1)
			go func() {
				_, text := p.asked(0)
				came <- text
			}()
			cancel()
			<-p.done
			select {
			case text := <-came:
				require.Contains(p.t, text, "cancellation")
				return "comes"
			default:
				return "does not come"
			}
		})},
		{"an-error-field-means-failure", "goes out", "fails", inBubble(func(p *playedPool) string {
			go p.answer(0, p.asked, `"ok":true,"body":1,"error":null`)
			_, err := p.Call(p.ctx, "echo", nil)
			return fate(err)
		})},
		{"broken-connections-leave-their-bytes-to-the-next", "goes out", "fails", func(t *testing.T, what ...string) string {
			listener, err := net.Listen("unix", filepath.Join(shortDir(t), "w.sock"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = listener.Close() })
			p, end := playedOver(t, listener, what...)
			go func() {
				_, _, _ = readPlanted(end)
				_, _ = end.Write([]byte(strings.Repeat("x", 2*18)))
			}()
			_, err = p.Call(t.Context(), "echo", nil)
			require.Error(t, err)
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer func() { _ = conn.Close() }()
				if id, _, err := readPlanted(conn); err == nil {
					_, _ = conn.Write(plantedFrame(id, fmt.Appendf(nil, `{"id":%d,"ok":true}`, id)))
					_, _, _ = readPlanted(conn) // until it is closed
				}
			}()
			_, err = p.Call(t.Context(), "echo", json.RawMessage("1"))
			return fate(err)
		}},
		{"a-writer-that-fails-ends-the-reading", "exit status 0", "signal: killed", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, "", what...)
			wrote := make(chan struct{}, 64)
			p.o.Output = failingWriter{wrote}
			p.life, p.end = context.WithCancel(t.Context())
			defer p.end()
			p.passOutputOn(p.life)
			cmd := exec.Command("/bin/sh", "-c", `echo it starts; read line; head -c 200000 /dev/zero`)
			stdin, err := cmd.StdinPipe()
			require.NoError(t, err)
			out, err := startPiped(cmd, p)
			require.NoError(t, err)
			<-wrote
			require.Eventually(t, func() bool { return p.deaf.Load() == (len(what) > 0) }, time.Minute, time.Millisecond)
			_ = stdin.Close()
			if len(what) > 0 {
				time.AfterFunc(time.Second, func() { _ = cmd.Process.Kill() })
			}
			<-out.exited
			return cmd.ProcessState.String()
		}},
	})
}

// failingWriter takes nothing, and says that it was asked.
type failingWriter struct{ asked chan struct{} }

func (w failingWriter) Write([]byte) (int, error) {
	select {
	case w.asked <- struct{}{}:
	default:
	}
	return 0, errors.New("no space left")
}
