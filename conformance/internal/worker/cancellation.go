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
			Cause: "The connection is read again only when the handler has ended, or the handler is never told.",
			Run:   cancellationReachesTheHandlerThatRuns,
		},
		{
			Name: "cancellation-without-a-reason-counts", Clauses: []string{"CAN-9"}, Framings: suite.BothFramings,
			Cause: "The reason is taken from the message as if it were always there.",
			Run:   cancellationWithoutAReasonCounts,
		},
		{
			Name: "cancellation-is-never-answered", Clauses: []string{"CAN-6"}, Framings: suite.BothFramings,
			Cause: "A cancellation goes down the same path as a request, where everything is answered.",
			Run:   cancellationIsNeverAnswered,
		},
		{
			Name: "cancellation-of-nothing-leaves-later-requests-alone", Clauses: []string{"CAN-6"}, Framings: suite.BothFramings,
			Cause: "Cancelled IDs are remembered, and a later request under such an ID is taken for cancelled.",
			Run:   cancellationOfNothingLeavesLaterRequestsAlone,
		},
		{
			Name: "cancellation-reaches-only-its-own-connection", Clauses: []string{"CAN-7"}, Framings: suite.BothFramings,
			Cause: "Requests that run are kept in one table for all connections, by ID alone.",
			Run:   cancellationReachesOnlyItsOwnConnection,
		},
		{
			Name: "cancellation-leaves-other-requests-of-its-connection-alone", Clauses: []string{"CAN-5"}, Framings: suite.BothFramings,
			Cause: "One flag stands for all that runs on the connection.",
			Run:   cancellationLeavesOtherRequestsOfItsConnectionAlone,
		},
		{
			Name: "many-cancellations-leave-other-requests-alone", Clauses: []string{"WRK-9"}, Framings: suite.BothFramings,
			Cause: "Waits that were cancelled are cleared away together, and the order of those that remain is lost.",
			Run:   manyCancellationsLeaveOtherRequestsAlone,
		},
		{
			Name: "handlers-of-a-caller-that-went-away-are-cancelled", Clauses: []string{"CAN-8"}, Framings: suite.BothFramings,
			Cause: "That a connection has ended is noticed only when its answer is written.",
			Run:   handlersOfACallerThatWentAwayAreCancelled,
		},
		{
			Name: "handlers-of-a-caller-that-half-closed-first-are-cancelled", Clauses: []string{"CAN-8"}, Framings: suite.BothFramings,
			Cause: "When the end of what a caller sends was read, nothing tells that the caller went away after it.",
			Run:   handlersOfACallerThatHalfClosedFirstAreCancelled,
		},
	}
}

// mustCancel sends a cancellation to a handler that runs under its ID, once where that can be seen. Where one
// handler runs at a time it cannot, and the cancellation is sent again and again: one that comes too early is
// ignored. No ID is used twice on a connection, for one that is never answered may never be free again.
func (p *process) mustCancel(clause string, q *peer, id uint64, cancellation []byte) {
	g := p.gauge()
	q.request(id, "sleep", p.t.endlessSleep())
	cancel := func() { q.cancel(id, cancellation) }
	again := cancel
	if g.waitForRunning(1, never) {
		cancel()
		again = nil
	}
	if !g.waitForAtMost(0, again) {
		p.t.stepFailed(clause, fmt.Sprintf("`sleep` ends that %s names", cancellation),
			fmt.Sprintf("it still runs %v later%s", p.t.Patience(), p.exitSuffix()))
	}
}

// mustCancelOnly has two requests sleep, and cancels the one again and again until the other, which sleeps
// but shortly, has been answered.
func (p *process) mustCancelOnly(clause string, q *peer, cancelled uint64, other *peer, kept uint64) {
	g := p.gauge()
	began := time.Now()
	q.request(cancelled, "sleep", p.t.endlessSleep())
	other.request(kept, "sleep", sleepFor(shortSleep))
	cancel := func() { q.cancel(cancelled, wire.Cancellation(cancelled, "only this one")) }
	other.repeatUntilAnswered(kept, cancel)
	want := fmt.Sprintf("request %d of %s sleeps to its end, as request %d of %s was cancelled", kept, other.name, cancelled, q.name)
	other.mustHaveSlept(clause, kept, began, want)
	if !g.waitForAtMost(0, cancel) {
		p.t.stepFailed(clause, fmt.Sprintf("the cancellation ends request %d of %s", cancelled, q.name),
			fmt.Sprintf("it still runs %v later%s", p.t.Patience(), p.exitSuffix()))
	}
}

