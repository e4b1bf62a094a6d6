package adapter_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// poolAdapter serves requests for one pool, which overlap.
type poolAdapter struct {
	pool  *pool.Pool
	fault string // what it does wrong, if anything

	mu       sync.Mutex
	out      *json.Encoder
	contexts map[int64]context.CancelCauseFunc // of requests under way
}

type poolRequest struct {
	Tag     int64
	Do      string
	Options struct {
		Program, Argument, Framing string
		Env                        []string
		SocketDir                  string `json:"socket_dir"`
		Workers, Queue             int
		MaxInFlight                int   `json:"max_in_flight"`
		MaxPayload                 int   `json:"max_payload"`
		StartTimeout               int64 `json:"start_timeout_ms"`
		HealthInterval             int64 `json:"health_interval_ms"`
		HealthTimeout              int64 `json:"health_timeout_ms"`
		RestartBackoff             int64 `json:"restart_backoff_ms"`
		RestartBackoffMax          int64 `json:"restart_backoff_max_ms"`
		StopTimeout                int64 `json:"stop_timeout_ms"`
	}
	Method string
	Body   *string
	Ended  string
	Of     int64
	Why    string
}

func servePool(fault string) int {
	a := &poolAdapter{fault: fault, out: json.NewEncoder(os.Stdout), contexts: map[int64]context.CancelCauseFunc{}}
	in := bufio.NewReader(os.Stdin)
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return 0
		}
		var r poolRequest
		if err := json.Unmarshal(text, &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		a.serve(r)
	}
}

func (a *poolAdapter) serve(r poolRequest) {
	switch r.Do {
	case "hello":
		a.answer(r, line{"role": "pool", "name": "reference pool"})
	case "open":
		if a.fault == "no bounded queue" && r.Options.Queue > 0 {
			a.answer(r, line{"unsupported": "the queue has no bound"})
			return
		}
		a.answer(r, a.open(r))
	case "measure":
		a.answer(r, measureAnswer(a.fault))
	case "start":
		a.within(r, func(ctx context.Context) line { return done(a.pool.Start(ctx)) })
	case "call":
		var body any
		if r.Body != nil {
			body = json.RawMessage(*r.Body)
		}
		a.within(r, func(ctx context.Context) line {
			switch a.fault {
			case "ends over a call":
				panic("a call")
			case "an error of no kind":
				return line{"error": line{"kinds": []string{"lost"}, "text": "lost"}}
			case "a body of no JSON":
				return line{"body": "yes"}
			case "an absent body":
				return line{"body": ""}
			}
			got, err := a.pool.Call(ctx, r.Method, body)
			if err != nil {
				return done(err)
			}
			return line{"body": string(got)}
		})
	case "cancel":
		a.mu.Lock()
		cancel := a.contexts[r.Of]
		a.mu.Unlock()
		if cancel != nil && a.fault != "cancel is ignored" {
			cancel(because(r.Why))
		}
		a.answer(r, line{"ok": true})
	case "health":
		if a.fault == "hangs over health" {
			return
		}
		h := a.pool.Health()
		got := line{"total": h.Total, "healthy": h.Healthy, "restarts": h.Restarts, "last_check_ms": 0}
		if !h.LastCheck.IsZero() {
			got["last_check_ms"] = h.LastCheck.UnixMilli()
		}
		a.answer(r, got)
	case "shutdown":
		a.within(r, func(ctx context.Context) line {
			defer a.leaveBehind()
			return done(a.pool.Shutdown(ctx))
		})
	default:
		a.answer(r, line{"refused": "unknown command " + r.Do})
	}
}

// leaveBehind is what some do wrong at the end.
func (a *poolAdapter) leaveBehind() {
	switch a.fault {
	case "a descriptor is left":
		_, _ = syscall.Open(os.DevNull, syscall.O_RDONLY, 0)
	case "a process is left":
		_ = exec.Command("sleep", "60").Start()
	}
}

func (a *poolAdapter) answer(r poolRequest, l line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l["tag"] = r.Tag
	_ = a.out.Encode(l)
}

// within answers a request beside all others, under a context that a cancellation ends.
func (a *poolAdapter) within(r poolRequest, do func(context.Context) line) {
	ctx, cancel := context.WithCancelCause(context.Background())
	if r.Ended != "" {
		cancel(because(r.Ended))
	}
	a.mu.Lock()
	a.contexts[r.Tag] = cancel
	a.mu.Unlock()
	go func() {
		got := do(withdrawn{ctx})
		if r.Do != "start" { // whose context may end later [STA-7]
			a.mu.Lock()
			delete(a.contexts, r.Tag)
			a.mu.Unlock()
			cancel(nil)
		}
		a.answer(r, got)
	}()
}

func because(why string) error {
	if why == "deadline_exceeded" {
		return context.DeadlineExceeded
	}
	return context.Canceled
}

// withdrawn is a context whose error is what it was cancelled for.
type withdrawn struct{ context.Context }

func (c withdrawn) Err() error {
	if c.Context.Err() != nil {
		return context.Cause(c.Context)
	}
	return nil
}

func (a *poolAdapter) open(r poolRequest) line {
	o := r.Options
	framing := frame.Enhanced
	if o.Framing == "basic" {
		framing = frame.Basic
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	p, err := pool.NewPool(pool.PoolOptions{
		Command: []string{o.Program, o.Argument}, Env: o.Env, SocketDir: o.SocketDir,
		Workers: o.Workers, MaxInFlight: o.MaxInFlight, Queue: o.Queue, Framing: framing, MaxPayload: o.MaxPayload,
		StartTimeout: ms(o.StartTimeout), StopTimeout: ms(o.StopTimeout),
		HealthInterval: ms(o.HealthInterval), HealthTimeout: ms(o.HealthTimeout),
		RestartMin: ms(o.RestartBackoff), RestartMax: ms(o.RestartBackoffMax),
	})
	if err != nil {
		return line{"failed": err.Error()}
	}
	a.pool = p
	return line{"ok": true, "knows_ended": true}
}

// done is the answer to what has no other result.
func done(err error) line {
	if err == nil {
		return line{"ok": true}
	}
	kinds := []string{}
	for kind, of := range map[string]error{
		"busy": pool.ErrBusy, "closed": pool.ErrClosed, "not_started": pool.ErrNotStarted,
		"worker_died": pool.ErrWorkerDied, "may_have_run": pool.ErrMayHaveRun, "too_large": frame.ErrTooLarge,
		"canceled": context.Canceled, "deadline_exceeded": context.DeadlineExceeded,
	} {
		if errors.Is(err, of) {
			kinds = append(kinds, kind)
		}
	}
	if answered := (*pool.RemoteError)(nil); errors.As(err, &answered) {
		kinds = append(kinds, "error_answer")
	}
	return line{"error": line{"kinds": kinds, "text": err.Error()}}
}
