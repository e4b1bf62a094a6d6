package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pyproctest/pyproctest/bench/peer"
	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// BenchmarkStart sets the start of a pool of 4 against 4 bare Python processes, started side by side,
// that import the worker's package and do nothing more.
func BenchmarkStart(b *testing.B) {
	const workers = 4
	eachSide(b, func(b *testing.B, command []string) {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			floor, subject := &times{}, &times{}
			for b.Loop() {
				floor.add(startBare(b, workers))
				start := time.Now()
				p := startPool(b, pool.PoolOptions{Command: command, Workers: workers})
				subject.add(time.Since(start))
				stopPool(b, p)
			}
			report(b, floor, subject)
		})
	})
}

// BenchmarkRecovery kills one of two workers, and sets the time until its slot is back against the start
// of one bare Python process. With calls=4 so many callers call meanwhile, of which the other worker is to
// fail none; the bare process then starts beside as many, for they take their part of the processors from it.
func BenchmarkRecovery(b *testing.B) {
	eachSide(b, func(b *testing.B, command []string) {
		for _, callers := range []int{0, 4} {
			b.Run(fmt.Sprintf("workers=2/calls=%d", callers), func(b *testing.B) {
				floor, subject := &times{}, &times{}
				elsewhere := 0
				for b.Loop() {
					floor.add(startBareBesideCalls(b, command, callers))
					// A pool of its own for each, for only the first restart comes at once.
					p := startPool(b, pool.PoolOptions{Command: command, Workers: 2})
					took, failed := recovery(b, p, callers)
					stopPool(b, p)
					subject.add(took)
					elsewhere += failed
				}
				report(b, floor, subject)
				b.ReportMetric(float64(elsewhere)/float64(b.N), "errors-elsewhere/op")
			})
		}
	})
}

// startBareBesideCalls starts one bare process while the callers call a worker.
func startBareBesideCalls(b *testing.B, command []string, callers int) time.Duration {
	if callers == 0 {
		return startBare(b, 1)
	}
	p := startPool(b, pool.PoolOptions{Command: command, Workers: 1})
	defer stopPool(b, p)
	failed := keepCalling(p, callers, func(error) bool { return true })
	took := startBare(b, 1)
	if n := failed(); n > 0 {
		b.Fatalf("%d calls beside a bare process failed", n)
	}
	return took
}

// keepCalling has so many callers call the pool until the function that it returns is called, which tells how
// many calls failed with an error that counts.
func keepCalling(p *pool.Pool, callers int, counts func(error) bool) (stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var failed atomic.Int64
	for range callers {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := p.Call(ctx, "echo", 1); err != nil && ctx.Err() == nil && counts(err) {
					failed.Add(1)
				}
			}
		})
	}
	return func() int {
		cancel()
		all.Wait()
		return int(failed.Load())
	}
}

// recovery kills worker 0 while so many callers call, and returns the time until it is given calls again, and
// how many calls failed that were not on it.
func recovery(b *testing.B, p *pool.Pool, callers int) (took time.Duration, failed int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stop := keepCalling(p, callers, func(err error) bool {
		return !errors.Is(err, pool.ErrWorkerDied) || !strings.Contains(err.Error(), "on worker 0")
	})
	victim := p.Workers()[0]
	pid := victim.Health().PID
	process, err := os.FindProcess(pid)
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if err := process.Kill(); err != nil {
		b.Fatal(err)
	}
	for h := victim.Health(); h.PID == pid || h.PID == 0 || !h.Healthy; h = victim.Health() {
		if ctx.Err() != nil {
			b.Fatal("the killed worker is not back after a minute")
		}
		time.Sleep(200 * time.Microsecond) // the pool has no event for it
	}
	took = time.Since(start)
	return took, stop()
}

