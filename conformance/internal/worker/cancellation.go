package worker

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

func cancellationCases() []testCase {
	return []testCase{
		{
			Name: "cancellation-reaches-the-handler-that-runs", Clauses: []string{"CAN-5"}, Framings: suite.BothFramings,
			Cause: "The worker reads the connection again only when the handler has ended, or it never passes the cancellation on to the handler.",
			Run:   cancellationReachesTheHandlerThatRuns,
		},
		{
			Name: "cancellation-without-a-reason-counts", Clauses: []string{"CAN-9"}, Framings: suite.BothFramings,
			Cause: "The worker reads the reason as if every cancellation had one.",
			Run:   cancellationWithoutAReasonCounts,
		},
		{
			Name: "cancellation-is-never-answered", Clauses: []string{"CAN-6"}, Framings: suite.BothFramings,
			Cause: "The worker handles a cancellation like a request, and answers everything.",
			Run:   cancellationIsNeverAnswered,
		},
		{
			Name: "cancellation-of-nothing-leaves-later-requests-alone", Clauses: []string{"CAN-6"}, Framings: suite.BothFramings,
			Cause: "The worker remembers cancelled IDs, and cancels a later request under such an ID.",
			Run:   cancellationOfNothingLeavesLaterRequestsAlone,
		},
		{
			Name: "cancellation-reaches-only-its-own-connection", Clauses: []string{"CAN-7"}, Framings: suite.BothFramings,
			Cause: "The worker keeps the requests that run in one table for all connections, by ID alone.",
			Run:   cancellationReachesOnlyItsOwnConnection,
		},
		{
			Name: "cancellation-leaves-other-requests-of-its-connection-alone", Clauses: []string{"CAN-5"}, Framings: suite.BothFramings,
			Cause: "The worker has one flag for all requests that run on the connection.",
			Run:   cancellationLeavesOtherRequestsOfItsConnectionAlone,
		},
		{
			Name: "cancellation-behind-many-requests-reaches-its-handler", Clauses: []string{"CAN-5"}, Framings: suite.BothFramings,
			Cause: "The worker reads no further while so many requests are outstanding on the connection, or waits there for a free thread.",
			Run:   cancellationBehindManyRequestsReachesItsHandler,
		},
		{
			Name: "many-cancellations-leave-other-requests-alone", Clauses: []string{"WRK-9"}, Framings: suite.BothFramings,
			Cause: "The worker clears cancelled waits away together, and loses the order of those that remain.",
			Run:   manyCancellationsLeaveOtherRequestsAlone,
		},
		{
			Name: "handlers-of-a-caller-that-went-away-are-cancelled", Clauses: []string{"CAN-8"}, Framings: suite.BothFramings,
			Cause: "The worker notices only when it writes the answer that the connection has ended.",
			Run:   handlersOfACallerThatWentAwayAreCancelled,
		},
		{
			Name: "handlers-of-a-caller-that-half-closed-first-are-cancelled", Clauses: []string{"CAN-8"}, Framings: suite.BothFramings,
			Cause: "Once the worker has read the end of what a caller sends, it does not notice that the caller goes away later.",
			Run:   handlersOfACallerThatHalfClosedFirstAreCancelled,
		},
	}
}

func cancellationReachesTheHandlerThatRuns(t *T) {
	p := t.start()
	q := p.connectServed(t.Framing)
	p.mustCancel("CAN-5", q, 7000, wire.Cancellation(7000, "the caller gave up"))
	p.mustCancel("CAN-5", q, 7001, wire.Cancellation(7001, "the caller gave up again"))
	q.call("CAN-5", "echo", `"the connection goes on"`)
}

func cancellationWithoutAReasonCounts(t *T) {
	p := t.start()
	q := p.connectServed(t.Framing)
	p.mustCancel(setUp, q, 7002, wire.Cancellation(7002, "with a reason"))
	p.mustCancel("CAN-9", q, 7003, wire.Cancellation(7003, ""))
}

