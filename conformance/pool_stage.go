package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// stage brings the pool under test together with workers that the case scripts. All that the workers
// see arrives here in one order.
//
// Unless the case says otherwise, a worker is a right one: it listens as soon as it appears, answers
// health calls, gives every request its own body back, and leaves when it is told to with SIGTERM.
type stage struct {
	t       *poolT
	options PoolOptions
	pool    Pool
	control net.Listener
	sockets string // the directory where the pool puts its sockets
	serving sync.WaitGroup

	clearing atomic.Bool   // the story has ended
	over     chan struct{} // closed then

	mu         sync.Mutex
	changed    chan struct{} // closed and renewed at each event
	seq        int           // of the last event
	workers    []*scriptedWorker
	requests   []*poolRequest // all but health calls, in order of arrival
	unreadable string         // what a pool sent that is no request, if it did [MSG-17]
	calls      []*poolCall
	opened     bool
	audit      audit

	// The script. appears runs beside all else; the others must not wait, as nothing more is heard from
	// the worker until they return.
	appears, terminated func(*scriptedWorker)
	called              func(*poolRequest)
}

// stage sets the stage for one pool, and clears it away when the case ends.
func (t *poolT) stage() *stage {
	dir := t.Dir()
	s := &stage{t: t, sockets: filepath.Join(dir, "s"), changed: make(chan struct{}), over: make(chan struct{})}
	s.audit.s = s
	s.appears = func(w *scriptedWorker) { w.listen() }
	s.called = func(r *poolRequest) { r.answer(r.body) }
	s.terminated = func(w *scriptedWorker) { w.exit(0) }
	control := filepath.Join(dir, "c")
	program, err := os.Executable()
	if err == nil {
		err = os.Mkdir(s.sockets, 0o700)
	}
	argument := filepath.Join(dir, scriptedArgument)
	if err == nil {
		err = os.WriteFile(argument, []byte("# The pool under test starts this as its worker.\n"), 0o600)
	}
	if err == nil {
		s.control, err = net.Listen("unix", control)
	}
	if err != nil {
		t.Blocked("the stage could not be set: %v", err)
	}
	s.options = PoolOptions{
		Workers: 1, MaxInFlight: 4,
		Program: program, Argument: argument, Env: []string{controlVariable + "=" + control},
		SocketDir: s.sockets, Framing: t.framing,
		StartTimeout: t.patience * 3 / 4, StopTimeout: t.patience / 4,
		HealthTimeout:  t.patience,
		RestartBackoff: 10 * time.Millisecond, RestartBackoffMax: 100 * time.Millisecond,
	}
	s.serving.Go(s.admit)
	t.Cleanup(s.clear)
	return s
}

// admit lets worker processes in as the pool starts them.
func (s *stage) admit() {
	for {
		conn, err := s.control.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { s.serve(conn) })
	}
}

// set changes the script under the lock, for a stage that is already in use.
func (s *stage) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// hold has requests wait at their workers until the case answers them.
func (s *stage) hold() { s.set(func() { s.called = func(*poolRequest) {} }) }

// open makes the pool under test, and does not start it.
func (s *stage) open() {
	var err error
	s.t.Await(s.t.cites[0], "making the pool", func() { s.pool, err = s.t.open(s.options) })
	switch {
	case errors.Is(err, Unsupported):
		s.t.Unsupported("the pool does not offer it: %v", err)
	case err != nil:
		s.t.Blocked("the pool could not be made: %v", err)
	}
	s.set(func() { s.opened = true })
}

// start makes the pool and starts it with workers that are right, so that it must come up.
func (s *stage) start() {
	if s.pool == nil {
		s.open()
	}
	if err := s.startWith(s.t.ctx, s.t.cites[0]); err != nil {
		s.t.Blocked("Start failed with workers that are right: %v (%s)", err, s.scene())
	}
}

// startWith calls Start, as the clause of the case has it.
func (s *stage) startWith(ctx context.Context, clause string) (err error) {
	s.t.Note("case", "Start")
	s.t.Await(clause, "Start", func() { err = s.pool.Start(ctx) })
	s.t.Note("case", "Start returned: %s", oneLine(err))
	return err
}

