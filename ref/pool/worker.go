package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// Worker is one worker of a pool. When its process dies, the pool starts another one for it.
type Worker struct {
	index int
	pool  *Pool
	log   *slog.Logger

	mu       sync.Mutex
	health   WorkerHealth // without the fields that the scheduler knows
	warnings warnings
}

// Index returns the number of the worker in its pool, from 0. Errors and logs have it too.
func (w *Worker) Index() int { return w.index }

// run is one process of a worker, with the link to it.
type run struct {
	worker *Worker
	proc   Process
	output *workerOutput
	link   link
	began  time.Time // when it was started
	since  time.Time // when it became ready

	linkSince    time.Time // when the link was made
	linkFailures int       // in a row
}

const (
	// exitTime is how long the pool waits for the end of a process whose connection has ended, to tell a worker that
	// died from one that only closed the connection.
	exitTime = time.Second

	// maxLinkFailures is the number of failed connections in a row after which the worker is restarted.
	maxLinkFailures = 6

	// closedEarly is how long a connection that its worker closes must last, exitTime included, for the next one to
	// be made without another wait.
	closedEarly = 2 * exitTime
)

// launch starts a process and waits until it accepts connections. If it does not, launch ends it [STA-3] and returns
// a *StartError.
func (w *Worker) launch(ctx context.Context) (*run, error) {
	o := &w.pool.options
	path := w.pool.socketPath(w.index)
	_ = os.Remove(path) // the process before may have left it
	r := &run{worker: w, output: &workerOutput{queue: w.pool.output}, began: time.Now()}
	failed := func(err error) (*run, error) {
		return nil, &StartError{Worker: w.index, Err: err, Output: r.output.String()}
	}
	if ctx.Err() != nil {
		return failed(contextError(ctx))
	}
	env := append(os.Environ(), o.Env...)
	env = unsetVariable(env, LifelineVariable) // that of this process, if it is a worker itself
	proc, err := o.Spawn(ProcessSpec{
		Worker:     w.index,
		Command:    o.Command,
		Env:        setVariable(env, SocketPathVariable, path),
		Dir:        o.Dir,
		SocketPath: path,
		Output:     r.output,
	})
	if err != nil {
		return failed(err)
	}
	r.proc = proc
	if err := r.makeLink(ctx, false); err != nil {
		stopProcess(proc, o.StopTimeout)
		return failed(err)
	}
	r.since = time.Now()
	w.setPID(proc.PID())
	w.log.Info("worker is ready", "pid", proc.PID())
	return r, nil
}

// makeLink connects to the process, and makes the connection the link.
func (r *run) makeLink(ctx context.Context, once bool) error {
	o := &r.worker.pool.options
	conn, err := r.connect(ctx, once)
	if err != nil {
		return err
	}
	options := frame.Options{Framing: o.Framing, MaxPayload: o.MaxPayload}
	r.link, err = newMultiplexed(conn, options, r, r.worker.log)
	if err != nil {
		_ = conn.Close()
		return err
	}
	r.linkSince = time.Now()
	return nil
}

// connect dials until the worker accepts, its process ends, or the time is up. The system offers no event for the
// moment when a process listens, so connect tries again and again, after waits that are a small part of the time so
// far. If once is set it returns the error when nobody listens: the worker did before.
func (r *run) connect(ctx context.Context, once bool) (net.Conn, error) {
	o := &r.worker.pool.options
	path := r.worker.pool.socketPath(r.worker.index)
	limit, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	for wait := 500 * time.Microsecond; ; wait = min(wait+wait/32, 10*time.Millisecond) {
		conn, err := o.Dial(limit, path)
		if err == nil {
			return conn, nil
		}
		if once && nobodyListens(err) {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			continue
		case <-r.proc.Exited():
			err = r.exitError(false)
		case <-limit.Done():
			if ctx.Err() != nil {
				err = contextError(ctx)
			} else {
				err = fmt.Errorf("it did not accept connections within %v: %w", o.StartTimeout, err)
			}
		}
		timer.Stop()
		return nil, err
	}
}

