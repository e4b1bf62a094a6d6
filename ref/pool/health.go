package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Health is the state of a pool at one moment [HLT-3].
type Health struct {
	Total     int       // number of workers
	Healthy   int       // number of workers that get calls
	Restarts  int       // restarts of workers since Start
	LastCheck time.Time // when the latest check of any worker ended, well or badly; zero before the first
	InFlight  int       // requests at the workers, without health checks
	Waiting   int       // callers that wait for a slot
	Workers   []WorkerHealth
}

// WorkerHealth is the state of one worker.
type WorkerHealth struct {
	PID       int // of its process; 0 while it has none
	Healthy   bool
	Restarts  int
	LastCheck time.Time
	InFlight  int
}

// Health returns the state of the pool. It never waits for a worker. Before Start and after Shutdown no worker is
// healthy.
func (p *Pool) Health() Health {
	h := Health{Total: len(p.workers), Waiting: p.scheduler.waiting()}
	for _, worker := range p.workers {
		w := worker.Health()
		h.Workers = append(h.Workers, w)
		h.Restarts += w.Restarts
		h.InFlight += w.InFlight
		if w.Healthy {
			h.Healthy++
		}
		if w.LastCheck.After(h.LastCheck) {
			h.LastCheck = w.LastCheck
		}
	}
	return h
}

// Health returns the state of the worker.
func (w *Worker) Health() WorkerHealth {
	w.mu.Lock()
	h := w.health
	w.mu.Unlock()
	h.Healthy, h.InFlight = w.pool.scheduler.state(w.index)
	return h
}

// checks runs the health checks of one process, one at a time.
type checks struct {
	worker  *Worker
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan check
	running bool
}

// check is a health check that has ended.
type check struct {
	link link
	err  error // nil: the worker is healthy
	busy bool  // it missed the deadline, but has answered a call meanwhile
}

func newChecks(w *Worker) *checks {
	c := &checks{worker: w, done: make(chan check, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// start starts a check, unless one is running. Its result is sent to done. Who receives it sets running to false.
func (c *checks) start(l link) {
	if c.running {
		return
	}
	c.running = true
	go func() { c.done <- c.worker.check(c.ctx, l) }()
}

func (c *checks) stop() {
	c.cancel()
	if c.running {
		<-c.done
	}
}

// check makes a health call with a deadline [HLT-1]. A worker that misses the deadline is busy, and not unhealthy, if
// it has answered another call meanwhile.
func (w *Worker) check(ctx context.Context, l link) check {
	began, before := time.Now(), l.answers()
	limit, cancel := context.WithTimeout(ctx, w.pool.options.HealthTimeout)
	defer cancel()
	c := newPendingCall()
	c.reset(request{id: w.pool.nextID(), method: "health", body: null})
	answer, err := l.call(limit, c)
	busy := limit.Err() != nil && l.answers() != before
	if err == nil {
		err = healthy(answer.OK, answer.Body, answer.Error)
	}
	w.mu.Lock()
	w.health.LastCheck = time.Now()
	w.mu.Unlock()
	if cutOff := ctx.Err() != nil || errors.Is(err, ErrWorkerDied) || errors.Is(err, ErrClosed); !cutOff {
		w.tellChecked(began, err, busy)
	}
	return check{link: l, err: err, busy: busy}
}

func healthy(ok bool, body json.RawMessage, text string) error {
	if !ok {
		return fmt.Errorf("it answered health with an error: %s", text)
	}
	var status struct{ Status string }
	if err := json.Unmarshal(body, &status); err != nil || status.Status != "healthy" {
		return fmt.Errorf("it answered health with %.200s", body)
	}
	return nil
}