// repeatUntilAnswered calls again until there is an answer under the ID, which stays to be taken, or none can come.
func (q *peer) repeatUntilAnswered(id uint64, again func()) {
	began := time.Now()
	for again(); !q.peek(pollInterval, q.hasID(id)) && !q.readingEnded() && time.Since(began) < q.t.Patience(); {
		again()
	}
}

// mustHaveSlept awaits the answer to a short sleep and fails the clause where it did not last.
func (q *peer) mustHaveSlept(clause string, id uint64, began time.Time, want string) {
	r := q.awaitReply(clause, id)
	if slept := r.at.Sub(began); !r.answer.OK || slept < shortSleep*9/10 {
		q.t.stepFailed(clause, fmt.Sprintf("%s: a sleep of %v", want, shortSleep),
			fmt.Sprintf("\"ok\": %v after %v %s", r.answer.OK, slept.Round(time.Millisecond), r.answer.Error))
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
	q.nothingElse("CAN-6", "no answer to a cancellation of a request that does not run")

	const finished = 5000
	q.request(finished, "echo", `"finished before it is cancelled"`)
	q.await(setUp, finished)
	q.nothingElse("MSG-1", "exactly one answer to each request")
	q.expect(finished) // so that an answer to the cancellation is not taken for the request's second one
	q.cancel(finished, wire.Cancellation(finished, "finished"))
	q.nothingElse("CAN-6", "no answer to a cancellation of a request that has finished")
}

func cancellationOfNothingLeavesLaterRequestsAlone(t *T) {
	q := t.start().connectServed(t.Framing)
	for _, id := range []uint64{1009, 1010} {
		when := "came"
		if id == 1010 {
			q.request(id, "echo", `"under this ID before"`)
			q.await(setUp, id)
			when = "came again"
		}
		q.cancel(id, wire.Cancellation(id, "too early or too late"))
		began := time.Now()
		q.request(id, "sleep", sleepFor(shortSleep))
		q.mustHaveSlept("CAN-6", id, began, fmt.Sprintf("request %d, cancelled before it %s, sleeps to its end", id, when))
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

func handlersOfACallerThatWentAwayAreCancelled(t *T) {
	p := t.start()
	g := p.gauge()
	q := p.connectServed(t.Framing)
	q.ask("sleep", t.endlessSleep())
	g.waitForRunning(1, never)
	q.close()
	if !g.waitForAtMost(0, nil) {
		t.Fail("CAN-8", "the handlers of a caller that closed its connection are cancelled", "its `sleep` still runs %v later%s", t.Patience(), p.exitSuffix())
	}
}

// handlersOfACallerThatHalfClosedFirstAreCancelled has the call of another connection stand between the end of the
// requests and the going away.
func handlersOfACallerThatHalfClosedFirstAreCancelled(t *T) {
	p := t.start()
	g := p.gauge()
	q := p.connectServed(t.Framing)
	q.ask("sleep", t.endlessSleep())
	seen := g.waitForRunning(1, never)
	q.closeSending()
	for range 3 {
		if seen { // else they would wait for the handler
			g.peer.call(setUp, "echo", `"after the end of the requests"`)
		}
	}
	q.close()
	if !g.waitForAtMost(0, nil) {
		t.Fail("CAN-8", "the handlers of a caller that closed its sending half and then its connection are cancelled",
			"its `sleep` still runs %v later%s", t.Patience(), p.exitSuffix())
	}
}

// manyCancellationsLeaveOtherRequestsAlone cancels many sleeps before the end of any, and awaits the shorter ones
// of the rest. A worker need not run so many handlers at once, and is asked for nothing then.
func manyCancellationsLeaveOtherRequestsAlone(t *T) {
	p := t.startFresh()
	g := p.gauge()
	q := p.connectServed(t.Framing)
	const first, many, few = 1001, 70, 12
	next := uint64(first)
	ask := func(n int, body string) {
		for range n {
			q.request(next, "sleep", body)
			next++
		}
	}
	ask(many, sleepFor(t.Patience()/2))
	ask(few, t.endlessSleep())
	kept := next
	ask(few, sleepFor(t.Patience()*2/3))
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
