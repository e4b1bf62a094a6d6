package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/internal/pool"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

// remotePool is a pool in a process of the program.
type remotePool struct {
	adapter  *Adapter
	process  *process
	opened   answer          // to open
	ctx      context.Context // ends with Close
	leave    context.CancelFunc
	replaced atomic.Bool // the process has another pool now
}

var _ pool.Remote = (*remotePool)(nil)

func (a *Adapter) openPool(o conformance.PoolOptions) (conformance.Pool, error) {
	p, err := a.take(a.ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	return a.openIn(p, o)
}

// openIn makes a pool in the process.
func (a *Adapter) openIn(process *process, o conformance.PoolOptions) (conformance.Pool, error) {
	p := &remotePool{adapter: a, process: process}
	p.ctx, p.leave = context.WithCancel(a.ctx)
	ctx, cancel := context.WithTimeoutCause(p.ctx, a.timeout, errTimeout)
	defer cancel()
	options := poolOptionsOf(o)
	opened, err := p.do(ctx, doOpen, request{Options: &options})
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	for _, name := range opened.Ignored {
		if ignoredOptions[name] == "" {
			_ = p.Close()
			return nil, a.judgeAnswer(&Fault{Problem: fmt.Sprintf("answered %s with %s: %q is not an option that may be ignored", doOpen, quote(opened.line), name)})
		}
	}
	p.opened = opened
	return p, nil
}

// Another implements [pool.Remote].
func (p *remotePool) Another(o pool.Options) (pool.Pool, error) {
	p.replaced.Store(true)
	return p.adapter.openIn(p.process, conformance.PoolOptions(o))
}

// PID implements [pool.Remote].
func (p *remotePool) PID() int { return p.process.cmd.Process.Pid }

// KnowsEnded implements [pool.Remote].
func (p *remotePool) KnowsEnded() bool { return p.opened.KnowsEnded }

// ignoredOptions are the options that an adapter may say it ignores, with their names in Go.
var ignoredOptions = map[string]string{
	"start_timeout_ms": "StartTimeout", "health_interval_ms": "HealthInterval", "health_timeout_ms": "HealthTimeout",
	"restart_backoff_ms": "RestartBackoff", "restart_backoff_max_ms": "RestartBackoffMax", "stop_timeout_ms": "StopTimeout",
}

// IgnoredOptions implements [conformance.LimitedPool].
func (p *remotePool) IgnoredOptions() (names []string) {
	for _, name := range p.opened.Ignored {
		names = append(names, ignoredOptions[name])
	}
	return names
}

// FixedMaxPayload implements [conformance.LimitedPool].
func (p *remotePool) FixedMaxPayload() int { return p.opened.MaxPayload }

// Close implements [pool.Remote].
func (p *remotePool) Close() error {
	p.leave()
	if !p.replaced.Load() {
		go p.process.end()
	}
	return nil
}

func (p *remotePool) Start(ctx context.Context) error {
	_, err := p.doUntil(ctx, doStart, request{})
	return err
}

func (p *remotePool) Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	a, err := p.doUntil(ctx, doCall, request{Method: &method, Body: string(body)})
	if err != nil {
		return nil, err
	}
	return json.RawMessage(*a.Body), nil
}

func (p *remotePool) Health() conformance.Health {
	h, _ := p.HealthNow()
	return h
}

// HealthNow implements [pool.Remote].
func (p *remotePool) HealthNow() (conformance.Health, error) {
	a, err := p.do(p.ctx, doHealth, request{})
	if err != nil {
		return conformance.Health{}, err
	}
	h := conformance.Health{Total: *a.Total, Healthy: a.Healthy, Restarts: a.Restarts}
	if a.LastCheck > 0 {
		h.LastCheck = time.UnixMilli(a.LastCheck)
	}
	return h, nil
}

func (p *remotePool) Shutdown(ctx context.Context) error {
	if p.replaced.Load() {
		return nil // it was shut down before
	}
	_, err := p.doUntil(ctx, doShutdown, request{})
	return err
}

