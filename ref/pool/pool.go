// Package pool calls methods in a pool of long-lived PyProc worker processes.
//
//	p, err := pool.NewPool(pool.PoolOptions{Command: []string{"python3", "worker.py"}, Workers: 4})
//	…
//	err = p.Start(ctx)
//	…
//	defer p.Shutdown(context.Background())
//	answer, err := p.Call(ctx, "predict", map[string]any{"text": "hello"})
//
// A call takes a slot at the next healthy worker (scheduler.go), goes out on the connection to it
// (link.go, with multiplexed.go, reading.go, asking.go and outbox.go for the enhanced framing and sequential.go for
// the basic one) and comes back by its request ID. Each worker is supervised (worker.go, process.go,
// health.go).
//
// The clauses named in brackets, such as [BPR-1], are those of conformance/SPEC.md.
package pool

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// Pool calls methods in its workers. All methods may be called at any time, from any goroutine.
type Pool struct {
	options   PoolOptions
	output    io.Writer
	scheduler *scheduler
	workers   []*Worker
	lastID    atomic.Uint64

	stopping context.Context // ends when the workers are to be stopped
	stopAll  context.CancelFunc
	running  sync.WaitGroup // supervisors

	hurry   context.Context // ends when Shutdown is to wait for calls no longer
	hurryUp context.CancelCauseFunc
	stopped chan struct{} // closed when Shutdown is done
	stopErr error         // what it returns then

	mu       sync.Mutex
	dir      string // of the sockets; set before any worker is started
	started  bool
	closing  bool
	starting chan struct{}           // closed when the Start that is under way ends; else nil
	abort    context.CancelCauseFunc // ends that Start
}

// NewPool returns a pool that is not started. The error is an *OptionsError.
func NewPool(options PoolOptions) (*Pool, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{
		options:   options,
		scheduler: newScheduler(options.Workers, options.MaxInFlight, options.Queue),
		stopped:   make(chan struct{}),
	}
	if options.Output != nil {
		p.output = &oneAtATime{to: options.Output}
	}
	p.stopping, p.stopAll = context.WithCancel(context.Background())
	p.hurry, p.hurryUp = context.WithCancelCause(context.Background())
	for i := range options.Workers {
		p.workers = append(p.workers, &Worker{index: i, pool: p, log: options.Logger.With("worker", i)})
	}
	return p, nil
}

// Start starts all workers, and returns nil once every one accepts connections [STA-1]. If one
// does not, nothing is left of any: the error is a *StartError for the first that failed, and
// Start may be tried again [STA-2] [STA-9]. It is also ErrStarted or ErrClosed.
//
// ctx bounds the start alone [STA-7].
func (p *Pool) Start(ctx context.Context) error {
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	p.mu.Lock()
	switch {
	case p.closing:
		p.mu.Unlock()
		return ErrClosed
	case p.started || p.starting != nil:
		p.mu.Unlock()
		return ErrStarted
	}
	starting := make(chan struct{})
	p.starting, p.abort = starting, abort
	p.mu.Unlock()
	defer close(starting)

	runs, err := p.launchAll(ctx)

	p.mu.Lock()
	p.starting = nil
	if p.closing {
		err = ErrClosed
	}
	if err == nil {
		p.started = true
		p.running.Add(len(runs))
	}
	p.mu.Unlock()

	if err != nil {
		p.rollBack(runs)
		return err
	}
	for i, r := range runs {
		p.scheduler.up(i, r.link)
		go func() {
			defer p.running.Done()
			p.workers[i].supervise(r)
		}()
	}
	p.scheduler.open()
	return nil
}

// launchAll starts all workers at once. When one fails the others are given up.
func (p *Pool) launchAll(ctx context.Context) ([]*run, error) {
	dir, err := os.MkdirTemp(p.options.SocketDir, socketDirPattern)
	if err != nil {
		return nil, fmt.Errorf("pool: no directory for sockets: %w; check PoolOptions.SocketDir", err)
	}
	p.dir = dir

	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var (
		runs    = make([]*run, len(p.workers))
		failure error
		once    sync.Once
		all     sync.WaitGroup
	)
	for i, w := range p.workers {
		all.Go(func() {
			r, err := w.launch(ctx)
			if err != nil {
				once.Do(func() { failure = err })
				giveUp()
			}
			runs[i] = r
		})
	}
	all.Wait()
	for _, r := range runs {
		if failure == nil {
			failure = r.early()
		}
	}
	return runs, failure
}

// rollBack leaves nothing of what launchAll has started [STA-3] [STA-4] [STA-5].
func (p *Pool) rollBack(runs []*run) {
	var all sync.WaitGroup
	for _, r := range runs {
		if r != nil {
			all.Go(r.stop)
		}
	}
	all.Wait()
	for _, w := range p.workers {
		w.setPID(0)
	}
	p.removeSockets()
}