func cancellationIsNeverAnswered(t *T) {
	q := t.start().connectServed(t.Framing)
	const unknown = 6000
	for _, payload := range []string{
		`{"type":"cancellation","payload":{"id":%d,"reason":"unknown"}}`,
		`{"type":"cancellation","payload":{"id":%d}}`,
		`{"type":"cancellation","payload":{"id":"x","reason":"no readable ID"}}`,
		`{"type":"cancellation","payload":{"id":1.5}}`, `{"type":"cancellation","payload":{"id":-1}}`,
		`{"type":"cancellation","payload":{"id":null}}`, `{"type":"cancellation","payload":{"reason":"no ID"}}`,
		`{"type":"cancellation","payload":{}}`, `{"type":"cancellation","payload":null}`,
		`{"type":"cancellation","payload":[5]}`, `{"type":"cancellation","payload":"5"}`,
	} {
		q.cancel(unknown, withID(payload, unknown))
		q.call("CAN-6", "echo", `"the connection goes on"`)
	}
	q.cancel(1<<64-1, wire.Cancellation(1<<64-1, "unknown"))
	q.call("CAN-6", "echo", `"the connection goes on"`)
	q.nothingElse("CAN-6", "no answer to a cancellation of a request that does not run")

	const finished = 5000
	q.request(finished, "echo", `"finished before it is cancelled"`)
	q.await(setUp, finished)
	q.nothingElse("MSG-1", "exactly one answer to each request")
	q.expect(finished) // so that an answer to the cancellation does not count as a second answer to the request
	q.cancel(finished, wire.Cancellation(finished, "finished"))
	q.call("CAN-6", "echo", `"the connection goes on"`)
	q.nothingElse("CAN-6", "no answer to a cancellation of a request that has finished")
}

// cancellationOfNothingLeavesLaterRequestsAlone cancels an ID that was never used and one that is free again, and then
// uses each.
func cancellationOfNothingLeavesLaterRequestsAlone(t *T) {
	q := t.start().connectServed(t.Framing)
	for _, c := range []struct {
		id         uint64
		usedBefore bool
		when       string
	}{{1009, false, "came"}, {1010, true, "came again"}} {
		if c.usedBefore {
			q.request(c.id, "echo", `"under this ID before"`)
			q.await(setUp, c.id)
		}
		q.cancel(c.id, wire.Cancellation(c.id, "too early or too late"))
		began := time.Now()
		q.request(c.id, "sleep", sleepFor(shortSleep))
		q.mustHaveSlept("CAN-6", c.id, began, fmt.Sprintf("request %d, cancelled before it %s, sleeps to its end", c.id, c.when))
	}
}

func cancellationReachesOnlyItsOwnConnection(t *T) {
	p := t.start()
	q, other := p.connectServed(t.Framing), p.connectServed(t.Framing)
	p.mustCancelOnly(setUp, q, 1001, other, 1002)
	p.mustCancelOnly("CAN-7", q, 1003, other, 1003)
}

func cancellationLeavesOtherRequestsOfItsConnectionAlone(t *T) {
	p := t.start()
	q := p.connectServed(t.Framing)
	p.mustCancel(setUp, q, 7004, wire.Cancellation(7004, "alone on its connection"))
	p.mustCancelOnly("CAN-5", q, 1001, q, 1002)
}

