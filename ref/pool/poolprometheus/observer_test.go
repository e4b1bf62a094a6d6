package poolprometheus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/pool"
	"github.com/pyproctest/pyproctest/ref/pool/poolprometheus"
)

// start starts a pool of real workers, which is stopped at the end.
func start(t *testing.T, options pool.PoolOptions) *pool.Pool {
	t.Helper()
	options.Command = []string{"python3", "../../../pyworker/conformance_worker.py"}
	options.Output = os.Stderr
	p, err := pool.NewPool(options)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.Background())) })
	return p
}

// scrape returns what a Prometheus server would get: the values by their names and labels.
func scrape(t *testing.T, of prometheus.Gatherer) map[string]string {
	t.Helper()
	server := httptest.NewServer(promhttp.HandlerFor(of, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	defer server.Close()
	answer, err := http.Get(server.URL)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			at := strings.LastIndexByte(line, ' ')
			values[line[:at]] = line[at+1:]
		}
	}
	return values
}

// requireMetrics compares the metrics that are named.
func requireMetrics(t *testing.T, of prometheus.Gatherer, want map[string]string) {
	t.Helper()
	got := scrape(t, of)
	maps.DeleteFunc(got, func(name, _ string) bool { _, asked := want[name]; return !asked })
	require.Equal(t, want, got)
}

func newRegistry(t *testing.T, o *poolprometheus.Observer) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	require.NoError(t, r.Register(o))
	return r
}

