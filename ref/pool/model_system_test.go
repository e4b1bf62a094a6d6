package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// system is a pool on a stage whose workers answer their requests when a step says so.
type system struct {
	*stage
	crew  crew
	pool  *pool.Pool
	told  *told
	calls map[int]*liveCall

	shutdowns []<-chan error
	hurry     context.CancelFunc
	hold      bool // processes that are started do not listen until told to

	mu       sync.Mutex
	requests map[int]*atHand // by the number of their call
	ids      map[uint64]int
	wrong    []string // what no pool may ever do
}

type liveCall struct {
	cancel context.CancelFunc
	done   <-chan outcome
	end    *outcome
}

// atHand is a request that a worker has read.
type atHand struct {
	sent
	connection *connection
	number     int
	over       bool // answered, withdrawn, or its connection has ended
	cancelled  bool // its cancellation came
}

func (r *atHand) answer() {
	r.over = true
	r.connection.answer(r.ID, strconv.Itoa(r.number))
}

func (r *atHand) fail() {
	r.over = true
	r.connection.answerError(r.ID, strconv.Itoa(r.number))
}

func newSystem(t *testing.T) *system {
	return &system{
		stage: &stage{t: t, listening: make(map[string]*process)},
		calls: make(map[int]*liveCall), requests: make(map[int]*atHand), ids: make(map[uint64]int),
		told: newTold(), hurry: func() {},
	}
}

func (s *system) make(c crew) {
	s.crew = c
	s.framing = c.framing
	s.script = s.work
	s.spawned = func(p *process) { p.neverListens = s.hold }
	p, err := pool.NewPool(pool.PoolOptions{
		Workers: c.workers, MaxInFlight: c.perWorker, Queue: c.queue, Framing: c.framing,
		Spawn: s.spawn, Dial: s.dial,
		HealthInterval: settle / 6, HealthTimeout: settle / 6,
		RestartMin: time.Millisecond, RestartMax: settle / 6,
		StartTimeout: 1000 * time.Hour, // a process that is held back is not to be given up
		Hooks:        s.told.hooks(),
	})
	require.NoError(s.t, err)
	s.pool, s.told.pool = p, p
}

// work is the script of a worker: it keeps the requests that it reads.
func (s *system) work(c *connection) {
	var mine []*atHand
	for m, ok := c.next(); ok; m, ok = c.next() {
		s.mu.Lock()
		if m.cancels != 0 {
			for _, r := range mine {
				if r.ID == m.cancels {
					r.over, r.cancelled = true, true
				}
			}
		} else if r := s.take(c, m); r != nil {
			mine = append(mine, r)
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range mine {
		r.over = true
	}
}

// take records a request, and notes what is wrong with it.
func (s *system) take(c *connection, m sent) *atHand {
	n, err := strconv.Atoi(string(m.Body))
	switch other, seen := s.ids[m.ID]; {
	case err != nil:
		s.blame("[MSG-17] a request with the body %s came, which no call has", m.Body)
		return nil
	case m.ID == 0:
		s.blame("[RID-1] call %d has the request ID 0", n)
	case seen:
		s.blame("[RID-2] calls %d and %d have the same request ID %d", other, n, m.ID)
	case s.framing == frame.Enhanced && m.header != m.ID:
		s.blame("[RID-3] call %d has the request ID %d under a header with %d", n, m.ID, m.header)
	}
	s.ids[m.ID] = n
	if s.requests[n] != nil {
		s.blame("[HLT-8] call %d was sent twice", n)
	}
	r := &atHand{sent: m, connection: c, number: n}
	s.requests[n] = r
	at := 0
	for _, other := range s.requests {
		if !other.over && !other.connection.closed.Load() && other.connection.spec.Worker == c.spec.Worker {
			at++
		}
	}
	if at > s.crew.perWorker {
		s.blame("[BPR-2] worker %d has %d requests at once", c.spec.Worker, at)
	}
	return r
}

func (s *system) blame(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// demand notes an error that is not the expected one.
func (s *system) demand(clause string, err, want error) {
	if err != want && (want == nil || !errors.Is(err, want)) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.blame("[%s] the error is %v, expected %v", clause, err, want)
	}
}

// start starts the pool. Processes that replace the first ones do not listen until a step says so.
func (s *system) start() {
	s.demand("STA-1", s.pool.Start(s.t.Context()), nil)
	s.hold = true
}

func (s *system) call(n int) {
	ctx, cancel := context.WithCancel(context.WithValue(s.t.Context(), callNumber{}, n))
	s.calls[n] = &liveCall{cancel: cancel, done: start(ctx, s.pool, "hold", n)}
}

// request returns the request of call n, or nil if no worker has it.
func (s *system) request(n int) *atHand {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[n]
}

func (s *system) failToStart(w int) {
	s.spawned = func(p *process) {
		if p.spec.Worker == w {
			p.exitsEarly = "exit status 3"
		}
	}
	err := s.pool.Start(s.t.Context())
	s.spawned = func(p *process) { p.neverListens = s.hold }
	var failed *pool.StartError
	if !errors.As(err, &failed) || failed.Worker != w {
		s.demand("STA-2", fmt.Errorf("%w of a start in which worker %d exits", err, w), nil)
	}
	s.demandNothingLeft("STA-3")
}

// listen lets a process listen that does not listen yet.
func (s *system) listen(p *process) {
	s.stage.mu.Lock()
	defer s.stage.mu.Unlock()
	s.listening[p.spec.SocketPath] = p
}

func (s *system) shutDown() {
	ctx, cancel := context.WithCancel(context.Background())
	hurry := s.hurry
	s.hurry = func() { hurry(); cancel() }
	done := make(chan error, 1)
	s.shutdowns = append(s.shutdowns, done)
	go func() { done <- s.pool.Shutdown(ctx) }()
}

// demandNothingLeft checks that no process of the pool is left, and no socket.
func (s *system) demandNothingLeft(clause string) {
	for _, p := range s.all() {
		select {
		case <-p.exited:
		default:
			s.demand(clause, fmt.Errorf("process %d of worker %d goes on", p.pid, p.spec.Worker), nil)
		}
		if _, err := os.Stat(filepath.Dir(p.spec.SocketPath)); err == nil {
			s.demand(clause, fmt.Errorf("the sockets of worker %d are there", p.spec.Worker), nil)
		}
	}
}

// destroy ends everything that the steps have left.
func (s *system) destroy() {
	if s.pool != nil {
		s.shutDown()
		s.hurry()
		for _, done := range s.shutdowns {
			<-done
		}
		for _, c := range s.calls {
			if c.cancel(); c.end == nil {
				<-c.done
			}
		}
	}
}
