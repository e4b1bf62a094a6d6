package worker

import (
	"fmt"

	"github.com/pyproctest/pyproctest/conformance/internal/proc"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func leavingCases() []testCase {
	return []testCase{
		{
			Name: "caller-that-leaves-before-its-answer-disturbs-nobody", Clauses: []string{"WRK-25"}, Framings: suite.BothFramings,
			Cause: "Sending to a caller that has left raises an exception or a SIGPIPE, which ends the process or the loop that serves all connections.",
			Run:   callerThatLeavesBeforeItsAnswerDisturbsNobody,
		},
		{
			Name: "caller-that-leaves-in-its-answer-disturbs-nobody", Clauses: []string{"WRK-25"}, Framings: suite.BothFramings,
			Cause: "When the rest of an answer cannot be sent, the worker ends, or goes on without giving back what all connections need to send.",
			Run:   callerThatLeavesInItsAnswerDisturbsNobody,
		},
		{
			Name: "ended-connections-leave-no-descriptor", Clauses: []string{"WRK-26"},
			Cause: "The worker does not close its side of a connection that the caller has ended, or closes it in some of the ways to end only.",
			Run:   endedConnectionsLeaveNoDescriptor,
		},
	}
}

// callersThatLeave is how many callers leave in one case, so that a worker whose answer sometimes leaves before the caller
// does is seen as well.
const callersThatLeave = 20

// callerThatLeavesBeforeItsAnswerDisturbsNobody has callers leave while handlers run whose answers nobody will take, and
// with answers that they have not read, while a call on another connection is outstanding.
func callerThatLeavesBeforeItsAnswerDisturbsNobody(t *T) {
	p := t.start()
	p.mustGoOnWithout(callersThatLeave, func(purpose) *peer {
		q := p.connectUnread("WRK-25", t.Framing)
		q.ask("echo", `"of a caller that leaves"`)
		q.ask("sleep", `{"ms":5}`)
		q.ask("fail", `{"message":"of a caller that leaves"}`)
		return q
	})
}

func callerThatLeavesInItsAnswerDisturbsNobody(t *T) {
	p := t.start()
	p.mustGoOnWithout(3, func(why purpose) *peer {
		q := p.connectUnread("WRK-25", t.Framing)
		for range 2 {
			q.ask("blob", unreadBlob)
		}
		q.awaitFirstByte(why)
		return q
	})
}

// mustGoOnWithout lets callers come and leave, and fails [WRK-25] if a call that is outstanding on another connection, later
// calls there and calls of a new connection are not answered. The worker need not serve connections at once. What a caller
// waits for sets the case up until the first has left, and then tests what that has left behind.
func (p *process) mustGoOnWithout(callers int, caller func(why purpose) *peer) {
	var other *peer
	var outstanding uint64
	if !p.t.oneAtATime {
		other = p.connectServed(p.t.Framing)
		outstanding = other.ask("sleep", sleepFor(shortSleep))
	}
	why := setUp
	for range callers {
		caller(why).close()
		why = "WRK-25"
		if other != nil {
			other.call("WRK-25", "echo", `"of a caller that stays"`)
		}
	}
	if other != nil {
		if r := other.awaitReply("WRK-25", outstanding); !r.answer.OK {
			other.fail("WRK-25", "the call of another connection that was outstanding is answered", "an error", r)
		}
	}
	p.connect("WRK-25", p.t.Framing).call("WRK-25", "echo", `"of a caller that came later"`)
}

// endedConnectionsLeaveNoDescriptor opens connections that end in one way, a hundred for each way, and counts the worker's
// descriptors before and after. A worker may open a few for itself meanwhile, such as for a thread. One that keeps a
// descriptor for each of the connections, or for one in four, is found, and so is one that serves no more after some of them.
func endedConnectionsLeaveNoDescriptor(t *T) {
	const connections, tolerated = 100, 25
	p := t.startFresh()
	f := t.anyFraming()
	frame := wire.Encode(f, 1, wire.Request(1, "echo", `"half of it"`))
	p.connectServed(f).close()
	for _, way := range []struct {
		what string
		live func(*peer)
	}{
		{"were closed after a call", func(q *peer) { q.mustBeServedBehindOthers(); q.close() }},
		{"were closed before anything was sent", func(q *peer) { q.close() }},
		{"were closed in the middle of a frame", func(q *peer) { q.send(frame[:len(frame)-3]); q.close() }},
		{"were closed before their answer", func(q *peer) { q.ask("sleep", `{"ms":1}`); q.close() }},
		{"were half-closed first", func(q *peer) {
			q.ask("echo", `"served"`)
			q.closeSending()
			q.wait(t.Patience(), anyReply) // whether it comes is for [WRK-22]
			q.close()
		}},
		{"ended with a framing error", func(q *peer) {
			q.mustBeServedBehindOthers()
			q.send(wire.Claim(f, 2, spec.DefaultMaxPayload+1))
			q.mustClose("WRK-15", "the connection is closed after a claim of one byte over max_payload")
			q.close()
		}},
	} {
		way.live(p.connect(setUp, f)) // what the worker opens once, it opens now
		before := p.descriptors()
		for range connections {
			way.live(p.connect(setUp, f))
		}
		last := p.connect(setUp, f)
		last.mustBeServedBehindOthers()
		last.close()
		var after int
		if p.waitUntil(func() bool { after = p.descriptors(); return after < before+tolerated || p.ended() }) {
			t.Note("suite", "%d connections %s: %d descriptors before, %d after", connections, way.what, before, after)
			continue
		}
		t.Fail("WRK-26", fmt.Sprintf("no more descriptors than before once %d connections that %s have ended", connections, way.what),
			"%d before, and still %d after %v", before, after, t.Patience())
		return
	}
}

// mustBeServedBehindOthers makes a call when other connections have ended. A worker that runs and does not answer has kept
// more of those than descriptors [WRK-26]; one that did not survive them broke another clause.
func (q *peer) mustBeServedBehindOthers() {
	if _, ok := q.wait(q.t.Patience(), q.hasID(q.ask("echo", `"behind others"`))); ok {
		return
	}
	why := purpose("WRK-26")
	if _, ended := q.process.awaitExit(q.t.Patience() / 4); ended {
		why = setUp
	}
	q.noAnswer(why, "an answer on a connection behind others that have ended")
}

// descriptors returns how many descriptors the worker and the processes that it started have open.
func (p *process) descriptors() int {
	n, known := proc.Descriptors(p.cmd.Process.Pid)
	if !known && !p.ended() {
		p.t.Blocked("the descriptors of the worker cannot be counted on this system: there is neither /proc nor lsof")
	}
	return n
}
