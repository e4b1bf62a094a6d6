package pool_test

import (
	"bytes"
	"context"
	"encoding/json"
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

// The benchmarks compare three sides, which take turns in one run, for absolute times mean little on
// a machine with other work:
//
//   - loop: written by hand, no pool, over testdata/loop.py, which is no worker;
//   - bare: the pool over the same testdata/loop.py, which shows what the pool costs;
//   - pool: the pool over the bundled worker, which is what a user gets.
//
// Same core: taskset -c 0 go test -run '^$' -bench . ./ref/pool. PYPROCTEST_PYTHON chooses the
// Python; where google-crc32c is installed there, checksums cost next to nothing on all sides.

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
			bare, bundled := benchPool(b, "testdata/loop.py"), benchPool(b, bundledWorker)
			call := func(p *pool.Pool) func() {
				return func() { callMany(b, p, c.body, 1, 1) }
			}
			p50 := takeTurns(b, 100, loop.call, call(bare), call(bundled))
			b.ReportMetric(p50[0].Seconds()*1e6, "loop-p50-µs")
			b.ReportMetric(p50[2].Seconds()*1e6, "pool-p50-µs")
			b.ReportMetric(p50[1].Seconds()/p50[0].Seconds(), "bare/loop")
			b.ReportMetric(p50[2].Seconds()/p50[0].Seconds(), "pool/loop")
		})
	}
}

// Benchmark16Callers has 16 calls outstanding at one worker at any time.
func Benchmark16Callers(b *testing.B) {
	const callers = 16
	for _, c := range bodies {
		b.Run(c.name, func(b *testing.B) {
			calls := max(4*callers, min(4000, (8<<20)/len(c.body)))
			loop := newLoop(b, c.body)
			bare, bundled := benchPool(b, "testdata/loop.py"), benchPool(b, bundledWorker)
			call := func(p *pool.Pool) func() {
				return func() { callMany(b, p, c.body, callers, calls) }
			}
			times := takeTurns(b, 1, func() { loop.pipeline(callers, calls) }, call(bare), call(bundled))
			rate := func(side int) float64 { return float64(calls) / times[side].Seconds() }
			b.ReportMetric(rate(0), "loop-calls/s")
			b.ReportMetric(rate(2), "pool-calls/s")
			b.ReportMetric(rate(1)/rate(0), "bare/loop")
			b.ReportMetric(rate(2)/rate(0), "pool/loop")
		})
	}
}

// takeTurns runs each side in turn, and returns their median times.
func takeTurns(b *testing.B, warmUp int, sides ...func()) []time.Duration {
	for range warmUp {
		for _, side := range sides {
			side()
		}
	}
	times := make([][]time.Duration, len(sides))
	for b.Loop() {
		for i, side := range sides {
			start := time.Now()
			side()
			times[i] = append(times[i], time.Since(start))
		}
	}
	b.ReportMetric(0, "ns/op") // of all sides together: of no use
	var medians []time.Duration
	for _, t := range times {
		slices.Sort(t)
		medians = append(medians, t[len(t)/2])
	}
	return medians
}

func callMany(b *testing.B, p *pool.Pool, body json.RawMessage, callers, calls int) {
	var left atomic.Int64
	left.Store(int64(calls))
	call := func() {
		for left.Add(-1) >= 0 {
			answer, err := p.Call(context.Background(), "echo", body)
			if err != nil || len(answer) != len(body) {
				b.Errorf("answer of %d bytes, error %v", len(answer), err)
				return
			}
		}
	}
	if callers == 1 {
		call()
		return
	}
	var all sync.WaitGroup
	for range callers {
		all.Go(call)
	}
	all.Wait()
}

const bundledWorker = "../../pyworker/conformance_worker.py"

func benchPool(b *testing.B, script string) *pool.Pool {
	p, err := pool.NewPool(pool.PoolOptions{
		Command: []string{python(), script}, Workers: 1, Output: os.Stderr,
		HealthInterval: time.Hour, // loop.py has no health
	})
	require.NoError(b, err)
	require.NoError(b, p.Start(b.Context()))
	b.Cleanup(func() { require.NoError(b, p.Shutdown(context.Background())) })
	return p
}

// loop is the Go side written by hand: one connection, one buffer each way.
type loop struct {
	b      *testing.B
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
	}, time.Minute, time.Millisecond)
	b.Cleanup(func() {
		_ = conn.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	frames, err := frame.NewReader(conn, frame.Options{})
	require.NoError(b, err)
	return &loop{b: b, conn: conn, frames: frames, body: body}
}

func (l *loop) call() {
	l.add()
	l.write()
	l.read()
}

func (l *loop) add() {
	l.id++
	start := len(l.out)
	l.out = frame.BeginFrame(l.out, frame.Enhanced)
	l.out = message.AppendRequest(l.out, l.id, "echo", l.body)
	frame.EndFrame(l.out, start, frame.Enhanced, l.id)
}

func (l *loop) write() {
	if _, err := l.conn.Write(l.out); err != nil {
		l.b.Error(err)
	}
	l.out = l.out[:0]
}

func (l *loop) read() {
	f, err := l.frames.ReadFrame()
	if err != nil {
		l.b.Fatal(err)
	}
	l.want = message.AppendResponse(l.want[:0], f.RequestID, l.body)
	if !bytes.Equal(l.want, f.Payload) {
		l.b.Fatalf("another answer than expected: %.80s", f.Payload)
	}
}

// pipeline keeps a number of calls outstanding. Whatever was answered in one read is asked anew in
// one write.
func (l *loop) pipeline(outstanding, calls int) {
	if outstanding*len(l.body) > 64<<10 {
		l.pipelineLarge(outstanding, calls)
		return
	}
	for range outstanding {
		l.add()
	}
	l.write()
	for sent, got := outstanding, 0; got < calls; {
		l.read()
		got++
		if sent < calls {
			l.add()
			sent++
		}
		if l.frames.Buffered() == 0 && len(l.out) > 0 {
			l.write()
		}
	}
}

// pipelineLarge reads while it writes, or bodies larger than the sockets' buffers would block both
// sides for ever.
func (l *loop) pipelineLarge(outstanding, calls int) {
	slots := make(chan struct{}, outstanding)
	go func() {
		for range calls {
			slots <- struct{}{}
			l.add()
			l.write()
		}
	}()
	for range calls {
		l.read()
		<-slots
	}
}
