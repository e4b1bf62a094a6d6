package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
)

// plainWorker is the place of one worker in the plain pool, whatever process fills it.
type plainWorker struct {
	p     *plainPool
	index int

	// Under the lock of the pool:
	path     string
	cmd      *exec.Cmd
	exited   chan struct{} // closed when the process has been reaped
	stderr   *tail
	healthy  bool
	alive    bool
	starts   int
	stopping bool
	spoiled  bool       // it has failed a check
	asked    bool       // a check of it has ended
	restarts int        // that went well
	renewed  bool       // restarted, and not called since
	checking sync.Mutex // for the fault that has Health wait
	inFlight int
	lastID   uint64
	shared   *plainConn   // in the enhanced framing
	idle     []*plainConn // in the basic framing, one call at a time on each
	all      []*plainConn // of the process that is there now
	heard    atomic.Bool  // it answered a call since the last check, for the fault that spares it one then
	unread   []byte       // what a broken connection has left, for the fault that has the next one begin with it
}

// tail keeps the end of what is written to it.
type tail struct {
	mu    sync.Mutex
	text  []byte
	head  bool   // keeps the beginning instead, for a fault
	lines bool   // keeps whole lines alone, for a fault
	rest  []byte // of a line that has not ended, for that fault
	whole bool   // keeps a line until it has ended, for a fault
	line  []byte // that has not ended, for that fault
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(b)
	if t.lines {
		t.rest = append(t.rest, b...)
		end := bytes.LastIndexByte(t.rest, '\n') + 1
		b, t.rest = t.rest[:end], t.rest[max(end, len(t.rest)-2000):]
	}
	if t.whole {
		t.line = append(t.line, b...)
		if end := bytes.LastIndexByte(t.line, '\n'); end >= 0 {
			t.line = bytes.Clone(t.line[end+1:])
		}
	}
	t.text = append(t.text, b...)
	if t.head {
		t.text = t.text[:min(2000, len(t.text))]
	}
	t.text = t.text[max(0, len(t.text)-2000):]
	return n, nil
}