// BenchmarkIdle tells what a worker costs that has nothing to do, beside a bare Python process that
// imported the same. Over a second there are ten health checks, fifty times as many as by default, or
// there would be no CPU time to speak of.
func BenchmarkIdle(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("the memory of another process is read from /proc, which only Linux has")
	}
	const workers, window, checks = 4, time.Second, 10
	eachSide(b, func(b *testing.B, command []string) {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			bare := bareProcess(b)
			b.Cleanup(bare.stop)
			p := startPool(b, pool.PoolOptions{Command: command, Workers: workers, HealthInterval: window / checks})
			b.Cleanup(func() { stopPool(b, p) })
			if err := turns.Callers(16, func() error { _, err := p.Call(context.Background(), "echo", 1); return err })(400, nil); err != nil {
				b.Fatal(err)
			}
			var here, there time.Duration
			windows := 0
			for b.Loop() {
				hereBefore, thereBefore := turns.CPUTime(), turns.CPUTime(pids(p)...)
				time.Sleep(window) // what is measured is that nothing happens
				here += turns.CPUTime() - hereBefore
				there += turns.CPUTime(pids(p)...) - thereBefore
				windows++
			}
			resident, own := memory(b, pids(p)...)
			floor, _ := memory(b, bare.cmd.Process.Pid)
			each := float64(workers) * (time.Duration(windows) * window).Seconds()
			b.ReportMetric(0, "ns/op") // of the window: nothing to tell
			b.ReportMetric(resident/workers, "resident-B/worker")
			b.ReportMetric(own/workers, "own-B/worker")
			b.ReportMetric(floor, "floor-resident-B/worker")
			b.ReportMetric(resident/workers/floor, "x-floor")
			b.ReportMetric(float64(there)/each, "py-cpu-ns/s/worker")
			b.ReportMetric(float64(here)/each, "go-cpu-ns/s/worker")
		})
	})
}

// eachSide runs rows with the bundled worker, and with yours where there is one.
func eachSide(b *testing.B, rows func(b *testing.B, command []string)) {
	b.Run("side=pool", func(b *testing.B) { rows(b, bundledWorker()) })
	if command := yourWorker(b); command != nil {
		b.Run("side=yours", func(b *testing.B) { rows(b, command) })
	}
}

// bare is a Python process that has imported what a worker imports.
type bare struct {
	cmd   *exec.Cmd
	ready *os.File
}

func bareProcess(b *testing.B) *bare {
	b.Helper()
	script := fmt.Sprintf("import os, sys\nsys.path.insert(0, %q)\nimport pyproctest_worker\nos.write(1, b'.')\nsys.stdin.read()", filepath.Join(pyworker(), "src"))
	cmd := exec.Command(peer.Python(), "-c", script)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // held open, it keeps the process; closed, it ends it
		b.Fatal(err)
	}
	ready, write, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout = write
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		b.Fatal(err)
	}
	return &bare{cmd, ready}
}

func (p *bare) awaitReady(b *testing.B) {
	b.Helper()
	if _, err := p.ready.Read(make([]byte, 1)); err != nil {
		b.Fatal(fmt.Errorf("a bare Python process ended before its imports were done: %w", err))
	}
}

func (p *bare) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.ready.Close()
}

// startBare is the time until that many bare processes, started side by side, are ready.
func startBare(b *testing.B, processes int) time.Duration {
	b.Helper()
	start := time.Now()
	var all []*bare
	for range processes {
		all = append(all, bareProcess(b))
	}
	for _, p := range all {
		p.awaitReady(b)
	}
	took := time.Since(start)
	for _, p := range all {
		p.stop()
	}
	return took
}

func memory(b *testing.B, pids ...int) (resident, own float64) {
	b.Helper()
	resident, own, err := turns.Memory(pids...)
	if err != nil {
		b.Fatal(err)
	}
	return resident, own
}

// times are durations of one side.
type times []time.Duration

func (t *times) add(d time.Duration) { *t = append(*t, d) }

func (t times) median() float64 {
	slices.Sort(t)
	return (float64(t[len(t)/2]) + float64(t[(len(t)-1)/2])) / 2
}

func report(b *testing.B, floor, subject *times) {
	b.ReportMetric(subject.median(), "ns/op")
	b.ReportMetric(floor.median(), "floor-ns/op")
	b.ReportMetric(subject.median()/floor.median(), "x-floor")
}
