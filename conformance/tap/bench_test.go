package tap_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/tap"
	"github.com/pyproctest/pyproctest/ref/frame"
)

// The floor of a tap is what stands between two peers and does nothing but copy. tap/copy is how many times
// as long a tap takes in the same run.
func BenchmarkTap(b *testing.B) {
	for _, c := range []struct {
		name          string
		calls, answer int // outstanding at once, and bytes of body
	}{{"lone call/64B", 1, 64}, {"lone call/10KB", 1, 10 << 10}, {"16 outstanding/64B", 16, 64}} {
		b.Run(c.name, func(b *testing.B) {
			tapped := newLine(b, tap.Options{})
			tapPool, tapWorker := tapped.connect(b)
			copyPool, copyWorker := copied(b)
			go echo(tapWorker)
			go echo(copyWorker)
			var tapTime, copyTime time.Duration
			id := uint64(1)
			block := make([]byte, 1<<20)
			round := func(c *net.UnixConn, calls, body int) time.Duration {
				var out []byte
				for range calls {
					out = frame.AppendFrame(out, frame.Enhanced, id, fmt.Appendf(nil, both, id, strings.Repeat("x", body)))
					id++
				}
				began := time.Now()
				_, err := c.Write(out)
				require.NoError(b, err)
				_, err = io.ReadFull(c, block[:len(out)])
				require.NoError(b, err)
				return time.Since(began)
			}
			for b.Loop() {
				require.NoError(b, tapPool.SetDeadline(time.Now().Add(patience)))
				for range 20 {
					copyTime += round(copyPool, c.calls, c.answer)
				}
				for range 20 {
					tapTime += round(tapPool, c.calls, c.answer)
				}
			}
			b.ReportMetric(float64(tapTime)/float64(copyTime), "tap/copy")
			b.ReportMetric(float64(copyTime.Nanoseconds())/float64(b.N*20), "copy-ns")
			b.ReportMetric(float64(len(tapped.told(tap.GivenUp))), "given-up")
			require.Empty(b, tapped.told(tap.ViolationSeen))
			b.ReportMetric(0, "ns/op")
		})
	}
}

// both is a right request and a right answer, so that a worker that sends back what came is right.
const both = `{"id":%d,"method":"echo","ok":true,"body":"%s"}`

// echo answers with what came.
func echo(c *net.UnixConn) { _, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) }

// copied is a connection through a plain copy in both directions.
func copied(b *testing.B) (pool, worker *net.UnixConn) {
	dir, err := os.MkdirTemp("", "pp")
	require.NoError(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	pool, fromPool := connected(b, filepath.Join(dir, "a"))
	toWorker, worker := connected(b, filepath.Join(dir, "b"))
	for _, way := range [][2]*net.UnixConn{{fromPool, toWorker}, {toWorker, fromPool}} {
		go func() {
			block := make([]byte, 64<<10)
			for {
				n, err := way[0].Read(block)
				if _, err2 := way[1].Write(block[:n]); err != nil || err2 != nil {
					_ = way[1].CloseWrite()
					return
				}
			}
		}()
	}
	return pool, worker
}

func connected(b *testing.B, path string) (dialed, accepted *net.UnixConn) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(b, err)
	dialed, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(b, err)
	accepted, err = l.AcceptUnix()
	require.NoError(b, err)
	require.NoError(b, l.Close())
	b.Cleanup(func() { _, _ = dialed.Close(), accepted.Close() })
	return dialed, accepted
}