// start starts a process and waits until it accepts connections.
func (w *plainWorker) start(ctx context.Context) error {
	p := w.p
	path := filepath.Join(p.o.SocketDir, fmt.Sprintf("w%d.sock", w.index))
	if p.has("one-path-for-all") {
		path = filepath.Join(p.o.SocketDir, "w.sock")
	}
	if p.has("sockets-of-dead-workers-stay") {
		w.starts++
		path = filepath.Join(p.o.SocketDir, fmt.Sprintf("w%d-%d.sock", w.index, w.starts))
	}
	cmd := exec.Command(p.o.Program, p.o.Argument)
	cmd.Env = p.environment(path)
	if p.has("workers-inherit-connections") {
		cmd.ExtraFiles = p.connectionFiles()
	}
	_ = os.Remove(path)
	out, err := startPiped(cmd, p)
	for _, f := range cmd.ExtraFiles {
		_ = f.Close()
	}
	if err != nil {
		return fmt.Errorf("worker %d: %w", w.index, err)
	}
	stderr, exited := &out.tail, out.exited
	defer out.ready()
	p.mu.Lock()
	w.path, w.cmd, w.exited, w.stderr = path, cmd, exited, stderr
	w.shared, w.idle, w.all = nil, nil, nil
	w.spoiled = false
	p.mu.Unlock()
	if p.has("does-not-wait-for-workers") {
		w.setHealthy(true)
		return nil
	}
	limit := time.NewTimer(p.o.StartTimeout)
	defer limit.Stop()
	if p.has("start-without-limit") {
		limit.Stop()
	}
	p.mu.Lock()
	if p.state == "starting" && p.has("the-start-timeout-counts-from-the-first-start") {
		limit.Reset(max(0, time.Until(p.startBy)))
	}
	p.mu.Unlock()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		if p.has("a-socket-file-is-a-start") && exists(path) {
			p.mu.Lock()
			w.alive, w.healthy = true, true
			p.mu.Unlock()
			return nil
		}
		conn, err := net.Dial("unix", path)
		if err == nil {
			if end, ok := ctx.Deadline(); ok && p.has("deadline-of-start-stays-on-connections") {
				_ = conn.SetDeadline(end)
			}
			if p.has("probes-and-closes") {
				_ = conn.Close()
			} else if !p.has("leaks-connection") {
				c := w.adopt(conn)
				p.mu.Lock()
				if p.o.Framing == conformance.Enhanced {
					w.shared = c
				} else {
					w.idle = append(w.idle, c)
				}
				p.mu.Unlock()
			}
			p.mu.Lock()
			w.alive, w.healthy = true, true
			p.mu.Unlock()
			if p.has("leaks-connection") {
				p.mu.Lock()
				p.leaks = append(p.leaks, func() { _ = conn.Close() })
				p.mu.Unlock()
			}
			return nil
		}
		select {
		case <-again.C:
		case <-exited:
			if p.has("exit-0-is-a-start") && cmd.ProcessState.Success() {
				return nil
			}
			if p.has("does-not-see-exits") {
				exited = nil
				continue
			}
			if p.has("error-without-cause") {
				return fmt.Errorf("worker %d (%s) did not start", w.index, path)
			}
			if p.has("error-without-worker") {
				return fmt.Errorf("a worker ended with %s: %s", cmd.ProcessState, stderr.text)
			}
			return fmt.Errorf("worker %d (%s) ended with %s: %s", w.index, path, cmd.ProcessState, stderr.text)
		case <-limit.C:
			return fmt.Errorf("worker %d (%s) is not ready after %v", w.index, path, p.o.StartTimeout)
		case <-ctx.Done():
			if p.has("start-ignores-context") {
				ctx = context.Background()
				continue
			}
			return fmt.Errorf("worker %d: %w", w.index, ctx.Err())
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// stop stops the process, first kindly, and leaves nothing of it.
func (w *plainWorker) stop() {
	p := w.p
	p.mu.Lock()
	cmd, exited, path := w.cmd, w.exited, w.path
	w.stopping, w.healthy = true, false
	forgotten, began := cmd != nil && w.restarts > 0 && p.has("restarted-workers-are-not-stopped"), p.closing
	if forgotten {
		p.leaks = append(p.leaks, func() { _ = cmd.Process.Kill() })
	}
	p.mu.Unlock()
	if forgotten {
		w.drop(errors.New("the pool is shut down"))
	}
	if cmd == nil || forgotten {
		return
	}
	limit := time.NewTimer(p.o.StopTimeout)
	defer limit.Stop()
	if !began.IsZero() && p.has("stop-timeout-counts-from-shutdown") {
		limit.Reset(max(0, p.o.StopTimeout-time.Since(began)))
	}
	if p.has("kills-after-half-a-second") {
		limit.Reset(min(p.o.StopTimeout, time.Second/2))
	}
	if p.has("kills-at-once") {
		_ = cmd.Process.Kill()
	}
	kindly := syscall.SIGTERM
	if p.has("stops-by-sigint") {
		kindly = syscall.SIGINT
	}
	_ = cmd.Process.Signal(kindly)
	var stopped chan struct{}
	if p.has("kills-the-others-when-one-has-ended") {
		stopped = p.stopped
	}
	select {
	case <-exited:
		p.oneEnded.Do(func() { close(p.stopped) })
	case <-stopped:
		_ = cmd.Process.Kill()
		<-exited
	case <-limit.C:
		if !p.has("never-kills") {
			_ = cmd.Process.Kill()
			<-exited
		}
	}
	w.drop(errors.New("the pool is shut down"))
	p.mu.Lock()
	starting := p.state == "starting"
	p.mu.Unlock()
	if !p.has("leaves-sockets") && !(starting && p.has("failed-start-leaves-sockets")) && !(!starting && p.has("shutdown-leaves-sockets")) {
		_ = os.Remove(path)
	}
}

// drop closes every connection to the process.
func (w *plainWorker) drop(cause error) {
	w.p.mu.Lock()
	all := w.all
	w.shared, w.idle, w.all = nil, nil, nil
	w.p.mu.Unlock()
	for _, c := range all {
		c.fail(cause)
		if c.p.has("violated-connections-are-left-open") {
			_ = c.conn.Close()
		}
		c.readers.Wait()
	}
}

// supervise starts the process anew whenever it has died.
func (w *plainWorker) supervise() {
	p := w.p
	backoff := p.o.RestartBackoff
	for {
		w.p.mu.Lock()
		exited := w.exited
		w.p.mu.Unlock()
		select {
		case <-exited:
		case <-p.life.Done():
			if p.has("start-context-kills-workers") {
				w.stop()
			}
			return
		}
		if p.has("notices-deaths-at-ticks") && !p.wait(p.interval()) {
			return
		}
		p.mu.Lock()
		w.healthy, w.alive = false, false
		stopping := w.stopping
		if p.has("death-fails-waiters") {
			for _, waiter := range p.waiters {
				waiter.err = fmt.Errorf("nobody to wait for: %w", conformance.WorkerDied)
				close(waiter.ready)
			}
			p.waiters = nil
		}
		p.mu.Unlock()
		if stopping {
			return
		}
		w.drop(died("it ended with " + w.cmd.ProcessState.String()))
		if p.has("crash-fails-all") {
			for _, o := range p.workers {
				o.drop(died("another worker died"))
			}
		}
		if p.has("no-restart") {
			return
		}
		if p.has("restarts-when-called") {
			select {
			case <-p.called: // before it died
			default:
			}
			select {
			case <-p.called:
			case <-p.life.Done():
				return
			}
		}
		for tries := 1; ; tries++ {
			delay := backoff/2 + rand.N(backoff/2+1)
			if p.has("restarts-in-step") {
				delay = backoff
			}
			if !p.wait(delay) {
				return
			}
			if backoff = min(2*backoff, p.o.RestartBackoffMax); p.has("constant-backoff") {
				backoff = p.o.RestartBackoff
			}
			ctx, cancel := context.WithCancel(p.life)
			if p.has("restarts-end-with-the-context-of-start") {
				context.AfterFunc(p.asked, cancel)
			}
			err := w.start(ctx)
			cancel()
			if err == nil {
				break
			}
			if p.life.Err() != nil && p.has("shutdown-misses-restarts-under-way") {
				w.forget()
			}
			if p.life.Err() != nil {
				return
			}
			w.kill()
			if tries == 4 && p.has("gives-up-after-four-starts") {
				return
			}
		}
		if p.has("each-start-resets-the-backoff") {
			backoff = p.o.RestartBackoff
		}
		if p.has("restart-leaks-its-probe") {
			w.leakConnection()
		}
		p.mu.Lock()
		p.restart++
		w.restarts++
		w.renewed = true
		if p.has("ids-begin-anew-at-a-restart") {
			p.lastID = 0
		}
		if p.has("restart-gives-a-slot-back-twice") {
			w.inFlight--
		}
		if !p.has("waiters-are-served-at-releases-alone") {
			p.serveWaiters()
		}
		p.mu.Unlock()
	}
}

// leftStarting reports whether a fault leaves the process of a failed Start, which runs and was never ready.
func (w *plainWorker) leftStarting() bool {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.cmd == nil || w.alive {
		return false
	}
	select {
	case <-w.exited:
		return false
	default:
	}
	process := w.cmd.Process
	p.leaks = append(p.leaks, func() { _ = process.Kill() })
	return true
}

// endProcess kills the process, as one that nothing more is expected from.
func (w *plainWorker) endProcess() {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	if w.cmd != nil && w.cmd.Process != nil {
		_ = w.cmd.Process.Kill()
	}
}

// forget leaves the process that is being started, under a fault.
func (w *plainWorker) forget() {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	process := w.cmd.Process
	p.leaks = append(p.leaks, func() { _ = process.Kill() })
	w.cmd = nil
}

// leakConnection opens a connection to the worker and never closes it.
func (w *plainWorker) leakConnection() {
	p := w.p
	conn, err := net.Dial("unix", w.path)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaks = append(p.leaks, func() { _ = conn.Close() })
}

// takeRenewed reports whether the process is new since a restart, once for each.
func (w *plainWorker) takeRenewed() bool {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	renewed := w.renewed
	w.renewed = false
	return renewed
}

// failCalls fails the calls at the worker and leaves its connections open.
func (w *plainWorker) failCalls() {
	w.p.mu.Lock()
	all := slices.Clone(w.all)
	w.p.mu.Unlock()
	for _, c := range all {
		c.mu.Lock()
		for id, answer := range c.pending {
			answer <- plainAnswer{err: died("it did not answer its check")}
			delete(c.pending, id)
		}
		c.mu.Unlock()
	}
}

// wait waits, and reports whether the pool still lives then.
func (p *plainPool) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	if p.has("shutdown-waits-for-the-delay-of-a-restart") {
		mopped := make(chan struct{})
		p.mu.Lock()
		p.leaks = append(p.leaks, func() { close(mopped) })
		p.mu.Unlock()
		select {
		case <-timer.C:
		case <-mopped:
		}
		return p.life.Err() == nil
	}
	select {
	case <-timer.C:
		return true
	case <-p.life.Done():
		return false
	}
}

func (w *plainWorker) kill() {
	_ = w.cmd.Process.Kill()
	<-w.exited
}

// checkHealth checks the process on an interval.
func (w *plainWorker) checkHealth() {
	p := w.p
	tick := time.NewTicker(p.interval())
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.life.Done():
			return
		}
		p.mu.Lock()
		alive, full, restarted := w.alive, w.inFlight >= p.o.MaxInFlight, w.restarts > 0
		if p.has("checks-begin-the-round-anew") {
			p.next = 0
		}
		p.mu.Unlock()
		if !alive || full && p.has("health-waits-for-slots") || restarted && p.has("restarted-workers-are-not-checked") {
			continue
		}
		if w.heard.Swap(false) && p.has("answers-stand-in-for-checks") {
			continue
		}
		if p.has("checks-take-a-slot") {
			p.mu.Lock()
			w.inFlight++
			p.mu.Unlock()
		}
		began := time.Now()
		ok := w.answersHealth()
		if p.has("checks-take-a-slot") {
			w.release()
		}
		if !ok && p.has("failed-checks-fail-the-calls") {
			w.failCalls()
		}
		p.mu.Lock()
		w.asked = true
		w.spoiled = w.spoiled || !ok
		if ok && w.alive && !w.healthy && p.has("recovery-counts-from-0") {
			w.inFlight = 0
		}
		if !p.has("hung-is-healthy") {
			w.healthy = ok && w.alive && !(w.spoiled && p.has("unhealthy-for-good"))
		}
		switch {
		case p.has("last-check-only-when-well") && !ok:
		case p.has("last-check-of-the-first-worker") && w.index > 0:
		case p.has("last-check-when-it-began"):
			p.checked = began
		default:
			p.checked = time.Now()
		}
		hung := !ok && w.alive
		if p.has("replaces-hung-workers") && hung {
			_ = w.cmd.Process.Kill()
		}
		if !p.has("waiters-are-served-at-releases-alone") {
			p.serveWaiters()
		}
		p.mu.Unlock()
		if !ok && p.has("a-failed-check-is-the-last") {
			return
		}
	}
}

