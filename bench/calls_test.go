package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pyproctest/pyproctest/bench/floor"
	"github.com/pyproctest/pyproctest/bench/peer"
	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// BenchmarkCalls sets calls of echo against the loop written by hand (package floor), with as many calls
// outstanding: side=pool is the pool with the bundled worker, side=yours the pool with the worker of
// PYPROCTEST_BENCH_WORKER, and side=loop is that loop itself, against a ping-pong over a bare socket.
func BenchmarkCalls(b *testing.B) {
	b.Run("side=loop", benchmarkLoop)
	b.Run("side=pool", func(b *testing.B) { benchmarkPools(b, bundledWorker()) })
	if command := yourWorker(b); command != nil {
		b.Run("side=yours", func(b *testing.B) { benchmarkPools(b, command) })
	}
}

var bodySizes = []size{{"64B", 64}, {"1KB", 1 << 10}, {"10KB", 10 << 10}, {"1MB", 1 << 20}}

// stringBody is a JSON string of size bytes, quotes included.
func stringBody(size int) json.RawMessage {
	return slices.Concat([]byte(`"`), bytes.Repeat([]byte("x"), size-2), []byte(`"`))
}

// callTurn is long enough for many small calls and short beside what else the machine does.
const callTurn = 5 * time.Millisecond

func benchmarkLoop(b *testing.B) {
	for _, s := range bodySizes {
		b.Run("framing=enhanced/workers=1/size="+s.name+"/callers=1", func(b *testing.B) {
			raw, err := floor.StartRaw(s.bytes)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(raw.Close)
			loop := startLoop(b)
			b.Cleanup(loop.Close)
			turns.Measure(b, turns.Options{Turn: callTurn, Ratio: "x-raw", Bytes: s.bytes, Callers: 1},
				raw.Side(), loop.Side(1, stringBody(s.bytes)))
		})
	}
}

// BenchmarkSteps goes from the loop to the pool by steps, each set against the plain loop. First comes what a
// worker of many connections and a pool of many callers cannot do without: epoll, which the bundled worker spares
// a lone connection between its calls, and goroutines that call and one that reads. With step=msgspec the loop has the
// JSON of the bundled worker: what is possible, and not only what a person would write. With step=worker the loop calls
// the bundled worker, so that what that takes beyond the loop is the worker's own doing, and what BenchmarkCalls
// takes beyond that is the pool's.
func BenchmarkSteps(b *testing.B) {
	epoll := func(b *testing.B) *floor.Loop { return startLoop(b, "epoll") }
	plain := func(b *testing.B) *floor.Loop { return startLoop(b) }
	msgspec := func(b *testing.B) *floor.Loop { return startLoop(b, "msgspec") }
	for _, step := range []struct {
		name  string
		start func(*testing.B) *floor.Loop
		side  func(*floor.Loop, int, []byte) turns.Side
	}{
		{"epoll", epoll, (*floor.Loop).Side},
		{"goroutines", plain, (*floor.Loop).CallersSide},
		{"both", epoll, (*floor.Loop).CallersSide},
		{"msgspec", msgspec, (*floor.Loop).Side},
		{"worker", loopOnBundledWorker, (*floor.Loop).Side},
	} {
		for _, callers := range []int{1, 16} {
			b.Run(fmt.Sprintf("step=%s/size=64B/callers=%d", step.name, callers), func(b *testing.B) {
				from, to := startLoop(b), step.start(b)
				b.Cleanup(from.Close)
				b.Cleanup(to.Close)
				body := stringBody(64)
				turns.Measure(b, turns.Options{Turn: callTurn, Ratio: "x-floor", Bytes: len(body), Callers: callers},
					from.Side(callers, body), step.side(to, callers, body))
			})
		}
	}
}

