package conformance_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWorkerFaultsOfTheFourthBlindBatchShow(t *testing.T) {
	showEach(t, []showing{
		{"envelopes-have-their-type-first", "ok", "error", answerTo(1, `{"payload":{"id":1,"method":"echo"},"type":"request"}`)},
		{"an-owner-that-does-not-answer-is-none", "refuses", "listens", func(t *testing.T, what ...string) string {
			path := filepath.Join(shortDir(t), "w.sock")
			silent, err := net.Listen("unix", path)
			require.NoError(t, err)
			t.Cleanup(func() { _ = silent.Close() })
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), plantedVariable+"="+strings.Join(what, ","), "PYPROC_SOCKET_PATH="+path)
			require.NoError(t, cmd.Start())
			exited := make(chan error, 1)
			go func() { exited <- cmd.Wait() }()
			for {
				select {
				case <-exited:
					return "refuses"
				case <-time.After(20 * time.Millisecond):
				}
				if conn, err := net.Dial("unix", path); err == nil {
					_ = conn.SetDeadline(time.Now().Add(time.Second))
					_, _ = conn.Write(plantedFrame(1, []byte(`{"id":1,"method":"health"}`)))
					_, err = conn.Read(make([]byte, 1))
					_ = conn.Close()
					if err == nil {
						_ = cmd.Process.Kill()
						<-exited
						return "listens"
					}
				}
			}
		}},
		{"damaged-connections-keep-their-places", "ok", "nothing", func(t *testing.T, what ...string) string {
			w := newPlantedHere(t, what...)
			for range cap(w.places) {
				c := callPlanted(t, w)
				c.write([]byte("PX................"))
				require.Equal(t, "EOF", c.outcome())
				_ = c.conn.Close()
			}
			c := callPlanted(t, w)
			c.ask(1, `{"id":1,"method":"echo"}`)
			if len(what) > 0 {
				require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(time.Second)))
			}
			if _, _, err := c.readFrame(); err != nil {
				<-w.places // so that it is served after all, and leaves nothing behind
				return "nothing"
			}
			return "ok"
		}},
		{"cancellations-reach-the-newest-request-alone", `"error":"cancelled"`, `"body":"slept"`, func(t *testing.T, what ...string) string {
			ms := 60_000
			if len(what) > 0 {
				ms = 500
			}
			c := callPlanted(t, newPlantedHere(t, what...))
			c.ask(1, fmt.Sprintf(`{"id":1,"method":"sleep","body":{"ms":%d}}`, ms))
			c.ask(2, `{"id":2,"method":"sleep","body":{"ms":60000}}`)
			c.ask(1, `{"type":"cancellation","payload":{"id":1}}`)
			_, answer := c.read()
			require.Contains(t, answer, `"id":1,`)
			return rest(answer)
		}},
		{"text-that-looks-like-a-time-is-made-one", `"body":"2026-11-05T06:07:08Z"`, `"body":"2026-11-05T06:07:08+00:00"`, func(t *testing.T, what ...string) string {
			c := callPlanted(t, newPlantedHere(t, what...))
			c.ask(1, `{"id":1,"method":"echo","body":"2026-11-05T06:07:08Z"}`)
			_, answer := c.read()
			return rest(answer)
		}},
	})
}
