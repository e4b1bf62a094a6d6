package rows

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/conformance"
)

// callTurn is long enough for many small calls and short beside what else the machine does.
const callTurn = 5 * time.Millisecond

var bodySizes = []size{{"64B", 64}, {"1KB", 1 << 10}, {"10KB", 10 << 10}, {"1MB", 1 << 20}}

// stringBody is a JSON string of size bytes, quotes included.
func stringBody(size int) json.RawMessage {
	return slices.Concat([]byte(`"`), bytes.Repeat([]byte("x"), size-2), []byte(`"`))
}

// calls returns the rows of started pools: calls of the method echo, against the hand-written loop with as many calls
// outstanding, and what becomes of workers that start, die and have nothing to do, against bare processes.
func calls(side string, start Starter, extent Extent) []Row {
	var rows []Row
	for _, placement := range Placements() {
		for _, framing := range framings {
			for _, workers := range []int{1, 2, 4} {
				for _, s := range bodySizes {
					for _, callers := range []int{1, 4, 16, 64} {
						if callsExtent(framing, workers, s.name, callers) <= extent {
							rows = append(rows, callsRow(side, start, placement, framing, workers, s, callers))
						}
					}
				}
			}
		}
		if extent > Quick {
			rows = append(rows, startRow(side, start, placement))
		}
	}
	if extent > Quick {
		rows = append(rows, recoveryRow(side, start, 0), recoveryRow(side, start, 4), idleRow(side, start))
	}
	return rows
}

// callsExtent is the smallest extent that has the row.
func callsExtent(framing conformance.Framing, workers int, size string, callers int) Extent {
	switch shape := fmt.Sprintf("%s %d %s %d", framing, workers, size, callers); shape {
	case "enhanced 1 64B 1", "enhanced 1 64B 16", "enhanced 1 10KB 1":
		return Quick
	case "enhanced 1 64B 4", "enhanced 1 64B 64", "enhanced 1 1KB 1", "enhanced 1 1KB 16", "enhanced 1 10KB 16", "enhanced 1 1MB 1",
		"enhanced 2 64B 64", "enhanced 4 64B 64", "basic 1 64B 1", "basic 1 64B 16":
		return Normal
	}
	return Full
}

func callsRow(side string, start Starter, placement string, framing conformance.Framing, workers int, s size, callers int) Row {
	return Row{
		Benchmark: "Calls", Placement: placement,
		Group:   fmt.Sprintf("%s %s %s %d", placement, side, framing, workers),
		Keys:    fmt.Sprintf("side=%s/framing=%s/workers=%d/size=%s/callers=%d", side, framing, workers, s.name, callers),
		options: turns.Options{Turn: callTurn, Ratio: "x-floor", Bytes: s.bytes, Callers: callers},
		sides: func(ctx context.Context, shelf *Shelf) (floor, subject turns.Side, err error) {
			loop, err := shelf.loop()
			if err != nil {
				return floor, subject, err
			}
			p, err := shelf.started(ctx, start, framing, workers)
			if err != nil {
				return floor, subject, err
			}
			body := stringBody(s.bytes)
			if err := p.echo(ctx, body, true); err != nil {
				return floor, subject, err
			}
			p.abortWith(ctx)
			return loop.Side(callers, body), p.side(ctx, callers, body), nil
		},
	}
}

// Starter starts a pool, and returns it once all its workers accept connections.
type Starter func(ctx context.Context, s *Shelf, framing conformance.Framing, workers int) (*started, error)

// started is a pool that can be called.
type started struct {
	call   Call
	lines  Call      // nil in this process; see [Running]
	timed  TimedPool // or nil
	pids   []int     // of the workers
	health func() (conformance.Health, error)
	stop   func() error
	abort  func() // ends running calls
}

// abortWith ends running calls when ctx ends, unless it does because the row is measured.
func (p *started) abortWith(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		if context.Cause(ctx) != errOver {
			p.abort()
		}
	})
}

// Running is a pool whose calls a row of its own measures.
type Running struct {
	Call Call

	// Lines goes the way of a call to the adapter of another program and no further, whatever is called: it asks for the
	// health, which a pool tells without waiting for a worker. It is nil for a pool of this process.
	Lines Call
}

