package rows

import (
	"context"
	"errors"
	"fmt"

	"github.com/pyproctest/pyproctest/bench/peer"
	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/conformance"
)

// idleRow sets the memory of workers that have been called, and have nothing to do, against that of a bare Python process that
// imported what the bundled worker does.
func idleRow(side string, start Starter) Row {
	const workers, callers, calls = 4, 16, 400
	row := Row{
		Benchmark: "Idle", Placement: Unpinned, Group: "idle " + side,
		Keys: fmt.Sprintf("side=%s/workers=%d", side, workers),
	}
	return row.MeasuredBy(func(ctx context.Context, shelf *Shelf, more func() bool) (metrics []turns.Metric, err error) {
		if _, _, err := turns.Memory(); errors.Is(err, errors.ErrUnsupported) {
			return nil, fmt.Errorf("%w: the memory of another process is read from /proc, which only Linux has", conformance.Unsupported)
		}
		_, source, err := shelf.bundled()
		if err != nil {
			return nil, err
		}
		bare, err := on(shelf, "bare", func() (*peer.Peer, func() error, error) {
			p, err := peer.Start(bareScript, source)
			if err != nil {
				return nil, nil, err
			}
			return p, func() error { p.Close(); return nil }, nil
		})
		if err != nil {
			return nil, err
		}
		p, err := shelf.started(ctx, start, conformance.Enhanced, workers)
		if err != nil {
			return nil, err
		}
		defer p.abortWith(ctx)()
		body := stringBody(64)
		if err := turns.Callers(callers, func() error { return p.echo(ctx, body, true) })(calls, nil); err != nil {
			return nil, err
		}
		for first := true; first || more(); first = false {
			resident, own, err := turns.Memory(p.pids...)
			if err != nil {
				return nil, fmt.Errorf("the memory of the workers %v, of which one may have ended: %w", p.pids, err)
			}
			floor, _, err := turns.Memory(bare.PID())
			if err != nil {
				return nil, err
			}
			n := float64(len(p.pids))
			metrics = []turns.Metric{
				{Value: resident / n, Unit: "resident-B/worker"}, {Value: own / n, Unit: "own-B/worker"},
				{Value: floor, Unit: "floor-resident-B/worker"}, {Value: resident / n / floor, Unit: "x-floor"},
			}
		}
		return metrics, nil
	})
}
