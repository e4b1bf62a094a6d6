// Package poolotel makes OpenTelemetry spans and metrics of what the hooks of a pool are told.
//
//	hooks, err := poolotel.Hooks(poolotel.Options{})
//	…
//	p, err := pool.NewPool(pool.PoolOptions{Command: …, Hooks: hooks})
//
// Each call is a span of kind client, a child of the one in the context of the call, named by its method. Names and
// attributes are those of the semantic conventions for RPC, version 1.43, where they have any: rpc.system.name, which is
// "pyproc", rpc.method and, if the call failed, error.type, which is a pool.Outcome. The span has pyproc.pool.worker.index
// and pyproc.pool.slot.wait_time in seconds, too, and an event pyproc.pool.queued if the call had to wait. A request of
// the protocol has no place for the context of a trace, so spans that a worker makes are not in the trace of its caller.
//
// The metrics are
//
//	rpc.client.call.duration          histogram, s           how long calls took, with the wait for a slot; by rpc.method and error.type
//	pyproc.pool.slot.wait_time        histogram, s           how long calls waited for a slot, most of them not at all
//	pyproc.pool.slot.usage            updowncounter          slots that are taken
//	pyproc.pool.pending_requests      updowncounter          calls that wait for a slot
//	pyproc.pool.worker.count          updowncounter          workers; by pyproc.pool.worker.state: healthy (it gets calls) or unhealthy
//	pyproc.pool.worker.start_time     histogram, s           how long processes took until they were ready
//	pyproc.pool.worker.restarts       counter                processes that have replaced others
//	pyproc.pool.worker.restart_failures  counter             processes that should have, and did not become ready
//	pyproc.pool.worker.ends           counter                processes that have ended; by pyproc.pool.worker.end_reason, a pool.EndReason
//	pyproc.pool.health_check.duration histogram, s           how long health checks took; by pyproc.pool.health_check.result, a pool.CheckResult
//
// rpc.client.call.duration has the buckets that the conventions ask for, which tell nothing apart below 5 ms; a view of the
// SDK changes them.
//
// All attributes have few values, but rpc.method: it is what the program passes to Call. Set Options.Methods where that
// may come from outside of the program, or metrics grow with each name that somebody thinks of.
//
// This is a Go module of its own, so that the pool itself depends on the standard library alone.
package poolotel

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/pyproctest/pyproctest/ref/pool"
)

// Options configure Hooks. The zero value of a field means its default.
type Options struct {
	// TracerProvider and MeterProvider take the spans and the metrics. Default: those of package otel. A provider that
	// does nothing, of trace/noop or metric/noop, leaves its part out.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider

	// Methods are those that rpc.method tells apart. Any other is "_OTHER", and its name is in rpc.method_original of
	// its span. Default: all are told apart.
	Methods []string

	// Attributes are on all spans and metrics, such as the name of the pool where there are several.
	Attributes []attribute.KeyValue
}

const (
	scope  = "github.com/pyproctest/pyproctest/ref/pool/poolotel"
	system = "pyproc"
	other  = "_OTHER"

	workerIndex = attribute.Key("pyproc.pool.worker.index")
	workerState = attribute.Key("pyproc.pool.worker.state")
	endReason   = attribute.Key("pyproc.pool.worker.end_reason")
	checkResult = attribute.Key("pyproc.pool.health_check.result")
	slotWait    = attribute.Key("pyproc.pool.slot.wait_time")
)

// Hooks returns hooks for PoolOptions.Hooks. Several pools may have them: then each metric is about all. The error is
// that of a MeterProvider which refuses an instrument.
func Hooks(options Options) (*pool.Hooks, error) {
	if options.TracerProvider == nil {
		options.TracerProvider = otel.GetTracerProvider()
	}
	if options.MeterProvider == nil {
		options.MeterProvider = otel.GetMeterProvider()
	}
	o := &observer{
		tracer:     options.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		meter:      options.MeterProvider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)),
		methods:    slices.Clone(options.Methods),
		attributes: slices.Clone(options.Attributes),
	}
	if err := o.makeInstruments(); err != nil {
		return nil, err
	}
	background := context.Background()
	return &pool.Hooks{
		PoolStarted: o.pools.add,
		PoolStopped: o.pools.remove,
		CallBegan:   o.callBegan,
		CallQueued:  func(ctx context.Context, _ pool.CallQueued) { o.span(ctx).AddEvent("pyproc.pool.queued") },
		CallEnded:   o.callEnded,
		WorkerStarted: func(e pool.WorkerStarted) {
			o.startTime.Record(background, e.Duration.Seconds(), o.with())
			if e.Restart {
				o.restarts.Add(background, 1, o.with())
			}
		},
		WorkerEnded: func(e pool.WorkerEnded) {
			o.ends.Add(background, 1, o.with(endReason.String(string(e.Reason))))
		},
		RestartFailed: func(pool.RestartFailed) { o.restartFailures.Add(background, 1, o.with()) },
		HealthChecked: func(e pool.HealthChecked) {
			o.checkDuration.Record(background, e.Duration.Seconds(), o.with(checkResult.String(string(e.Result))))
		},
	}, nil
}

// observer is the tracer and the instruments of Hooks.
type observer struct {
	tracer     trace.Tracer
	meter      metric.Meter
	methods    []string
	attributes []attribute.KeyValue
	pools      pools
	instruments
}

// with returns the attributes of a measurement.
func (o *observer) with(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(o.attributes[:len(o.attributes):len(o.attributes)], more...)...)
}

// label returns rpc.method.
func (o *observer) label(method string) string {
	if o.methods != nil && !slices.Contains(o.methods, method) {
		return other
	}
	return strings.ToValidUTF8(method, "\uFFFD")
}

func (o *observer) callBegan(ctx context.Context, e pool.CallBegan) context.Context {
	method := o.label(e.Method)
	name := method
	attributes := append(o.attributes[:len(o.attributes):len(o.attributes)],
		semconv.RPCSystemNameKey.String(system), semconv.RPCMethod(method))
	if name == other || name == "" { // a span name must not be one of many, nor empty
		name = system
	}
	if method == other {
		attributes = append(attributes, semconv.RPCMethodOriginal(strings.ToValidUTF8(e.Method, "\uFFFD")))
	}
	ctx, span := o.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	return context.WithValue(ctx, spanOf{o}, span)
}

// spanOf is the key of an observer's span in the context for the hooks of a call. Hooks that were joined to these may
// have put another span in its usual place.
type spanOf struct{ *observer }

func (o *observer) span(ctx context.Context) trace.Span { return ctx.Value(spanOf{o}).(trace.Span) }

func (o *observer) callEnded(ctx context.Context, e pool.CallEnded) {
	span := o.span(ctx)
	attributes := append(o.attributes[:len(o.attributes):len(o.attributes)], semconv.RPCMethod(o.label(e.Method)))
	if e.Outcome != pool.Answered {
		failed := semconv.ErrorTypeKey.String(string(e.Outcome))
		attributes = append(attributes, failed)
		span.SetAttributes(failed)
		span.SetStatus(codes.Error, firstLine(e.Err))
	}
	span.SetAttributes(slotWait.Float64(e.Waited.Seconds()))
	if e.Worker != pool.NoWorker {
		span.SetAttributes(workerIndex.Int(e.Worker))
	}
	o.callDuration.Record(ctx, e.Duration.Seconds(), system, attributes...)
	o.slotWaitTime.Record(ctx, e.Waited.Seconds(), o.with())
	span.End()
}

// firstLine leaves out the output of a worker, which some errors have the end of.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.ToValidUTF8(line, "\uFFFD")
}
