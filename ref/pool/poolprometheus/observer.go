// Package poolprometheus makes Prometheus metrics of what the hooks of a pool are told.
//
//	observer := poolprometheus.New(poolprometheus.Options{})
//	prometheus.MustRegister(observer)
//	p, err := pool.NewPool(pool.PoolOptions{Command: …, Hooks: observer.Hooks()})
//
// The metrics are
//
//	pyproc_pool_calls_total{method,outcome}          calls that have ended; outcome is a pool.Outcome
//	pyproc_pool_call_duration_seconds{method}        how long calls took, with the wait for a slot
//	pyproc_pool_slot_wait_seconds                    how long calls waited for a slot, most of them not at all
//	pyproc_pool_calls_waiting                        calls that wait for a slot
//	pyproc_pool_calls_in_flight                      slots that are taken
//	pyproc_pool_workers{state}                       workers that are healthy or unhealthy: those that get calls, and others
//	pyproc_pool_worker_start_duration_seconds        how long processes took until they were ready; its count is that of starts
//	pyproc_pool_worker_restarts_total                processes that have replaced others
//	pyproc_pool_worker_restart_failures_total        processes that should have, and did not become ready
//	pyproc_pool_worker_ends_total{reason}            processes that have ended; reason is a pool.EndReason
//	pyproc_pool_health_checks_total{result}          health checks; result is a pool.CheckResult
//	pyproc_pool_health_check_duration_seconds        how long they took
//
// All labels have few values, but method: it is what the program passes to Call. Set Options.Methods where that may
// come from outside of the program, or each name that somebody thinks of becomes a series for ever.
//
// This is a Go module of its own, so that the pool itself depends on the standard library alone.
package poolprometheus

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// Options configure an Observer. The zero value of a field means its default.
type Options struct {
	// Methods are those that the label method tells apart. Any other is "_OTHER". Default: all are told apart.
	Methods []string

	// ConstLabels are on all metrics. Two observers in one registry need different ones, such as a name of the pool.
	ConstLabels prometheus.Labels

	// Buckets are those of the histograms of calls, slots and checks, in seconds. Default: from 100 µs to 30 s, since
	// a small call takes some 50 µs and a large model many seconds.
	Buckets []float64
}

// other stands for all methods that Options.Methods has not.
const other = "_OTHER"

// Observer has the metrics of one pool, or of several together. It is a prometheus.Collector.
type Observer struct {
	methods []string

	calls        *prometheus.CounterVec
	duration     *prometheus.HistogramVec
	slotWait     prometheus.Histogram
	start        prometheus.Histogram
	restarts     prometheus.Counter
	notRestarted prometheus.Counter
	ends         *prometheus.CounterVec
	checks       *prometheus.CounterVec
	check        prometheus.Histogram

	waiting, inFlight, workers *prometheus.Desc

	mu    sync.Mutex
	pools map[*pool.Pool]struct{} // that are started and not stopped
}

