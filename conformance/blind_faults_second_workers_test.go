package conformance_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// large-answers-go-out-in-pieces is not shown here: it is a race, though one that is nearly always won.
func TestWorkerFaultsOfTheSecondBlindBatchesShow(t *testing.T) {
	longest := strings.Repeat("x", plantedMax-30)
	showEach(t, []showing{
		{"cancellations-in-the-read-of-their-request-are-lost", `"error":"cancelled"`, `"body":"slept"`, func(t *testing.T, what ...string) string {
			c := callPlanted(t, newPlantedHere(t, what...))
			c.write(slicesOf(
				plantedFrame(1, []byte(`{"id":1,"method":"sleep","body":{"ms":500}}`)),
				plantedFrame(1, []byte(`{"type":"cancellation","payload":{"id":1}}`))))
			_, answer := c.read()
			return rest(answer)
		}},
		{"a-second-signal-kills", "exit status 0", "signal: interrupt", func(t *testing.T, what ...string) string {
			path, cmd := startPlanted(t, "", what...)
			c := dialPlanted(t, path)
			c.ask(1, `{"id":1,"method":"sleep","body":{"ms":60000}}`)
			c.ask(2, `{"id":2,"method":"echo"}`)
			c.read() // so both have begun
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.Eventually(t, func() bool { return !exists(path) }, time.Minute, 5*time.Millisecond)
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
			_ = cmd.Wait()
			return cmd.ProcessState.String()
		}},
		{"waits-for-callers-to-leave", "1 caller at its end", "0 callers at its end", func(t *testing.T, what ...string) string {
			w := newPlantedHere(t, what...)
			c := callPlanted(t, w)
			c.ask(1, `{"id":1,"method":"echo"}`)
			c.read()
			callers := make(chan int64, 1)
			go func() {
				w.stop(syscall.SIGTERM, "")
				callers <- w.open.Load()
			}()
			if len(what) > 0 { // or it would never end
				waitUntilItStops(t, w)
				_ = c.conn.Close()
			}
			n := <-callers
			return fmt.Sprintf("%d caller%s at its end", n, strings.Repeat("s", int(1-n)))
		}},
		{"removes-what-is-no-plain-file", "refuses", "listens", func(t *testing.T, what ...string) string {
			path, cmd := startPlanted(t, "a directory", what...)
			exited := make(chan error, 1)
			go func() { exited <- cmd.Wait() }()
			for {
				select {
				case <-exited:
					return "refuses"
				default:
				}
				if conn, err := net.Dial("unix", path); err == nil {
					_ = conn.Close()
					_ = cmd.Process.Kill()
					<-exited
					return "listens"
				}
			}
		}},
		{"answers-in-the-framing-of-the-newest-connection", "PY", "\x00\x00", func(t *testing.T, what ...string) string {
			w := newPlantedHere(t, what...)
			c := callPlanted(t, w)
			c.ask(1, `{"id":1,"method":"echo"}`)
			c.read()
			basic := `{"id":1,"method":"echo"}`
			other := callPlanted(t, w)
			other.write(append(binary.BigEndian.AppendUint32(nil, uint32(len(basic))), basic...))
			_, err := io.ReadFull(other.conn, make([]byte, 5))
			require.NoError(t, err)
			c.ask(2, `{"id":2,"method":"echo"}`)
			start := make([]byte, 2)
			_, err = io.ReadFull(c.conn, start)
			require.NoError(t, err)
			return string(start)
		}},
		{"errors-of-any-length-are-sent", "fits", "is over max_payload", func(t *testing.T, what ...string) string {
			c := callPlanted(t, newPlantedHere(t, what...))
			c.ask(1, `{"id":1,"method":"`+longest+`"}`)
			if _, answer := c.read(); len(answer) > plantedMax {
				return "is over max_payload"
			}
			return "fits"
		}},
		{"empty-payloads-make-no-envelope", "error", "ok", answerTo(1, `{"id":1,"method":"echo","type":"x","payload":null}`)},
		{"an-exception-without-a-text-is-a-success", "error", "ok", answerTo(1, `{"id":1,"method":"fail","body":{"message":""}}`)},
		{"ids-in-envelopes-are-not-compared", "EOF", "ok", answerTo(5, `{"type":"request","payload":{"id":1,"method":"echo"}}`)},
		{"bodies-in-envelopes-are-taken-out", `"body":{"type":"x","payload":1}`, `"body":1`, func(t *testing.T, what ...string) string {
			c := callPlanted(t, newPlantedHere(t, what...))
			c.ask(1, `{"id":1,"method":"echo","body":{"type":"x","payload":1}}`)
			_, answer := c.read()
			return rest(answer)
		}},
		{"ids-of-failures-stay-taken", "ok", "EOF", func(t *testing.T, what ...string) string {
			c := callPlanted(t, newPlantedHere(t, what...))
			c.ask(1, `{"id":1,"method":"fail","body":{"message":"x"}}`)
			c.read()
			c.ask(1, `{"id":1,"method":"echo"}`)
			return c.outcome()
		}},
		{"a-failed-connection-cancels-the-handlers-of-all", `"body":"slept"`, `"error":"cancelled"`, func(t *testing.T, what ...string) string {
			w := newPlantedHere(t, what...)
			ms := 20
			if len(what) > 0 {
				ms = 60_000
			}
			c, other := callPlanted(t, w), callPlanted(t, w)
			c.ask(1, fmt.Sprintf(`{"id":1,"method":"sleep","body":{"ms":%d}}`, ms))
			c.ask(2, `{"id":2,"method":"echo"}`)
			header, answer := c.read()
			other.write([]byte("PX................"))
			require.Equal(t, "EOF", other.outcome())
			if header == 2 {
				_, answer = c.read()
			}
			return rest(answer)
		}},
		{"answers-bear-the-header-read-last", "1", "2", func(t *testing.T, what ...string) string {
			c := callPlanted(t, newPlantedHere(t, what...))
			c.ask(1, `{"id":1,"method":"sleep","body":{"ms":60000}}`)
			c.ask(2, `{"id":2,"method":"echo"}`)
			c.read()
			c.write(plantedFrame(1, []byte(`{"type":"cancellation","payload":{"id":1}}`)))
			c.ask(2, `{"id":2,"method":"echo"}`)
			for {
				header, answer := c.read()
				if strings.Contains(answer, `"id":1,`) {
					return strconv.FormatUint(header, 10)
				}
			}
		}},
		{"too-large-frames-are-read-to-their-end-first", "closes", "reads", func(t *testing.T, what ...string) string {
			c := callPlanted(t, newPlantedHere(t, what...))
			frame := plantedFrame(1, make([]byte, plantedMax+1))
			if _, err := c.conn.Write(frame); err != nil { // which is more than a socket holds
				return "closes"
			}
			return "reads"
		}},
	})
}

