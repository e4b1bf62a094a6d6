// Command pool is an adapter between the conformance suite and your pool.
//
// Fill in the part under "Yours" and run
//
//	pyproctest run --pool 'go run ./pool'
//
// A part that is not written yet is reported as not offered, never as right. The rest of the file implements
// conformance/ADAPTERS.md; you need not change it. Each process of this program has one pool. In
// a Go test you need no adapter: see TestPool of package github.com/pyproctest/pyproctest/conformance.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// --- Yours -----------------------------------------------------------------------------------------

const name = "my pool"

// ignored names the options that your pool ignores, such as "restart_backoff_ms". ADAPTERS.md says which may be.
var ignored = []string{}

// fixedMaxPayload is the limit for a payload, in bytes, of a pool in which it cannot be set; else 0.
const fixedMaxPayload = 0

// pool is what your pool must offer; wrap yours if it looks different.
type pool interface {
	// Start starts the workers. Its context bounds the start alone. It may be called again after it has failed.
	Start(ctx context.Context) error
	// Call calls a method in some worker. Bodies are JSON; nil means no body.
	Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error)
	Health() health
	// Shutdown refuses new calls, lets running ones finish until ctx ends, and stops the workers.
	Shutdown(ctx context.Context) error
}

type health struct {
	Total     int   `json:"total"`
	Healthy   int   `json:"healthy"`
	Restarts  int   `json:"restarts"`
	LastCheck int64 `json:"last_check_ms"` // Unix time in ms, 0 before the first
}

// options say what pool to make. If a field is 0, use your default.
type options struct {
	Program           string   `json:"program"`  // start it as each worker,
	Argument          string   `json:"argument"` // with this one argument
	Env               []string `json:"env"`      // "NAME=value", for the worker's environment
	SocketDir         string   `json:"socket_dir"`
	Framing           string   `json:"framing"` // "enhanced" or "basic"
	Workers           int      `json:"workers"`
	MaxInFlight       int      `json:"max_in_flight"`
	MaxPayload        int      `json:"max_payload"` // bytes
	Queue             int      `json:"queue"`       // how many calls may wait for a slot, 0 for no bound
	StartTimeout      int      `json:"start_timeout_ms"`
	HealthInterval    int      `json:"health_interval_ms"`
	HealthTimeout     int      `json:"health_timeout_ms"`
	RestartBackoff    int      `json:"restart_backoff_ms"`
	RestartBackoffMax int      `json:"restart_backoff_max_ms"`
	StopTimeout       int      `json:"stop_timeout_ms"`
}

// openPool makes your pool and starts nothing. Return unsupported for an option that it does not offer and
// that may not be ignored.
func openPool(o options) (pool, error) {
	return nil, unsupported("openPool in pool/main.go is not written yet")
}

// errorKinds names an error of your pool by all that apply: canceled, deadline_exceeded, busy, closed,
// not_started, too_large, error_answer, worker_died and, beside another, may_have_run.
func errorKinds(err error) []string {
	kinds := []string{}
	if errors.Is(err, context.Canceled) {
		kinds = append(kinds, "canceled")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		kinds = append(kinds, "deadline_exceeded")
	}
	return kinds
}

// --- The adapter protocol --------------------------------------------------------------------------

// unsupported is the error of something that your pool does not offer.
type unsupported string

func (u unsupported) Error() string { return string(u) }

type request struct {
	Tag     int64   `json:"tag"`
	Do      string  `json:"do"`
	Options options `json:"options"`
	Method  string  `json:"method"`
	Body    *string `json:"body"`
	Ended   string  `json:"ended"`
	Of      int64   `json:"of"`
	Why     string  `json:"why"`
	Count   int64   `json:"count"`
	Callers int     `json:"callers"`
}

// adapter answers each request when it is done.
type adapter struct {
	pool pool

	mu     sync.Mutex
	cancel map[int64]context.CancelCauseFunc // of running requests, by tag
}

type fields map[string]any

