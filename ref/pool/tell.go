package pool

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// watchesCalls reports whether any hook is about calls.
func (h *Hooks) watchesCalls() bool {
	return h.CallBegan != nil || h.CallQueued != nil || h.CallEnded != nil
}

// errPanicked is the error of a call that does not return, for the hooks.
var errPanicked = errors.New("pool: Call has not returned, because the encoding of its body or a hook panicked")

// callWatched is call with its hooks.
func (p *Pool) callWatched(ctx context.Context, method string, body any) (json.RawMessage, error) {
	told := ctx // what the hooks get
	if p.hooks.CallBegan != nil {
		if returned := p.hooks.CallBegan(ctx, CallBegan{Method: method}); returned != nil {
			told = returned
		}
	}
	end := CallEnded{Method: method, Outcome: Panicked, Err: errPanicked, Worker: NoWorker}
	began := time.Now()
	if p.hooks.CallEnded != nil {
		defer func() { // also if call panics, or ends the goroutine
			end.Duration = time.Since(began)
			p.hooks.CallEnded(told, end)
		}()
	}
	answer, f, err := p.call(ctx, told, method, body)
	end.Outcome, end.Err, end.Worker, end.Waited = f.outcome, err, f.worker, f.waited
	return answer, err
}

// tellQueued is called for a call that waits in the queue.
func (p *Pool) tellQueued(told context.Context, c *pendingCall) {
	if p.hooks.CallQueued == nil {
		return
	}
	returned := false
	defer func() {
		if !returned {
			p.abandon(c)
		}
	}()
	p.hooks.CallQueued(told, CallQueued{Method: c.method})
	returned = true
}

// abandon takes a call from wherever it has come to since it was put in the queue.
func (p *Pool) abandon(c *pendingCall) {
	over, end := context.WithCancel(context.Background())
	end()
	if p.scheduler.leave(over, c) == nil {
		_, _ = c.link.call(over, c)
	}
}

func (r *run) tellStarted(restart bool) {
	if told := r.worker.pool.hooks.WorkerStarted; told != nil {
		told(WorkerStarted{Worker: r.worker.index, PID: r.proc.PID(), Restart: restart, Duration: r.since.Sub(r.began)})
	}
}

func (r *run) tellEnded(reason EndReason) {
	if told := r.worker.pool.hooks.WorkerEnded; told != nil {
		told(WorkerEnded{
			Worker: r.worker.index, PID: r.proc.PID(), Reason: reason, Status: r.proc.Status(), Lived: time.Since(r.since),
		})
	}
}

func (w *Worker) tellRestartFailed(began time.Time, err error) {
	if told := w.pool.hooks.RestartFailed; told != nil {
		told(RestartFailed{Worker: w.index, Err: err, Duration: time.Since(began)})
	}
}

func (w *Worker) tellChecked(began time.Time, err error, busy bool) {
	told := w.pool.hooks.HealthChecked
	if told == nil {
		return
	}
	e := HealthChecked{Worker: w.index, Result: CheckUnhealthy, Err: err, Duration: time.Since(began)}
	switch {
	case err == nil:
		e.Result = CheckHealthy
	case busy:
		e.Result = CheckBusy
	}
	told(e)
}
