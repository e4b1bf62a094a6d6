package poolotel_test

import (
	"context"
	"fmt"
	"os"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pyproctest/pyproctest/ref/pool"
	"github.com/pyproctest/pyproctest/ref/pool/poolotel"
)

// The spans of two calls, one of which fails. A program has exporters in the place of the recorder here, and mostly
// its providers in package otel, where Hooks finds them.
func Example() {
	spans := tracetest.NewSpanRecorder()
	hooks, err := poolotel.Hooks(poolotel.Options{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := pool.NewPool(pool.PoolOptions{
		Command: []string{"python3", "../../../pyworker/conformance_worker.py"},
		Workers: 1,
		Output:  os.Stderr,
		Hooks:   hooks,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := p.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = p.Shutdown(context.Background()) }()
	_, _ = p.Call(context.Background(), "echo", "hello")
	_, _ = p.Call(context.Background(), "fail", map[string]string{"message": "no model"})

	for _, span := range spans.Ended() {
		fmt.Printf("%s %s: %s %q\n", span.SpanKind(), span.Name(), span.Status().Code, span.Status().Description)
	}
	// Output:
	// client echo: Unset ""
	// client fail: Error "pool: the worker answered: RuntimeError: no model"
}
