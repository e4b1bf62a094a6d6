package pool_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/ref/frame"
	"github.com/pyproctest/pyproctest/ref/message"
	"github.com/pyproctest/pyproctest/ref/pool"
)

// stage runs a pool in virtual time. Its workers are scripts on a net.Pipe.
type stage struct {
	t       *testing.T
	framing frame.Framing

	// script is what a worker does on each connection. Default: it echoes.
	script func(*connection)
	// spawned, if set, changes a process before it begins to listen.
	spawned func(*process)
	// wrap, if set, replaces the pool's end of a connection.
	wrap func(net.Conn) net.Conn

	mu        sync.Mutex
	processes []*process          // all that were ever started
	listening map[string]*process // by socket path
}

// process is one worker process of the stage.
type process struct {
	stage  *stage
	spec   pool.ProcessSpec
	pid    int
	number int // of this worker's processes, from 0

	startAfter   time.Duration // it listens so long after it was started; 0: at once, before the pool can dial
	neverListens bool
	exitsEarly   string // with this status, in the place of listening
	deaf         bool   // to SIGTERM
	startErr     error

	exited  chan struct{}
	mu      sync.Mutex
	status  string
	signals []syscall.Signal
	conns   []*connection
	health  []time.Time // of the health calls it got
	mute    bool        // it does not answer those
}

// connection is the worker's end of one connection.
type connection struct {
	*process
	conn   net.Conn
	frames *frame.Reader
	n      int         // of the connections of this process, from 0
	out    chan []byte // what a kernel would keep until the pool reads it, for a net.Pipe keeps nothing
	closed atomic.Bool // by the pool, whether or not the script has read the end
}

// poolEnd is the pool's end of a connection.
type poolEnd struct {
	net.Conn
	c *connection
}

func (e poolEnd) Close() error {
	e.c.closed.Store(true)
	return e.Conn.Close()
}

func onStage(t *testing.T, framing frame.Framing, play func(*stage)) {
	synctest.Test(t, func(t *testing.T) {
		play(&stage{t: t, framing: framing, listening: make(map[string]*process)})
	})
}

func inBothFramings(t *testing.T, play func(*stage)) {
	for _, f := range []frame.Framing{frame.Enhanced, frame.Basic} {
		t.Run(f.String(), func(t *testing.T) { onStage(t, f, play) })
	}
}

// pool makes a pool on the stage. Health checks are rare unless asked for.
func (s *stage) pool(o pool.PoolOptions) *pool.Pool {
	o.Framing = s.framing
	o.Spawn = s.spawn
	o.Dial = s.dial
	if o.HealthInterval == 0 {
		o.HealthInterval = 1000 * time.Hour
	}
	p, err := pool.NewPool(o)
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = p.Shutdown(ctx)
		s.requireNothingLeft()
	})
	return p
}

// started makes a pool on the stage and starts it.
func (s *stage) started(o pool.PoolOptions) *pool.Pool {
	p := s.pool(o)
	require.NoError(s.t, p.Start(s.t.Context()))
	return p
}

func (s *stage) spawn(spec pool.ProcessSpec) (pool.Process, error) {
	s.mu.Lock()
	p := &process{stage: s, spec: spec, pid: 1000 + len(s.processes), exited: make(chan struct{})}
	for _, other := range s.processes {
		if other.spec.Worker == spec.Worker {
			p.number++
		}
	}
	if s.spawned != nil {
		s.spawned(p)
	}
	if p.startErr != nil {
		s.mu.Unlock()
		return nil, p.startErr
	}
	s.processes = append(s.processes, p)
	s.mu.Unlock()
	if p.startAfter == 0 {
		p.started()
		return p, nil
	}
	go func() {
		select {
		case <-time.After(p.startAfter):
			p.started()
		case <-p.exited:
		}
	}()
	return p, nil
}