// Call asks a worker to run method, and returns the body of its answer, which belongs to the
// caller. A body that is a json.RawMessage goes out as it is, and must be JSON in UTF-8; any other
// is encoded by encoding/json. It may be changed again once Call has returned.
//
// A call waits while every slot is taken [BPR-3], and while workers restart. When ctx ends it
// returns at once with ctx's error, and the worker is told [CAN-1] [CAN-2].
//
// The error is a *RemoteError where the worker answered with one. Otherwise errors.Is tells
// ErrWorkerDied, ErrBusy, ErrUnavailable, ErrNotStarted, ErrClosed, frame.ErrTooLarge and the
// error of ctx, and by ErrMayHaveRun whether the request may have run. No call is ever sent twice
// [HLT-8].
func (p *Pool) Call(ctx context.Context, method string, body any) (json.RawMessage, error) {
	raw, err := encodeBody(body)
	if err != nil {
		return nil, err
	}
	if err := frame.CheckPayload(len(raw), p.options.MaxPayload); err != nil {
		return nil, fmt.Errorf("pool: call of %q: %w", method, err)
	}
	var place turn
	for {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("pool: call of %q: %w", method, contextError(ctx))
		}
		g, err := p.scheduler.acquire(ctx, &place)
		if err != nil {
			return nil, fmt.Errorf("pool: call of %q: %w", method, err)
		}
		answer, err := g.link.call(ctx, request{id: p.nextID(), method: method, body: raw, slot: g.slot})
		switch {
		case err == errUnsent:
			// The connection was found broken. This call had no part in it, so it is not to fail.
		case err != nil:
			return nil, fmt.Errorf("pool: call of %q on worker %d: %w", method, g.slot.worker, err)
		case !answer.OK:
			return nil, &RemoteError{Message: answer.Error}
		default:
			return answer.Body, nil
		}
	}
}

// CallInto is Call with the answer's body decoded into out, by encoding/json.
func (p *Pool) CallInto(ctx context.Context, method string, body, out any) error {
	answer, err := p.Call(ctx, method, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("pool: the answer to %q cannot be decoded: %w", method, mayHaveRun(err))
	}
	return nil
}

// Workers returns the workers of the pool. They stay the same while their processes change.
func (p *Pool) Workers() []*Worker { return slices.Clone(p.workers) }

// Shutdown stops the pool for good. Calls that wait for a slot, and new ones, fail with ErrClosed
// [SHD-1]. Calls that run may finish until ctx ends [SHD-2]. Then the workers are stopped, by
// SIGTERM and, after StopTimeout, SIGKILL [SHD-3]; calls that still run get the answers that come
// until then, or fail.
//
// When Shutdown returns nothing is left of the pool [SHD-4] [SHD-6], so it may return up to
// StopTimeout after ctx has ended. It may be called again, and at any time: each call returns when
// all is done, and the first context to end ends the patience. The error wraps that context's
// error, and is nil if all calls finished.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	if !p.closing {
		p.closing = true
		drained := p.scheduler.close()
		if p.starting != nil {
			p.abort(ErrClosed)
		}
		go p.stop(p.starting, drained)
	}
	p.mu.Unlock()
	select {
	case <-p.stopped:
	case <-ctx.Done():
		p.hurryUp(contextError(ctx))
		<-p.stopped
	}
	return p.stopErr
}

func (p *Pool) stop(starting, drained <-chan struct{}) {
	defer close(p.stopped)
	if starting != nil {
		<-starting
	}
	select {
	case <-drained:
	case <-p.hurry.Done():
		select {
		case <-drained:
		default:
			p.stopErr = fmt.Errorf("pool: shut down while calls ran: %w", context.Cause(p.hurry))
		}
	}
	p.stopAll()
	p.running.Wait()
	p.removeSockets()
	p.hurryUp(nil)
}

func (p *Pool) socketPath(worker int) string {
	return filepath.Join(p.dir, socketName(worker))
}

// removeSockets removes the sockets that workers have left, with their directory.
func (p *Pool) removeSockets() {
	if p.dir == "" {
		return
	}
	if err := os.RemoveAll(p.dir); err != nil {
		p.options.Logger.Error("sockets could not be removed", "error", err)
	}
}

// nextID makes a request ID. No two in the whole pool are the same, for 2^64 calls outlast any
// pool; 0 is none [RID-1] [RID-2].
func (p *Pool) nextID() uint64 {
	for {
		if id := p.lastID.Add(1); id != 0 {
			return id
		}
	}
}
