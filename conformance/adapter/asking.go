package adapter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
)

// A process that ends over a request may have been ended by it, which is a finding, or may end at any time,
// which makes the adapter one that proves nothing. So the same is asked once more of another process.

// losses are the processes of a run that were lost over a request.
type losses struct {
	explained int // asked the same, another process ended or hung too
	odd       int // another process answered
}

const (
	mostOdd       = 3
	mostExplained = 400
)

// A call is one of a framer, for whoever watches whether it still gets on.
type call struct {
	moves   atomic.Int64
	state   atomic.Int32
	since   atomic.Int64 // when the process was given the request, in Unix nanoseconds
	size    atomic.Int64 // of the request
	process atomic.Pointer[process]

	mu   sync.Mutex
	drop context.CancelCauseFunc // ends the try under way; nil where there is none
}

// retry ends the try under way, and reports whether there was one.
func (c *call) retry() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drop == nil {
		return false
	}
	c.drop(errHung)
	return true
}

// pid is that of the process that has the request, 0 where none has.
func (c *call) pid() int {
	if p := c.process.Load(); p != nil && c.state.Load() == callAsked {
		return p.cmd.Process.Pid
	}
	return 0
}

var errHung = errors.New("no answer came")

const (
	callIdle   = iota // nobody waits
	callQueued        // for a process
	callAsked
)

// slowest is the speed at which a process may handle a request, in bytes of its line in a second.
const slowest = 1 << 20

// Moves grows while something else than the framer takes time, or as long as the size of a request allows for.
func (c *call) Moves() int64 {
	allowed := time.Duration(c.size.Load()) * time.Second / slowest
	switch state := c.state.Load(); {
	case state == callQueued, state == callAsked && time.Since(time.Unix(0, c.since.Load())) < allowed:
		return c.moves.Add(1 << 20)
	}
	moved := c.moves.Load()
	if p := c.process.Load(); p != nil {
		if p.handling.Load() > 0 {
			return c.moves.Add(1 << 20)
		}
		moved += p.moved.Load()
	}
	return moved
}

// An asker asks the program. Its error is one that the suite understands: it wraps
// [suite.Crashed] or [suite.Unreachable], or is errGivenUp.
type asker func(ctx context.Context, c *call, do string, r request) (answer, error)

// ask asks a process of the program, and another one where that ends over it.
func (a *Adapter) ask(ctx context.Context, c *call, do string, r request) (answer, error) {
	defer c.state.Store(callIdle)
	var first *exit
	for {
		got, err := a.askAny(ctx, c, do, r)
		var end *exit
		if errors.Is(err, errHung) {
			err = &exit{state: "killed, because no answer came"}
		}
		switch {
		case err == nil && first != nil:
			return got, a.oddly(do, first)
		case err == nil:
			return got, nil
		case a.ctx.Err() != nil:
			return got, unreachable(context.Cause(a.ctx))
		case ctx.Err() != nil:
			return got, errGivenUp
		case !errors.As(err, &end):
			return got, unreachable(err)
		case first != nil:
			return got, a.explained(do, end)
		}
		first = end
	}
}

func (a *Adapter) askAny(ctx context.Context, c *call, do string, r request) (answer, error) {
	c.state.Store(callQueued)
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
	p, err := a.take(ctx)
	if err != nil {
		return answer{}, err
	}
	got, err := c.ask(ctx, p, do, r)
	if err != nil {
		return got, a.judge(p, err)
	}
	a.giveBack(p)
	return got, nil
}

// askNew asks a new process, calls look while that is as the request left it, and ends it.
func (a *Adapter) askNew(ctx context.Context, c *call, do string, r request, look func(pid int)) (answer, error) {
	defer c.state.Store(callIdle)
	c.state.Store(callQueued)
	p, err := a.launch(ctx)
	if err != nil {
		return answer{}, unreachable(err)
	}
	defer p.end()
	got, err := c.ask(ctx, p, do, r)
	var end *exit
	switch {
	case err == nil:
		look(p.cmd.Process.Pid)
		return got, nil
	case errors.As(err, &end):
		return got, a.explained(do, end)
	}
	return got, unreachable(a.judge(p, err))
}

func (c *call) ask(ctx context.Context, p *process, do string, r request) (answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.mu.Lock()
	c.drop = cancel
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.drop = nil
	}()
	c.process.Store(p)
	c.size.Store(r.size())
	c.since.Store(time.Now().UnixNano())
	c.state.Store(callAsked)
	return p.ask(ctx, do, r)
}

// judge gives the program up where a process broke the rules.
func (a *Adapter) judge(p *process, err error) error {
	var broken *Fault
	if !errors.As(err, &broken) {
		return err
	}
	<-p.over
	return a.lose(a.fault(p, broken.Problem, broken.Err))
}

// disown gives the program up where an answer breaks the rules.
func (a *Adapter) disown(err error) error {
	var broken *Fault
	if !errors.As(err, &broken) {
		return err
	}
	return unreachable(a.lose(a.fault(nil, broken.Problem, broken.Err)))
}

// explained tells of processes that ended over one request.
func (a *Adapter) explained(do string, end *exit) error {
	a.mu.Lock()
	a.losses.explained++
	tooMany := a.losses.explained >= mostExplained
	a.mu.Unlock()
	if tooMany {
		_ = a.lose(a.fault(nil, fmt.Sprintf("has ended over %d requests, and the rest of the run is not worth the time", mostExplained), end))
	}
	return fmt.Errorf("%w: in the middle of %s %w", suite.Crashed, do, end)
}

// oddly tells of a process that ended over what another one answered.
func (a *Adapter) oddly(do string, ended *exit) error {
	a.mu.Lock()
	a.losses.odd++
	tooMany := a.losses.odd >= mostOdd
	a.mu.Unlock()
	if tooMany {
		_ = a.lose(&Fault{
			Command: a.command.String(), Stderr: ended.stderr, Err: ended,
			Problem: fmt.Sprintf("has ended %d times over a request that another process of it then answered (at last: %s)", mostOdd, ended.state),
		})
	}
	return fmt.Errorf("%w: another process answered the same %s over which %w", suite.Unreachable, do, ended)
}

var errGivenUp = errors.New("the suite has given up the call")

func unreachable(err error) error { return fmt.Errorf("%w: %w", suite.Unreachable, err) }
