package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPoolFaultsOfTheFourthBlindBatchShow(t *testing.T) {
	showEach(t, []showing{
		{"the-start-timeout-counts-from-the-first-start", "started", "not ready", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, `if mkdir "$PYPROC_SOCKET_PATH.tried"; then exit 3; fi; exec "$PLANTED_BINARY"`, what...)
			require.Error(t, p.Start(t.Context()))
			p.startBy = p.startBy.Add(-time.Minute) // as if that had gone by
			defer func() { require.NoError(t, p.Shutdown(t.Context())) }()
			return said(p.Start(t.Context()))
		}},
		{"a-start-that-rolls-back-counts-as-ended", "no process", "a process", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, `trap '' TERM; echo $$ > "$PYPROC_SOCKET_PATH.new"; mv "$PYPROC_SOCKET_PATH.new" "$PYPROC_SOCKET_PATH.pid"; exec sleep 60`, what...)
			p.o.StopTimeout = time.Second
			if len(what) > 0 {
				p.o.StopTimeout = time.Minute
			}
			ctx, cancel := context.WithCancel(t.Context())
			started := make(chan error, 1)
			go func() { started <- p.Start(ctx) }()
			pid := 0
			require.Eventually(t, func() bool {
				text, err := os.ReadFile(p.o.SocketDir + "/w0.sock.pid")
				if err == nil {
					pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
				}
				return err == nil
			}, time.Minute, 5*time.Millisecond)
			cancel()
			if len(what) > 0 {
				require.Eventually(t, func() bool {
					p.mu.Lock()
					defer p.mu.Unlock()
					return p.state == "new"
				}, time.Minute, 5*time.Millisecond)
			}
			require.NoError(t, p.Shutdown(t.Context()))
			does := "no process"
			if syscall.Kill(pid, 0) == nil {
				does = "a process"
				require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			}
			require.Error(t, <-started)
			return does
		}},
		{"shutdown-waits-for-calls-at-healthy-workers-alone", "1m0s", "0s", inBubble(func(p *playedPool) string {
			p.workers[0].inFlight, p.workers[0].healthy = 1, false
			ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
			defer cancel()
			began := time.Now()
			p.drain(ctx)
			return time.Since(began).String()
		})},
		{"an-end-waits-for-all-that-hold-the-output", "noticed", "not noticed", func(t *testing.T, what ...string) string {
			p := startOf(t, 1, time.Minute, "", what...)
			reads, writes, err := os.Pipe()
			require.NoError(t, err)
			cmd := exec.Command("/bin/sh", "-c", `{ read line; } <&3 & exit 0`)
			cmd.ExtraFiles = []*os.File{reads}
			out, err := startPiped(cmd, p)
			require.NoError(t, err)
			require.NoError(t, reads.Close())
			<-out.ended
			limit, does := time.Minute, "not noticed"
			if len(what) > 0 {
				limit = 3 * time.Second
			}
			select {
			case <-out.exited:
				does = "noticed"
			case <-time.After(limit):
			}
			require.NoError(t, writes.Close())
			<-out.exited
			return does
		}},
		{"all-but-16-cancelled-calls-are-forgotten", "goes out", "fails", inBubble(func(p *playedPool) string {
			p.workers[1].healthy = false
			first := uint64(0)
			for range 17 {
				ctx, cancel := context.WithCancel(p.ctx)
				go func() { _, _ = p.Call(ctx, "sleep", nil) }()
				id, _ := p.asked(0)
				if first == 0 {
					first = id
				}
				cancel()
				_, text := p.asked(0)
				require.Contains(p.t, text, "cancellation")
				synctest.Wait()
			}
			_, err := p.ends[0].Write(plantedFrame(first, fmt.Appendf(nil, `{"id":%d,"ok":true}`, first)))
			require.NoError(p.t, err)
			synctest.Wait()
			go p.answer(0, p.asked, `"ok":true`)
			_, err = p.Call(p.ctx, "echo", nil)
			return fate(err)
		})},
		{"bodies-lie-where-the-next-one-comes", `"one"`, `"two"`, inBubble(func(p *playedPool) string {
			p.workers[1].healthy = false
			var first json.RawMessage
			for _, body := range []string{`"one"`, `"two"`} {
				go p.answer(0, p.asked, `"ok":true,"body":`+body)
				got, err := p.Call(p.ctx, "echo", nil)
				require.NoError(p.t, err)
				require.Equal(p.t, body, string(got))
				if first == nil {
					first = got
				}
			}
			return string(first)
		})},
		{"a-round-for-each-method", "[0 1 0 1]", "[0 0 1 1]", inBubble(func(p *playedPool) string {
			came := make(chan int, 8)
			for i := range p.ends {
				go func() {
					for p.answer(i, p.asked, `"ok":true`) {
						came <- i
					}
				}()
			}
			for _, method := range []string{"echo", "pid", "echo", "pid"} {
				_, err := p.Call(p.ctx, method, nil)
				require.NoError(p.t, err)
				synctest.Wait()
			}
			return fmt.Sprint([]int{<-came, <-came, <-came, <-came})
		})},
		{"restarted-workers-take-one-call-at-a-time", "gets worker 0", "waits", inBubble(func(p *playedPool) string {
			p.o.MaxInFlight = 2
			p.workers[0].inFlight, p.workers[0].restarts = 1, 1
			p.workers[1].healthy = false
			return p.acquires(func() {})
		})},
		{"answers-stand-in-for-checks", "3 checks", "0 checks", inBubble(func(p *playedPool) string {
			p.workers[1].healthy = false
			p.o.MaxInFlight = 2 // so that a check and a call may meet
			checks := 0
			go func() {
				asked := func(i int) (id uint64, text string) {
					if id, text = p.asked(i); strings.Contains(text, `"health"`) {
						checks++
					}
					return id, text
				}
				for p.answer(0, asked, `"ok":true,"body":{"status":"healthy"}`) {
				}
			}()
			p.running.Go(p.workers[0].checkHealth)
			for range 7 {
				_, err := p.Call(p.ctx, "echo", nil)
				require.NoError(p.t, err)
				time.Sleep(p.o.HealthInterval / 2)
			}
			synctest.Wait()
			return fmt.Sprint(checks, " checks")
		})},
		{"a-line-is-kept-until-it-ends", "0 bytes", "300000 bytes", func(t *testing.T, what ...string) string {
			cmd := exec.Command("/bin/sh", "-c", `head -c 300000 /dev/zero`)
			out, err := startPiped(cmd, startOf(t, 1, time.Minute, "", what...))
			require.NoError(t, err)
			<-out.exited
			require.Len(t, out.tail.text, 2000)
			return fmt.Sprint(len(out.tail.line), " bytes")
		}},
	})
}
