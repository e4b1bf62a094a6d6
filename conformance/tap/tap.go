package tap

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/pyproctest/pyproctest/conformance/inspect"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Options say where a tap sits and whom it tells.
type Options struct {
	Listen   string // the path of the socket that it makes, for the pool
	Upstream string // the path of the worker's socket

	Framing spec.Framing // empty: told by the first two bytes of each connection [STR-7]
	// MaxPayload is the limit of both sides in bytes. 0: it is not known, so a frame over the default of 10485760
	// [FRM-13] is no violation, and ends the inspection of its connection.
	MaxPayload int

	// Behind is how many bytes of a connection may wait for their inspection; 0: 16 MiB. Beyond it the
	// inspection of that connection is given up.
	Behind int

	// Tell is called with each event, by one goroutine at a time. It may be slow: traffic does not wait.
	Tell func(Event)
}

// Tap is a socket that listens in front of a worker.
type Tap struct {
	options  Options
	listener *net.UnixListener

	telling sync.Mutex
	summary Summary

	mu    sync.Mutex
	pairs map[*pair]struct{} // nil once all are to end
}

// Summary is what a tap has seen.
type Summary struct {
	Connections int            // that were passed on
	Violations  map[string]int // by clause
	GivenUp     int            // connections of which not everything was inspected
}

const (
	defaultBehind = 16 << 20
	acceptPause   = 100 * time.Millisecond // after a connection that could not be taken
)

// Listen makes the socket, with mode 0600 [WRK-6]. A stale socket file at its path is replaced; a live
// socket and what is no socket are not [WRK-2, WRK-4, WRK-5].
func Listen(o Options) (*Tap, error) {
	if o.Behind == 0 {
		o.Behind = defaultBehind
	}
	if o.Tell == nil {
		o.Tell = func(Event) {}
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
	t.tell(Event{Event: Listening, Listen: o.Listen, Upstream: o.Upstream})
	return t, nil
}

func (o Options) inspector() inspect.Options {
	return inspect.Options{Framing: o.Framing, MaxPayload: o.MaxPayload}
}

// Serve passes connections on until the context ends, which closes them all, or until the tap was closed and
// the last connection has ended. What was passed on until then is inspected before it returns.
func (t *Tap) Serve(ctx context.Context) Summary {
	stop := context.AfterFunc(ctx, t.end)
	defer stop()
	var running sync.WaitGroup
	for {
		conn, err := t.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil { // such as too many open files, of which there may be fewer again
			t.tell(Event{Event: Unreachable, Upstream: t.options.Upstream, Reason: err.Error()})
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		running.Go(func() { t.pass(conn) })
	}
	running.Wait()
	t.telling.Lock()
	defer t.telling.Unlock()
	t.options.Tell(Event{Time: time.Now(), Event: Ended, Violations: sum(t.summary.Violations)})
	return t.summary
}

// Close stops listening and removes the socket file. Connections go on.
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

// pass passes one connection on, until it has ended in both directions.
func (t *Tap) pass(pool *net.UnixConn) {
	worker, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: t.options.Upstream, Net: "unix"})
	if err != nil {
		_ = pool.Close()
		t.tell(Event{Event: Unreachable, Upstream: t.options.Upstream, Reason: err.Error()})
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

// tell adds what the event says to the summary and passes it on.
func (t *Tap) tell(e Event) {
	t.telling.Lock()
	defer t.telling.Unlock()
	switch e.Event {
	case ViolationSeen:
		t.summary.Violations[e.Clause]++
	case GivenUp:
		t.summary.GivenUp++
	}
	e.Time = time.Now()
	t.options.Tell(e)
}

func (t *Tap) newNumber() int {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.summary.Connections++
	return t.summary.Connections
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
