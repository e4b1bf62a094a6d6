package pool

import (
	"context"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
)

// waitUntilParked waits until the goroutine that runs the call is parked in the pool, so that what the case does next
// comes after it. It waits for a short time only, and finds nothing: a pool may hand its calls to other goroutines.
func (c *call) waitUntilParked() { c.s.waitUntilParked(&c.goroutine, c.done) }

// waitUntilParked waits until a goroutine is parked or done is closed, for a quarter of the patience at most. The ID of
// the goroutine is read under the lock of the stage. If the pool lives in another process, all threads of that process
// must be parked.
func (s *stage) waitUntilParked(goroutine *string, done <-chan struct{}) {
	ctx, cancel := context.WithTimeout(s.t.WholeRun(), s.t.Patience()/4)
	defer cancel()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for inRow := 0; inRow < 2 && !isClosed(done); { // twice in a row, because it may only be on its way
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if s.isParked(ctx, goroutine) {
			inRow++
		} else {
			inRow = 0
		}
	}
}

// isParked reports whether the goroutine or, if the pool lives in another process, every thread of that waits.
func (s *stage) isParked(ctx context.Context, goroutine *string) bool {
	var id string
	var processes []int
	s.withLock(func() { id, processes = *goroutine, s.poolProcesses })
	if len(processes) > 0 {
		return !slices.ContainsFunc(processes, proc.Busy)
	}
	return id != "" && proc.Halted(proc.Stacks(ctx)[id])
}
