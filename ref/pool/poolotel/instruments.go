package poolotel

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/rpcconv"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// instruments are those of measurements.
type instruments struct {
	callDuration    rpcconv.ClientCallDuration
	slotWaitTime    metric.Float64Histogram
	startTime       metric.Float64Histogram
	checkDuration   metric.Float64Histogram
	restarts        metric.Int64Counter
	restartFailures metric.Int64Counter
	ends            metric.Int64Counter
}

// Bounds of histograms in seconds. A small call takes some 50 µs and a large model many seconds, which is more than
// those of the conventions tell apart.
var (
	callBounds  = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	startBounds = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}
)

func (o *observer) makeInstruments() error {
	var errs []error
	histogram := func(name, description string, bounds []float64) metric.Float64Histogram {
		h, err := o.meter.Float64Histogram(name, metric.WithDescription(description), metric.WithUnit("s"),
			metric.WithExplicitBucketBoundaries(bounds...))
		errs = append(errs, err)
		return h
	}
	counter := func(name, description, unit string) metric.Int64Counter {
		c, err := o.meter.Int64Counter(name, metric.WithDescription(description), metric.WithUnit(unit))
		errs = append(errs, err)
		return c
	}
	gauge := func(name, description, unit string) metric.Int64ObservableUpDownCounter {
		g, err := o.meter.Int64ObservableUpDownCounter(name, metric.WithDescription(description), metric.WithUnit(unit))
		errs = append(errs, err)
		return g
	}
	var err error
	o.callDuration, err = rpcconv.NewClientCallDuration(o.meter)
	errs = append(errs, err)
	o.slotWaitTime = histogram("pyproc.pool.slot.wait_time", "How long calls waited for a slot.", callBounds)
	o.startTime = histogram("pyproc.pool.worker.start_time", "How long processes of workers took until they accepted connections.", startBounds)
	o.checkDuration = histogram("pyproc.pool.health_check.duration", "How long health checks took.", callBounds)
	o.restarts = counter("pyproc.pool.worker.restarts", "Processes of workers that have replaced others.", "{process}")
	o.restartFailures = counter("pyproc.pool.worker.restart_failures",
		"Processes of workers that should have replaced others and did not become ready.", "{process}")
	o.ends = counter("pyproc.pool.worker.ends", "Processes of workers that have ended.", "{process}")

	usage := gauge("pyproc.pool.slot.usage", "Slots that are taken.", "{slot}")
	pending := gauge("pyproc.pool.pending_requests", "Calls that wait for a slot.", "{request}")
	workers := gauge("pyproc.pool.worker.count", "Workers that get calls (healthy), and others.", "{worker}")
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err = o.meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		h := o.pools.health()
		to.ObserveInt64(usage, int64(h.InFlight), o.with())
		to.ObserveInt64(pending, int64(h.Waiting), o.with())
		to.ObserveInt64(workers, int64(h.Healthy), o.with(workerState.String("healthy")))
		to.ObserveInt64(workers, int64(h.Total-h.Healthy), o.with(workerState.String("unhealthy")))
		return nil
	}, usage, pending, workers)
	return err
}

// pools are those that have started and not stopped.
type pools struct {
	mu  sync.Mutex
	all map[*pool.Pool]struct{}
}

func (s *pools) add(p *pool.Pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[*pool.Pool]struct{})
	}
	s.all[p] = struct{}{}
}

func (s *pools) remove(p *pool.Pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, p)
}

// health returns the sums of all.
func (s *pools) health() (sum pool.Health) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.all {
		h := p.Health()
		sum.Total += h.Total
		sum.Healthy += h.Healthy
		sum.InFlight += h.InFlight
		sum.Waiting += h.Waiting
	}
	return sum
}