func slicesOf(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// newPlantedHere has a planted worker serve in this process, at a socket of its own.
func newPlantedHere(t *testing.T, what ...string) *plantedWorker {
	t.Helper()
	w := newPlantedWorker(what...)
	w.heed = func() {}
	listener, err := net.Listen("unix", filepath.Join(shortDir(t), "w.sock"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	w.listener = listener
	go w.accept()
	return w
}

// waitUntilItStops waits until the planted worker accepts connections no more.
func waitUntilItStops(t *testing.T, w *plantedWorker) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", w.listener.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, time.Minute, 5*time.Millisecond)
}

// shortDir is a directory whose name leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// startPlanted starts a planted worker as a process, and waits until it listens unless something is at its path that it must
// not replace.
func startPlanted(t *testing.T, at string, what ...string) (path string, cmd *exec.Cmd) {
	t.Helper()
	path = filepath.Join(shortDir(t), "w.sock")
	switch at {
	case "a directory":
		require.NoError(t, os.Mkdir(path, 0o700))
	case "a stale socket":
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		require.NoError(t, err)
		listener.SetUnlinkOnClose(false)
		require.NoError(t, listener.Close())
		require.NoError(t, os.Chmod(path, 0o755))
	}
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), plantedVariable+"="+strings.Join(what, ","), "PYPROC_SOCKET_PATH="+path)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if at != "a directory" {
		require.Eventually(t, func() bool {
			conn, err := net.Dial("unix", path)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		}, time.Minute, 5*time.Millisecond)
	}
	return path, cmd
}

// plantedCaller speaks to a planted worker in enhanced frames.
type plantedCaller struct {
	t    *testing.T
	conn net.Conn
}

func callPlanted(t *testing.T, w *plantedWorker) plantedCaller {
	t.Helper()
	return dialPlanted(t, w.listener.Addr().String())
}

func dialPlanted(t *testing.T, path string) plantedCaller {
	t.Helper()
	conn, err := net.Dial("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return plantedCaller{t, conn}
}

func (c plantedCaller) write(b []byte) {
	c.t.Helper()
	_, err := c.conn.Write(b)
	require.NoError(c.t, err)
}

func (c plantedCaller) ask(id uint64, text string) { c.write(plantedFrame(id, []byte(text))) }

func (c plantedCaller) read() (header uint64, text string) {
	c.t.Helper()
	header, text, err := c.readFrame()
	require.NoError(c.t, err)
	return header, text
}

func (c plantedCaller) readFrame() (header uint64, text string, err error) {
	h := make([]byte, 18)
	if _, err := io.ReadFull(c.conn, h); err != nil {
		return 0, "", err
	}
	payload := make([]byte, binary.BigEndian.Uint32(h[2:])-18)
	_, err = io.ReadFull(c.conn, payload)
	return binary.BigEndian.Uint64(h[6:]), string(payload), err
}

// outcome is what comes next: "ok", "error" or "EOF".
func (c plantedCaller) outcome() string {
	_, text, err := c.readFrame()
	switch {
	case err == io.EOF || errors.Is(err, syscall.ECONNRESET):
		return "EOF"
	case strings.Contains(text, `"ok":true`):
		return "ok"
	}
	return "error"
}

// rest is what an answer has behind its "ok".
func rest(answer string) string {
	_, after, _ := strings.Cut(answer, `"ok":`)
	_, after, _ = strings.Cut(strings.TrimSuffix(after, "}"), ",")
	return after
}

func answerTo(header uint64, request string) func(*testing.T, ...string) string {
	return func(t *testing.T, what ...string) string {
		c := callPlanted(t, newPlantedHere(t, what...))
		c.ask(header, request)
		return c.outcome()
	}
}