func TestThereIsNothingAgainstTheNamesOfTheMetrics(t *testing.T) {
	o := poolprometheus.New(poolprometheus.Options{ConstLabels: prometheus.Labels{"pool": "a"}})
	p := start(t, pool.PoolOptions{Workers: 1, Hooks: o.Hooks()})
	_, err := p.Call(t.Context(), "echo", 1)
	require.NoError(t, err)
	problems, err := testutil.GatherAndLint(newRegistry(t, o))
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestCallsAreCountedByMethodAndOutcome(t *testing.T) {
	o := poolprometheus.New(poolprometheus.Options{})
	r := newRegistry(t, o)
	queued := make(chan struct{}, 1)
	p := start(t, pool.PoolOptions{Workers: 1, MaxInFlight: 1, Hooks: pool.JoinHooks(o.Hooks(), &pool.Hooks{
		CallQueued: func(context.Context, pool.CallQueued) { queued <- struct{}{} },
	})})
	for range 3 {
		_, err := p.Call(t.Context(), "echo", 1)
		require.NoError(t, err)
	}
	_, err := p.Call(t.Context(), "fail", map[string]string{"message": "no"})
	require.Error(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 { // one runs, and one waits
		go func() {
			_, err := p.Call(ctx, "sleep", map[string]int{"ms": 60_000})
			ended <- err
		}()
	}
	<-queued
	requireMetrics(t, r, map[string]string{
		`pyproc_pool_calls_waiting`:            "1",
		`pyproc_pool_calls_in_flight`:          "1",
		`pyproc_pool_workers{state="healthy"}`: "1",
	})
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, p.Shutdown(t.Context()))
	requireMetrics(t, r, map[string]string{
		`pyproc_pool_calls_total{method="echo",outcome="answered"}`:     "3",
		`pyproc_pool_calls_total{method="fail",outcome="remote_error"}`: "1",
		`pyproc_pool_calls_total{method="sleep",outcome="cancelled"}`:   "2",
		`pyproc_pool_call_duration_seconds_count{method="echo"}`:        "3",
		`pyproc_pool_call_duration_seconds_count{method="sleep"}`:       "2",
		`pyproc_pool_slot_wait_seconds_count`:                           "6",
		`pyproc_pool_calls_waiting`:                                     "0",
		`pyproc_pool_calls_in_flight`:                                   "0",
		`pyproc_pool_workers{state="healthy"}`:                          "0",
		`pyproc_pool_workers{state="unhealthy"}`:                        "0",
	})
}

func TestWorkersAndTheirHealthAreCounted(t *testing.T) {
	o := poolprometheus.New(poolprometheus.Options{})
	r := newRegistry(t, o)
	started, checked := make(chan pool.WorkerStarted, 10), make(chan struct{}, 1)
	p := start(t, pool.PoolOptions{Workers: 2, HealthInterval: 10 * time.Millisecond, Hooks: pool.JoinHooks(o.Hooks(), &pool.Hooks{
		WorkerStarted: func(e pool.WorkerStarted) { started <- e },
		HealthChecked: func(pool.HealthChecked) {
			select {
			case checked <- struct{}{}:
			default:
			}
		},
	})})
	<-started
	<-checked
	require.NoError(t, syscall.Kill((<-started).PID, syscall.SIGKILL))
	require.True(t, (<-started).Restart)
	require.NoError(t, p.Shutdown(t.Context()))
	requireMetrics(t, r, map[string]string{
		`pyproc_pool_worker_start_duration_seconds_count`:     "3",
		`pyproc_pool_worker_restarts_total`:                   "1",
		`pyproc_pool_worker_restart_failures_total`:           "0",
		`pyproc_pool_worker_ends_total{reason="died"}`:        "1",
		`pyproc_pool_worker_ends_total{reason="hung"}`:        "0",
		`pyproc_pool_worker_ends_total{reason="stopped"}`:     "2",
		`pyproc_pool_worker_ends_total{reason="unreachable"}`: "0",
	})
	all := scrape(t, r)
	checks := func(series string) int {
		n, err := strconv.Atoi(all[series])
		require.NoError(t, err, series)
		return n
	}
	healthy := checks(`pyproc_pool_health_checks_total{result="healthy"}`)
	require.Positive(t, healthy)
	require.Equal(t, checks(`pyproc_pool_health_check_duration_seconds_count`), healthy+
		checks(`pyproc_pool_health_checks_total{result="busy"}`)+checks(`pyproc_pool_health_checks_total{result="unhealthy"}`))
}

// Whatever the names of methods are, a scrape succeeds, and with Options.Methods it stays as small as it is.
func TestNamesOfMethodsFromOutsideDoNoHarm(t *testing.T) {
	for _, methods := range [][]string{nil, {"echo"}, {}} {
		o := poolprometheus.New(poolprometheus.Options{Methods: methods})
		r := newRegistry(t, o)
		for i, name := range []string{"", "echo", "\xff", "\xff\xfe", "a\"b\\\n", strings.Repeat("x", 1<<20), "ärger"} {
			o.Hooks().CallEnded(t.Context(), pool.CallEnded{Method: name, Outcome: pool.Answered, Duration: time.Duration(i)})
		}
		var got []string
		for series := range scrape(t, r) {
			if strings.HasPrefix(series, "pyproc_pool_calls_total") {
				got = append(got, series[:min(len(series), 80)])
			}
		}
		slices.Sort(got)
		switch {
		case methods == nil:
			require.Len(t, got, 6, "the two that are no UTF-8 are one")
		case len(methods) == 1:
			require.Equal(t, []string{
				`pyproc_pool_calls_total{method="_OTHER",outcome="answered"}`,
				`pyproc_pool_calls_total{method="echo",outcome="answered"}`,
			}, got)
		default:
			require.Len(t, got, 1)
		}
	}
}

// Several pools may have the same observer.
func TestTheMetricsOfTwoPoolsAreTheirSum(t *testing.T) {
	o := poolprometheus.New(poolprometheus.Options{})
	r := newRegistry(t, o)
	first, second := start(t, pool.PoolOptions{Workers: 1, Hooks: o.Hooks()}), start(t, pool.PoolOptions{Workers: 2, Hooks: o.Hooks()})
	for _, p := range []*pool.Pool{first, second} {
		_, err := p.Call(t.Context(), "echo", 1)
		require.NoError(t, err)
	}
	requireMetrics(t, r, map[string]string{
		`pyproc_pool_workers{state="healthy"}`:                      "3",
		`pyproc_pool_workers{state="unhealthy"}`:                    "0",
		`pyproc_pool_calls_total{method="echo",outcome="answered"}`: "2",
	})
	require.NoError(t, first.Shutdown(t.Context()))
	requireMetrics(t, r, map[string]string{`pyproc_pool_workers{state="healthy"}`: "2"})
}

// A scrape waits for no call, and no call for a scrape.
func TestScrapesBesideCalls(t *testing.T) {
	o := poolprometheus.New(poolprometheus.Options{})
	r := newRegistry(t, o)
	p := start(t, pool.PoolOptions{Workers: 2, MaxInFlight: 2, HealthInterval: 10 * time.Millisecond, Hooks: o.Hooks()})
	const callers, each = 8, 100
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
		scrape(t, r)
	}
	calls.Wait()
	for range callers {
		require.NoError(t, <-errs)
	}
	requireMetrics(t, r, map[string]string{
		`pyproc_pool_calls_total{method="echo",outcome="answered"}`: fmt.Sprint(callers * each),
		`pyproc_pool_slot_wait_seconds_count`:                       fmt.Sprint(callers * each),
		`pyproc_pool_calls_waiting`:                                 "0",
	})
}