// cancellationBehindManyRequestsReachesItsHandler has more sleeps outstanding on a connection than usual pools of threads run,
// and then cancels all of them. Those that the worker runs only when others have ended are cancelled by then, since the
// cancellations are sent again and again: one that comes too early is ignored.
func cancellationBehindManyRequestsReachesItsHandler(t *T) {
	const first, many = 1001, 40
	p := t.startFresh()
	q := p.connectServed(t.Framing)
	g := p.gaugeBeside(q)
	var cancellations, rest []byte
	for id := uint64(first); id < first+many; id++ {
		q.request(id, "sleep", t.endlessSleep())
		cancellations = append(cancellations, wire.Encode(t.Framing, id, wire.Cancellation(id, "one of many"))...)
	}
	if !g.waitForRunning(1, never) {
		t.Lengthen(3) // they end one after the other
	}
	t.Saw(q.name+" → worker, again and again", t.Framing, cancellations)
	again := func() {
		if len(rest) == 0 {
			rest = cancellations
		}
		rest = q.offer(rest)
	}
	if !g.waitForAtMost(0, again) {
		t.stepFailed("CAN-5", fmt.Sprintf("the cancellations of %d requests that are outstanding on one connection end each `sleep` that runs", many),
			fmt.Sprintf("some still run %v later%s", t.Patience(), p.exitSuffix()))
	}
}

func handlersOfACallerThatWentAwayAreCancelled(t *T) {
	p := t.start()
	g := p.gauge()
	q := p.connectServed(t.Framing)
	q.ask("sleep", t.endlessSleep())
	g.waitForRunning(1, never)
	q.close()
	g.mustFallAfterLeaving("the handlers of a caller that closed its connection are cancelled")
}

// handlersOfACallerThatHalfClosedFirstAreCancelled calls on another connection between the half-close and the close, so
// that the worker sees the two apart.
func handlersOfACallerThatHalfClosedFirstAreCancelled(t *T) {
	p := t.start()
	g := p.gauge()
	q := p.connectServed(t.Framing)
	q.ask("sleep", t.endlessSleep())
	seen := g.waitForRunning(1, never)
	q.closeSending()
	for range 3 {
		if seen { // otherwise the calls would wait for the handler
			g.peer.call(setUp, "echo", `"after the end of the requests"`)
		}
	}
	q.close()
	g.mustFallAfterLeaving("the handlers of a caller that closed its sending half and then its connection are cancelled")
}

// mustFallAfterLeaving waits until no handler of the case runs, when the caller of the last has left. A worker that did not
// survive that broke [WRK-25].
func (g *gauge) mustFallAfterLeaving(want string) {
	t, p := g.peer.t, g.peer.process
	fell := g.waitForAtMost(0, nil)
	switch {
	case fell:
	case g.peer.readingEnded():
		t.FailNow("WRK-25", "a caller that leaves ends neither the worker nor another connection", "%s", g.peer.whyNoAnswer())
	default:
		t.Fail("CAN-8", want, "its `sleep` still runs %v later%s", t.Patience(), p.exitSuffix())
	}
}

// manyCancellationsLeaveOtherRequestsAlone cancels many sleeps before any has ended, and waits for the answers of the
// shorter ones of the rest. The longer ones are on another connection, since a worker may answer each connection in the
// order of its requests. A worker need not run that many handlers at once; if it does not, nothing is tested.
func manyCancellationsLeaveOtherRequestsAlone(t *T) {
	p := t.startFresh()
	g := p.gauge()
	q, longer := p.connectServed(t.Framing), p.connectServed(t.Framing)
	const first, many, few = 1001, 70, 12
	next := uint64(first)
	ask := func(on *peer, n int, body string) {
		for range n {
			on.request(next, "sleep", body)
			next++
		}
	}
	ask(q, many, sleepFor(t.Patience()/2))
	ask(longer, few, t.endlessSleep())
	kept := next
	ask(q, few, sleepFor(t.Patience()*2/3))
	all := false
	p.waitUntil(func() bool {
		n, ok := g.read(g.serialAfter)
		all = ok && n >= many+2*few
		return all || !ok || q.peek(0, q.hasID(first))
	})
	if !all {
		t.Note("suite", "not all of them run at once, so that those that are kept may have to wait for others")
		return
	}
	for id := uint64(first); id < first+many; id++ {
		q.cancel(id, wire.Cancellation(id, "one of many"))
	}
	for id := kept; id < next; id++ {
		q.await("WRK-9", id)
	}
}
