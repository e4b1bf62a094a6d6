package poolotel_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/pyproctest/pyproctest/ref/pool"
	"github.com/pyproctest/pyproctest/ref/pool/poolotel"
)

// telemetry is what a program's SDK would export.
type telemetry struct {
	t       *testing.T
	tracers *sdktrace.TracerProvider
	spans   *tracetest.SpanRecorder
	reader  *sdkmetric.ManualReader
	options poolotel.Options
}

func newTelemetry(t *testing.T) *telemetry {
	x := &telemetry{t: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	x.tracers = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(x.spans))
	x.options.TracerProvider = x.tracers
	x.options.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(x.reader))
	return x
}

// pool starts a pool of real workers, which is stopped at the end.
func (x *telemetry) pool(options pool.PoolOptions, more ...*pool.Hooks) *pool.Pool {
	x.t.Helper()
	hooks, err := poolotel.Hooks(x.options)
	require.NoError(x.t, err)
	options.Command = []string{"python3", "../../../pyworker/conformance_worker.py"}
	options.Output = os.Stderr
	options.Hooks = pool.JoinHooks(append([]*pool.Hooks{hooks}, more...)...)
	p, err := pool.NewPool(options)
	require.NoError(x.t, err)
	require.NoError(x.t, p.Start(x.t.Context()))
	x.t.Cleanup(func() { require.NoError(x.t, p.Shutdown(context.Background())) })
	return p
}

// measured returns what was measured: of a histogram, how many values there were. Its keys are names with attributes.
func (x *telemetry) measured() map[string]int64 {
	x.t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(x.t, x.reader.Collect(context.Background(), &all))
	values := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			of := func(set attribute.Set) string { return m.Name + " " + set.Encoded(attribute.DefaultEncoder()) }
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				require.Equal(x.t, "s", m.Unit)
				for _, point := range data.DataPoints {
					values[of(point.Attributes)] = int64(point.Count)
				}
			case metricdata.Sum[int64]:
				for _, point := range data.DataPoints {
					values[of(point.Attributes)] = point.Value
				}
			default:
				require.Fail(x.t, "another kind of metric", "%s: %T", m.Name, data)
			}
		}
	}
	return values
}

// span returns the span of that name that has ended, and its attributes.
func (x *telemetry) span(name string) (sdktrace.ReadOnlySpan, map[attribute.Key]attribute.Value) {
	x.t.Helper()
	for _, s := range x.spans.Ended() {
		if s.Name() == name {
			attributes := map[attribute.Key]attribute.Value{}
			for _, a := range s.Attributes() {
				require.NotContains(x.t, attributes, a.Key)
				attributes[a.Key] = a.Value
			}
			return s, attributes
		}
	}
	require.Fail(x.t, "no span has that name", name)
	return nil, nil
}

func TestEachCallIsASpanOfItsCaller(t *testing.T) {
	x := newTelemetry(t)
	p := x.pool(pool.PoolOptions{Workers: 1})
	ctx, parent := x.tracers.Tracer("test").Start(t.Context(), "parent")
	_, err := p.Call(ctx, "echo", 1)
	require.NoError(t, err)
	_, err = p.Call(ctx, "fail", map[string]string{"message": "no\nTraceback"})
	require.Error(t, err)
	parent.End()

	s, attributes := x.span("echo")
	require.Equal(t, parent.SpanContext().SpanID(), s.Parent().SpanID())
	require.Equal(t, trace.SpanKindClient, s.SpanKind())
	require.Equal(t, codes.Unset, s.Status().Code)
	wait := attributes["pyproc.pool.slot.wait_time"]
	require.Zero(t, wait.AsFloat64())
	require.Equal(t, map[attribute.Key]attribute.Value{
		"rpc.system.name": attribute.StringValue("pyproc"), "rpc.method": attribute.StringValue("echo"),
		"pyproc.pool.worker.index": attribute.IntValue(0), "pyproc.pool.slot.wait_time": wait,
	}, attributes)

	s, attributes = x.span("fail")
	require.Equal(t, attribute.StringValue("remote_error"), attributes["error.type"])
	require.Equal(t, codes.Error, s.Status().Code)
	require.Equal(t, "pool: the worker answered: RuntimeError: no", s.Status().Description, "the first line")
	require.Len(t, x.spans.Started(), len(x.spans.Ended()))
}