// oneLine is an error as the story of a case tells it.
func oneLine(err error) string {
	if err == nil {
		return "no error"
	}
	return clip(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", " / "), 300)
}

// start is a Start that was called beside the case.
type start struct {
	own  string // its goroutine; under the lock of the stage
	done chan error
}

// starting calls Start beside the case.
func (s *stage) starting(ctx context.Context, clause string) *start {
	st := &start{done: make(chan error, 1)}
	s.t.Note("case", "Start")
	go func() {
		defer s.touch()
		s.set(func() { st.own = ownGoroutine() })
		if !s.t.Protect(clause, "Start", func() { st.done <- s.pool.Start(ctx) }) {
			close(st.done)
		}
	}()
	return st
}

// shutdown calls Shutdown with a context that lasts long enough for any call to finish.
func (s *stage) shutdown(clause string) (err error) {
	ctx, cancel := context.WithTimeout(s.t.ctx, s.t.patience/2)
	defer cancel()
	return s.shutdownWith(ctx, clause)
}

func (s *stage) shutdownWith(ctx context.Context, clause string) (err error) {
	s.t.Note("case", "Shutdown")
	s.t.Await(clause, "Shutdown", func() { err = s.pool.Shutdown(ctx) })
	s.t.Note("case", "Shutdown returned: %s", oneLine(err))
	return err
}

// health asks the pool for its health.
func (s *stage) health(clause string) (h Health) {
	s.t.Await(clause, "Health", func() { h = s.pool.Health() })
	return h
}

// healthBecomes waits until the pool tells of such a health.
func (s *stage) healthBecomes(clause, want string, ok func(Health) bool) Health {
	var h Health
	if !s.t.Settle(func() bool { h = s.health(clause); return ok(h) }) {
		s.t.FailNow(clause, want, "after %v Health still says %d workers, %d healthy, %d restarts, last check %s; %s",
			s.t.patience, h.Total, h.Healthy, h.Restarts, since(h.LastCheck), s.scene())
	}
	return h
}

func since(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return time.Since(at).Round(time.Millisecond).String() + " ago"
}

// touch wakes all who wait for a change.
func (s *stage) touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touchLocked()
}

func (s *stage) touchLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// becomes waits until ok holds, looking at each event, and reports whether it came to hold within the
// patience of the run. ok is called under the lock.
func (s *stage) becomes(ok func() bool) bool { return s.becomesWithin(s.t.patience, ok) }

func (s *stage) becomesWithin(patience time.Duration, ok func() bool) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		s.mu.Lock()
		holds, changed, unreadable := ok(), s.changed, s.unreadable
		s.mu.Unlock()
		if holds {
			return true
		}
		if unreadable != "" && !s.t.about("MSG-17") && !s.t.about("CAN-2") {
			s.t.Blocked("the pool sent what is no request, see MSG-17: %s", unreadable)
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-s.over:
			return false
		case <-s.t.ctx.Done():
			return false
		}
	}
}

// until waits for what the clause demands.
func (s *stage) until(clause, want string, ok func() bool) {
	if !s.becomes(ok) {
		s.t.FailNow(clause, want, "not so after %v; %s", s.t.patience, s.scene())
	}
}

// scene tells in one line how things stand.
func (s *stage) scene() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	for _, w := range s.workers {
		parts = append(parts, w.sceneLocked())
	}
	if len(parts) == 0 {
		parts = append(parts, "no worker process has appeared")
	}
	waiting := 0
	for _, c := range s.calls {
		if !c.ended() {
			waiting++
		}
	}
	return fmt.Sprintf("%s; %d of %d calls have not returned", strings.Join(parts, "; "), waiting, len(s.calls))
}

// worker waits for the n-th worker process to appear, counted from 1.
func (s *stage) worker(clause string, n int) *scriptedWorker {
	s.until(clause, fmt.Sprintf("worker process %d is started", n), func() bool { return len(s.workers) >= n })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers[n-1]
}

