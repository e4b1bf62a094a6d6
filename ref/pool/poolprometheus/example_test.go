package poolprometheus_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pyproctest/pyproctest/ref/pool"
	"github.com/pyproctest/pyproctest/ref/pool/poolprometheus"
)

// The metrics of a pool, beside those of the Go runtime or whatever else a program has in its registry.
func Example() {
	registry := prometheus.NewRegistry()
	observer := poolprometheus.New(poolprometheus.Options{Methods: []string{"echo", "fail"}})
	registry.MustRegister(observer)

	p, err := pool.NewPool(pool.PoolOptions{
		Command: []string{"python3", "../../../pyworker/conformance_worker.py"},
		Workers: 2,
		Output:  os.Stderr,
		Hooks:   observer.Hooks(),
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
	for _, method := range []string{"echo", "echo", "fail", "a method that somebody thought of"} {
		_, _ = p.Call(context.Background(), method, nil)
	}

	// A program would do: http.Handle("/metrics", handler).
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if strings.HasPrefix(line, "pyproc_pool_calls_total") || strings.HasPrefix(line, "pyproc_pool_workers") {
			fmt.Print(line)
		}
	}
	// Output:
	// pyproc_pool_calls_total{method="_OTHER",outcome="remote_error"} 1
	// pyproc_pool_calls_total{method="echo",outcome="answered"} 2
	// pyproc_pool_calls_total{method="fail",outcome="remote_error"} 1
	// pyproc_pool_workers{state="healthy"} 2
	// pyproc_pool_workers{state="unhealthy"} 0
}
