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
			Cause: "The worker serves connections one after the other, or the thread that serves all of them waits for the rest of one frame.",
			Run:   halfSentFrameBlocksNoOtherConnection,
		},
		{
			Name: "caller-that-does-not-read-blocks-no-other-connection", Clauses: []string{"WRK-8"},
			Cause: "The thread that serves all connections waits until one of the callers takes its answer.",
			Run:   callerThatDoesNotReadBlocksNoOtherConnection,
		},
		{
			Name: "busy-connection-keeps-no-other-waiting", Clauses: []string{"WRK-24"},
			Cause: "The worker reads one connection, or runs its requests, for as long as there are any, before it turns to the others.",
			Run:   busyConnectionKeepsNoOtherWaiting,
		},
		{
			Name: "answers-after-half-close-are-sent", Clauses: []string{"WRK-22"}, Framings: suite.BothFramings,
			Cause: "The worker takes the end of what a caller sends for the end of the connection.",
			Run:   answersAfterHalfCloseAreSent,
		},
		{
			Name: "large-answers-after-half-close-are-sent", Clauses: []string{"WRK-22"}, Framings: suite.BothFramings,
			Cause: "The worker closes the connection as soon as no handler runs on it, though answers still wait to be sent.",
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
		t.Note("suite", "%s stays open while others call", c.what)
		first.call("WRK-8", "echo", `"an older connection"`)
		p.connect("WRK-8", t.Framing).call("WRK-8", "echo", `"a newer connection"`)
	}
}

// callerThatDoesNotReadBlocksNoOtherConnection calls while the worker is in the middle of an answer that its caller does
// not read.
func callerThatDoesNotReadBlocksNoOtherConnection(t *T) {
	p := t.start()
	older := p.connectServed(t.anyFraming())
	stalled := p.connectUnread(setUp, t.anyFraming())
	var ids []uint64
	for range 2 {
		ids = append(ids, stalled.ask("blob", unreadBlob))
	}
	stalled.awaitFirstByte(setUp)
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

// busyConnectionKeepsNoOtherWaiting keeps 200 requests outstanding on one connection, each of which sleeps a little, and
// calls on another. A worker that serves requests in the order of arrival answers that call after 200 others, or after
// 400 if it looks at its connections only that often. The worker fails after 1000 others and two seconds, because threads
// may wait long for a processor. After a quick answer the case calls again, since the suite itself may have been too slow
// to keep 200 outstanding.
func busyConnectionKeepsNoOtherWaiting(t *T) {
	const outstanding, tooMany, tooLong = 200, 1000, 2 * time.Second
	p := t.start()
	busy, other := p.connectServed(t.anyFraming()), p.connectServed(t.anyFraming())
	for range outstanding {
		busy.askForABriefSleep()
	}
	const body = `"beside a busy connection"`
	for answers, calls := 0, 0; calls < 5 && answers < outstanding; calls++ {
		for i := 0; i < outstanding && busy.peek(0, anyReply); i++ {
			busy.takeAnyAnswer()
			busy.askForABriefSleep()
		}
		id, began := other.ask("echo", body), time.Now()
		for answers = 0; !other.peek(0, other.hasID(id)) && !other.readingEnded(); answers++ {
			if waited := time.Since(began); answers >= tooMany && waited > tooLong {
				t.FailNow("WRK-24", fmt.Sprintf("an answer on %s while %d requests at most are outstanding on %s", other.name, outstanding, busy.name),
					"none after %v, in which %d requests were answered on %s", waited.Round(time.Millisecond), answers, busy.name)
			}
			busy.takeAnyAnswer()
			busy.askForABriefSleep()
		}
		other.mustEcho("WRK-24", id, body)
	}
	for range outstanding {
		busy.takeAnyAnswer()
	}
}

func (q *peer) askForABriefSleep() { q.ask("sleep", sleepFor(5*time.Millisecond)) }

func (q *peer) takeAnyAnswer() {
	if _, ok := q.wait(q.t.Patience(), anyReply); !ok {
		q.noAnswer("WRK-9", "an answer to each request")
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

// largeAnswersAfterHalfCloseAreSent closes its sending half at the first byte of the answers, when the rest cannot all
// have left the worker.
func largeAnswersAfterHalfCloseAreSent(t *T) {
	q := t.start().connectUnread(setUp, t.Framing)
	var ids []uint64
	for range 3 {
		ids = append(ids, q.ask("blob", unreadBlob))
	}
	q.awaitFirstByte(setUp)
	q.closeSending()
	q.startReading()
	for _, id := range ids {
		q.await("WRK-22", id)
	}
}