// doUntil sends a request that has a context. When the context ends, doUntil sends a cancellation, and still returns what
// the pool then answers. A Start that has succeeded gets a cancellation too when its context ends later: the pool must
// ignore it [STA-7].
func (p *remotePool) doUntil(ctx context.Context, do string, r request) (answer, error) {
	if ctx.Err() != nil {
		r.Ended = why(ctx)
	}
	q, err := p.process.send(do, r)
	if err != nil {
		return answer{}, unreachable(err)
	}
	stop := context.AfterFunc(ctx, func() {
		// What is wrong with the answer has made the program one that is given up.
		_, _ = p.do(p.ctx, doCancel, request{Of: q.tag, Why: why(ctx)})
	})
	a, err := q.wait(p.ctx)
	a, err = p.judge(do, a, err)
	if do == doStart && err == nil {
		context.AfterFunc(p.ctx, func() { stop() })
	} else {
		stop()
	}
	return a, err
}

// why names the error of a context that has ended.
func why(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "deadline_exceeded"
	}
	return "canceled"
}

// do sends a request that ends by itself.
func (p *remotePool) do(ctx context.Context, do string, r request) (answer, error) {
	q, err := p.process.send(do, r)
	if err != nil {
		return answer{}, unreachable(err)
	}
	a, err := q.wait(ctx)
	return p.judge(do, a, err)
}

// judge returns the answer, or an error that the suite understands.
func (p *remotePool) judge(do string, a answer, err error) (answer, error) {
	var end *exit
	switch {
	case err == nil:
	case p.adapter.ctx.Err() != nil:
		return a, unreachable(context.Cause(p.adapter.ctx))
	case p.ctx.Err() != nil:
		return a, errGivenUp
	case errors.Is(err, errTimeout):
		return a, fmt.Errorf("%w: no answer to %s within %v", suite.Unreachable, do, p.adapter.timeout)
	case errors.As(err, &end):
		return a, fmt.Errorf("%w: waiting for the answer to %s, %w", suite.Crashed, do, end)
	default:
		return a, unreachable(p.adapter.judge(p.process, err))
	}
	if err := a.declined(do); err != nil {
		return a, err
	}
	if a.Error != nil && do != doOpen && do != doCancel && do != doHealth {
		return a, p.failure(do, a)
	}
	if missing := missingIn(a, do); missing != "" {
		return a, p.adapter.judgeAnswer(&Fault{Problem: fmt.Sprintf("answered %s with %s, but must answer with %s", do, quote(a.line), missing)})
	}
	return a, nil
}

// missingIn returns what an answer to the command must have and does not; empty if nothing is missing.
func missingIn(a answer, do string) string {
	switch do {
	case doCall:
		if a.Body == nil {
			return "the text of the body, or an error"
		}
	case doHealth:
		if a.Total == nil {
			return "the counts of workers"
		}
	default:
		if !a.OK {
			return `"ok": true`
		}
	}
	return ""
}

// failure is an error of the pool.
type failure struct {
	text  string
	kinds []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.kinds }

var poolKinds = []conformance.ErrorKind{
	conformance.Busy, conformance.Closed, conformance.NotStarted,
	conformance.ErrorAnswer, conformance.WorkerDied, conformance.MayHaveRun, conformance.TooLarge,
}

// failure returns the error of the pool in an answer.
func (p *remotePool) failure(do string, a answer) error {
	f := &failure{text: a.Error.Text}
	for _, kind := range a.Error.Kinds {
		switch {
		case kind == "canceled":
			f.kinds = append(f.kinds, context.Canceled)
		case kind == "deadline_exceeded":
			f.kinds = append(f.kinds, context.DeadlineExceeded)
		case slices.Contains(poolKinds, kind):
			f.kinds = append(f.kinds, kind)
		default:
			return p.adapter.judgeAnswer(&Fault{Problem: fmt.Sprintf("answered %s with %s: %q is not an error kind of a pool", do, quote(a.line), kind)})
		}
	}
	return f
}
