package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// call is a call in the pool under test, made beside the case.
type call struct {
	s         *stage
	method    string // of its own, by which its request is known
	body      json.RawMessage
	cancel    context.CancelFunc
	done      chan struct{}
	answer    json.RawMessage
	err       error
	panicked  bool   // it panicked, which is a finding already
	goroutine string // its goroutine
	reason    string // why it must end as the case demands, for a reader of a failure
}

// call makes a call whose method and body are unlike those of any other.
func (s *stage) call() *call { return s.callBody("") }

// callBody makes a call with that body, or one of its own where it is empty.
func (s *stage) callBody(body string) *call {
	return s.callWith(s.t.Context(), "", body)
}

func (s *stage) callWith(ctx context.Context, method, body string) *call {
	ctx, cancel := context.WithCancel(ctx)
	c := &call{s: s, method: method, body: json.RawMessage(body), cancel: cancel, done: make(chan struct{})}
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
	clause := s.t.clauses[0]
	go func() {
		defer s.notify()
		defer close(c.done)
		defer cancel()
		s.withLock(func() { c.goroutine = proc.OwnGoroutine() })
		c.panicked = !s.t.Protect(clause, "Call", func() { c.answer, c.err = s.pool.Call(ctx, c.method, c.body) })
	}()
	return c
}

func (c *call) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// wait waits for the call to return, as the clause demands.
func (c *call) wait(clause string) {
	timer := time.NewTimer(c.s.t.Patience())
	defer timer.Stop()
	select {
	case <-c.done:
	case <-c.s.t.Stopped():
		c.s.t.Stop()
	case <-timer.C:
		c.s.t.FailNow(clause, c.method+" returns"+c.reason, "it has not after %v; %s", c.s.t.Patience(), c.s.scene())
	}
	if c.err != nil {
		c.s.t.blockIfLate()
	}
	if c.panicked {
		c.s.t.FailNow(clause, c.method+" returns"+c.reason, "it panicked")
	}
}

// outcome tells how the call ended.
func (c *call) outcome() string {
	if !c.ended() {
		return "has not returned"
	}
	if c.err != nil {
		return fmt.Sprintf("error: %v", c.err)
	}
	return "answer: " + text.Clip(text.Printable(c.answer), 120)
}

// succeeds waits for the call and demands its own body for an answer.
func (c *call) succeeds(clause string) { c.succeedsWith(clause, string(c.body)) }

func (c *call) succeedsWith(clause, body string) {
	c.wait(clause)
	switch {
	case c.err != nil:
		c.s.t.FailNow(clause, c.method+" gets its answer "+text.Clip(body, 120), "%s; %s", c.outcome(), c.s.scene())
	case wire.DiffBody(body, c.answer) != "":
		c.s.t.FailNow(clause, c.method+" gets its answer "+text.Clip(body, 120), "%s", wire.DiffBody(body, c.answer))
	}
}

// fails waits for the call and demands an error, of that kind where one is given.
func (c *call) fails(clause string, kinds ...error) {
	c.wait(clause)
	if c.err == nil {
		c.s.t.FailNow(clause, c.method+" fails"+c.reason, "%s", c.outcome())
	}
	for _, kind := range kinds {
		if !errors.Is(c.err, kind) {
			c.s.t.FailNow(clause, fmt.Sprintf("%s fails with an error in which errors.Is finds %q%s", c.method, kind, c.reason), "%s", c.outcome())
		}
	}
}

// getsOwnAnswerOrFails waits for the call and demands that it got no answer but its own. A pool may close a
// connection on which an unknown ID came, with the calls that are on it.
func (c *call) getsOwnAnswerOrFails(clause string) {
	c.wait(clause)
	if c.err == nil && wire.DiffBody(string(c.body), c.answer) != "" {
		c.s.t.FailNow(clause, fmt.Sprintf("%s gets its own answer %s or an error", c.method, c.body), "%s", c.outcome())
	}
}

// request waits until the call's request is at a worker, as the clause demands.
func (c *call) request(clause string) *request {
	r := c.requestUnlessFailed(clause)
	if r == nil {
		c.s.t.FailNow(clause, "the request of "+c.method+" reaches a worker", "%s; %s", c.outcome(), c.s.scene())
	}
	return r
}

// requestUnlessFailed does the same, where the call may also fail before, because its connection ended.
func (c *call) requestUnlessFailed(clause string) *request {
	var r *request
	c.s.requireEventually(clause, "the request of "+c.method+" reaches a worker", func() bool {
		i := slices.IndexFunc(c.s.requests, func(r *request) bool { return r.method == c.method })
		if i >= 0 {
			r = c.s.requests[i]
		}
		return r != nil || c.ended()
	})
	return r
}

// isAnsweredAfter answers the call when that was done to its request, and demands that it gets this answer or
// fails.
func (c *call) isAnsweredAfter(clause string, do func(*request)) {
	if r := c.requestUnlessFailed(clause); r != nil {
		do(r)
		r.answer(c.body)
	}
	c.getsOwnAnswerOrFails(clause)
}
