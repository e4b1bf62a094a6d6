package pool

import (
	"strings"

	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// In these cases a worker stops reading for a while, so that a request cannot be written.

func fullConnectionCases() []testCase {
	return []testCase{
		{
			Name: "an-unreadable-answer-fails-its-call-while-a-request-cannot-be-written", Clauses: []string{"RID-7"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: "The goroutine that finds the connection broken waits for the write under way, and that write waits for the worker; the connection must be closed first.",
			Run:   unreadableAnswerBesideFullConnection,
		},
		{
			Name: "requests-that-wait-for-a-full-connection-go-out-whole", Clauses: []string{"MSG-17"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: "The pool measures or cuts the requests that gather behind a write together, and not one by one.",
			Run:   requestsBehindFullConnection,
		},
		{
			Name: "large-requests-go-out-whole-beside-others", Clauses: []string{"MSG-17"}, Framings: suite.BothFramings,
			Cause: "The pool writes a large request in parts, and another request comes between them.",
			Run:   largeRequestsGoOutWholeBesideOthers,
		},
	}
}

func unreadableAnswerBesideFullConnection(t *T) {
	s := t.stage()
	s.leastPayload = 2 << 20
	s.checkOften()
	s.holdRequests()
	s.start()
	h := s.holdCalls("RID-7", 1)[0]
	w := s.worker("RID-7", 1)
	w.readOnly(64 << 10)
	var before int
	s.withLock(func() { before, s.onRequest = w.bytesReceived, func(r *request) { r.refuse("no") } })
	big := s.callBody(wire.Quote(strings.Repeat("y", 1<<20)))
	if !s.eventually(func() bool { return w.bytesReceived >= before+32<<10 }) {
		t.Blocked("a second request does not begin to arrive at a worker that has one, see BPR-7; %s", s.scene())
	}
	h.req.send(h.req.frame([]byte(`{"id":`)))
	h.fails("RID-7")
	t.Note("case", "the worker reads again") // for a pool in which each call has a connection of its own
	w.readOnly(scripted.ReadAll)
	big.fails("RID-7")
	s.echoRequests()
	s.laterCallsSucceed("RID-7")
}

// requestsBehindFullConnection makes calls with bodies of which a few together are over MaxPayload; one is not.
func requestsBehindFullConnection(t *T) {
	s := t.stage()
	s.options.MaxInFlight, s.options.MaxPayload = 12, 1<<16
	s.gatherAndGoOut(func(int) int { return 40 << 10 })
}

// largeRequestsGoOutWholeBesideOthers makes calls with bodies beyond any buffer beside small ones.
func largeRequestsGoOutWholeBesideOthers(t *T) {
	s := t.stage()
	s.leastPayload = 2 << 20
	s.options.MaxInFlight = 12
	s.gatherAndGoOut(func(n int) int { return []int{300 << 10, 100, 100 << 10, 10}[n%4] })
}

// gatherAndGoOut makes as many calls as there are slots, while the worker does not read, and requires their requests to
// arrive whole when it reads again. The n-th call has a body of about size(n) bytes.
func (s *stage) gatherAndGoOut(size func(n int) int) {
	t := s.t
	// The answers are small, so that orders do not fill the control socket, on which the worker also reports what arrived.
	s.onRequest = func(r *request) { r.answer([]byte("null")) }
	s.start()
	s.call().succeedsWith("MSG-17", "null")
	w := s.worker("MSG-17", 1)
	w.readOnly(0)
	var calls []*call
	for n := range s.options.MaxInFlight { // a few hundred KB fill a socket
		c := s.callBody(wire.Quote(strings.Repeat("z", size(n))))
		calls = append(calls, c)
		c.waitUntilParked()
	}
	t.Note("case", "the worker reads again")
	w.readOnly(scripted.ReadAll)
	s.eventually(func() bool { return s.countArrivedLocked(calls) == len(calls) || s.unreadable != "" })
	if t.Failed() { // the audit has seen why
		return
	}
	bodies := map[string]string{}
	for _, r := range s.requestsSoFar() {
		bodies[r.method] = string(r.body)
	}
	for _, c := range calls {
		body, ok := bodies[c.method]
		switch {
		case !ok && c.ended():
			t.Blocked("%s has returned and its request has not arrived, see CAN-12: %s", c.method, c.outcome())
		case !ok:
			t.Blocked("the request of %s has not arrived after %v; %s", c.method, t.Patience(), s.scene())
		case wire.DiffBody(string(c.body), []byte(body)) != "":
			t.FailNow("MSG-17", c.method+" arrives with the caller's body", "%s", wire.DiffBody(string(c.body), []byte(body)))
		}
	}
}
