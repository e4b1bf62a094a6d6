// Package load calls as callers in production do: at a rate that does not ask whether the calls before have ended. The time
// of a call is taken from the moment it was due.
//
// A closed loop, in which a caller waits for an answer before it calls again, cannot see a stall: while it waits, it does not
// call, so a stall of 100 ms is one slow call among thousands. In production the calls that come meanwhile all wait. To leave
// them out is known as coordinated omission.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Call makes one call, and returns an error if what came back is wrong. It is called from many goroutines at once.
type Call func(ctx context.Context, method string, body json.RawMessage) error

// Options say what load there is.
type Options struct {
	Rate float64       // calls a second
	For  time.Duration // how long calls come
	Most int64         // calls that come, if For is not over before; 0: no limit
	More func() bool   // asked before each call whether it is to come, by one goroutine at a time; nil: it is
	Mix  Mix
	Seed uint64 // the same seed gives the same calls at the same moments

	// Waiting is how many calls may be under way or wait at once; 0: 20,000. More are a rate that cannot be kept up, and
	// end the run with [ErrTooFast].
	Waiting int
}

// ErrTooFast says that calls came faster than they ended.
var ErrTooFast = errors.New("calls come faster than they end")

// drain is how long the calls that are under way when no more come may take.
const drain = 30 * time.Second

// Result is what became of the calls.
type Result struct {
	Calls   int64
	Offered float64 // calls a second that came
	Rate    float64 // calls a second that ended
	Times   *hdrhistogram.Histogram
	// Late is how long after they were due calls were made, for this side has to be woken too. It is a part of Times. It is
	// nil for a closed loop, in which no call is due.
	Late *hdrhistogram.Histogram
}

// newHistogram is of nanoseconds up to an hour, exact to a thousandth.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(time.Hour), 3) }

// Open makes calls at a rate: after random gaps, as independent callers do (a Poisson process). It returns once all have
// ended. An error of one of them ends the run.
func Open(ctx context.Context, o Options, call Call) (Result, error) {
	runtime.LockOSThread() // since it sleeps in the kernel
	defer runtime.UnlockOSThread()
	return open(ctx, o, call, sleepUntil)
}

func open(ctx context.Context, o Options, call Call, sleepUntil func(time.Time)) (Result, error) {
	if o.Rate <= 0 || o.For <= 0 {
		return Result{}, fmt.Errorf("a rate of %v calls a second for %v: both must be more than 0", o.Rate, o.For)
	}
	if len(o.Mix) == 0 {
		o.Mix = DefaultMix
	}
	if o.Waiting == 0 {
		o.Waiting = 20_000
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &recorder{times: newHistogram(), late: newHistogram()}
	random := rand.New(rand.NewPCG(o.Seed, 0))
	slots := make(chan struct{}, o.Waiting)
	var calls sync.WaitGroup
	var came int64

	began := time.Now()
	due := began
	for ctx.Err() == nil && (o.Most == 0 || came < o.Most) && (o.More == nil || o.More()) {
		due = due.Add(time.Duration(random.ExpFloat64() / o.Rate * float64(time.Second)))
		if due.Sub(began) > o.For {
			due = began.Add(o.For)
			break
		}
		kind := o.Mix.pick(random)
		sleepUntil(due)
		select {
		case slots <- struct{}{}:
		default:
			cancel(fmt.Errorf("%w: at %.0f a second %d of them wait after %v", ErrTooFast, o.Rate, o.Waiting, time.Since(began).Round(time.Millisecond)))
			continue
		}
		came++
		at := due
		calls.Go(func() {
			defer func() { <-slots }()
			made := time.Now()
			if err := call(ctx, kind.Method, kind.Body); err != nil {
				cancel(err)
				return
			}
			r.add(time.Since(at), made.Sub(at))
		})
	}
	patience := time.AfterFunc(drain, func() { cancel(fmt.Errorf("calls did not end within %v after the last one came", drain)) })
	defer patience.Stop()
	calls.Wait()
	if err := context.Cause(ctx); err != nil {
		return Result{}, err
	}
	return r.result(due.Sub(began), came, time.Since(began)), nil
}

// Closed makes calls from so many callers, each of which waits for an answer before it calls again, for as long as o.For. It
// has no rate.
func Closed(ctx context.Context, o Options, callers int, call Call) (Result, error) {
	if len(o.Mix) == 0 {
		o.Mix = DefaultMix
	}
	more := func() bool { return true }
	if o.More != nil {
		var asking sync.Mutex
		over := false
		more = func() bool {
			asking.Lock()
			defer asking.Unlock()
			over = over || !o.More()
			return !over
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &recorder{times: newHistogram()}
	began := time.Now()
	var came atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		random := rand.New(rand.NewPCG(o.Seed, uint64(i)))
		all.Go(func() {
			for ctx.Err() == nil && time.Since(began) < o.For && (o.Most == 0 || came.Add(1) <= o.Most) && more() {
				kind := o.Mix.pick(random)
				made := time.Now()
				if err := call(ctx, kind.Method, kind.Body); err != nil {
					cancel(err)
					return
				}
				r.add(time.Since(made), 0)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return Result{}, err
	}
	took := time.Since(began)
	return r.result(took, r.times.TotalCount(), took), nil
}

type recorder struct {
	mu          sync.Mutex
	times, late *hdrhistogram.Histogram
}

func (r *recorder) add(took, late time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// The only error is a value beyond an hour, which the limits of a run rule out.
	_ = r.times.RecordValue(max(1, int64(took)))
	if r.late != nil {
		_ = r.late.RecordValue(max(1, int64(late)))
	}
}

func (r *recorder) result(of time.Duration, came int64, took time.Duration) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	ended := r.times.TotalCount()
	return Result{
		Calls: ended, Offered: float64(came) / of.Seconds(), Rate: float64(ended) / took.Seconds(), Times: r.times, Late: r.late,
	}
}

// At is the time that this share of the calls took at most, such as 99.9.
func (r Result) At(percentile float64) time.Duration {
	return time.Duration(r.Times.ValueAtQuantile(percentile))
}