func (p *plainPool) interval() time.Duration {
	if p.o.HealthInterval == 0 {
		return time.Second
	}
	return p.o.HealthInterval
}

func (w *plainWorker) answersHealth() bool {
	p := w.p
	if p.has("health-waits-for-checks") || p.has("health-waits-for-the-first-check") {
		w.checking.Lock()
		defer w.checking.Unlock()
	}
	if p.has("checks-one-after-another") {
		p.oneCheck.Lock()
		defer p.oneCheck.Unlock()
	}
	if p.has("health-by-dialling") {
		conn, err := net.Dial("unix", w.path)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	c, err := w.connection()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(p.life, p.o.HealthTimeout)
	defer cancel()
	answer, err := p.exchange(ctx, w, c, "health", json.RawMessage("null"), func() {})
	var status struct{ Status string }
	return err == nil && json.Unmarshal(answer, &status) == nil && status.Status == "healthy"
}

func (w *plainWorker) setHealthy(healthy bool) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	w.healthy = healthy
}

// release gives a slot back.
func (w *plainWorker) release() {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	w.inFlight--
	if w.p.has("freed-slots-go-straight-to-waiters") && w.alive && w.p.state == "running" && len(w.p.waiters) > 0 && w.inFlight < w.p.o.MaxInFlight {
		waiter := w.p.waiters[0]
		w.p.waiters = w.p.waiters[1:]
		w.inFlight++
		waiter.ready <- w
		return
	}
	if w.p.has("recovery-counts-from-0") || w.p.has("late-answers-free-slots-again") {
		w.inFlight = max(0, w.inFlight)
	}
	w.p.serveWaiters()
}