// appeared returns the worker processes that there have been so far.
func (s *stage) appeared() []*scriptedWorker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.workers)
}

// clear ends the pool, whatever became of it, and then every process that is left.
func (s *stage) clear() {
	if s.clearing.Swap(true) {
		return
	}
	close(s.over)
	s.set(func() {
		for _, w := range s.workers {
			w.readOnlyLocked(readAll)
		}
	})
	s.mu.Lock()
	calls := slices.Clone(s.calls)
	s.mu.Unlock()
	for _, c := range calls {
		c.cancel()
	}
	if s.opened {
		done := make(chan struct{})
		go func() {
			defer close(done)
			ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.ctx), s.t.patience/4)
			defer cancel()
			defer func() {
				if r := recover(); r != nil {
					s.audit.found("SHD-5", "Shutdown without a panic", fmt.Sprintf("panic: %v", r))
				}
			}()
			_ = s.pool.Shutdown(ctx)
		}()
		timer := time.NewTimer(s.t.patience)
		select {
		case <-done:
		case <-timer.C:
			s.t.Note("case", "Shutdown, called to clear the stage, has not come back after %v", s.t.patience)
		}
		timer.Stop()
	}
	_ = s.control.Close()
	s.set(func() {
		for _, w := range s.workers {
			_ = w.control.Close()
		}
	})
	s.serving.Wait()
}

// call is a call in the pool under test, made beside the case.
type poolCall struct {
	s       *stage
	method  string // of its own, by which its request is known
	body    json.RawMessage
	cancel  context.CancelFunc
	done    chan struct{}
	answer  json.RawMessage
	err     error
	panicky bool   // it panicked, which is a finding already
	own     string // its goroutine
	because string // why it must end as the case demands, for a reader of a failure
}

// call makes a call whose method and body are unlike those of any other.
func (s *stage) call() *poolCall { return s.callBody("") }

// callBody makes a call with that body, or one of its own where it is empty.
func (s *stage) callBody(body string) *poolCall {
	return s.callWith(s.t.ctx, "", body)
}

func (s *stage) callWith(ctx context.Context, method, body string) *poolCall {
	ctx, cancel := context.WithCancel(ctx)
	c := &poolCall{s: s, method: method, body: json.RawMessage(body), cancel: cancel, done: make(chan struct{})}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	n := len(s.calls)
	s.mu.Unlock()
	if method == "" {
		c.method = fmt.Sprintf("call-%d", n)
	}
	if body == "" {
		c.body = fmt.Appendf(nil, `{"call":%d}`, n)
	}
	clause := s.t.cites[0]
	go func() {
		defer s.touch()
		defer close(c.done)
		defer cancel()
		s.set(func() { c.own = ownGoroutine() })
		c.panicky = !s.t.Protect(clause, "Call", func() { c.answer, c.err = s.pool.Call(ctx, c.method, c.body) })
	}()
	return c
}

func (c *poolCall) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// parks waits until the call has come to a halt within the pool, so that what the case does next comes
// after it. A pool may hand its calls to other goroutines, so nothing is found where it does not.
func (c *poolCall) parks() {
	c.s.parks(func() (own string) { c.s.set(func() { own = c.own }); return own }, c.ended)
}

// parks waits until a goroutine has come to a halt or what it does has ended, for a while at most.
func (s *stage) parks(own func() string, ended func() bool) {
	timer := time.NewTimer(s.t.patience / 4)
	defer timer.Stop()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for halts := 0; halts < 2 && !ended(); {
		select {
		case <-tick.C:
		case <-timer.C:
			return
		}
		if id := own(); id != "" && halted(goroutines()[id]) {
			halts++
		} else {
			halts = 0
		}
	}
}

// lingers waits a while for what a right pool does not do, so that a wrong one has the time to show it.
// That it did not come proves nothing.
func (s *stage) lingers(shown func() bool) {
	s.becomesWithin(min(200*time.Millisecond, s.t.patience/8), shown)
}