// Own returns a row without a floor, of one pool of one worker: measure measures its calls, unpinned. If for two minutes none
// of them ends, the pool is shut down, for its calls may not listen to a context.
func Own(benchmark, side, keys string, start Starter, measure func(ctx context.Context, p Running, more func() bool) ([]turns.Metric, error)) Row {
	const framing, workers = conformance.Enhanced, 1
	row := Row{
		Benchmark: benchmark, Placement: Unpinned,
		Group: fmt.Sprintf("%s %s %s %d", Unpinned, side, framing, workers), // as of other calls
		Keys:  fmt.Sprintf("side=%s/framing=%s/workers=%d/%s", side, framing, workers, keys),
	}
	return row.MeasuredBy(func(ctx context.Context, shelf *Shelf, more func() bool) ([]turns.Metric, error) {
		p, err := shelf.started(ctx, start, framing, workers)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(errOver)
		defer p.abortWith(ctx)()
		var ended atomic.Int64
		defer whenStill(2*hung, &ended, func() { cancel(errNoneEnds) })() // a call may take a minute: --mix sleep=1m
		counted := func(call Call) Call {
			if call == nil {
				return nil
			}
			return func(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
				defer ended.Add(1)
				return call(ctx, method, body)
			}
		}
		return measure(ctx, Running{counted(p.call), counted(p.lines)}, more)
	})
}

var errNoneEnds = fmt.Errorf("no call ended for %v: the pool has lost one, or its worker hangs; run the conformance suite first", 2*hung)

// whenStill calls f once the count has not changed for so long, until stop is called.
func whenStill(long time.Duration, count *atomic.Int64, f func()) (stop func()) {
	over := make(chan struct{})
	go func() {
		tick := time.NewTicker(long)
		defer tick.Stop()
		for last := count.Load(); ; last = count.Load() {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			if count.Load() == last {
				f()
				return
			}
		}
	}()
	return func() { close(over) }
}

// Call calls a method of a worker, and returns the body of its answer.
type Call func(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error)

// started is the pool on the shelf.
func (s *Shelf) started(ctx context.Context, start Starter, framing conformance.Framing, workers int) (*started, error) {
	return on(s, "pool", func() (*started, func() error, error) {
		p, err := start(ctx, s, framing, workers)
		if err != nil {
			return nil, nil, err
		}
		return p, p.stop, nil
	})
}

// side calls echo, and looks at the length of what comes back. For more there is no time while it is measured. The calls have
// a context that cannot end, as those of this repository's own rows, for one that can costs some: abort ends them.
func (p *started) side(ctx context.Context, callers int, body json.RawMessage) turns.Side {
	side := turns.Side{Processes: func() []int { return p.pids }}
	if p.timed != nil {
		side.Clock = func(n int, l *turns.Latencies) (time.Duration, error) {
			took, each, err := p.timed.Measure(ctx, n, callers, "echo", body)
			l.Add(each...)
			return took, err
		}
		return side
	}
	side.Run = turns.Callers(callers, func() error { return p.echo(context.Background(), body, false) })
	return side
}

func (p *started) echo(ctx context.Context, body json.RawMessage, whole bool) error {
	answer, err := p.call(ctx, "echo", body)
	switch {
	case err != nil:
		return fmt.Errorf("a call of echo failed: %w", err)
	case len(answer) != len(body), whole && !bytes.Equal(answer, body):
		return fmt.Errorf("echo gave %s back for %s; run the conformance suite first", clip(answer), clip(body))
	}
	return nil
}

func clip(body []byte) string {
	const shown = 40
	if len(body) <= shown {
		return string(body)
	}
	return fmt.Sprintf("%s… (%d bytes)", body[:shown], len(body))
}

// findPIDs asks the workers for their process IDs, each once at least where they are called in turn.
func (p *started) findPIDs(ctx context.Context, workers int) error {
	for range workers {
		answer, err := p.call(ctx, "pid", json.RawMessage("null"))
		if err != nil {
			return fmt.Errorf("a call of pid, which every worker of a conformance run exposes [WRK-21], failed: %w", err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(answer)))
		if err != nil {
			return fmt.Errorf("the answer to pid is no process ID: %s", clip(answer))
		}
		if !slices.Contains(p.pids, pid) {
			p.pids = append(p.pids, pid)
		}
	}
	return nil
}