func TestACallThatWaitsHasAnEventAndItsWait(t *testing.T) {
	x := newTelemetry(t)
	type cancelOf struct{}
	queued := make(chan context.CancelFunc, 1)
	p := x.pool(pool.PoolOptions{Workers: 1, MaxInFlight: 1}, &pool.Hooks{
		CallQueued: func(ctx context.Context, _ pool.CallQueued) { queued <- ctx.Value(cancelOf{}).(context.CancelFunc) },
	})
	all, cancelAll := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			ctx, cancel := context.WithCancel(all)
			defer cancel()
			_, err := p.Call(context.WithValue(ctx, cancelOf{}, cancel), "sleep", map[string]int{"ms": 60_000})
			ended <- err
		}()
	}
	cancelQueued := <-queued
	got := x.measured()
	require.EqualValues(t, 1, got["pyproc.pool.slot.usage "])
	require.EqualValues(t, 1, got["pyproc.pool.pending_requests "])
	require.EqualValues(t, 1, got["pyproc.pool.worker.count pyproc.pool.worker.state=healthy"])
	cancelQueued() // first, or it might get the slot of the other
	require.ErrorIs(t, <-ended, context.Canceled)
	cancelAll()
	require.ErrorIs(t, <-ended, context.Canceled)
	events := 0
	for _, s := range x.spans.Ended() {
		waited, hasWorker := false, false
		for _, a := range s.Attributes() {
			waited = waited || a.Key == "pyproc.pool.slot.wait_time" && a.Value.AsFloat64() > 0
			hasWorker = hasWorker || a.Key == "pyproc.pool.worker.index"
		}
		for _, e := range s.Events() {
			require.Equal(t, "pyproc.pool.queued", e.Name)
			events++
		}
		require.Equal(t, len(s.Events()) == 1, waited)
		require.NotEqual(t, waited, hasWorker, "what waited to the end was at no worker")
	}
	require.Equal(t, 1, events)
}

func TestMetricsOfCallsAndWorkers(t *testing.T) {
	x := newTelemetry(t)
	x.options.Attributes = []attribute.KeyValue{attribute.String("pool", "a")}
	started, checked := make(chan pool.WorkerStarted, 10), make(chan struct{}, 1)
	p := x.pool(pool.PoolOptions{Workers: 2, HealthInterval: 10 * time.Millisecond}, &pool.Hooks{
		WorkerStarted: func(e pool.WorkerStarted) { started <- e },
		HealthChecked: func(pool.HealthChecked) {
			select {
			case checked <- struct{}{}:
			default:
			}
		},
	})
	for range 3 {
		_, err := p.Call(t.Context(), "echo", 1)
		require.NoError(t, err)
	}
	_, err := p.Call(t.Context(), "fail", map[string]string{"message": "no"})
	require.Error(t, err)
	<-started
	<-checked
	require.NoError(t, syscall.Kill((<-started).PID, syscall.SIGKILL))
	require.True(t, (<-started).Restart)
	require.NoError(t, p.Shutdown(t.Context()))

	got := x.measured()
	const checks = "pyproc.pool.health_check.duration pool=a,pyproc.pool.health_check.result="
	require.Positive(t, got[checks+"healthy"])
	maps.DeleteFunc(got, func(name string, _ int64) bool { return strings.HasPrefix(name, checks) })
	require.Equal(t, map[string]int64{
		"rpc.client.call.duration pool=a,rpc.method=echo,rpc.system.name=pyproc":                         3,
		"rpc.client.call.duration error.type=remote_error,pool=a,rpc.method=fail,rpc.system.name=pyproc": 1,
		"pyproc.pool.slot.wait_time pool=a":                                                              4,
		"pyproc.pool.slot.usage pool=a":                                                                  0,
		"pyproc.pool.pending_requests pool=a":                                                            0,
		"pyproc.pool.worker.count pool=a,pyproc.pool.worker.state=healthy":                               0,
		"pyproc.pool.worker.count pool=a,pyproc.pool.worker.state=unhealthy":                             0,
		"pyproc.pool.worker.start_time pool=a":                                                           3,
		"pyproc.pool.worker.restarts pool=a":                                                             1,
		"pyproc.pool.worker.ends pool=a,pyproc.pool.worker.end_reason=died":                              1,
		"pyproc.pool.worker.ends pool=a,pyproc.pool.worker.end_reason=stopped":                           2,
	}, got)
	require.Len(t, x.spans.Started(), len(x.spans.Ended()))
}