// wait waits for the call to return, as the clause demands.
func (c *poolCall) wait(clause string) {
	timer := time.NewTimer(c.s.t.patience)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		c.s.t.FailNow(clause, c.method+" returns"+c.because, "it has not after %v; %s", c.s.t.patience, c.s.scene())
	}
	if c.panicky {
		c.s.t.FailNow(clause, c.method+" returns"+c.because, "it panicked")
	}
}

// outcome tells how the call ended.
func (c *poolCall) outcome() string {
	if !c.ended() {
		return "has not returned"
	}
	if c.err != nil {
		return fmt.Sprintf("error: %v", c.err)
	}
	return "answer: " + clip(printable(c.answer), 120)
}

// succeeds waits for the call and demands its own body for an answer.
func (c *poolCall) succeeds(clause string) { c.succeedsWith(clause, string(c.body)) }

func (c *poolCall) succeedsWith(clause, body string) {
	c.wait(clause)
	switch {
	case c.err != nil:
		c.s.t.FailNow(clause, c.method+" gets its answer "+clip(body, 120), "%s; %s", c.outcome(), c.s.scene())
	case differBody(body, c.answer) != "":
		c.s.t.FailNow(clause, c.method+" gets its answer "+clip(body, 120), "%s", differBody(body, c.answer))
	}
}

// differBody tells how a body differs from the one wanted, empty where they are equal [MSG-7]. No text at
// all is null [MSG-15].
func differBody(want string, got []byte) string {
	if len(got) == 0 {
		got = []byte("null")
	}
	return differJSON([]byte(want), got)
}

// fails waits for the call and demands an error, of that kind where one is given.
func (c *poolCall) fails(clause string, kinds ...error) {
	c.wait(clause)
	if c.err == nil {
		c.s.t.FailNow(clause, c.method+" fails"+c.because, "%s", c.outcome())
	}
	for _, kind := range kinds {
		if !errors.Is(c.err, kind) {
			c.s.t.FailNow(clause, fmt.Sprintf("%s fails with an error in which errors.Is finds %q%s", c.method, kind, c.because), "%s", c.outcome())
		}
	}
}

// request waits until the call's request is at a worker, as the clause demands.
func (c *poolCall) request(clause string) *poolRequest {
	r := c.requestUnlessFailed(clause)
	if r == nil {
		c.s.t.FailNow(clause, "the request of "+c.method+" reaches a worker", "%s; %s", c.outcome(), c.s.scene())
	}
	return r
}

// requestUnlessFailed does the same, where the call may also fail before, because its connection ended.
func (c *poolCall) requestUnlessFailed(clause string) *poolRequest {
	var r *poolRequest
	c.s.until(clause, "the request of "+c.method+" reaches a worker", func() bool {
		i := slices.IndexFunc(c.s.requests, func(r *poolRequest) bool { return r.method == c.method })
		if i >= 0 {
			r = c.s.requests[i]
		}
		return r != nil || c.ended()
	})
	return r
}

// held is a call and its request, which waits at a worker.
type held struct {
	*poolCall
	at *poolRequest
}

// fill makes n calls and waits until all of them are at the workers at once. The case holds requests.
func (s *stage) fill(clause string, n int) []held {
	var all []held
	for range n {
		all = append(all, held{poolCall: s.call()})
	}
	arrived := func() int {
		there := 0
		for i, h := range all {
			for _, r := range s.requests {
				if r.method == h.method {
					all[i].at = r
					there++
				}
			}
		}
		return there
	}
	var there int
	if !s.becomes(func() bool { there = arrived(); return there >= n }) {
		s.t.FailNow(clause, fmt.Sprintf("%d calls are at the workers at once", n), "%d are after %v; %s", there, s.t.patience, s.scene())
	}
	return all
}

// release answers held calls and sees each get its own answer.
func (s *stage) release(clause string, calls []held) {
	for _, h := range calls {
		h.at.answer(h.body)
	}
	for _, h := range calls {
		h.succeeds(clause)
	}
}
