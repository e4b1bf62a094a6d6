package adapter

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
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

// A call under way tells whether the suite may still wait for it.
type call struct {
	moves   atomic.Int64
	since   atomic.Int64 // when the framer came to have the request, in Unix nanoseconds; 0 before
	size    atomic.Int64 // of the request
	process atomic.Pointer[process]
}

// slowest is the speed that a process is allowed to handle a request at, in bytes of its line in a second.
const slowest = 1 << 20

// Moves grows while something else than the framer takes time, or takes as long as the size of a request
// allows for.
func (c *call) Moves() int64 {
	since := c.since.Load()
	allowed := time.Duration(c.size.Load()) * time.Second / slowest
	if since == 0 || time.Since(time.Unix(0, since)) < allowed {
		return c.moves.Add(1)
	}
	moved := c.moves.Load()
	if p := c.process.Load(); p != nil {
		moved += p.moved.Load()
	}
	return moved
}

// ask asks some process of a framer's program. Its error is one that the suite understands: it wraps
// [conformance.Crashed], [conformance.Unreachable] or [conformance.Unsupported].
func (a *Adapter) ask(ctx context.Context, c *call, do string, r request) (answer, error) {
	ended := make([]error, 0, 2)
	for len(ended) < 2 {
		got, err := a.askOne(ctx, c, do, r)
		var end *exit
		var fault *Fault
		switch {
		case err == nil && len(ended) > 0:
			return got, a.oddly(do, ended[0])
		case err == nil:
			return got, got.declined(do)
		case ctx.Err() != nil:
			return got, unreachable(context.Cause(ctx))
		case errors.As(err, &fault):
			return got, unreachable(err)
		case !errors.As(err, &end):
			return got, unreachable(err)
		}
		ended = append(ended, err)
	}
	a.mu.Lock()
	a.losses.explained++
	tooMany := a.losses.explained >= mostExplained
	a.mu.Unlock()
	if tooMany {
		a.lose(a.fault(nil, fmt.Sprintf("ended over %d requests; the rest of the run was given up", mostExplained), ended[1]))
	}
	return answer{}, fmt.Errorf("%w in the middle of %s, twice: %w", conformance.Crashed, do, ended[1])
}

func (a *Adapter) askOne(ctx context.Context, c *call, do string, r request) (answer, error) {
	c.since.Store(0)
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
	return a.askThe(ctx, c, p, do, r)
}

// askThe asks that process and gives it back where it can be asked again.
func (a *Adapter) askThe(ctx context.Context, c *call, p *process, do string, r request) (answer, error) {
	c.process.Store(p)
	c.size.Store(int64(r.size()))
	c.since.Store(time.Now().UnixNano())
	got, err := p.ask(ctx, do, r)
	if err != nil {
		return got, a.judge(p, err)
	}
	a.giveBack(p)
	return got, nil
}

// judge gives the program up where a process broke the rules.
func (a *Adapter) judge(p *process, err error) error {
	var broken *Fault
	if !errors.As(err, &broken) {
		return err
	}
	<-p.over
	fault := a.fault(p, broken.Problem, broken.Err)
	a.lose(fault)
	return fault
}

// oddly tells of a process that ended over what another one answered.
func (a *Adapter) oddly(do string, ended error) error {
	a.mu.Lock()
	a.losses.odd++
	tooMany := a.losses.odd >= mostOdd
	a.mu.Unlock()
	if tooMany {
		a.lose(a.fault(nil, fmt.Sprintf("has ended %d times over a request that another process of it then answered; at last %v", mostOdd, ended), ended))
	}
	return fmt.Errorf("%w: in the middle of %s %w; another process then answered the same", conformance.Unreachable, do, ended)
}

func unreachable(err error) error { return fmt.Errorf("%w: %w", conformance.Unreachable, err) }