// loopOnBundledWorker calls a worker that a pool has started, over a connection of its own.
func loopOnBundledWorker(b *testing.B) *floor.Loop {
	b.Helper()
	dir, err := os.MkdirTemp("", "ppb")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := startPool(b, pool.PoolOptions{Command: bundledWorker(), Workers: 1, SocketDir: dir})
	b.Cleanup(func() { stopPool(b, p) })
	sockets, err := filepath.Glob(filepath.Join(dir, "*", "*.sock"))
	if err != nil || len(sockets) != 1 {
		b.Fatalf("the worker's socket was not found in %s: %q, %v", dir, sockets, err)
	}
	loop, err := floor.DialWorker(sockets[0], pids(p)[0])
	if err != nil {
		b.Fatal(err)
	}
	return loop
}

func benchmarkPools(b *testing.B, command []string) {
	for _, framing := range both {
		b.Run("framing="+framing.String(), func(b *testing.B) {
			for _, workers := range []int{1, 2, 4} {
				b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
					benchmarkPool(b, command, framing, workers)
				})
			}
		})
	}
}

// benchmarkPool starts the pool and the loop once a row is run that the pattern of -bench chooses, and
// keeps them for the next.
func benchmarkPool(b *testing.B, command []string, framing frame.Framing, workers int) {
	var p *pool.Pool
	var loop *floor.Loop
	for _, s := range bodySizes {
		b.Run("size="+s.name, func(inSize *testing.B) {
			for _, callers := range []int{1, 4, 16, 64} {
				inSize.Run(fmt.Sprintf("callers=%d", callers), func(row *testing.B) {
					if loop == nil {
						loop = startLoop(row)
						b.Cleanup(loop.Close)
					}
					if p == nil {
						p = startPool(row, pool.PoolOptions{Command: command, Workers: workers, Framing: framing})
						b.Cleanup(func() { stopPool(b, p) })
					}
					body := stringBody(s.bytes)
					turns.Measure(row, turns.Options{Turn: callTurn, Ratio: "x-floor", Bytes: s.bytes, Callers: callers},
						loop.Side(callers, body), poolSide(p, callers, body))
				})
			}
		})
	}
}

func poolSide(p *pool.Pool, callers int, body json.RawMessage) turns.Side {
	call := func() error {
		answer, err := p.Call(context.Background(), "echo", body)
		if err == nil && len(answer) != len(body) {
			err = fmt.Errorf("%d bytes came back for %d", len(answer), len(body))
		}
		return err
	}
	return turns.Side{Run: turns.Callers(callers, call), Processes: func() []int { return pids(p) }}
}

func pids(p *pool.Pool) []int {
	var all []int
	for _, w := range p.Workers() {
		all = append(all, w.Health().PID)
	}
	return all
}

func startPool(b *testing.B, o pool.PoolOptions) *pool.Pool {
	b.Helper()
	o.Output = os.Stderr
	p, err := pool.NewPool(o)
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	return p
}

func stopPool(b *testing.B, p *pool.Pool) {
	if err := p.Shutdown(context.Background()); err != nil {
		b.Error(err)
	}
}

func startLoop(b *testing.B, args ...string) *floor.Loop {
	b.Helper()
	loop, err := floor.StartLoop(args...)
	if err != nil {
		b.Fatal(err)
	}
	return loop
}

// pyworker is the folder of the bundled worker. bench-compare sets it to that of each version.
func pyworker() string {
	if dir := os.Getenv("PYPROCTEST_BENCH_PYWORKER"); dir != "" {
		return dir
	}
	return filepath.Join("..", "pyworker")
}

func bundledWorker() []string {
	return []string{peer.Python(), filepath.Join(pyworker(), "conformance_worker.py")}
}

// yourWorker is the command of PYPROCTEST_BENCH_WORKER, a JSON array, or nil where that is not set.
func yourWorker(b *testing.B) []string {
	var command []string
	if text := os.Getenv("PYPROCTEST_BENCH_WORKER"); text != "" {
		if err := json.Unmarshal([]byte(text), &command); err != nil || len(command) == 0 {
			b.Fatal(errors.Join(errors.New("PYPROCTEST_BENCH_WORKER is no JSON array of a program and its arguments"), err))
		}
	}
	return command
}
