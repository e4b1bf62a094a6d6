package pool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// call is a Call of the pool under test that runs beside the case.
type call struct {
	s         *stage
	method    string // unlike that of any other call, so that the request can be recognized by it
	own       bool   // the method was made for this call
	ownBody   bool   // and so was the body
	body      json.RawMessage
	cancel    context.CancelFunc
	done      chan struct{} // closed when Call has returned or panicked
	answer    json.RawMessage
	err       error
	panicked  bool   // which is recorded as a finding
	goroutine string // ID of the one that runs Call; under the lock of the stage
	reason    string // why the call must end as the case demands: the rest of a sentence in the text of a failure
}

// call starts a call with a method and a body of its own.
func (s *stage) call() *call { return s.callContext(s.t.Context()) }

// callContext is like call, with another context.
func (s *stage) callContext(ctx context.Context) *call { return s.callWith(ctx, "", "") }

// callBody is like call, with that body.
func (s *stage) callBody(body string) *call { return s.callWith(s.t.Context(), "", body) }

// callWith starts a call. If method or body is empty, the call gets one of its own.
func (s *stage) callWith(ctx context.Context, method, body string) *call {
	ctx, cancel := context.WithCancel(ctx)
	c := &call{s: s, method: method, body: json.RawMessage(body), cancel: cancel, done: make(chan struct{})}
	s.withLock(func() {
		n := len(s.calls) + 1
		if method == "" {
			c.method, c.own = fmt.Sprintf("call-%d", n), true
		}
		if body == "" {
			c.body, c.ownBody = fmt.Appendf(nil, `{"call":%d}`, n), true
		}
		s.calls = append(s.calls, c) // and from now on its fields are read by others
	})
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

// ended reports whether the call has returned or panicked.
func (c *call) ended() bool { return isClosed(c.done) }

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// wait waits until the call returns. It ends the case with a finding of the clause if the call panics or does not return
// within the patience of the run.
func (c *call) wait(clause string) {
	if !c.s.t.WaitFor(c.s.t.Patience(), c.done) {
		c.s.t.FailNow(clause, c.shown()+" returns"+c.reason, "it has not after %v; %s", c.s.t.Patience(), c.s.scene())
	}
	if c.err != nil {
		c.s.t.blockIfLate()
	}
	if c.panicked {
		c.s.t.FailNow(clause, c.shown()+" returns"+c.reason, "it panicked")
	}
}

// shown is the method as it stands in the text of a failure.
func (c *call) shown() string { return text.Clip(text.Printable([]byte(c.method)), 60) }

// outcome describes how the call ended, for the text of a failure.
func (c *call) outcome() string {
	if !c.ended() {
		return "has not returned"
	}
	if c.err != nil {
		return fmt.Sprintf("error: %v", c.err)
	}
	return "answer: " + text.Clip(text.Printable(c.answer), 120)
}

// succeeds waits for the call and requires its answer to equal its own body.
func (c *call) succeeds(clause string) { c.succeedsWith(clause, string(c.body)) }

// isAnswered waits for a call that only prepares what the case looks for. It blocks the case where the call fails, since that is
// a matter of the other clause.
func (c *call) isAnswered(see string) {
	c.wait(see)
	if c.err != nil {
		c.s.t.Blocked("%s fails, see %s: %s; %s", c.shown(), see, c.outcome(), c.s.scene())
	}
	if d := wire.DiffBody(string(c.body), c.answer); d != "" {
		c.s.t.Blocked("%s does not get its own answer, see RID-4: %s; %s", c.shown(), d, c.s.scene())
	}
}

// succeedsWith waits for the call and requires its answer to equal that body.
func (c *call) succeedsWith(clause, body string) {
	c.wait(clause)
	switch {
	case c.err != nil:
		c.s.t.FailNow(clause, c.shown()+" gets its answer "+text.Clip(body, 120), "%s; %s", c.outcome(), c.s.scene())
	case wire.DiffBody(body, c.answer) != "":
		got := wire.DiffBody(body, c.answer)
		if of := c.answerOfAnother(); of != "" && !strings.HasPrefix(clause, "RID-") {
			clause, got = "RID-4", got+"; that is the answer to "+of
		}
		c.s.t.FailNow(clause, c.shown()+" gets its answer "+text.Clip(body, 120), "%s", got)
	}
}

// answerOfAnother describes the call that the answer belongs to, where it is that of another: of a call whose body was made
// for it alone, or a health call. Bodies that a case chose may be alike, or become so by another fault.
func (c *call) answerOfAnother() string {
	if c.method != "health" && bytes.Contains(c.answer, []byte(`"status":"healthy"`)) {
		return "a health call"
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for _, o := range c.s.calls {
		if o != c && o.ownBody && wire.DiffBody(string(o.body), c.answer) == "" {
			return o.shown()
		}
	}
	return ""
}

// fails waits for the call and requires an error in which errors.Is finds each of the kinds.
func (c *call) fails(clause string, kinds ...error) {
	c.wait(clause)
	if c.err == nil {
		c.s.t.FailNow(clause, c.shown()+" fails"+c.reason, "%s", c.outcome())
	}
	for _, kind := range kinds {
		if !errors.Is(c.err, kind) {
			c.s.t.FailNow(clause, fmt.Sprintf("%s fails with an error in which errors.Is finds %q%s", c.shown(), kind, c.reason), "%s", c.outcome())
		}
	}
}

// getsOwnAnswerOrFails waits for the call and requires its own answer or an error: a pool may close a connection on which
// an unknown ID arrived, with the calls that are on it.
func (c *call) getsOwnAnswerOrFails(clause string) {
	c.wait(clause)
	if c.err == nil && wire.DiffBody(string(c.body), c.answer) != "" {
		c.s.t.FailNow(clause, fmt.Sprintf("%s gets its own answer %s or an error", c.shown(), c.body), "%s", c.outcome())
	}
}

// request waits until the call's request has arrived at a worker. It ends the case with a finding of the clause if that
// does not happen.
func (c *call) request(clause string) *request {
	r := c.requestUnlessFailed(clause)
	if r == nil {
		c.s.t.FailNow(clause, "the request of "+c.shown()+" reaches a worker", "%s; %s", c.outcome(), c.s.scene())
	}
	return r
}

// requestUnlessFailed is like request, and returns nil if the call ends before its request arrives.
func (c *call) requestUnlessFailed(clause string) *request {
	var r *request
	c.s.requireEventually(clause, "the request of "+c.shown()+" reaches a worker", func() bool {
		i := slices.IndexFunc(c.s.requests, func(r *request) bool { return r.method == c.method })
		if i >= 0 {
			r = c.s.requests[i]
		}
		return r != nil || c.ended()
	})
	return r
}

// isAnsweredAfter waits for the call's request, calls do with it, and answers it. It requires the call to get that answer
// or to fail.
func (c *call) isAnsweredAfter(clause string, do func(*request)) {
	if r := c.requestUnlessFailed(clause); r != nil {
		do(r)
		r.answer(c.body)
	}
	c.getsOwnAnswerOrFails(clause)
}
