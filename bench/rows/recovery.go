package rows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/conformance"
)

// recoveryRow kills one of two workers, and sets the time until its slot is back against the start of one bare Python process.
// With callers so many call meanwhile, and the bare process starts beside as many, for they take their part of the processors.
func recoveryRow(side string, start Starter, callers int) Row {
	row := Row{
		Benchmark: "Recovery", Placement: Unpinned, Group: "recovery " + side,
		Keys: fmt.Sprintf("side=%s/workers=2/calls=%d", side, callers),
	}
	return row.MeasuredBy(func(ctx context.Context, shelf *Shelf, more func() bool) ([]turns.Metric, error) {
		_, source, err := shelf.bundled()
		if err != nil {
			return nil, err
		}
		kills, elsewhere := 0, 0
		o := turns.Options{Ratio: "x-floor"} // a turn is one death
		metrics, err := compare(ctx, more, o, func(ctx context.Context) (floor, subject turns.Side, err error) {
			floor.Clock = timesOf(func() (time.Duration, error) { return startBareBesideCalls(ctx, shelf, start, source, callers) })
			subject.Clock = timesOf(func() (time.Duration, error) {
				took, failed, err := recovery(ctx, shelf, start, callers)
				kills, elsewhere = kills+1, elsewhere+failed
				return took, err
			})
			return floor, subject, nil
		})
		if err != nil {
			return nil, err
		}
		return append(metrics, turns.Metric{Value: float64(elsewhere) / float64(kills), Unit: "errors-elsewhere/op"}), nil
	})
}

// startBareBesideCalls starts one bare process while so many callers call a worker.
func startBareBesideCalls(ctx context.Context, shelf *Shelf, start Starter, source string, callers int) (took time.Duration, err error) {
	if callers == 0 {
		return startBare(source, 1)
	}
	p, err := start(ctx, shelf, conformance.Enhanced, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	defer p.abortWith(ctx)()
	failed := p.keepCalling(callers, func(error) bool { return true })
	took, err = startBare(source, 1)
	if n := failed(); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d calls beside a bare process failed; run the conformance suite first", n))
	}
	return took, err
}

// keepCalling has so many callers call the pool until the function that it returns is called, which tells how many calls
// failed with an error that counts.
func (p *started) keepCalling(callers int, counts func(error) bool) (stop func() int) {
	var over atomic.Bool
	var failed atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for !over.Load() {
				if err := p.echo(context.Background(), json.RawMessage("1"), true); err != nil && counts(err) {
					failed.Add(1)
				}
			}
		})
	}
	return func() int {
		over.Store(true)
		all.Wait()
		return int(failed.Load())
	}
}

const (
	notBack = 20 * time.Second       // after which the slot of a killed worker is given up
	looks   = 200 * time.Microsecond // between two looks at the health
)

// recovery kills a worker of a new pool, for only the first restart comes at once, and returns the time until the pool says
// that it has restarted one and that both are healthy, which are those that get calls. Which worker a call was on the pool
// does not say, so all errors that name the death of a worker are taken for those of the killed one: the others failed
// elsewhere.
func recovery(ctx context.Context, shelf *Shelf, start Starter, callers int) (took time.Duration, elsewhere int, err error) {
	const workers = 2
	p, err := start(ctx, shelf, conformance.Enhanced, workers)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	defer p.abortWith(ctx)()
	before, err := p.health()
	if err != nil {
		return 0, 0, err
	}
	victim, err := os.FindProcess(p.pids[0])
	if err != nil {
		return 0, 0, err
	}
	failed := p.keepCalling(callers, func(err error) bool { return !errors.Is(err, conformance.WorkerDied) })
	defer func() { elsewhere = failed() }()
	killed := time.Now()
	if err := victim.Kill(); err != nil {
		return 0, 0, err
	}
	for {
		h, err := p.health()
		took = time.Since(killed)
		switch {
		case err != nil:
			return 0, 0, err
		case h.Restarts > before.Restarts && h.Healthy == workers:
			return took, 0, nil
		case ctx.Err() != nil:
			return 0, 0, context.Cause(ctx)
		case took > notBack:
			return 0, 0, fmt.Errorf("%w: after %v the pool says %d of %d workers healthy and %d restarts, so the slot of a killed worker is not back [HLT-6]",
				ErrNoFigure, notBack, h.Healthy, workers, h.Restarts)
		}
		time.Sleep(looks) // the pool has no event for it
	}
}
