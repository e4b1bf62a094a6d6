package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
)

// plainPool is a pool written for the tests of the suite alone: right and plain, and with one named
// fault or oddity switched on where a test wants it. It is a second implementation beside the reference.
type plainPool struct {
	o      conformance.PoolOptions
	quirks []string // faults, and oddities that are right

	mu      sync.Mutex
	state   string // "new", "starting", "running", "closed"
	late    bool   // calls are taken though it is closed
	turns   bool   // calls that waited when it was closed have their turn
	begun   func() // cancels the start
	workers []*plainWorker
	waiters []*plainWaiter
	next    int   // in the round
	round   uint8 // the same, for the fault that counts in a byte
	gone    int   // waiters that have left, for the fault that keeps their places
	closing time.Time
	lastID  uint64 // of the whole pool
	checkID uint64 // of health calls, for the fault that counts them apart
	running sync.WaitGroup
	done    chan struct{} // closed when Shutdown has ended
	started chan struct{} // closed when Start has ended
	restart int
	checked time.Time
	life    context.Context // ends with the pool
	end     context.CancelFunc
	called  chan struct{}   // has something when a call came
	global  sync.Mutex      // for the fault that serialises
	waits   bool            // for ever, whoever calls
	rolling sync.WaitGroup  // workers of a failed Start, for the fault that stops them later
	leaks   []func()        // give back what a fault has kept
	asked   context.Context // given to Start, for the fault that restarts by it
	failed  []*plainWorker  // of failed Starts, for the fault that keeps them
	startBy time.Time       // when the first Start must be over, for the fault that holds a later one to it
	rounds  map[string]int  // of each method, for the fault that counts them apart

	hurried  chan struct{} // closed when a Shutdown hurries the others
	hurry    sync.Once
	stopped  chan struct{} // closed when a worker has ended in Shutdown, for the fault that kills the others then
	oneEnded sync.Once
	oneCheck sync.Mutex  // for the fault that checks one worker after another
	printed  chan []byte // what is on its way to the user's writer
	deaf     atomic.Bool // what workers print is not read any more, under a fault
}

type plainWaiter struct {
	ready chan *plainWorker // gives the worker whose slot it got, or is closed
	err   error             // why it was closed, unless the pool is closed
	at    *plainWorker      // whose slot alone it takes, for the fault that has callers queue at one worker
}

func newPlainPool(o conformance.PoolOptions, quirks ...string) (*plainPool, error) {
	p := &plainPool{o: o, quirks: quirks, state: "new", called: make(chan struct{}, 1), hurried: make(chan struct{}), stopped: make(chan struct{}), printed: make(chan []byte, 64)}
	if p.has("no-queue") && o.Queue > 0 {
		return nil, fmt.Errorf("a bounded queue: %w", conformance.Unsupported)
	}
	if p.has("ids-begin-high") {
		p.lastID = 1<<63 + 1<<53
	}
	return p, nil
}

func (p *plainPool) has(quirk string) bool { return slices.Contains(p.quirks, quirk) }

