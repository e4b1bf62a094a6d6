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

// If a process ends during a request, either the request ended it, which is a finding, or the process may end at any
// time, and then the adapter proves nothing. To find out which, the suite sends the same request to another process.

// losses counts the processes that ended during a request.
type losses struct {
	repeated   int // another process ended or hung on the same request
	unrepeated int // another process answered the same request
}

// After so many losses the program is given up.
const (
	mostUnrepeated = 3
	mostRepeated   = 400
)

// call is a call of a framer. The suite watches it to see whether it still makes progress.
type call struct {
	memory  int64 // bytes that the process may hold meanwhile
	moves   atomic.Int64
	state   atomic.Int32
	since   atomic.Int64 // when the process was given the request, in Unix nanoseconds
	size    atomic.Int64 // of the request
	process atomic.Pointer[process]

	mu   sync.Mutex
	drop context.CancelCauseFunc // ends the request that is running; nil if none is
}

// retry ends the request that is running, so that it is sent again, and reports whether there was one.
func (c *call) retry() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drop == nil {
		return false
	}
	c.drop(errHung)
	return true
}

// pid returns the ID of the process that has the request, 0 if none has.
func (c *call) pid() int {
	if p := c.process.Load(); p != nil && c.state.Load() == callAsked {
		return p.cmd.Process.Pid
	}
	return 0
}

var errHung = errors.New("no answer came")

const (
	callIdle   = iota // no request is running
	callQueued        // the request waits for a process
	callAsked         // a process has the request
)

// slowest is how fast a process must handle a request at least, in bytes of its line per second.
const slowest = 1 << 20

// Moves returns a number that grows while something other than the framer takes time, and for as long as the size of the
// request allows.
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

// asker sends a request to the program and returns the answer. Its error wraps [suite.Crashed] or [suite.Unreachable], or
// is errGivenUp.
type asker func(ctx context.Context, c *call, do string, r request) (answer, error)

// ask sends a request to a process of the program, and again to a new one if the first ends during it. One that has served
// may be about to end for the same reason as the first, which need not be this request.
func (a *Adapter) ask(ctx context.Context, c *call, do string, r request) (answer, error) {
	defer c.state.Store(callIdle)
	var first *exit
	for {
		got, err := a.askAny(ctx, c, do, r, first != nil)
		var end *exit
		if errors.Is(err, errHung) {
			err = &exit{state: "killed, because no answer came"}
		}
		switch {
		case err == nil && first != nil:
			return got, a.unrepeated(do, first)
		case err == nil:
			return got, nil
		case a.ctx.Err() != nil:
			return got, unreachable(context.Cause(a.ctx))
		case ctx.Err() != nil:
			return got, errGivenUp
		case !errors.As(err, &end):
			return got, unreachable(err)
		case first != nil:
			return got, a.repeated(do, end)
		}
		first = end
	}
}

// askAny sends a request to an idle process, or to a new one if there is none or it must be new.
func (a *Adapter) askAny(ctx context.Context, c *call, do string, r request, mustBeNew bool) (answer, error) {
	c.state.Store(callQueued)
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
	var p *process
	var err error
	if mustBeNew {
		p, err = a.launchNext(ctx)
	} else {
		p, err = a.take(ctx)
	}
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

// askNew sends a request to a new process, calls look before the process does anything else, and ends the process.
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
		return got, a.repeated(do, end)
	}
	return got, unreachable(a.judge(p, err))
}

// ask sends a request to this process and waits for the answer, so that retry can end it.
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
	go p.watchMemory(ctx, c.memory)
	return p.ask(ctx, do, r)
}

// judge gives the program up if the process broke the rules of ADAPTERS.md.
func (a *Adapter) judge(p *process, err error) error {
	var broken *Fault
	if !errors.As(err, &broken) {
		return err
	}
	<-p.over
	return a.giveUp(a.fault(p, broken.Problem, broken.Err))
}

// judgeAnswer gives the program up if an answer breaks the rules of ADAPTERS.md.
func (a *Adapter) judgeAnswer(err error) error {
	var broken *Fault
	if !errors.As(err, &broken) {
		return err
	}
	return unreachable(a.giveUp(a.fault(nil, broken.Problem, broken.Err)))
}

// repeated returns the error of two processes that ended during the same request. The implementation is at fault.
func (a *Adapter) repeated(do string, end *exit) error {
	a.mu.Lock()
	a.losses.repeated++
	tooMany := a.losses.repeated >= mostRepeated
	a.mu.Unlock()
	if tooMany {
		_ = a.giveUp(a.fault(nil, fmt.Sprintf("has ended during %d requests, and the rest of the run is not worth the time", mostRepeated), end))
	}
	return fmt.Errorf("%w: in the middle of %s %w", suite.Crashed, do, end)
}

// unrepeated returns the error of a process that ended during a request which another process answered. Nothing is known
// then.
func (a *Adapter) unrepeated(do string, ended *exit) error {
	a.mu.Lock()
	a.losses.unrepeated++
	tooMany := a.losses.unrepeated >= mostUnrepeated
	a.mu.Unlock()
	if tooMany {
		_ = a.giveUp(&Fault{
			Command: a.command.String(), Stderr: ended.stderr, Err: ended,
			Problem: fmt.Sprintf("has ended %d times during a request that another process of it then answered (the last time: %s)", mostUnrepeated, ended.state),
		})
	}
	return fmt.Errorf("%w: another process answered the same %s during which %w", suite.Unreachable, do, ended)
}

var errGivenUp = errors.New("the suite has given up the call")

func unreachable(err error) error { return fmt.Errorf("%w: %w", suite.Unreachable, err) }