// hasExited returns a *StartError if the process has ended already.
func (r *run) hasExited() error {
	select {
	case <-r.proc.Exited():
		return &StartError{Worker: r.worker.index, Err: r.exitError(false), Output: r.output.String()}
	default:
		return nil
	}
}

// stop ends the process and the link.
func (r *run) stop() {
	stopProcess(r.proc, r.worker.pool.options.StopTimeout)
	r.endLink()
}

// endLink ends the link to a process that has ended. Answers that the process sent before are still delivered.
func (r *run) endLink() {
	r.link.expire()
	<-r.link.lost()
}

func (r *run) linkDown(l link) { r.worker.pool.scheduler.down(r.worker.index, l) }

func (r *run) callError(ctx context.Context, err error) error {
	if isCausedByDeath(err) {
		timer := time.NewTimer(exitTime)
		defer timer.Stop()
		select {
		case <-r.proc.Exited():
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	if r.worker.pool.stopping.Err() != nil {
		return ErrClosed
	}
	select {
	case <-r.proc.Exited():
		return r.exitError(true)
	default:
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the worker closed it, though its process lives: %w", err)
	}
	r.worker.warn("connection failed", err)
	return fmt.Errorf("the connection failed: %w", err)
}

func (r *run) exitError(ready bool) error {
	e := &ExitError{Worker: r.worker.index, PID: r.proc.PID(), Status: r.proc.Status(), ready: ready}
	if ready {
		e.Output = r.output.String()
	}
	return e
}

// supervise keeps the worker running until the pool stops.
func (w *Worker) supervise(r *run) {
	stopping := w.pool.stopping
	for delay := time.Duration(0); ; {
		r.tellEnded(w.serve(r))
		if stopping.Err() != nil {
			return
		}
		if time.Since(r.since) >= w.pool.options.RestartMax {
			delay = 0
		}
		if r = w.restart(&delay); r == nil {
			return
		}
	}
}

// restart starts processes until one becomes ready. It returns nil if the pool stops before. The first attempt is at
// once, and each later one after a wait of up to twice the one before [HLT-7].
func (w *Worker) restart(delay *time.Duration) *run {
	o := &w.pool.options
	for {
		wait := jitter(*delay)
		*delay = min(max(*delay*2, o.RestartMin), o.RestartMax)
		if pause(w.pool.stopping, wait) != nil {
			return nil
		}
		began := time.Now()
		r, err := w.launch(w.pool.stopping)
		if err == nil {
			r.tellStarted(true)
			w.mu.Lock()
			w.health.Restarts++
			w.mu.Unlock()
			w.pool.scheduler.up(w.index, r.link)
			return r
		}
		if w.pool.stopping.Err() != nil {
			return nil
		}
		w.log.Error("cannot restart the worker", "error", err, "next attempt within", *delay)
		w.pool.scheduler.failed(w.index, err)
		w.tellRestartFailed(began, err)
	}
}

// jitter returns d less a random part of up to a half, so that workers that died together are not restarted together
// again and again.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/2+1) }

// serve supervises one process. It returns when the process was reaped and its link has ended, and why it has.
func (w *Worker) serve(r *run) EndReason {
	o := &w.pool.options
	checks := newChecks(w)
	defer checks.stop()
	tick := time.NewTicker(o.HealthInterval)
	defer tick.Stop()
	lost := r.link.lost()
	var reconnect <-chan time.Time // when the next connection is due, after one has failed
	var hung <-chan time.Time      // when the worker, which is unhealthy, is killed
	killed := false
	for {
		select {
		case <-w.pool.stopping.Done():
			r.stop()
			w.setPID(0)
			return WorkerStopped

		case <-r.proc.Exited():
			r.endLink()
			w.died(r)
			if killed {
				return WorkerHung
			}
			return WorkerDied

		case <-lost:
			wait, err := r.linkFailed()
			if err != nil {
				return w.stopFor(r, err)
			}
			lost, reconnect = nil, time.After(wait)

		case <-reconnect:
			if err := r.makeLink(w.pool.stopping, true); err != nil {
				return w.stopFor(r, err)
			}
			lost, reconnect = r.link.lost(), nil
			checks.start(r.link) // the worker gets calls again when it has answered this

		case <-tick.C:
			checks.start(r.link)

		case c := <-checks.done:
			checks.running = false
			switch {
			case c.link != r.link:
				checks.start(r.link)
			case c.err == nil:
				hung = nil
				w.healthy(r.link)
			case !c.busy:
				w.unhealthy(r.link, c.err)
				if hung == nil && o.HungTimeout > 0 {
					hung = time.After(o.HungTimeout)
				}
			}

		case <-hung:
			w.log.Warn("worker is killed because it stays unhealthy", "for", o.HungTimeout)
			killProcess(r.proc)
			killed = true
		}
	}
}

func (w *Worker) healthy(l link) {
	if w.pool.scheduler.up(w.index, l) {
		w.log.Info("worker is healthy again")
	}
}

func (w *Worker) unhealthy(l link, err error) {
	if w.pool.scheduler.down(w.index, l) {
		w.log.Warn("worker is unhealthy", "error", err)
	}
}

// linkFailed is called when the link has ended though the process lives [RID-7]. It returns how long to wait before
// the next connection, or an error if the worker must be restarted.
func (r *run) linkFailed() (time.Duration, error) {
	o := &r.worker.pool.options
	lasted := time.Since(r.linkSince)
	closed := errors.Is(r.link.failure(), io.EOF) // by the worker, between two frames, which is no violation
	if lasted >= o.RestartMax || closed && lasted >= closedEarly {
		r.linkFailures = 0
	}
	r.linkFailures++
	switch n := r.linkFailures; {
	case n == 1:
		return 0, nil
	case r.link.answers() == 0:
		return 0, errors.New("the connection failed again before anything was answered")
	case n >= maxLinkFailures && !closed:
		return 0, fmt.Errorf("%d connections in a row failed, the last one because of: %w", n, r.link.failure())
	default:
		wait := o.RestartMin
		for range n - 2 {
			wait = min(2*wait, o.RestartMax)
		}
		return jitter(wait), nil
	}
}

// stopFor stops a worker that cannot be used because of err. It returns why the process has ended.
func (w *Worker) stopFor(r *run, err error) EndReason {
	reason := WorkerUnreachable
	select {
	case <-w.pool.stopping.Done():
		reason = WorkerStopped
	case <-r.proc.Exited():
		reason = WorkerDied
	default:
	}
	w.log.Warn("worker is stopped: no connection to it can be used", "error", err)
	stopProcess(r.proc, w.pool.options.StopTimeout)
	w.died(r)
	return reason
}

func (w *Worker) died(r *run) {
	w.setPID(0)
	w.log.Warn("worker died", "pid", r.proc.PID(), "status", r.proc.Status(), "output", r.output.String())
}

func (w *Worker) setPID(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.health.PID = pid
}

// warnings bounds the log lines about failures that may come as often as calls.
type warnings struct {
	last    time.Time
	skipped int // since then
}

// warnEvery is the shortest time between two such lines of one worker.
const warnEvery = time.Second

func (w *Worker) warn(text string, err error) {
	w.mu.Lock()
	if time.Since(w.warnings.last) < warnEvery {
		w.warnings.skipped++
		w.mu.Unlock()
		return
	}
	skipped := w.warnings.skipped
	w.warnings = warnings{last: time.Now()}
	w.mu.Unlock()
	w.log.Warn(text, "error", err, "more since the last line", skipped)
}