func (p *plainPool) Start(ctx context.Context) error {
	p.mu.Lock()
	if first := p.started; p.state == "starting" && p.has("second-start-waits") {
		p.mu.Unlock()
		<-first
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.state == "running" {
			return nil
		}
		return conformance.Closed
	}
	if p.state != "new" && !(p.state == "starting" && p.has("starts-twice")) {
		defer p.mu.Unlock()
		return fmt.Errorf("the pool is %s: %w", p.state, conformance.Closed)
	}
	p.state = "starting"
	p.started = make(chan struct{})
	defer close(p.started)
	if p.life == nil || !p.has("a-second-start-gets-the-ended-life-of-the-first") {
		p.life, p.end = context.WithCancel(context.Background())
	}
	if p.has("start-context-kills-workers") {
		p.life, p.end = context.WithCancel(ctx)
	}
	p.asked = ctx
	if p.startBy.IsZero() {
		p.startBy = time.Now().Add(p.o.StartTimeout)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.begun = cancel
	p.done = make(chan struct{})
	p.mu.Unlock()
	p.passOutputOn(p.life)

	workers, err := p.startWorkers(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.state == "closed" {
		err = conformance.Closed
	}
	if err != nil {
		early := p.state != "closed" && p.has("a-start-that-rolls-back-counts-as-ended")
		if early {
			p.state, p.done = "new", nil
		}
		p.mu.Unlock()
		p.rollBack(workers)
		p.mu.Lock()
		if p.state != "closed" && !early {
			p.state, p.done = "new", nil
		}
		if p.has("calls-wait-after-failed-start") {
			p.waits = true
		}
		if p.has("a-second-start-keeps-the-workers-of-the-first") {
			p.failed = append(p.failed, workers...)
		}
		if p.has("failed-start-takes-calls") {
			p.state, p.workers = "running", workers
		}
		if p.state == "closed" && p.has("start-that-was-shut-down-says-well") {
			return nil
		}
		if p.has("failed-start-is-final") {
			p.state, p.done = "closed", nil
		}
		return err
	}
	workers = append(p.failed, workers...)
	p.workers = workers
	p.state = "running"
	for _, w := range workers {
		p.running.Go(func() { w.supervise() })
		p.running.Go(func() { w.checkHealth() })
	}
	return nil
}

func (p *plainPool) startWorkers(ctx context.Context) ([]*plainWorker, error) {
	var workers []*plainWorker
	for i := range p.o.Workers {
		workers = append(workers, &plainWorker{p: p, index: i})
	}
	errs := make([]error, len(workers))
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i, w := range workers {
		start := func() {
			if errs[i] = w.start(ctx); errs[i] != nil {
				cancel()
			}
		}
		if p.has("one-by-one") {
			start()
			continue
		}
		wg.Go(start)
	}
	wg.Wait()
	// The first real cause, and not the cancellation that it brought on the others.
	for _, err := range errs {
		if err != nil && (!errors.Is(err, context.Canceled) || p.has("the-first-in-line-tells-the-error")) {
			return workers, err
		}
	}
	return workers, errors.Join(errs...)
}

func (p *plainPool) rollBack(workers []*plainWorker) {
	p.end()
	if p.has("failed-start-leaks-goroutine") {
		p.leakGoroutine()
	}
	if p.has("rolls-back-after-return") {
		for _, w := range workers {
			w.drop(errors.New("the start failed"))
			_ = os.Remove(w.path)
			p.rolling.Go(w.stop)
		}
		return
	}
	var wg sync.WaitGroup
	for _, w := range workers {
		if p.has("failed-start-leaves-siblings") || p.has("rollback-stops-only-what-was-ready") && w.leftStarting() {
			continue
		}
		wg.Go(w.stop)
	}
	wg.Wait()
}

// Call calls a method in some worker.
func (p *plainPool) Call(ctx context.Context, method string, body json.RawMessage) (json.RawMessage, error) {
	if p.has("serialises") {
		p.global.Lock()
		defer p.global.Unlock()
	}
	if p.has("bodies-through-interface") {
		var v any
		_ = json.Unmarshal(body, &v)
		body, _ = json.Marshal(v)
	}
	if p.has("bodies-are-made-compact-without-regard-to-escapes") {
		body = compactCarelessly(body)
	}
	for again := false; ; {
		w, err := p.acquire(p.inRoundOf(ctx, method))
		if err != nil {
			return nil, err
		}
		c, err := w.connection()
		if err != nil { // nothing was sent, so another worker may have it
			if !p.has("failed-dial-loses-slot") {
				w.release()
			}
			w.setHealthy(false)
			continue
		}
		if p.has("hedges-slow-calls") {
			defer time.AfterFunc(time.Second, func() { p.hedge(w, method, body) }).Stop()
		}
		answer, err := p.callOn(ctx, w, c, method, body)
		if err != nil && errors.Is(err, conformance.WorkerDied) && p.has("sends-twice") {
			continue
		}
		if err != nil && errors.Is(err, conformance.ErrorAnswer) && !again && p.has("failed-calls-are-tried-at-another-worker") {
			again = true
			continue
		}
		if err != nil && errors.Is(err, conformance.WorkerDied) && p.has("sends-again-behind-the-caller") {
			for _, w := range p.workers {
				go func() {
					if c, err := w.connection(); err == nil {
						_, _ = p.exchange(p.life, w, c, method, body, func() {})
					}
				}()
			}
		}
		return answer, err
	}
}

// compactCarelessly takes out the white space between values, and what it takes for such behind an escaped quotation mark.
func compactCarelessly(body json.RawMessage) json.RawMessage {
	var compact json.RawMessage
	inText := false
	for _, b := range body {
		if b == '"' {
			inText = !inText
		}
		if inText || b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			compact = append(compact, b)
		}
	}
	return compact
}

// hedge sends the request of a call to another worker too.
func (p *plainPool) hedge(w *plainWorker, method string, body json.RawMessage) {
	p.mu.Lock()
	i := slices.IndexFunc(p.workers, func(o *plainWorker) bool { return o != w && o.healthy })
	if i < 0 {
		p.mu.Unlock()
		return
	}
	other := p.workers[i]
	p.mu.Unlock()
	if c, err := other.connection(); err == nil {
		_, _ = p.exchange(p.life, other, c, method, body, func() {})
	}
}

func (p *plainPool) id(w *plainWorker, method string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if method == "health" {
		switch {
		case p.has("checks-count-on-their-own"):
			p.checkID++
			return p.checkID
		case p.has("health-calls-have-the-id-0"):
			return 0
		case p.has("health-calls-all-have-one-id"):
			return 1 << 60
		case p.has("health-calls-take-ids-of-other-workers"):
			for _, o := range p.workers {
				if id := o.anyPending(); o != w && id != 0 && !w.isPending(id) {
					return id
				}
			}
		}
	}
	if p.has("ids-per-worker") && method != "health" {
		w.lastID++
		return w.lastID
	}
	if p.has("ids-begin-at-0") && method != "health" {
		p.lastID++
		return p.lastID - 1
	}
	p.lastID++
	if method == "health" && (p.has("ids-per-worker") || p.has("ids-begin-at-0")) {
		return 1<<40 + p.lastID // none of those of calls
	}
	if p.has("ids-of-16-bits") {
		return p.lastID%(1<<16-1) + 1
	}
	if p.has("ids-at-random") {
		return p.lastID * 0x9e3779b97f4a7c15 // odd, so that none comes twice
	}
	return p.lastID
}

// anyPending is the ID of a call on the shared connection of the worker, or 0.
func (w *plainWorker) anyPending() uint64 {
	if w.shared == nil {
		return 0
	}
	w.shared.mu.Lock()
	defer w.shared.mu.Unlock()
	for id := range w.shared.pending {
		return id
	}
	return 0
}

func (w *plainWorker) isPending(id uint64) bool {
	if w.shared == nil {
		return false
	}
	w.shared.mu.Lock()
	defer w.shared.mu.Unlock()
	return w.shared.pending[id] != nil
}

// acquire takes a slot at a worker, in order of arrival.
func (p *plainPool) acquire(ctx context.Context) (*plainWorker, error) {
	select {
	case p.called <- struct{}{}:
	default:
	}
	p.mu.Lock()
	if p.state == "starting" && p.has("calls-wait-for-the-start-whatever-their-context") {
		started := p.started
		p.mu.Unlock()
		<-started
		p.mu.Lock()
	}
	switch {
	case p.state == "closed" && !p.late:
		p.mu.Unlock()
		if p.has("refuses-without-saying-closed") {
			return nil, errors.New("no")
		}
		return nil, conformance.Closed
	case p.state == "new", p.state == "starting":
		waits := p.waits
		p.mu.Unlock()
		if waits {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, conformance.NotStarted
	}
	if err := ctx.Err(); err != nil && !p.has("looks-at-contexts-late") {
		p.mu.Unlock()
		return nil, err
	}
	healthy := 0
	for _, w := range p.workers {
		if w.healthy {
			healthy++
		}
	}
	if healthy == 0 && !p.has("waits-without-workers") && !p.has("failed-start-takes-calls") {
		p.mu.Unlock()
		if p.has("claims-may-have-run") {
			return nil, fmt.Errorf("no worker is healthy: %w, %w", conformance.WorkerDied, conformance.MayHaveRun)
		}
		return nil, fmt.Errorf("no worker is healthy: %w", conformance.WorkerDied)
	}
	var at *plainWorker
	if p.has("callers-queue-at-one-worker") {
		if at = p.inTurn(); at != nil && at.inFlight < p.o.MaxInFlight {
			at.inFlight++
			p.mu.Unlock()
			return at, nil
		}
	} else if len(p.waiters) == 0 || p.has("lifo") {
		if w := p.pickFor(ctx); w != nil {
			w.inFlight++
			p.mu.Unlock()
			return w, nil
		}
	}
	bound := p.o.Queue
	if p.has("a-queue-for-each-worker") {
		bound *= len(p.workers)
	}
	queued := len(p.waiters) + p.gone
	for _, w := range p.workers {
		if p.has("the-queue-counts-those-that-run") {
			queued += w.inFlight
		}
	}
	if p.has("waiters-have-slots-of-dead-workers") { // one semaphore for all, and in front of it the queue
		bound += len(p.workers) * p.o.MaxInFlight
		for _, w := range p.workers {
			queued += w.inFlight
		}
	}
	if p.o.Queue > 0 && queued >= bound && !p.has("queue-without-bound") {
		p.mu.Unlock()
		return nil, conformance.Busy
	}
	waiter := &plainWaiter{ready: make(chan *plainWorker, 1), at: at}
	p.waiters = append(p.waiters, waiter)
	p.mu.Unlock()
	if p.has("waiters-ignore-context") {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case w, ok := <-waiter.ready:
		if !ok && waiter.err != nil {
			return nil, waiter.err
		}
		if !ok {
			return nil, conformance.Closed
		}
		return w, nil
	case <-ctx.Done():
		if p.has("waiters-take-slots-along") {
			return nil, ctx.Err()
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waiters = slices.DeleteFunc(p.waiters, func(o *plainWaiter) bool { return o == waiter })
		if p.has("left-waiters-keep-their-places") {
			p.gone++
		}
		select { // its slot came at the same time
		case w := <-waiter.ready:
			if w != nil && !p.has("race-loses-slot") {
				w.inFlight--
				p.serveWaiters()
			}
		default:
		}
		if p.has("waiters-say-busy-when-their-context-ends") {
			return nil, conformance.Busy
		}
		return nil, ctx.Err()
	}
}

// inTurn is the next healthy worker in the round, whether it has a free slot or not.
func (p *plainPool) inTurn() *plainWorker {
	for range p.workers {
		w := p.workers[p.next%len(p.workers)]
		p.next++
		if w.healthy {
			return w
		}
	}
	return nil
}

type plainMethod struct{}

// inRoundOf has a call take its turn in the round of its method, under a fault.
func (p *plainPool) inRoundOf(ctx context.Context, method string) context.Context {
	if !p.has("a-round-for-each-method") {
		return ctx
	}
	return context.WithValue(ctx, plainMethod{}, method)
}

// pickFor is pick in the round of the call, where a fault gave it one of its own.
func (p *plainPool) pickFor(ctx context.Context) *plainWorker {
	method, ok := ctx.Value(plainMethod{}).(string)
	if !ok {
		return p.pick()
	}
	if p.rounds == nil {
		p.rounds = map[string]int{}
	}
	ofAll := p.next
	p.next = p.rounds[method]
	w := p.pick()
	p.rounds[method], p.next = p.next, ofAll
	return w
}

// pick chooses the next worker in the round that has a free slot.
func (p *plainPool) pick() *plainWorker {
	bound := p.o.MaxInFlight
	if p.has("bound-plus-one") {
		bound++
	}
	if p.has("bound-minus-one") && bound > 1 {
		bound--
	}
	if p.has("pauses-while-one-is-dead") && slices.ContainsFunc(p.workers, func(w *plainWorker) bool { return !w.alive }) {
		return nil
	}
	round := p.workers
	for _, w := range p.workers {
		if w.restarts > 0 && p.has("restarted-workers-come-twice-in-the-round") {
			round = append(round[:len(round):len(round)], w)
		}
	}
	n := len(round)
	if p.has("the-round-is-a-byte") {
		p.next = int(p.round) % n
	}
	for i := range n {
		w := round[(p.next+i)%n]
		if p.has("twice-in-a-row") {
			w = p.workers[(p.next/2+i)%n]
		}
		if p.has("always-first") {
			w = p.workers[i]
		}
		free := w.inFlight < bound
		if w.restarts > 0 && p.has("restarted-workers-take-one-call-at-a-time") {
			free = w.inFlight < 1
		}
		if p.has("bound-of-pool-only") {
			total := 0
			for _, o := range p.workers {
				total += o.inFlight
			}
			w = p.workers[0]
			free = total < bound*n
		}
		if p.has("bound-of-pool-in-turn") {
			total := 0
			for _, o := range p.workers {
				total += o.inFlight
			}
			free = total < bound*n
		}
		usable := (w.healthy || p.has("calls-unhealthy") && w.alive) && !(w.spoiled && p.has("recovered-workers-get-no-calls"))
		if usable && free {
			if p.has("fallback-to-first") && i > 0 {
				// The round goes on from the one that should have had it, and the first one healthy serves.
				p.next = (p.next + 1) % n
				for _, first := range p.workers {
					if first.healthy && first.inFlight < bound {
						return first
					}
				}
			}
			p.round += uint8(i + 1)
			if p.has("the-neighbour-takes-the-share") {
				p.next = (p.next + 1) % n
				return w
			}
			p.next += i + 1
			if p.has("twice-in-a-row") {
				p.next %= 2 * n
				return w
			}
			if p.next >= n && p.has("each-round-in-another-order") {
				rand.Shuffle(n, func(i, j int) { p.workers[i], p.workers[j] = p.workers[j], p.workers[i] })
			}
			p.next %= n
			return w
		}
	}
	if p.has("unhealthy-when-the-others-are-full") {
		for _, w := range p.workers {
			if w.alive && !w.healthy && w.inFlight < bound {
				return w
			}
		}
	}
	return nil
}

func (p *plainPool) serveWaiters() {
	if p.has("callers-queue-at-one-worker") {
		p.serveWaitersOfEach()
		return
	}
	for len(p.waiters) > 0 && (p.state == "running" || p.late || p.turns) {
		w := p.pick()
		if w == nil {
			return
		}
		i := 0
		if p.has("lifo") {
			i = len(p.waiters) - 1
		}
		waiter := p.waiters[i]
		p.waiters = slices.Delete(p.waiters, i, i+1)
		w.inFlight++
		waiter.ready <- w
	}
}

// serveWaitersOfEach gives the slots of each worker to those who wait for that worker.
func (p *plainPool) serveWaitersOfEach() {
	p.waiters = slices.DeleteFunc(p.waiters, func(waiter *plainWaiter) bool {
		w := waiter.at
		if w == nil {
			w = p.inTurn()
		}
		if w == nil || !w.healthy || w.inFlight >= p.o.MaxInFlight || p.state != "running" {
			return false
		}
		w.inFlight++
		waiter.ready <- w
		return true
	})
}

// Health tells of the workers.
func (p *plainPool) Health() conformance.Health {
	if p.has("health-waits-for-shutdown") {
		p.mu.Lock()
		state, done := p.state, p.done
		p.mu.Unlock()
		if state == "closed" && done != nil {
			<-done
		}
	}
	if p.has("health-waits-for-checks") || p.has("health-waits-for-the-first-check") {
		p.mu.Lock()
		workers := p.workers
		if !p.has("health-waits-for-checks") {
			workers = slices.DeleteFunc(slices.Clone(workers), func(w *plainWorker) bool { return w.asked })
		}
		p.mu.Unlock()
		for _, w := range workers {
			w.checking.Lock()
			defer w.checking.Unlock()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h := conformance.Health{Total: len(p.workers), Restarts: p.restart, LastCheck: p.checked}
	for _, w := range p.workers {
		if w.healthy || w.alive && p.state != "closed" && p.has("healthy-means-alive") {
			h.Healthy++
		}
	}
	if p.has("healthy-after-shutdown") && p.state == "closed" {
		h.Healthy = h.Total
	}
	if p.has("health-tells-nothing") {
		return conformance.Health{Total: h.Total, Healthy: h.Healthy}
	}
	return h
}

// Shutdown ends the pool.
func (p *plainPool) Shutdown(ctx context.Context) error {
	defer p.rolling.Wait()
	p.mu.Lock()
	if err := ctx.Err(); err != nil && p.state == "running" && p.has("shutdown-with-an-ended-context-leaves") {
		p.leaks = append(p.leaks, p.abandon)
		p.mu.Unlock()
		return err
	}
	switch p.state {
	case "closed":
		done := p.done
		twice := p.has("second-shutdown-panics")
		p.mu.Unlock()
		if twice {
			panic("close of closed channel")
		}
		return p.shutdownAgain(ctx, done)
	case "new":
		if !p.has("shutdown-before-start-does-nothing") {
			p.state = "closed"
		}
		p.mu.Unlock()
		return nil
	case "starting":
		if p.has("shutdown-does-not-see-start") {
			p.mu.Unlock()
			return nil
		}
		p.state = "closed"
		begun, started, done := p.begun, p.started, p.done
		p.mu.Unlock()
		if !p.has("shutdown-waits-for-start") {
			begun()
		}
		<-started
		close(done)
		return nil
	}
	p.state, p.late, p.closing = "closed", p.has("takes-calls-in-shutdown"), time.Now()
	p.turns = p.has("waiters-have-their-turn-in-shutdown")
	if !p.turns {
		p.refuseWaiters()
	}
	p.mu.Unlock()
	if !p.has("shutdown-cuts-calls") {
		p.drain(ctx)
	}
	p.mu.Lock()
	p.late, p.turns = false, false
	p.refuseWaiters()
	p.mu.Unlock()
	p.end()
	p.running.Wait()
	var wg sync.WaitGroup
	for _, w := range p.workers {
		wg.Go(w.stop)
	}
	if p.has("returns-before-reaped") {
		go func() { wg.Wait(); close(p.done) }()
		return nil
	}
	wg.Wait()
	if p.has("leaks-goroutine") {
		p.leakGoroutine()
	}
	close(p.done)
	return ctx.Err()
}

// refuseWaiters ends the calls that wait for a slot. It is called with the lock held.
func (p *plainPool) refuseWaiters() {
	for _, w := range p.waiters {
		if !p.has("shutdown-forgets-waiters") {
			close(w.ready)
		}
	}
	p.waiters = nil
}

// shutdownAgain waits for the Shutdown that came first. Its own context hurries nobody.
func (p *plainPool) shutdownAgain(ctx context.Context, done <-chan struct{}) error {
	if done == nil || p.has("second-shutdown-returns-at-once") {
		return nil
	}
	if p.has("a-second-shutdown-hurries-at-once") {
		p.hurry.Do(func() { close(p.hurried) })
	}
	over := ctx.Done()
	if !p.has("second-shutdown-leaves") && !p.has("second-shutdown-hurries") && !p.has("second-shutdown-says-all-is-done") {
		over = nil
	}
	select {
	case <-done:
		return nil
	case <-over:
	}
	switch {
	case p.has("second-shutdown-says-all-is-done"):
		return nil
	case p.has("second-shutdown-hurries"):
		p.hurry.Do(func() { close(p.hurried) })
		<-done
	}
	return ctx.Err()
}

func (p *plainPool) leakGoroutine() {
	stay := make(chan struct{})
	go func() { <-stay }()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaks = append(p.leaks, func() { close(stay) })
}

// abandon ends what a Shutdown has left, where a fault had it leave.
func (p *plainPool) abandon() {
	p.end()
	for _, w := range p.workers {
		_ = w.cmd.Process.Kill()
	}
}

// mopUp ends what a fault has left behind, so that the tests themselves leak nothing.
func (p *plainPool) mopUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.leaks {
		f()
	}
	p.leaks = nil
}

// drain waits for the calls that run.
func (p *plainPool) drain(ctx context.Context) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	if p.has("shutdown-waits-for-ever") {
		ctx = context.WithoutCancel(ctx)
	}
	if p.has("drains-no-longer-than-the-stop-timeout") {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.o.StopTimeout)
		defer cancel()
	}
	for {
		p.mu.Lock()
		busy := 0
		for _, w := range p.workers {
			if w.healthy || !p.has("shutdown-waits-for-calls-at-healthy-workers-alone") {
				busy += w.inFlight
			}
		}
		if p.turns {
			busy += len(p.waiters)
		}
		p.mu.Unlock()
		if busy == 0 || busy < 0 && p.has("a-death-frees-the-slots-of-cancelled-calls-again") {
			return
		}
		select {
		case <-tick.C:
		case <-p.hurried:
			return
		case <-ctx.Done():
			return
		}
	}
}