// New returns an observer. It must be registered, and its Hooks must be given to a pool.
func New(options Options) *Observer {
	buckets := options.Buckets
	if buckets == nil {
		buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	}
	const namespace, subsystem = "pyproc", "pool"
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, ConstLabels: options.ConstLabels,
		}
	}
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, ConstLabels: options.ConstLabels, Buckets: buckets,
		}
	}
	gauge := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, labels, options.ConstLabels)
	}
	o := &Observer{
		methods: slices.Clone(options.Methods),
		pools:   make(map[*pool.Pool]struct{}),

		calls: prometheus.NewCounterVec(counter("calls_total",
			"Calls that have ended, by what came of them."), []string{"method", "outcome"}),
		duration: prometheus.NewHistogramVec(histogram("call_duration_seconds",
			"How long calls took, with their wait for a slot.", buckets), []string{"method"}),
		slotWait: prometheus.NewHistogram(histogram("slot_wait_seconds",
			"How long calls waited for a slot.", buckets)),
		start: prometheus.NewHistogram(histogram("worker_start_duration_seconds",
			"How long processes of workers took until they accepted connections.",
			[]float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120})),
		restarts: prometheus.NewCounter(counter("worker_restarts_total",
			"Processes of workers that have replaced others.")),
		notRestarted: prometheus.NewCounter(counter("worker_restart_failures_total",
			"Processes of workers that should have replaced others and did not become ready.")),
		ends: prometheus.NewCounterVec(counter("worker_ends_total",
			"Processes of workers that have ended, by why they have."), []string{"reason"}),
		checks: prometheus.NewCounterVec(counter("health_checks_total",
			"Health checks, by what came of them."), []string{"result"}),
		check: prometheus.NewHistogram(histogram("health_check_duration_seconds",
			"How long health checks took.", buckets)),

		waiting:  gauge("calls_waiting", "Calls that wait for a slot."),
		inFlight: gauge("calls_in_flight", "Slots that are taken."),
		workers:  gauge("workers", "Workers that get calls (healthy), and others.", "state"),
	}
	// Those that are known are there from the first scrape on, or the first of them would be no increase.
	for _, reason := range []pool.EndReason{pool.WorkerStopped, pool.WorkerDied, pool.WorkerHung, pool.WorkerUnreachable} {
		o.ends.WithLabelValues(string(reason))
	}
	for _, result := range []pool.CheckResult{pool.CheckHealthy, pool.CheckBusy, pool.CheckUnhealthy} {
		o.checks.WithLabelValues(string(result))
	}
	return o
}

// Hooks returns the hooks for PoolOptions.Hooks. Several pools may have them: then each metric is the sum of all.
func (o *Observer) Hooks() *pool.Hooks {
	return &pool.Hooks{
		PoolStarted: func(p *pool.Pool) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.pools[p] = struct{}{}
		},
		PoolStopped: func(p *pool.Pool) {
			o.mu.Lock()
			defer o.mu.Unlock()
			delete(o.pools, p)
		},
		CallEnded: func(_ context.Context, e pool.CallEnded) {
			method := o.label(e.Method)
			o.calls.WithLabelValues(method, string(e.Outcome)).Inc()
			o.duration.WithLabelValues(method).Observe(e.Duration.Seconds())
			o.slotWait.Observe(e.Waited.Seconds())
		},
		WorkerStarted: func(e pool.WorkerStarted) {
			o.start.Observe(e.Duration.Seconds())
			if e.Restart {
				o.restarts.Inc()
			}
		},
		WorkerEnded:   func(e pool.WorkerEnded) { o.ends.WithLabelValues(string(e.Reason)).Inc() },
		RestartFailed: func(pool.RestartFailed) { o.notRestarted.Inc() },
		HealthChecked: func(e pool.HealthChecked) {
			o.checks.WithLabelValues(string(e.Result)).Inc()
			o.check.Observe(e.Duration.Seconds())
		},
	}
}

// label returns the value of the label method. Prometheus takes UTF-8 only, and panics otherwise.
func (o *Observer) label(method string) string {
	if o.methods != nil && !slices.Contains(o.methods, method) {
		return other
	}
	return strings.ToValidUTF8(method, "\uFFFD")
}

func (o *Observer) parts() []prometheus.Collector {
	return []prometheus.Collector{
		o.calls, o.duration, o.slotWait, o.start, o.restarts, o.notRestarted, o.ends, o.checks, o.check,
	}
}

// Describe implements prometheus.Collector.
func (o *Observer) Describe(to chan<- *prometheus.Desc) {
	for _, part := range o.parts() {
		part.Describe(to)
	}
	for _, d := range []*prometheus.Desc{o.waiting, o.inFlight, o.workers} {
		to <- d
	}
}

// Collect implements prometheus.Collector. The gauges are what Health says at that moment.
func (o *Observer) Collect(to chan<- prometheus.Metric) {
	for _, part := range o.parts() {
		part.Collect(to)
	}
	var waiting, inFlight, healthy, total int
	o.mu.Lock()
	for p := range o.pools {
		h := p.Health()
		waiting += h.Waiting
		inFlight += h.InFlight
		healthy += h.Healthy
		total += h.Total
	}
	o.mu.Unlock()
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	gauge(o.waiting, waiting)
	gauge(o.inFlight, inFlight)
	gauge(o.workers, healthy, "healthy")
	gauge(o.workers, total-healthy, "unhealthy")
}
