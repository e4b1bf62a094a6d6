package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

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
	return s.callWith(s.t.Context(), "", body)
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

// wait waits for the call to return, as the clause demands.
func (c *poolCall) wait(clause string) {
	timer := time.NewTimer(c.s.t.Patience())
	defer timer.Stop()
	select {
	case <-c.done:
	case <-c.s.t.stopped():
		c.s.t.stop()
	case <-timer.C:
		c.s.t.FailNow(clause, c.method+" returns"+c.because, "it has not after %v; %s", c.s.t.Patience(), c.s.scene())
	}
	if c.err != nil {
		c.s.t.inTime()
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

// getsOwnOrFails waits for the call and demands that it got no answer but its own. A pool may close a
// connection on which an unknown ID came, with the calls that are on it.
func (c *poolCall) getsOwnOrFails(clause string) {
	c.wait(clause)
	if c.err == nil && differBody(string(c.body), c.answer) != "" {
		c.s.t.FailNow(clause, fmt.Sprintf("%s gets its own answer %s or an error", c.method, c.body), "%s", c.outcome())
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

// isAnsweredAfter answers the call when that was done to its request, and demands that it gets this answer or
// fails.
func (c *poolCall) isAnsweredAfter(clause string, do func(*poolRequest)) {
	if r := c.requestUnlessFailed(clause); r != nil {
		do(r)
		r.answer(c.body)
	}
	c.getsOwnOrFails(clause)
}
