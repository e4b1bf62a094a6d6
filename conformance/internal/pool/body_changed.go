package pool

import (
	"fmt"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

func changedBodyCases() []testCase {
	return []testCase{
		{
			Name: "what-is-sent-of-a-body-is-what-it-was-when-the-call-was-made", Clauses: []string{"MSG-19"}, Framings: suite.BothFramings,
			Cause: "The pool keeps the caller's bytes and not a copy of them, and goes on writing them after the cancelled call has returned.",
			Run:   bodyChangedAfterCall,
		},
	}
}

// bodyChangedAfterCall cancels a call whose request is half written and one whose request waits behind it, and changes
// the bodies of both when Call has returned. What then arrives may be whole or not, but it has the old bodies.
func bodyChangedAfterCall(t *T) {
	s := t.stage()
	s.leastPayload = 2 << 20
	s.open()
	if s.pool.(guarded).remote() != nil {
		t.NotAsked("a pool in another process gets bodies as copies")
	}
	s.start()
	s.call().succeeds("MSG-19")
	s.holdRequests()
	w := s.worker("MSG-19", 1)
	w.readOnly(64 << 10)
	var before int
	s.withLock(func() { before = w.bytesReceived })
	half := s.callBody(wire.Quote(strings.Repeat("y", 1<<20))) // more than a socket holds
	s.requireEventually("MSG-19", "the request begins to arrive", func() bool { return w.bytesReceived >= before+32<<10 })
	behind := s.callBody(wire.Quote(strings.Repeat("b", 1000)))
	behind.waitUntilParked()
	bodies := map[string]string{}
	for _, c := range []*call{half, behind} {
		bodies[c.method] = string(c.body)
		c.cancel()
		c.wait("MSG-19")
		for i := 1; i < len(c.body)-1; i++ {
			c.body[i] = 'C' // for changed
		}
	}
	t.Note("case", "both calls have returned, and their bodies are changed; the worker reads again")
	w.readOnly(scripted.ReadAll)
	if !s.eventually(func() bool { return w.damagedLocked() || !w.halfArrivedLocked() }) {
		t.Blocked("the rest of a request does not arrive, and its connection does not end; %s", s.scene())
	}
	s.laterCallsSucceedUnless(w.damagedLocked)
	var damaged bool
	s.withLock(func() { damaged = w.damagedLocked() })
	if damaged {
		t.FailNow("MSG-19", "requests arrive with the bodies that the calls were made with", "a body was changed after Call had returned, and then came %s", s.unreadable)
	}
	for _, r := range s.requestsSoFar() {
		if body, ok := bodies[r.method]; ok {
			if d := wire.DiffBody(body, r.body); d != "" {
				t.FailNow("MSG-19", r.method+" arrives with the body that the call was made with", "%s", d)
			}
		}
	}
}

// halfArrivedLocked reports whether part of a frame has arrived on a connection that has not ended.
func (w *scriptedWorker) halfArrivedLocked() bool {
	for _, c := range w.conns {
		if !c.ended && len(c.data) > 0 {
			return true
		}
	}
	return false
}

// damagedLocked reports whether bytes have arrived on a connection that are not a frame.
func (w *scriptedWorker) damagedLocked() bool {
	for _, c := range w.conns {
		if c.unreadable {
			return true
		}
	}
	return false
}

// laterCallsSucceedUnless makes as many calls as there are slots, so that what was sent before them has arrived, and
// requires each to get its answer unless stop returns true. stop is called with the stage locked.
func (s *stage) laterCallsSucceedUnless(stop func() bool) {
	s.echoRequests()
	var calls []*call
	for range s.options.MaxInFlight {
		calls = append(calls, s.call())
	}
	s.eventually(func() bool {
		for _, c := range calls {
			if !c.ended() {
				return stop()
			}
		}
		return true
	})
	var stopped bool
	s.withLock(func() { stopped = stop() })
	for _, c := range calls {
		if !stopped {
			c.reason = fmt.Sprintf(" once %s reads again", s.nthWorker(0).name())
			c.getsOwnAnswerOrFails("MSG-19")
		}
	}
}
