package pool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// The benchmarks compare the pool and the bundled worker with a loop written by hand over
// testdata/loop.py, which has neither. Both take turns in one run, for absolute times mean little
// on a machine with other work. Same core: taskset -c 0 go test -bench . ./ref/pool
//
// PYPROCTEST_PYTHON chooses the Python; with google-crc32c installed there, checksums are free.

var bodies = []struct {
	name string
	body json.RawMessage
}{
	{"64B", stringBody(64)},
	{"10KB", stringBody(10 << 10)},
	{"1MB", stringBody(1 << 20)},
}

func stringBody(size int) json.RawMessage {
	return slices.Concat([]byte(`"`), bytes.Repeat([]byte("x"), size-2), []byte(`"`))
}

// BenchmarkLoneCall is a caller that is alone: each call waits for the one before.
func BenchmarkLoneCall(b *testing.B) {
	for _, c := range bodies {
		b.Run(c.name, func(b *testing.B) {
			loop := newLoop(b, c.body)
			p := benchPool(b, 1)
			call := func() {
				answer, err := p.Call(context.Background(), "echo", c.body)
				require.NoError(b, err)
				require.Len(b, answer, len(c.body))
			}
			sides := [2][]time.Duration{}
			for range 100 {
				loop.call(b)
				call()
			}
			for n := 0; b.Loop(); n++ {
				for side, f := range []func(){func() { loop.call(b) }, call} {
					start := time.Now()
					f()
					sides[side] = append(sides[side], time.Since(start))
				}
			}
			of, pooled := median(sides[0]), median(sides[1])
			b.ReportMetric(0, "ns/op") // both sides together: of no use
			b.ReportMetric(float64(of)/1e3, "loop-p50-µs")
			b.ReportMetric(float64(pooled)/1e3, "pool-p50-µs")
			b.ReportMetric(float64(pooled)/float64(of), "pool/loop")
		})
	}
}

// Benchmark16Callers has 16 calls outstanding at one worker at any time.
func Benchmark16Callers(b *testing.B) {
	for _, c := range bodies {
		b.Run(c.name, func(b *testing.B) {
			loop := newLoop(b, c.body)
			p := benchPool(b, 1)
			chunk := max(32, min(4000, (8<<20)/len(c.body)))
			var times [2][]time.Duration
			pooled := func() { callMany(b, p, c.body, 16, chunk) }
			looped := func() { loop.pipeline(b, 16, chunk) }
			looped()
			pooled()
			for b.Loop() {
				for side, f := range []func(){looped, pooled} {
					start := time.Now()
					f()
					times[side] = append(times[side], time.Since(start))
				}
			}
			rate := func(d time.Duration) float64 { return float64(chunk) / d.Seconds() }
			of, with := rate(median(times[0])), rate(median(times[1]))
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(of, "loop-calls/s")
			b.ReportMetric(with, "pool-calls/s")
			b.ReportMetric(with/of, "pool/loop")
		})
	}
}

func callMany(tb testing.TB, p *pool.Pool, body json.RawMessage, callers, calls int) {
	var left atomic.Int64
	left.Store(int64(calls))
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				answer, err := p.Call(context.Background(), "echo", body)
				if err != nil || len(answer) != len(body) {
					tb.Errorf("answer of %d bytes, error %v", len(answer), err)
					return
				}
			}
		})
	}
	all.Wait()
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func benchPool(b *testing.B, workers int) *pool.Pool {
	script := "../../pyworker/conformance_worker.py"
	if s := os.Getenv("BENCH_WORKER"); s != "" {
		script = s
	}
	p, err := pool.NewPool(pool.PoolOptions{
		Command: []string{python(), script},
		Workers: workers, HealthInterval: time.Hour,
	})
	require.NoError(b, err)
	require.NoError(b, p.Start(b.Context()))
	b.Cleanup(func() { require.NoError(b, p.Shutdown(context.Background())) })
	return p
}

// loop is the Go side written by hand: one connection, one buffer each way.
type loop struct {
	conn   net.Conn
	frames *frame.Reader
	body   json.RawMessage
	id     uint64
	out    []byte
	want   []byte
}

func newLoop(b *testing.B, body json.RawMessage) *loop {
	dir, err := os.MkdirTemp("", "pp")
	require.NoError(b, err)
	path := filepath.Join(dir, "loop.sock")
	cmd := exec.Command(python(), "testdata/loop.py")
	cmd.Env = append(os.Environ(), pool.SocketPathVariable+"="+path)
	cmd.Stderr = os.Stderr
	require.NoError(b, cmd.Start())
	var conn net.Conn
	require.Eventually(b, func() bool {
		conn, err = net.Dial("unix", path)
		return err == nil
	}, 10*time.Second, time.Millisecond)
	b.Cleanup(func() {
		conn.Close()
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	frames, err := frame.NewReader(conn, frame.Options{})
	require.NoError(b, err)
	return &loop{conn: conn, frames: frames, body: body}
}

func (l *loop) add() {
	l.id++
	start := len(l.out)
	l.out = frame.BeginFrame(l.out, frame.Enhanced)
	l.out = message.AppendRequest(l.out, l.id, "echo", l.body)
	frame.EndFrame(l.out, start, frame.Enhanced, l.id)
}

func (l *loop) write(b *testing.B) {
	_, err := l.conn.Write(l.out)
	require.NoError(b, err)
	l.out = l.out[:0]
}

func (l *loop) read(b *testing.B) {
	f, err := l.frames.ReadFrame()
	require.NoError(b, err)
	l.want = message.AppendResponse(l.want[:0], f.RequestID, l.body)
	if !bytes.Equal(l.want, f.Payload) {
		b.Fatalf("another answer than expected: %.80s", f.Payload)
	}
}

func (l *loop) call(b *testing.B) {
	l.add()
	l.write(b)
	l.read(b)
}

// pipeline keeps a number of calls outstanding. All that was answered by one read is asked anew by
// one write; reading goes on meanwhile, or large bodies would block both ways.
func (l *loop) pipeline(b *testing.B, outstanding, calls int) {
	if outstanding*len(l.body) > 100<<10 {
		l.pipelineLarge(b, outstanding, calls)
		return
	}
	for range outstanding {
		l.add()
	}
	l.write(b)
	for sent, got := outstanding, 0; got < calls; {
		l.read(b)
		got++
		if sent < calls {
			l.add()
			sent++
		}
		if l.frames.Buffered() == 0 && len(l.out) > 0 {
			l.write(b)
		}
	}
}

func (l *loop) pipelineLarge(b *testing.B, outstanding, calls int) {
	slots := make(chan struct{}, outstanding)
	go func() {
		for range calls {
			slots <- struct{}{}
			l.add()
			l.write(b)
		}
	}()
	for range calls {
		l.read(b)
		<-slots
	}
}

var _ = fmt.Sprint