// take begins one request and does not wait for its end.
func (a *adapter) take(r request) {
	switch r.Do {
	case "hello":
		a.send(r, fields{"role": "pool", "name": name})
	case "open":
		a.send(r, a.open(r.Options))
	case "cancel":
		a.mu.Lock()
		cancel := a.cancel[r.Of]
		a.mu.Unlock()
		if cancel != nil {
			cancel(because(r.Why))
		}
		a.send(r, fields{"ok": true})
	case "start", "call", "health", "shutdown", "measure":
		if a.pool == nil {
			a.send(r, fields{"failed": "the pool is not open"})
			return
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		if r.Ended != "" {
			cancel(because(r.Ended))
		}
		a.mu.Lock()
		a.cancel[r.Tag] = cancel
		a.mu.Unlock()
		go func() {
			answer := a.run(ended{ctx}, r)
			if r.Do != "start" { // whose context may end later: the workers must not care
				a.mu.Lock()
				delete(a.cancel, r.Tag)
				a.mu.Unlock()
				cancel(nil)
			}
			a.send(r, answer)
		}()
	default:
		a.send(r, fields{"refused": "unknown command " + r.Do})
	}
}

// ended is a context whose error is the one that the suite gave it.
type ended struct{ context.Context }

func (c ended) Err() error {
	if c.Context.Err() == nil {
		return nil
	}
	return context.Cause(c.Context)
}

func because(why string) error {
	if why == "deadline_exceeded" {
		return context.DeadlineExceeded
	}
	return context.Canceled
}

func (a *adapter) open(o options) fields {
	p, err := openPool(o)
	if missing := unsupported(""); errors.As(err, &missing) {
		return fields{"unsupported": missing.Error()}
	}
	if err != nil {
		return fields{"failed": err.Error()}
	}
	a.pool = p
	return fields{"ok": true, "knows_ended": true, "ignored": ignored, "max_payload": fixedMaxPayload}
}

func (a *adapter) run(ctx context.Context, r request) fields {
	var err error
	switch r.Do {
	case "health":
		h := a.pool.Health()
		return fields{"total": h.Total, "healthy": h.Healthy, "restarts": h.Restarts, "last_check_ms": h.LastCheck}
	case "start":
		err = a.pool.Start(ctx)
	case "shutdown":
		err = a.pool.Shutdown(ctx)
	case "measure":
		var took time.Duration
		var each []int64
		if took, each, err = a.measure(ctx, r); err == nil {
			measured := fields{"took_ns": took.Nanoseconds()}
			if r.Callers == 1 {
				measured["each_ns"] = each
			}
			return measured
		}
	case "call":
		var body, answer json.RawMessage
		if r.Body != nil {
			body = json.RawMessage(*r.Body)
		}
		if answer, err = a.pool.Call(ctx, r.Method, body); err == nil {
			return fields{"body": string(answer)}
		}
	}
	if err == nil {
		return fields{"ok": true}
	}
	return fields{"error": fields{"kinds": errorKinds(err), "text": err.Error()}}
}

// measure makes calls in a loop and times it, for pyproctest bench.
func (a *adapter) measure(ctx context.Context, r request) (took time.Duration, each []int64, err error) {
	var body json.RawMessage
	if r.Body != nil {
		body = json.RawMessage(*r.Body)
	}
	var left atomic.Int64
	left.Store(r.Count)
	failed := make(chan error, r.Callers)
	began := time.Now()
	for range r.Callers {
		go func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				answer, err := a.pool.Call(ctx, r.Method, body)
				if err == nil && r.Method == "echo" && len(answer) != len(body) {
					err = errors.New("echo gave another body back")
				}
				if err != nil {
					failed <- err
					return
				}
				if r.Callers == 1 {
					each = append(each, time.Since(start).Nanoseconds())
				}
			}
			failed <- nil
		}()
	}
	for range r.Callers {
		err = errors.Join(err, <-failed)
	}
	return time.Since(began), each, err
}

func (a *adapter) send(r request, answer fields) {
	answer["tag"] = r.Tag
	text, err := json.Marshal(answer)
	if err != nil {
		text = fmt.Appendf(nil, `{"tag":%d,"failed":"the answer cannot be encoded"}`, r.Tag)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintf(os.Stdout, "%s\n", text)
}

func main() {
	a := &adapter{cancel: map[int64]context.CancelCauseFunc{}}
	in := json.NewDecoder(os.Stdin)
	for {
		var r request
		if in.Decode(&r) != nil {
			return
		}
		a.take(r)
	}
}
