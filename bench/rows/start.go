package rows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/bench/peer"
	"github.com/pyproctest/pyproctest/bench/turns"
	"github.com/pyproctest/pyproctest/conformance"
)

// startedWorkers is how many workers a row of BenchmarkStart starts.
const startedWorkers = 4

// startRow sets the start of a pool of 4 against 4 bare Python processes, started side by side, that import the bundled
// worker's package and do nothing more.
func startRow(side string, start Starter, placement string) Row {
	return Row{
		Benchmark: "Start", Placement: placement, Group: "start " + placement + " " + side,
		Keys:    fmt.Sprintf("side=%s/workers=%d", side, startedWorkers),
		options: turns.Options{Ratio: "x-floor"}, // a turn is one start
		sides: func(ctx context.Context, shelf *Shelf) (floor, subject turns.Side, err error) {
			_, source, err := shelf.bundled()
			if err != nil {
				return floor, subject, err
			}
			floor.Clock = timesOf(func() (time.Duration, error) { return startBare(source, startedWorkers) })
			subject.Clock = timesOf(func() (time.Duration, error) {
				began := time.Now()
				p, err := start(ctx, shelf, conformance.Enhanced, startedWorkers)
				if err != nil {
					return 0, err
				}
				took := time.Since(began)
				return took, p.stop()
			})
			return floor, subject, nil
		},
	}
}

func timesOf(once func() (time.Duration, error)) func(int, *turns.Latencies) (time.Duration, error) {
	return func(n int, _ *turns.Latencies) (sum time.Duration, err error) {
		for range n {
			took, err := once()
			if err != nil {
				return 0, err
			}
			sum += took
		}
		return sum, nil
	}
}

// bareScript imports what the bundled worker does.
const bareScript = `import sys
sys.path.insert(0, sys.argv[2])
import pyproctest_worker
from peer import ready
ready()
sys.stdin.read()
`

// startBare is the time until so many bare processes, started side by side, are ready.
func startBare(source string, processes int) (time.Duration, error) {
	type outcome struct {
		*peer.Peer
		err error
	}
	began := time.Now()
	outcomes := make(chan outcome, processes)
	for range processes {
		go func() {
			p, err := peer.Start(bareScript, source)
			outcomes <- outcome{p, err}
		}()
	}
	var all []outcome
	for range processes {
		all = append(all, <-outcomes)
	}
	took := time.Since(began)
	var failed []error
	for _, o := range all {
		if o.err != nil {
			failed = append(failed, o.err)
			continue
		}
		o.Close()
	}
	return took, errors.Join(failed...)
}
