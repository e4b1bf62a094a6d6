// Package pool calls methods in a pool of long-lived PyProc worker processes.
//
//	p, err := pool.NewPool(pool.PoolOptions{Command: []string{"python3", "worker.py"}, Workers: 4})
//	…
//	err = p.Start(ctx)
//	…
//	defer p.Shutdown(context.Background())
//	answer, err := p.Call(ctx, "predict", map[string]any{"text": "hello"})
//
// A call takes a slot at the next healthy worker (scheduler.go), or waits for one (queue.go). It is sent on the
// connection to the worker (link.go), which is one for many calls at once (multiplexed.go, turn.go, reading.go,
// asking.go, outbox.go). Each worker is supervised (worker.go), with its process (process.go, output.go), its socket
// (socketdir.go) and its health (health.go). Hooks (hooks.go) are told of calls and workers (tell.go, outcome.go), for
// metrics and traces: the modules poolprometheus and poolotel beside this package have ready ones, and Health is the
// state at one moment.
//
// Names in brackets, such as [BPR-1], are clauses of conformance/SPEC.md.
package pool

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// Pool is a pool of worker processes. Its methods may be called at any time, from many goroutines.
type Pool struct {
	options   PoolOptions
	output    *outputQueue // nil if PoolOptions.Output is
	scheduler *scheduler
	workers   []*Worker
	lastID    atomic.Uint64
	spare     sync.Pool // of *pendingCall, for reuse

	hooks   Hooks
	watched bool // some of them are about calls

	stopping context.Context // ends when the supervisors shall stop their workers
	stopAll  context.CancelFunc
	running  sync.WaitGroup // supervisors

	hurry   context.Context // ends when Shutdown shall no longer wait for calls
	hurryUp context.CancelCauseFunc
	stopped chan struct{} // closed when Shutdown has ended
	stopErr error         // its error

	dir *socketDir // set before any worker is started

	mu       sync.Mutex
	started  bool
	closing  bool
	starting chan struct{}           // closed when the Start that runs ends; nil if none runs
	abort    context.CancelCauseFunc // ends that Start
}

// NewPool returns a pool that is not started yet. It returns an *OptionsError for an invalid option.
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
	if options.Hooks != nil {
		p.hooks = *options.Hooks
		p.watched = p.hooks.watchesCalls()
		p.scheduler.waiters.timed = p.watched
	}
	if options.Output != nil {
		p.output = &outputQueue{to: options.Output}
	}
	p.stopping, p.stopAll = context.WithCancel(context.Background())
	p.hurry, p.hurryUp = context.WithCancelCause(context.Background())
	for i := range options.Workers {
		p.workers = append(p.workers, &Worker{index: i, pool: p, log: options.Logger.With("worker", i)})
	}
	return p, nil
}

// Start starts all workers. It returns nil when all accept connections [STA-1]. If one worker fails, Start stops
// all others and returns a *StartError for the first that failed. Nothing is left of the workers then, and Start may
// be called again [STA-2] [STA-9]. Other errors are ErrStarted, ErrClosed and ErrNilContext.
//
// ctx bounds the start only. It does not affect workers that run [STA-7].
func (p *Pool) Start(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("pool: Start: %w", ErrNilContext)
	}
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
	defer func() {
		p.mu.Lock()
		p.starting = nil
		p.mu.Unlock()
		close(starting)
	}()

	runs, err := p.launchAll(ctx)
	if err = p.decideStart(err); err != nil {
		p.rollBack(runs)
		return err
	}
	p.serve(runs)
	return nil
}

// decideStart returns the error of a Start that has launched its workers with err. Shutdown ends a Start, too.
func (p *Pool) decideStart(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return ErrClosed
	}
	p.started = err == nil
	return err
}

// serve supervises the workers until the pool stops, and lets calls in.
func (p *Pool) serve(runs []*run) {
	var told sync.WaitGroup
	told.Add(len(runs))
	for i, r := range runs {
		p.scheduler.up(i, r.link)
		p.running.Go(func() {
			r.tellStarted(false)
			told.Done()
			p.workers[i].supervise(r)
		})
	}
	told.Wait()
	if p.hooks.PoolStarted != nil {
		p.hooks.PoolStarted(p)
	}
	p.scheduler.open()
}

// launchAll starts all workers at once. When one fails, the others are stopped.
func (p *Pool) launchAll(ctx context.Context) ([]*run, error) {
	for _, path := range removeAbandoned(p.options.SocketDir) {
		p.options.Logger.Info("removed a directory with sockets that a killed process had left", "path", path)
	}
	dir, err := makeSocketDir(p.options.SocketDir)
	if err != nil {
		return nil, fmt.Errorf("pool: cannot make a directory for sockets: %w; check PoolOptions.SocketDir", err)
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
			failure = r.hasExited()
		}
	}
	return runs, failure
}

// rollBack stops and removes all that launchAll has started [STA-3] [STA-4] [STA-5].
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
	p.cleanUp()
}

