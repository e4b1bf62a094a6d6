package turns

import (
	"slices"
	"sync"
	"time"
)

// Latencies collects how long operations took. A nil *Latencies takes and forgets.
type Latencies struct {
	mu sync.Mutex
	ns []float64
}

// Add adds times, from any goroutine. Callers side by side collect their own and add them once.
func (l *Latencies) Add(times ...time.Duration) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range times {
		l.ns = append(l.ns, float64(d))
	}
}

// quantiles are those reported, enough to draw the distribution.
var quantiles = []struct {
	unit string
	q    float64
}{
	{"p1-ns", 0.01}, {"p10-ns", 0.1}, {"p25-ns", 0.25}, {"p50-ns", 0.5}, {"p75-ns", 0.75},
	{"p90-ns", 0.9}, {"p95-ns", 0.95}, {"p99-ns", 0.99}, {"p999-ns", 0.999},
}

// quantiles leaves out one that rests on no value beyond it.
func (l *Latencies) quantiles(prefix string) (metrics []Metric) {
	slices.Sort(l.ns)
	for _, q := range quantiles {
		if beyond := min(q.q, 1-q.q) * float64(len(l.ns)); beyond >= 1 || q.q == 0.5 && len(l.ns) > 0 {
			metrics = append(metrics, Metric{quantile(l.ns, q.q), prefix + q.unit})
		}
	}
	return metrics
}
