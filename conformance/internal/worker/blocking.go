package worker

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

func blockingCases() []testCase {
	return []testCase{
		{
			Name: "half-sent-frame-blocks-no-other-connection", Clauses: []string{"WRK-8"}, Framings: suite.BothFramings,
			Cause: "Connections are served one after the other, or the thread that serves all waits for the rest of one frame.",
			Run:   halfSentFrameBlocksNoOtherConnection,
		},
		{
			Name: "caller-that-does-not-read-blocks-no-other-connection", Clauses: []string{"WRK-8"},
			Cause: "The thread that serves all connections waits until one of them takes its answer.",
			Run:   callerThatDoesNotReadBlocksNoOtherConnection,
		},
		{
			Name: "busy-connection-keeps-no-other-waiting", Clauses: []string{"WRK-24"},
			Cause: "One connection is read, or its requests are run, for as long as there are any, before it is the others' turn.",
			Run:   busyConnectionKeepsNoOtherWaiting,
		},
		{
			Name: "answers-after-half-close-are-sent", Clauses: []string{"WRK-22"}, Framings: suite.BothFramings,
			Cause: "The end of what a caller sends is taken for the end of the connection.",
			Run:   answersAfterHalfCloseAreSent,
		},
		{
			Name: "large-answers-after-half-close-are-sent", Clauses: []string{"WRK-22"}, Framings: suite.BothFramings,
			Cause: "The connection is closed as soon as no handler runs on it, whatever waits to be sent.",
			Run:   largeAnswersAfterHalfCloseAreSent,
		},
	}
}

func halfSentFrameBlocksNoOtherConnection(t *T) {
	p := t.start()
	frame := wire.Encode(t.Framing, 1, wire.Request(1, "echo", `"held back"`))
	size := t.Framing.HeaderSize()
	first := p.connectServed(t.Framing)
	for _, c := range []struct {
		sent int
		what string
	}{
		{0, "a connection that has sent nothing"},
		{1, "a connection that has sent one byte"},
		{size - 1, "a connection that has sent a header without its last byte"},
		{size, "a connection that has sent a header alone"},
		{len(frame) - 1, "a connection that has sent a frame without its last byte"},
	} {
		stalled := p.connect("WRK-8", t.Framing)
		if c.sent > 0 {
			stalled.send(frame[:c.sent])
		}
		t.Note("suite", "%s stays open, and others call", c.what)
		first.call("WRK-8", "echo", `"an older connection"`)
		p.connect("WRK-8", t.Framing).call("WRK-8", "echo", `"a newer connection"`)
	}
}

// unreadBlob asks for an answer that is larger than the buffer of a socket and fits into the largest frame.
const unreadBlob = `{"size":2000000}`

// callerThatDoesNotReadBlocksNoOtherConnection calls while the worker is in the middle of an
// answer that nobody takes.
func callerThatDoesNotReadBlocksNoOtherConnection(t *T) {
	p := t.start()
	older := p.connectServed(t.anyFraming())
	stalled := p.connectUnread(setUp, t.anyFraming())
	var ids []uint64
	for range 2 {
		ids = append(ids, stalled.ask("blob", unreadBlob))
	}
	stalled.awaitFirstByte()
	for i := range 10 {
		older.call("WRK-8", "echo", fmt.Sprintf(`"call %d of an older connection"`, i))
	}
	p.connect("WRK-8", t.anyFraming()).call("WRK-8", "echo", `"a newer connection"`)
	t.Note(stalled.name, "is read now")
	stalled.startReading()
	for _, id := range ids {
		stalled.await("WRK-9", id)
	}
}

// busyConnectionKeepsNoOtherWaiting has 200 requests outstanding on one connection all the time, each of which takes a
// while, and calls on another one. Whoever serves requests in the order of arrival answers that after 200, or 400 where
// it looks at the connections after that many. It is accused after 1000, and two seconds: threads may have to wait long
// for a processor. It calls again where it was answered soon, as where the suite itself has come too late to ask on.
func busyConnectionKeepsNoOtherWaiting(t *T) {
	const outstanding, tooMany, tooLong = 200, 1000, 2 * time.Second
	p := t.start()
	busy, other := p.connectServed(t.anyFraming()), p.connectServed(t.anyFraming())
	ask := func() { busy.ask("sleep", sleepFor(5*time.Millisecond)) }
	for range outstanding {
		ask()
	}
	anything := func(reply) bool { return true }
	next := func() {
		if _, ok := busy.wait(t.Patience(), anything); !ok {
			busy.noAnswer("WRK-9", "an answer to each request")
		}
	}
	const body = `"beside a busy connection"`
	for answers, calls := 0, 0; calls < 5 && answers < outstanding; calls++ {
		for i := 0; i < outstanding && busy.peek(0, anything); i++ {
			next()
			ask()
		}
		id, began := other.ask("echo", body), time.Now()
		for answers = 0; !other.peek(0, other.hasID(id)) && !other.readingEnded(); answers++ {
			if waited := time.Since(began); answers >= tooMany && waited > tooLong {
				t.FailNow("WRK-24", fmt.Sprintf("an answer on %s while %d requests at most are outstanding on %s", other.name, outstanding, busy.name),
					"none after %v, in which %d requests were answered on %s", waited.Round(time.Millisecond), answers, busy.name)
			}
			next()
			ask()
		}
		other.mustEcho("WRK-24", id, body)
	}
	for range outstanding {
		next()
	}
}

func answersAfterHalfCloseAreSent(t *T) {
	q := t.start().connect(setUp, t.Framing)
	var ids []uint64
	for i := range 20 {
		ids = append(ids, q.ask("echo", fmt.Sprintf(`"request %d"`, i)))
	}
	ids = append(ids, q.ask("sleep", sleepFor(shortSleep)))
	q.closeSending()
	for _, id := range ids {
		q.await("WRK-22", id)
	}
}

// largeAnswersAfterHalfCloseAreSent ends its requests when the first byte of the answers has come: the rest cannot
// all have left.
func largeAnswersAfterHalfCloseAreSent(t *T) {
	q := t.start().connectUnread(setUp, t.Framing)
	var ids []uint64
	for range 3 {
		ids = append(ids, q.ask("blob", unreadBlob))
	}
	q.awaitFirstByte()
	q.closeSending()
	q.startReading()
	for _, id := range ids {
		q.await("WRK-22", id)
	}
}
