package turns

import (
	"sync"
	"sync/atomic"
	"time"
)

// oneTimed is the share of calls that is timed where callers are many: reading the clock for each
// would cost some percent.
const oneTimed = 8

// Callers makes a Side's Run of a call that may be made from many goroutines at once: n calls, shared
// by that many callers. The first error ends the turn.
func Callers(callers int, call func() error) func(n int, l *Latencies) error {
	if callers == 1 {
		return func(n int, l *Latencies) error {
			for range n {
				start := time.Now()
				if err := call(); err != nil {
					return err
				}
				l.Add(time.Since(start))
			}
			return nil
		}
	}
	return func(n int, l *Latencies) error {
		var left atomic.Int64
		left.Store(int64(n))
		var failed error
		var once sync.Once
		var all sync.WaitGroup
		for range min(callers, n) {
			all.Go(func() {
				var times []time.Duration
				for i := left.Add(-1); i >= 0; i = left.Add(-1) {
					timed := l != nil && i%oneTimed == 0
					var start time.Time
					if timed {
						start = time.Now()
					}
					if err := call(); err != nil {
						once.Do(func() { failed = err })
						left.Store(0)
						return
					}
					if timed {
						times = append(times, time.Since(start))
					}
				}
				l.Add(times...)
			})
		}
		all.Wait()
		return failed
	}
}