// Call calls a method in a worker and returns the body of its answer. A body of type json.RawMessage is sent
// unchanged; it must be JSON in UTF-8. Any other body is encoded by encoding/json. When Call has returned, it does
// not use the body any more, and the answer belongs to the caller.
//
// Call waits while all slots are taken [BPR-3] and while workers restart. There is no time limit but that of ctx.
// When ctx ends, Call returns its error at once, and the worker gets a cancellation if it has the request [CAN-1]
// [CAN-2]. If ctx has ended before, nothing is sent.
//
// If the worker answers with an error, the error is a *RemoteError. Other errors match, with errors.Is,
// ErrWorkerDied, ErrBusy, ErrUnavailable, ErrNotStarted, ErrClosed, ErrNilContext, frame.ErrTooLarge or the error of
// ctx. They match ErrMayHaveRun too if the request may have run. Call never sends a request twice [HLT-8].
func (p *Pool) Call(ctx context.Context, method string, body any) (json.RawMessage, error) {
	if ctx == nil {
		return nil, fmt.Errorf("pool: call of %q: %w", method, ErrNilContext)
	}
	if p.watched {
		return p.callWatched(ctx, method, body)
	}
	answer, _, err := p.call(ctx, nil, method, body)
	return answer, err
}

// call is Call without the hooks that tell of its begin and end. told is the context for those between, if there are
// any.
func (p *Pool) call(ctx, told context.Context, method string, body any) (json.RawMessage, fate, error) {
	if ctx.Err() != nil {
		return nil, unsent(outcomeOf(ctx)), fmt.Errorf("pool: call of %q: %w", method, contextError(ctx))
	}
	raw, err := encodeBody(body)
	if err != nil {
		return nil, unsent(NotEncodable), fmt.Errorf("pool: call of %q: %w", method, err)
	}
	if err := frame.CheckPayload(len(raw), p.options.MaxPayload); err != nil {
		return nil, unsent(TooLarge), fmt.Errorf("pool: call of %q: %w", method, err)
	}
	c, _ := p.spare.Get().(*pendingCall)
	if c == nil {
		c = newPendingCall()
	}
	c.reset(request{method: method, body: raw})
	for {
		c.id = p.nextID()
		waits, err := p.scheduler.acquire(c)
		if waits {
			if told != nil {
				p.tellQueued(told, c)
			}
			err = p.scheduler.await(ctx, c)
		}
		if err != nil {
			return nil, c.fateWithoutSlot(ctx, err), fmt.Errorf("pool: call of %q: %w", method, err)
		}
		answer, err := c.link.call(ctx, c)
		switch {
		case err == errUnsent:
			// The connection was broken before this call used it. So the call does not fail, but tries again.
			if ctx.Err() != nil {
				c.left = true
				return nil, c.fateWithoutSlot(ctx, err), fmt.Errorf("pool: call of %q: %w", method, contextError(ctx))
			}
			continue
		case err != nil:
			return nil, c.fateAtWorker(ctx, err), fmt.Errorf("pool: call of %q on worker %d: %w", method, c.slot.worker, err)
		}
		f := c.fateAnswered()
		c.reset(request{}) // it keeps nothing alive
		p.spare.Put(c)
		if !answer.OK {
			return nil, f, &RemoteError{Message: answer.Error}
		}
		return answer.Body, f, nil
	}
}

// CallInto is like Call, but decodes the body of the answer into out, by encoding/json.
func (p *Pool) CallInto(ctx context.Context, method string, body, out any) error {
	answer, err := p.Call(ctx, method, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("pool: cannot decode the answer to %q: %w", method, mayHaveRun(err))
	}
	return nil
}

// Workers returns the workers of the pool. They stay the same when their processes are replaced.
func (p *Pool) Workers() []*Worker { return slices.Clone(p.workers) }

// Shutdown stops the pool for good. New calls, and calls that wait for a slot, fail with ErrClosed [SHD-1]. Running
// calls may finish until ctx ends [SHD-2]. Then Shutdown stops the workers by SIGTERM and, after StopTimeout, by
// SIGKILL [SHD-3]. Calls that still run get the answers that arrive until then, or fail.
//
// When Shutdown returns, nothing is left of the pool: no process, also none that a worker has started in its process
// group, no socket and no goroutine [SHD-4] [SHD-6]. Only a Write of PoolOptions.Output that blocks may go on. So
// Shutdown may return later than ctx ends, by StopTimeout and about a second.
//
// Shutdown is idempotent. Of several calls the first context that ends counts for all, and all return when the pool
// has stopped. The error wraps the error of that context. It is nil if all calls have finished.
func (p *Pool) Shutdown(ctx context.Context) error {
	if ctx == nil {
		return fmt.Errorf("pool: Shutdown: %w", ErrNilContext)
	}
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
			p.stopErr = fmt.Errorf("pool: shut down before all calls had finished: %w", context.Cause(p.hurry))
		}
	}
	p.stopAll()
	p.running.Wait()
	p.cleanUp()
	p.hurryUp(nil)
	if p.started && p.hooks.PoolStopped != nil { // closing is set, so nobody changes started any more
		p.hooks.PoolStopped(p)
	}
}

func (p *Pool) socketPath(worker int) string {
	return filepath.Join(p.dir.path, socketName(worker))
}

// cleanUp removes the sockets, and passes on the output that still waits.
func (p *Pool) cleanUp() {
	if p.dir != nil {
		if err := p.dir.remove(); err != nil {
			p.options.Logger.Error("cannot remove the sockets", "path", p.dir.path, "error", err)
		}
		p.dir = nil
	}
	if p.output != nil {
		p.output.flush(outputTime)
	}
}

// nextID returns a new request ID, which is never 0. All in the pool are different: no pool lives for 2^64 calls
// [RID-1] [RID-2].
func (p *Pool) nextID() uint64 {
	for {
		if id := p.lastID.Add(1); id != 0 {
			return id
		}
	}
}
