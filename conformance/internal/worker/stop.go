package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func stopCases() []testCase {
	return []testCase{
		{
			Name: "sigterm-ends-an-idle-worker", Clauses: []string{"WRK-17"},
			Cause: stopCause,
			Run:   sigtermEndsAnIdleWorker,
		},
		{
			Name: "sigint-ends-an-idle-worker", Clauses: []string{"WRK-17"},
			Cause: stopCause,
			Run:   sigintEndsAnIdleWorker,
		},
		{
			Name: "long-handler-does-not-hold-the-exit", Clauses: []string{"WRK-17"},
			Cause: "The process waits for its handlers without a limit, or goes on accepting meanwhile.",
			Run:   longHandlerDoesNotHoldTheExit,
		},
		{
			Name: "caller-that-does-not-read-does-not-hold-the-exit", Clauses: []string{"WRK-17"},
			Cause: "The process waits until its last answers are taken, and nobody takes them.",
			Run:   callerThatDoesNotReadDoesNotHoldTheExit,
		},
		{
			Name: "socket-of-a-successor-is-left-alone", Clauses: []string{"WRK-17"},
			Cause: "What is at the path is removed at the end again, though the worker's own socket file is gone and another worker's is there.",
			Run:   socketOfASuccessorIsLeftAlone,
		},
		{
			Name: "handler-that-runs-at-sigterm-is-answered", Clauses: []string{"WRK-18"}, Framings: suite.BothFramings,
			Cause: "The process ends, or closes its connections, without a look at what runs.",
			Run:   handlerThatRunsAtSIGTERMIsAnswered,
		},
		{
			Name: "handler-that-runs-at-sigint-is-answered", Clauses: []string{"WRK-18"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: "SIGINT raises an exception in the handler that runs, as Python's default does.",
			Run:   handlerThatRunsAtSIGINTIsAnswered,
		},
		{
			Name: "answer-behind-an-unread-one-is-sent-after-sigterm", Clauses: []string{"WRK-18"}, Framings: suite.BothFramings,
			Cause: "The process ends when no handler runs any more, whatever waits to be sent.",
			Run:   answerBehindAnUnreadOneIsSentAfterSIGTERM,
		},
	}
}

func sigtermEndsAnIdleWorker(t *T) { t.stopIdleWorker(syscall.SIGTERM) }

func sigintEndsAnIdleWorker(t *T) { t.stopIdleWorker(syscall.SIGINT) }

func handlerThatRunsAtSIGTERMIsAnswered(t *T) { t.signalWhileHandlerRuns(syscall.SIGTERM) }

func handlerThatRunsAtSIGINTIsAnswered(t *T) { t.signalWhileHandlerRuns(syscall.SIGINT) }

const stopCause = "The signal has its default action, or the socket file is left behind, or a blocking call is not woken up. " +
	"A wrapper has to pass the signal on: begin it with exec."

// mustStop waits for the process to end as [WRK-17] has it.
func (p *process) mustStop(s syscall.Signal) {
	limit := p.t.command.grace() + p.t.Patience()
	status, ended := p.awaitExit(limit)
	want := fmt.Sprintf("an exit with status 0 within the grace period of %v after %s", p.t.command.grace(), signalName(s))
	switch {
	case !ended:
		p.t.FailNow("WRK-17", want, "it still runs after %v", limit)
	case status != 0:
		p.t.Fail("WRK-17", want, "%s", p.howItEnded())
	}
	if _, err := os.Lstat(p.socket); err == nil {
		p.t.Fail("WRK-17", "the socket file is removed", "it is still there after the process has ended")
	}
}

// stopIdleWorker has idle and half-sent connections open, as a pool would.
func (t *T) stopIdleWorker(s syscall.Signal) {
	p := t.startFresh()
	for _, f := range t.framings {
		p.connectServed(f) // and then idle
		p.connectServed(f).send(wire.Encode(f, 2, wire.Request(2, "echo", `"half of it"`))[:f.HeaderSize()+3])
	}
	p.connect(setUp, t.anyFraming()) // has sent nothing
	p.connectServed(t.anyFraming())
	p.signal(s)
	p.mustStop(s)
}

// longHandlerDoesNotHoldTheExit also tries new connections until one is refused or the process has ended.
// Served ones accuse only where they went on for half the grace period and none was refused before the end: a
// worker that comes to stop accepting late, or ends at once, is right.
func longHandlerDoesNotHoldTheExit(t *T) {
	p := t.startFresh()
	g := p.gauge()
	p.connectServed(t.anyFraming()).ask("sleep", t.endlessSleep())
	g.waitForRunning(1, never)
	p.signal(syscall.SIGTERM)
	signalled := time.Now()
	var served time.Duration // how long after the signal the last served connection was opened
	refused := false
	for !refused && !p.ended() && time.Since(signalled) < t.command.grace()+t.Patience() {
		opened := time.Since(signalled)
		conn, err := p.dial()
		if err != nil {
			_, ended := p.awaitExit(t.command.grace() / 4) // the end itself refuses too
			refused = !ended
			continue
		}
		q := newPeer(p, conn, t.anyFraming())
		q.startReading()
		if _, ok := q.wait(t.command.grace()/2, q.hasID(q.ask("echo", `"a new connection"`))); ok {
			served = opened
		}
		q.close()
		p.awaitExit(pollInterval)
	}
	if !refused && served > t.command.grace()/2 {
		t.Fail("WRK-17", "no new connections after SIGTERM",
			"one that was opened %v later was served, and none was refused before the process ended", served.Round(time.Millisecond))
	}
	p.mustStop(syscall.SIGTERM)
}

func callerThatDoesNotReadDoesNotHoldTheExit(t *T) {
	p := t.startFresh()
	stalled := p.connectUnread(setUp, t.anyFraming())
	for range 2 {
		stalled.ask("blob", unreadBlob)
	}
	stalled.awaitFirstByte()
	p.signal(syscall.SIGTERM)
	p.mustStop(syscall.SIGTERM)
}

// mustAnswerInGrace sends the signal once a request is set that is to be answered all the same. Where the worker ends
// without an answer when its grace period is over, the machine may have been too slow for it; so it has to do that again,
// unless that is longer than the patience.
func (t *T) mustAnswerInGrace(s syscall.Signal, set func(p *process) (q *peer, id uint64, meanwhile func())) {
	tries := 3
	if t.command.grace() > t.Patience() {
		tries = 1
	}
	for ; ; tries-- {
		p := t.startFresh()
		q, id, meanwhile := set(p)
		signalled := time.Now()
		p.signal(s)
		meanwhile()
		r, ok := q.wait(t.command.grace()+t.Patience(), q.hasID(id))
		if !ok {
			if took := time.Since(signalled); tries > 1 && q.readingEnded() && took >= t.command.grace() {
				t.Note("case", "the worker ended after %v, with its grace period; once more", took.Round(time.Millisecond))
				p.mustStop(s)
				continue
			}
			t.FailNow("WRK-18", fmt.Sprintf("the answer of a handler that ran when %s came", signalName(s)), "%s", q.whyNoAnswer())
		}
		if q.mustBeAnswer("WRK-18", r); !r.answer.OK {
			t.Fail("WRK-18", fmt.Sprintf("a handler that ran when %s came finishes", signalName(s)), "the error %q", r.answer.Error)
		}
		q.mustMatchHeader(r)
		p.mustStop(s)
		return
	}
}

// signalWhileHandlerRuns sends the signal when the handler is seen to run. Where one handler runs at a
// time nothing can be seen from beside it, and that the reading waits is the sign. Requests that come on another
// connection meanwhile may run, be refused or meet its end, but must not disturb what runs, or the exit.
func (t *T) signalWhileHandlerRuns(s syscall.Signal) {
	t.mustAnswerInGrace(s, func(p *process) (q *peer, id uint64, meanwhile func()) {
		g := p.gauge()
		sleep := min(3*g.serialAfter, t.command.grace()/2)
		g.serialAfter = sleep / 3
		other, q := p.connectServed(t.Framing), p.connectServed(t.Framing)
		over := func() bool { return q.peek(0, q.hasID(id)) }
		for tries := 10; ; tries-- { // on a slow machine it may be over before it is seen
			id = q.ask("sleep", sleepFor(sleep))
			if g.waitForRunning(1, over); !over() {
				break
			}
			if tries == 0 {
				t.Blocked("a `sleep` of %v was over each time before it was seen to run", sleep)
			}
		}
		return q, id, func() {
			q.repeatUntilAnswered(id, func() {
				for _, method := range []string{"echo", "health", "no_such_method"} {
					other.ask(method, "1")
				}
			})
		}
	})
}

// socketOfASuccessorIsLeftAlone listens at the path itself when the worker has removed its socket file and lets a
// handler finish. One that removes the file later, with its end, has left nobody the path before.
func socketOfASuccessorIsLeftAlone(t *T) {
	first := t.startFresh()
	g := first.gauge()
	first.connectServed(t.anyFraming()).ask("sleep", sleepFor(t.command.grace()*3/4))
	g.waitForRunning(1, never)
	first.signal(syscall.SIGTERM)
	free := func() bool {
		_, err := os.Lstat(first.socket)
		return errors.Is(err, fs.ErrNotExist)
	}
	first.waitUntil(func() bool { return free() || first.ended() })
	if first.ended() || !free() {
		first.mustStop(syscall.SIGTERM)
		return
	}
	// Once the worker has closed its socket too, the file system may give the next file the same number.
	g.peer.wait(g.serialAfter, g.peer.hasID(g.peer.ask("health", "null")))
	t.listen(first.socket)
	before := t.fileInfo(first.socket)
	limit := t.command.grace() + t.Patience()
	if _, ended := first.awaitExit(limit); !ended {
		t.FailNow("WRK-17", "an exit within the grace period after SIGTERM", "it still runs after %v", limit)
	}
	t.mustBeUntouched("WRK-17", "the socket file of the process that came after", first.socket, before)
}

// answerBehindAnUnreadOneIsSentAfterSIGTERM lets a handler end while its connection is stuck in a large answer, and
// reads only then. A quarter of the grace period is for the handler, and what is left for its answer.
func answerBehindAnUnreadOneIsSentAfterSIGTERM(t *T) {
	t.mustAnswerInGrace(syscall.SIGTERM, func(p *process) (q *peer, id uint64, meanwhile func()) {
		q = p.connectUnread(setUp, t.Framing)
		sleep := t.command.grace() / 4
		id = q.ask("sleep", sleepFor(sleep))
		q.ask("blob", unreadBlob)
		q.awaitFirstByte()
		return q, id, func() {
			p.awaitExit(sleep)
			q.startReading()
		}
	})
}