// connection gives a connection to call on: the shared one, or one that nobody else uses.
func (w *plainWorker) connection() (*plainConn, error) {
	p := w.p
	if p.has("does-not-wait-for-workers") { // each call is too early, or it would depend on who is faster
		return nil, syscall.ECONNREFUSED
	}
	p.mu.Lock()
	if p.o.Framing == conformance.Enhanced && !p.has("connection-per-call") {
		if c := w.shared; c != nil && (c.ok() || p.has("broken-connections-stay")) {
			p.mu.Unlock()
			return c, nil
		}
	}
	for len(w.idle) > 0 {
		c := w.idle[len(w.idle)-1]
		w.idle = w.idle[:len(w.idle)-1]
		if c.ok() || p.has("broken-connections-stay") {
			p.mu.Unlock()
			return c, nil
		}
	}
	path := w.path
	p.mu.Unlock()
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	c := w.adopt(conn)
	if p.o.Framing == conformance.Enhanced && !p.has("connection-per-call") {
		p.mu.Lock()
		if w.shared == nil || !w.shared.ok() {
			w.shared = c
		}
		p.mu.Unlock()
	}
	return c, nil
}

// giveBack has the next call use a connection of the basic framing.
func (w *plainWorker) giveBack(c *plainConn) {
	p := w.p
	if p.o.Framing == conformance.Enhanced && !p.has("connection-per-call") {
		return
	}
	if p.has("connection-per-call") {
		c.fail(errors.New("one call, one connection"))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.idle = append(w.idle, c)
}
