// Package turns measures one side against another by letting them take turns in one benchmark, a
// fraction of a second each. Whatever else the machine does then falls on both, so the ratio of the
// two holds where the times themselves do not.
package turns

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"time"
)

// Side is one of the two that take turns.
type Side struct {
	// Run does n operations. Where each of them can be timed it adds their times to l, which may be
	// nil; where that would cost too much, those of some of them.
	Run func(n int, l *Latencies) error

	// Clock takes the place of Run where the operations run in another program, which times them itself: it
	// returns the time that all n took. Allocations are then not counted.
	Clock func(n int, l *Latencies) (time.Duration, error)

	// Processes are those at the other end, whose CPU time is reported. Without any, none is.
	Processes func() []int
}

// Options say how two sides are compared.
type Options struct {
	Turn  time.Duration // about how long a turn takes; 0: one operation, with nothing before, for what is long and starts anew
	Ratio string        // the unit of the ratio, which is "times the floor" and better when lower
	Bytes int           // payload of one operation, in bytes

	// Callers is how many operations are under way at once, in turns of enough of them for that to be
	// so. A lone caller's sides are compared by the median time of an operation, others by the time of
	// a turn over its operations. 0 is for operations that are not worth a clock each.
	Callers int
}

// Metric is one of the values that a comparison gives.
type Metric struct {
	Value float64
	Unit  string
}

// Measure lets the two sides take turns for as long as the benchmark lasts, and reports what [Compare] returns.
func Measure(b *testing.B, o Options, floor, subject Side) {
	b.Helper()
	metrics, err := Compare(b.Loop, o, floor, subject)
	if err != nil {
		b.Fatal(err)
	}
	if subject.Clock == nil {
		b.ReportAllocs() // or allocs/op and B/op are not printed
	}
	for _, m := range metrics {
		b.ReportMetric(m.Value, m.Unit)
	}
}

// Compare lets the two sides take turns, a pair of them each time that more is true, and at least one. It returns of
// subject:
//
//	ns/op           median time of an operation (of a turn over its operations unless a lone caller's)
//	o.Ratio         that time over floor's: the median over all pairs of neighbouring turns
//	floor-ns/op     the same time of floor
//	B/s             payload bytes, one way
//	calls/s, floor-calls/s     operations of a turn over its time: the median over all turns
//	p1-ns … p999-ns, floor-p1-ns …  where Run told latencies; floor's only for a lone caller
//	go-cpu-ns/op, floor-go-cpu-ns/op    CPU time of this process
//	py-cpu-ns/op, floor-py-cpu-ns/op    that of the Processes
//	allocs/op, B/op of this process, counted apart, not while time is taken
//
// An error of either side ends it.
func Compare(more func() bool, o Options, floor, subject Side) ([]Metric, error) {
	f := &taker{side: floor, o: o, cpu: floor.Processes != nil}
	s := &taker{side: subject, o: o, cpu: subject.Processes != nil}
	for _, t := range []*taker{f, s} {
		if err := t.calibrate(); err != nil {
			return nil, err
		}
	}
	var ratios []float64
	first, second := f, s
	for more() || len(ratios) == 0 {
		if err := first.turn(); err != nil {
			return nil, err
		}
		if err := second.turn(); err != nil {
			return nil, err
		}
		ratios = append(ratios, s.last/f.last)
		first, second = second, first // ABBA
	}

	perOp := median(s.perOp)
	metrics := []Metric{
		{median(s.typical), "ns/op"},
		{median(f.typical), "floor-ns/op"},
		{median(ratios), o.Ratio},
		{float64(o.Bytes) / perOp * 1e9, "B/s"},
	}
	add := func(value float64, unit string) { metrics = append(metrics, Metric{value, unit}) }
	if subject.Clock == nil {
		allocs, bytes, err := s.allocations()
		if err != nil {
			return nil, err
		}
		add(math.Round(allocs), "allocs/op")
		add(math.Round(bytes), "B/op")
	}
	if subject.Processes == nil {
		return metrics, nil
	}
	add(1e9/perOp, "calls/s")
	add(1e9/median(f.perOp), "floor-calls/s")
	for _, t := range []struct {
		*taker
		of string
	}{{s, ""}, {f, "floor-"}} {
		if t.here > 0 {
			add(t.here.Seconds()*1e9/float64(t.done), t.of+"go-cpu-ns/op")
		}
		if t.there > 0 {
			add(t.there.Seconds()*1e9/float64(t.done), t.of+"py-cpu-ns/op")
		}
	}
	metrics = append(metrics, s.all.quantiles("")...)
	if o.Callers == 1 {
		metrics = append(metrics, f.all.quantiles("floor-")...)
	}
	return metrics, nil
}

// taker is a side with what its turns gave.
type taker struct {
	side Side
	o    Options
	cpu  bool
	n    int // operations a turn

	last           float64   // what the last turn is compared by, ns
	typical, perOp []float64 // of each turn, ns
	all            Latencies
	done           int
	here, there    time.Duration // CPU time
}

// calibrate warms the side up, and finds how many operations make a turn.
func (t *taker) calibrate() error {
	const (
		tries     = 3  // of which the quickest counts, for one may have been interrupted
		plenty    = 10 // turns: no interruption is that long
		perCaller = 2  // operations of each caller in a turn, at least
	)
	t.n = 1
	if t.o.Turn == 0 {
		return nil
	}
	if t.o.Callers > 1 {
		t.n = perCaller * t.o.Callers
	}
	for ; ; t.n *= 2 {
		quickest := time.Duration(math.MaxInt64)
		for range tries {
			elapsed, err := t.side.run(t.n, nil)
			if err != nil {
				return err
			}
			quickest = min(quickest, elapsed)
			if quickest >= plenty*t.o.Turn {
				break
			}
		}
		if quickest >= t.o.Turn/2 {
			return nil
		}
	}
}

// run returns the time that n operations took.
func (s Side) run(n int, l *Latencies) (time.Duration, error) {
	if s.Clock != nil {
		return s.Clock(n, l)
	}
	start := time.Now()
	err := s.Run(n, l)
	return time.Since(start), err
}

func (t *taker) turn() error {
	var processes []int
	var here, there time.Duration
	if t.cpu {
		processes = t.side.Processes()
		here, there = CPUTime(), CPUTime(processes...)
	}
	told := len(t.all.ns)
	elapsed, err := t.side.run(t.n, &t.all)
	if err != nil {
		return err
	}
	if t.cpu {
		t.here += CPUTime() - here
		t.there += CPUTime(processes...) - there
		t.done += t.n
	}
	perOp := float64(elapsed) / float64(t.n)
	t.last = perOp
	if fresh := t.all.ns[told:]; t.o.Callers == 1 && len(fresh) > 0 {
		t.last = median(slices.Clone(fresh))
	}
	t.perOp = append(t.perOp, perOp)
	t.typical = append(t.typical, t.last)
	return nil
}

// allocations counts those of one operation, in objects and in bytes.
func (t *taker) allocations() (objects, size float64, err error) {
	n := max(t.n, 8)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = t.side.Run(n, nil)
	runtime.ReadMemStats(&after)
	perOp := func(before, after uint64) float64 { return float64(after-before) / float64(n) }
	return perOp(before.Mallocs, after.Mallocs), perOp(before.TotalAlloc, after.TotalAlloc), err
}

func median(values []float64) float64 {
	slices.Sort(values)
	return quantile(values, 0.5)
}

// quantile of sorted values, between its neighbours where none stands at q.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i == len(sorted)-1 {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