// started lets the process do what it does once it has started: it exits, or it listens, or neither.
func (p *process) started() {
	switch {
	case p.exitsEarly != "":
		fmt.Fprintf(p.spec.Output, "cannot import name %d\n", p.spec.Worker)
		p.exit(p.exitsEarly)
	case !p.neverListens:
		p.stage.mu.Lock()
		p.stage.listening[p.spec.SocketPath] = p
		p.stage.mu.Unlock()
	}
}

func (s *stage) dial(_ context.Context, path string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.listening[path]
	if p == nil {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	frames, err := frame.NewReader(ours, frame.Options{Framing: s.framing})
	require.NoError(s.t, err)
	c := &connection{process: p, conn: ours, frames: frames, out: make(chan []byte, 10000)}
	p.mu.Lock()
	c.n = len(p.conns)
	p.conns = append(p.conns, c)
	p.mu.Unlock()
	script := s.script
	if script == nil {
		script = echo
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		script(c)
	}()
	go c.write(over)
	if s.wrap != nil {
		return s.wrap(poolEnd{theirs, c}), nil
	}
	return poolEnd{theirs, c}, nil
}

// write writes what the script sends, and closes the connection when the script has ended.
func (c *connection) write(over <-chan struct{}) {
	for {
		select {
		case b := <-c.out:
			_, _ = c.conn.Write(b)
			continue
		default:
		}
		select {
		case b := <-c.out:
			_, _ = c.conn.Write(b)
		case <-over:
			for len(c.out) > 0 {
				_, _ = c.conn.Write(<-c.out)
			}
			c.conn.Close()
			return
		}
	}
}

// pass lets time pass, and waits until everything that is due has happened.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// process returns the latest process of a worker.
func (s *stage) process(worker int) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range slices.Backward(s.processes) {
		if p.spec.Worker == worker {
			return p
		}
	}
	s.t.Fatalf("worker %d was never started", worker)
	return nil
}

func (s *stage) all() []*process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.processes)
}

// requireNothingLeft is [STA-3], [STA-5], [SHD-4] and [SHD-6] as far as they show on a stage; that
// all goroutines end, synctest checks.
func (s *stage) requireNothingLeft() {
	for _, p := range s.all() {
		select {
		case <-p.exited:
		default:
			s.t.Errorf("process %d of worker %d was left running", p.pid, p.spec.Worker)
		}
		require.NoDirExists(s.t, filepath.Dir(p.spec.SocketPath))
		for _, c := range p.connections() {
			_ = c.conn.SetReadDeadline(time.Now())
			if _, err := c.conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				s.t.Errorf("connection %d to process %d was left open", c.n, p.pid)
			}
		}
	}
}

func (p *process) PID() int                { return p.pid }
func (p *process) Exited() <-chan struct{} { return p.exited }

func (p *process) Status() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

func (p *process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	p.signals = append(p.signals, sig)
	p.mu.Unlock()
	switch {
	case sig == syscall.SIGKILL:
		p.exit("signal: killed")
	case !p.deaf:
		p.exit("exit status 0")
	}
	return nil
}

// exit ends the process: first its connections, as a kernel does, and then it counts as exited.
func (p *process) exit(status string) {
	p.stage.mu.Lock()
	maps.DeleteFunc(p.stage.listening, func(_ string, q *process) bool { return q == p })
	p.stage.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != "" {
		return
	}
	p.status = status
	for _, c := range p.conns {
		_ = c.conn.Close()
	}
	close(p.exited)
}

func (p *process) connections() []*connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.conns)
}

func (p *process) got() []syscall.Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.signals)
}

func (p *process) healthCalls() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.health)
}

func (p *process) setMute(mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = mute
}

// sent is a message that a worker got.
type sent struct {
	message.Request
	cancels uint64 // the ID, if it is a cancellation
	header  uint64
	payload string
}

