package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/ref/frame"
)

// Worker is one supervised worker: its process is started, connected to and checked, and when it
// dies another takes its place.
type Worker struct {
	index int
	pool  *Pool
	log   *slog.Logger

	mu     sync.Mutex
	health WorkerHealth // but for what the scheduler knows
}

// Index is the worker's number in its pool, from 0, as errors and logs name it.
func (w *Worker) Index() int { return w.index }

// run is the life of one process of a worker.
type run struct {
	worker *Worker
	proc   Process
	output *outputTail
	link   link
	since  time.Time // it became ready
}

// exitTime is how long the end of a process is awaited after its connection ended, to tell a worker
// that died from one that only hung up.
const exitTime = time.Second

// launch starts a process and waits until it accepts connections. Of one that does not, nothing
// is left when launch returns [STA-3]. The error is a *StartError.
func (w *Worker) launch(ctx context.Context) (*run, error) {
	o := &w.pool.options
	path := w.pool.socketPath(w.index)
	_ = os.Remove(path) // the process before may have left it
	r := &run{worker: w, output: &outputTail{to: w.pool.output}}
	failed := func(err error) (*run, error) {
		return nil, &StartError{Worker: w.index, Err: err, Output: r.output.String()}
	}
	if ctx.Err() != nil {
		return failed(contextError(ctx))
	}
	proc, err := o.Spawn(ProcessSpec{
		Worker:     w.index,
		Command:    o.Command,
		Env:        append(append(os.Environ(), o.Env...), SocketPathVariable+"="+path),
		Dir:        o.Dir,
		SocketPath: path,
		Output:     r.output,
	})
	if err != nil {
		return failed(err)
	}
	r.proc = proc
	conn, err := r.connect(ctx, false)
	if err == nil {
		if err = r.adopt(conn); err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		stopProcess(proc, o.StopTimeout)
		return failed(err)
	}
	r.since = time.Now()
	w.setPID(proc.PID())
	w.log.Info("worker is ready", "pid", proc.PID())
	return r, nil
}

// connect dials until the worker accepts, its process ends, or the time is up. There is no event
// to wait for, so it asks again after a small share of the time it has waited so far. With once it
// takes a refusal for an answer: the worker had listened before.
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

func nobodyListens(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// adopt makes conn the link of the run, or the first connection of it.
func (r *run) adopt(conn net.Conn) (err error) {
	o := &r.worker.pool.options
	if o.Framing == frame.Enhanced {
		r.link, err = newMultiplexed(conn, o.MaxPayload, r, r.worker.log)
		return err
	}
	path := r.worker.pool.socketPath(r.worker.index)
	dial := func(ctx context.Context) (net.Conn, error) { return o.Dial(ctx, path) }
	r.link, err = newSequential(conn, dial, o.MaxPayload, r, r.worker.log)
	return err
}

// early is a *StartError if the process has ended already.
func (r *run) early() error {
	select {
	case <-r.proc.Exited():
		return &StartError{Worker: r.worker.index, Err: r.exitError(false), Output: r.output.String()}
	default:
		return nil
	}
}

// stop ends the process, and its link.
func (r *run) stop() {
	stopProcess(r.proc, r.worker.pool.options.StopTimeout)
	r.bury()
}

// bury ends the link of a process that has ended. Answers that it sent before still arrive.
func (r *run) bury() {
	r.link.expire()
	<-r.link.lost()
}

func (r *run) linkDown() { r.worker.pool.scheduler.down(r.worker.index) }

func (r *run) whyLost(ctx context.Context, err error) error {
	if isGone(err) {
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
		err = fmt.Errorf("the worker hung up, though its process goes on: %w", err)
	}
	r.worker.log.Warn("connection failed", "error", err)
	return fmt.Errorf("the connection failed: %w", err)
}

func (r *run) exitError(ready bool) error {
	e := &ExitError{Worker: r.worker.index, PID: r.proc.PID(), Status: r.proc.Status(), ready: ready}
	if ready {
		e.Output = r.output.String()
	}
	return e
}

// supervise keeps the worker going until the pool stops.
func (w *Worker) supervise(r *run) {
	stopping := w.pool.stopping
	for delay := time.Duration(0); ; {
		w.serve(r)
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

// restart starts processes until one becomes ready; nil if the pool stops first. The first try
// comes at once, and each one after it waits for up to twice as long as the one before [HLT-7].
func (w *Worker) restart(delay *time.Duration) *run {
	o := &w.pool.options
	for {
		wait := *delay - rand.N(*delay/2+1)
		*delay = min(max(*delay*2, o.RestartMin), o.RestartMax)
		if pause(w.pool.stopping, wait) != nil {
			return nil
		}
		r, err := w.launch(w.pool.stopping)
		if err == nil {
			w.mu.Lock()
			w.health.Restarts++
			w.mu.Unlock()
			w.pool.scheduler.up(w.index, r.link)
			return r
		}
		if w.pool.stopping.Err() != nil {
			return nil
		}
		w.log.Error("worker could not be restarted", "error", err, "next try within", *delay)
		w.pool.scheduler.failed(w.index, err)
	}
}

// serve lives through one process, and returns when that was reaped and its link is lost.
func (w *Worker) serve(r *run) {
	o := &w.pool.options
	checks := newChecks(w)
	defer checks.stop()
	tick := time.NewTicker(o.HealthInterval)
	defer tick.Stop()
	var hung <-chan time.Time // when a worker that stays unhealthy is killed
	redialed := false
	for {
		select {
		case <-w.pool.stopping.Done():
			r.stop()
			return

		case <-r.proc.Exited():
			r.bury()
			w.died(r)
			return

		case <-r.link.lost():
			if err := r.reconnect(redialed); err != nil {
				w.log.Warn("no connection to the worker, so it is stopped", "error", err)
				stopProcess(r.proc, o.StopTimeout)
				w.died(r)
				return
			}
			redialed = true
			checks.start(r.link) // it is given calls again once it answered this

		case <-tick.C:
			checks.start(r.link)

		case c := <-checks.done:
			checks.running = false
			switch {
			case c.link != r.link:
				checks.start(r.link)
			case c.err == nil:
				hung = nil
				if w.pool.scheduler.up(w.index, r.link) {
					w.log.Info("worker is healthy again")
				}
			case c.busy:
			default:
				if w.pool.scheduler.down(w.index) {
					w.log.Warn("worker is unhealthy", "error", c.err)
				}
				if hung == nil && o.HungTimeout > 0 {
					hung = time.After(o.HungTimeout)
				}
			}

		case <-hung:
			w.log.Warn("worker is killed, for it stays unhealthy", "for", o.HungTimeout)
			killProcess(r.proc)
		}
	}
}

// reconnect makes a new link where only the connection failed and the process goes on [RID-7]. A
// second failure before anything was answered is one of the process.
func (r *run) reconnect(again bool) error {
	if again && r.link.answers() == 0 {
		return errors.New("the connection failed again before anything was answered")
	}
	conn, err := r.connect(r.worker.pool.stopping, true)
	if err != nil {
		return err
	}
	if err := r.adopt(conn); err != nil {
		_ = conn.Close()
		return err
	}
	return nil
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
