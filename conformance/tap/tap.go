package tap

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Options say between which sockets a tap sits, and what it does with its events.
type Options struct {
	Listen   string // the path of the socket that it makes, for the pool
	Upstream string // the path of the worker's socket

	// Framing is the framing of every connection. Empty: the first two bytes of each connection decide [STR-7].
	Framing spec.Framing
	// MaxPayload is the limit of both sides for one payload, in bytes. 0: the limit is not known. A frame over the
	// default of 10485760 [FRM-13] is then not a violation, but ends the inspection of its connection.
	MaxPayload int

	// Behind is how many bytes of a connection may wait for inspection; 0: 16 MiB. If more wait, the inspection of
	// that connection ends.
	Behind int

	// OnEvent is called with each event. Calls never overlap. It may be slow: traffic does not wait for it.
	OnEvent func(Event)
	// OnPassing is called with what passed, in the order in which it passed on each connection. Calls never overlap. It
	// may be slow: traffic does not wait for it, but if more than Behind waits, the rest of the connection is lost.
	OnPassing func(Passing)
}

// Tap is a socket that listens in front of a worker.
type Tap struct {
	options  Options
	listener *net.UnixListener

	reporting sync.Mutex // held while OnEvent runs
	summary   Summary    // without the number of connections
	numbers   atomic.Int64
	recording sync.Mutex // held while OnPassing runs

	mu    sync.Mutex
	pairs map[*pair]struct{} // nil when all connections must end
}

// Summary is what a tap has seen.
type Summary struct {
	Connections int            // how many were passed on
	Violations  map[string]int // by clause
	GivenUp     int            // how many connections were not inspected to their end
}

const (
	defaultBehind = 16 << 20
	acceptPause   = 100 * time.Millisecond // after a connection that could not be accepted
)

// Listen makes the socket, with mode 0600 [WRK-6]. It replaces a stale socket file, and returns an error if a live socket
// or something else is at the path [WRK-2, WRK-4, WRK-5], or if an option is invalid.
func Listen(o Options) (*Tap, error) {
	if o.Behind == 0 {
		o.Behind = defaultBehind
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
	if _, err := inspect.NewConnection(o.inspector()); err != nil {
		return nil, err
	}
	if o.Listen == "" || o.Upstream == "" {
		return nil, errors.New("a tap needs the path of its own socket and that of the worker's")
	}
	listener, err := listen(o.Listen)
	if err != nil {
		return nil, err
	}
	t := &Tap{options: o, listener: listener, pairs: map[*pair]struct{}{}, summary: Summary{Violations: map[string]int{}}}
	t.report(Event{Event: Listening, Listen: o.Listen, Upstream: o.Upstream})
	return t, nil
}

func (o Options) inspector() inspect.Options {
	return inspect.Options{Framing: o.Framing, MaxPayload: o.MaxPayload}
}

// Serve passes connections on. It returns when the context ends, which closes them all, or when the tap is closed and the
// last connection has ended. Before it returns, everything that passed is inspected.
func (t *Tap) Serve(ctx context.Context) Summary {
	stop := context.AfterFunc(ctx, t.end)
	defer stop()
	var running sync.WaitGroup
	for {
		conn, err := t.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil { // such as too many open files, which may pass
			t.report(Event{Event: Unreachable, Upstream: t.options.Upstream, Reason: err.Error()})
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		running.Go(func() { t.pass(conn) })
	}
	running.Wait()
	t.reporting.Lock()
	defer t.reporting.Unlock()
	t.options.OnEvent(Event{Time: time.Now(), Event: Ended, Violations: sum(t.summary.Violations)})
	t.summary.Connections = int(t.numbers.Load())
	return t.summary
}

// Close stops listening and removes the socket file. Open connections go on.
func (t *Tap) Close() { _ = t.listener.Close() }

func (t *Tap) end() {
	t.Close()
	t.mu.Lock()
	pairs := t.pairs
	t.pairs = nil
	t.mu.Unlock()
	for p := range pairs {
		p.close()
	}
}

// pass passes one connection on until it has ended in both directions.
func (t *Tap) pass(pool *net.UnixConn) {
	worker, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: t.options.Upstream, Net: "unix"})
	if err != nil {
		_ = pool.Close()
		t.report(Event{Event: Unreachable, Upstream: t.options.Upstream, Reason: err.Error()})
		return
	}
	p := &pair{pool: pool, worker: worker, copies: newQueue(t.options.Behind)}
	t.mu.Lock()
	ending := t.pairs == nil
	if !ending {
		t.pairs[p] = struct{}{}
	}
	t.mu.Unlock()
	if ending {
		p.close()
		return
	}
	i := t.newInspection(p)
	var inspecting sync.WaitGroup
	inspecting.Go(i.run)
	p.run()
	p.copies.close()
	inspecting.Wait()
	t.mu.Lock()
	delete(t.pairs, p)
	t.mu.Unlock()
}

// report adds the event to the summary and calls OnEvent.
func (t *Tap) report(e Event) {
	t.reporting.Lock()
	defer t.reporting.Unlock()
	switch e.Event {
	case ViolationSeen:
		t.summary.Violations[e.Clause]++
	case GivenUp:
		t.summary.GivenUp++
	}
	e.Time = time.Now()
	t.options.OnEvent(e)
}

// newNumber returns the number of a new connection, counted from 1. It never waits for OnEvent, because the connection
// waits for it.
func (t *Tap) newNumber() int { return int(t.numbers.Add(1)) }

// keep calls OnPassing.
func (t *Tap) keep(p Passing) {
	if t.options.OnPassing == nil {
		return
	}
	t.recording.Lock()
	defer t.recording.Unlock()
	t.options.OnPassing(p)
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