// next returns the next message. It answers health calls itself. It reports false at the end.
func (c *connection) next() (sent, bool) {
	for {
		f, err := c.frames.ReadFrame()
		if err != nil {
			return sent{}, false
		}
		m := sent{header: f.RequestID, payload: string(f.Payload)}
		if x, err := message.ParseCancellation(f.Payload); err == nil {
			m.cancels = x.ID
			return m, true
		}
		r, err := message.ParseRequest(f.Payload)
		if err != nil {
			c.stage.t.Errorf("[MSG-17] what a pool sends is a well-formed request: %v", err)
			return sent{}, false
		}
		r.Body = slices.Clone(r.Body)
		m.Request = r
		if r.Method != "health" {
			return m, true
		}
		c.mu.Lock()
		c.process.health = append(c.process.health, time.Now())
		mute := c.mute
		c.mu.Unlock()
		if !mute {
			c.answer(r.ID, fmt.Sprintf(`{"status":"healthy","pid":%d}`, c.pid))
		}
	}
}

// nextCall is like next, but skips cancellations.
func (c *connection) nextCall() (sent, bool) {
	for {
		m, ok := c.next()
		if !ok || m.cancels == 0 {
			return m, ok
		}
	}
}

// hold reads without answering until the connection ends.
func (c *connection) hold() {
	for _, ok := c.next(); ok; _, ok = c.next() {
	}
}

func (c *connection) answer(id uint64, body string) {
	c.send(id, fmt.Sprintf(`{"id":%d,"ok":true,"body":%s}`, id, body))
}

func (c *connection) answerError(id uint64, text string) {
	quoted, _ := json.Marshal(text)
	c.send(id, fmt.Sprintf(`{"id":%d,"ok":false,"error":%s}`, id, quoted))
}

// send sends a frame with any payload.
func (c *connection) send(header uint64, payload string) {
	c.raw(frame.AppendFrame(nil, c.stage.framing, header, []byte(payload)))
}

func (c *connection) raw(b []byte) { c.out <- b }

// hangUp closes the connection when everything was sent.
func (c *connection) hangUp() {
	synctest.Wait()
	_ = c.conn.Close()
}

func echo(c *connection) {
	for m, ok := c.nextCall(); ok; m, ok = c.nextCall() {
		c.answer(m.ID, string(m.Body))
	}
}

// outcome is what a call has returned.
type outcome struct {
	body json.RawMessage
	err  error
}

// start makes a call in another goroutine.
func start(ctx context.Context, p *pool.Pool, method string, body any) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		answer, err := p.Call(ctx, method, body)
		done <- outcome{answer, err}
	}()
	return done
}

// requireEcho makes a call and checks its answer.
func requireEcho(t *testing.T, p *pool.Pool, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	answer, err := p.Call(ctx, "echo", json.RawMessage(body))
	require.NoError(t, err)
	require.Equal(t, body, string(answer))
}

func requireRunning(t *testing.T, done <-chan outcome) {
	t.Helper()
	synctest.Wait()
	select {
	case o := <-done:
		require.Fail(t, "the call is over", "%s %v", o.body, o.err)
	default:
	}
}

// damaged returns broken frames with the answer to request id, by what is wrong with them.
func damaged(framing frame.Framing, id uint64) map[string][]byte {
	payload := fmt.Appendf(nil, `{"id":%d,"ok":true,"body":null}`, id)
	whole := frame.AppendFrame(nil, framing, id, payload)
	change := func(f func(b []byte) []byte) []byte { return f(slices.Clone(whole)) }
	tooLarge := binary.BigEndian.AppendUint32(nil, 0xffffffff)
	if framing == frame.Basic {
		return map[string][]byte{"too_large": tooLarge}
	}
	return map[string][]byte{
		"bad_magic":  change(func(b []byte) []byte { b[1] = 'Q'; return b }),
		"bad_length": change(func(b []byte) []byte { copy(b[2:], []byte{0, 0, 0, 17}); return b }),
		"too_large":  change(func(b []byte) []byte { copy(b[2:], tooLarge); return b }),
		"bad_crc":    change(func(b []byte) []byte { b[17] ^= 1; return b }),
	}
}