func TestNamesOfMethodsFromOutsideAreOne(t *testing.T) {
	x := newTelemetry(t)
	x.options.Methods = []string{"echo"}
	p := x.pool(pool.PoolOptions{Workers: 1})
	for _, method := range []string{"echo", "a", "b", "\xff", ""} {
		_, _ = p.Call(t.Context(), method, nil)
	}
	methods := map[string]int{}
	for name, n := range x.measured() {
		if len(name) > 10 && name[:10] == "rpc.client" {
			methods[name] = int(n)
		}
	}
	require.Equal(t, map[string]int{
		"rpc.client.call.duration rpc.method=echo,rpc.system.name=pyproc":                           1,
		"rpc.client.call.duration error.type=remote_error,rpc.method=_OTHER,rpc.system.name=pyproc": 4,
	}, methods)
	_, attributes := x.span("pyproc")
	require.Equal(t, attribute.StringValue("_OTHER"), attributes["rpc.method"])
	require.Equal(t, attribute.StringValue("a"), attributes["rpc.method_original"])
}

// Hooks of two providers, joined, end their own spans.
func TestJoinedHooksDoNotTakeEachOthersSpans(t *testing.T) {
	x, y := newTelemetry(t), newTelemetry(t)
	other, err := poolotel.Hooks(y.options)
	require.NoError(t, err)
	p := x.pool(pool.PoolOptions{Workers: 1}, other)
	_, err = p.Call(t.Context(), "echo", 1)
	require.NoError(t, err)
	for _, z := range []*telemetry{x, y} {
		require.Len(t, z.spans.Started(), 1)
		require.Len(t, z.spans.Ended(), 1)
	}
}

func TestCollectingBesideCalls(t *testing.T) {
	x := newTelemetry(t)
	p := x.pool(pool.PoolOptions{Workers: 2, MaxInFlight: 2, HealthInterval: 10 * time.Millisecond})
	const callers, each = 8, 50
	var calls sync.WaitGroup
	errs := make(chan error, callers)
	for range callers {
		calls.Go(func() {
			var all error
			for i := range each {
				_, err := p.Call(context.Background(), "echo", i)
				all = errors.Join(all, err)
			}
			errs <- all
		})
	}
	for range 20 {
		x.measured()
	}
	calls.Wait()
	for range callers {
		require.NoError(t, <-errs)
	}
	require.EqualValues(t, callers*each, x.measured()["rpc.client.call.duration rpc.method=echo,rpc.system.name=pyproc"])
	require.Len(t, x.spans.Ended(), callers*each)
}

// refusing is a MeterProvider whose meters have no counters.
type refusing struct{ metric.MeterProvider }

type refusingMeter struct{ metric.Meter }

var errRefused = errors.New("no counters here")

func (r refusing) Meter(name string, options ...metric.MeterOption) metric.Meter {
	return refusingMeter{r.MeterProvider.Meter(name, options...)}
}

func (m refusingMeter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return nil, errRefused
}

func TestAnInstrumentThatIsRefusedIsAnError(t *testing.T) {
	_, err := poolotel.Hooks(poolotel.Options{MeterProvider: refusing{metricnoop.NewMeterProvider()}})
	require.ErrorIs(t, err, errRefused)
}
