package main

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tenths is into how many pieces a part is cut, so that the last can be set against the first.
const tenths = 10

// latencies counts times in buckets that are at most a sixteenth wide, for each tenth of a part.
type latencies struct {
	start time.Time
	each  time.Duration
	count [tenths][64 * 16]atomic.Int64
}

func newLatencies(start time.Time, whole time.Duration) *latencies {
	return &latencies{start: start, each: max(whole/tenths, 1)}
}

func (l *latencies) tenth(at time.Time) int {
	return min(max(int(at.Sub(l.start)/l.each), 0), tenths-1)
}

func (l *latencies) add(at time.Time, took time.Duration) {
	l.count[l.tenth(at)][bucket(took)].Add(1)
}

// bucket is the exponent and the four bits after the first.
func bucket(d time.Duration) int {
	n := uint64(max(d, 16))
	shift := bits.Len64(n) - 5
	return shift*16 + int(n>>shift) - 16
}

// upper is the longest time in a bucket.
func upper(b int) time.Duration {
	return time.Duration((uint64(b%16)+17)<<(b/16)) - 1
}

// quantile of one tenth, or of all where that is -1; 0 if there are none.
func (l *latencies) quantile(tenth int, q float64) time.Duration {
	var all int64
	sum := func(b int) (n int64) {
		for t := range tenths {
			if tenth < 0 || t == tenth {
				n += l.count[t][b].Load()
			}
		}
		return n
	}
	for b := range l.count[0] {
		all += sum(b)
	}
	var below int64
	for b := range l.count[0] {
		if below += sum(b); below > 0 && float64(below) >= q*float64(all) {
			return upper(b)
		}
	}
	return 0
}

// level is a figure that is looked at now and then, such as the memory of a process.
type level struct {
	mu     sync.Mutex
	values [tenths][]float64
}

func (l *level) add(tenth int, value float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.values[tenth] = append(l.values[tenth], value)
}

// median of one tenth; false if it has no values.
func (l *level) median(tenth int) (float64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sorted := slices.Sorted(slices.Values(l.values[tenth]))
	if len(sorted) == 0 {
		return 0, false
	}
	return sorted[len(sorted)/2], true
}
