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
			Cause: "The worker waits for its handlers without a limit, or goes on accepting connections meanwhile.",
			Run:   longHandlerDoesNotHoldTheExit,
		},
		{
			Name: "caller-that-does-not-read-does-not-hold-the-exit", Clauses: []string{"WRK-17"},
			Cause: "The worker waits until its last answers are taken, and nobody takes them.",
			Run:   callerThatDoesNotReadDoesNotHoldTheExit,
		},
		{
			Name: "second-signal-changes-nothing", Clauses: []string{"WRK-17", "WRK-18"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: "The first signal gives the signals their default action back, or each one begins to stop anew; Ctrl-C and the pool's SIGTERM come together.",
			Run:   secondSignalChangesNothing,
		},
		{
			Name: "socket-of-a-successor-is-left-alone", Clauses: []string{"WRK-17"},
			Cause: "The worker removes what is at its path again when it ends, though its own socket file is gone and another worker's is there.",
			Run:   socketOfASuccessorIsLeftAlone,
		},
		{
			Name: "handler-that-runs-at-sigterm-is-answered", Clauses: []string{"WRK-18"}, Framings: suite.BothFramings,
			Cause: "The worker ends, or closes its connections, without looking at which handlers run.",
			Run:   handlerThatRunsAtSIGTERMIsAnswered,
		},
		{
			Name: "handler-that-runs-at-sigint-is-answered", Clauses: []string{"WRK-18"}, Framings: []spec.Framing{spec.Enhanced},
			Cause: "SIGINT raises an exception in the handler that runs, as Python's default does.",
			Run:   handlerThatRunsAtSIGINTIsAnswered,
		},
		{
			Name: "answer-behind-an-unread-one-is-sent-after-sigterm", Clauses: []string{"WRK-18"}, Framings: suite.BothFramings,
			Cause: "The worker ends when no handler runs any more, though answers still wait to be sent.",
			Run:   answerBehindAnUnreadOneIsSentAfterSIGTERM,
		},
	}
}

const stopCause = "The signal has its default action, for ever or until the first answer, or the worker leaves its socket file behind, or nothing wakes a call that blocks. " +
	"A wrapper has to pass the signal on: begin it with exec."

func sigtermEndsAnIdleWorker(t *T) { t.stopIdleWorker(syscall.SIGTERM) }

func sigintEndsAnIdleWorker(t *T) { t.stopIdleWorker(syscall.SIGINT) }

// stopIdleWorker sends the signal to a worker that has answered nothing yet, and to one whose connections are idle or in the
// middle of a request, as those of a pool may be.
func (t *T) stopIdleWorker(s syscall.Signal) {
	t.stopUnusedWorker(s)
	p := t.startFresh()
	for _, f := range t.framings {
		p.connectServed(f) // and then idle
		p.connectServed(f).send(wire.Encode(f, 2, wire.Request(2, "echo", `"half of it"`))[:f.HeaderSize()+3])
	}
	p.connect(setUp, t.anyFraming()) // sends nothing
	p.connectServed(t.anyFraming())
	p.signal(s)
	p.mustStop(s)
}

// stopUnusedWorker sends the signal to a worker that has had no request. That it serves is seen from its closing a connection
// after a framing error [WRK-15]; whether it does is for another case.
func (t *T) stopUnusedWorker(s syscall.Signal) {
	p := t.startFresh()
	q := p.connect(setUp, t.anyFraming())
	q.send(wire.Claim(t.anyFraming(), 1, spec.DefaultMaxPayload+1))
	p.waitFor(t.Patience(), q.done)
	p.signal(s)
	p.mustStop(s)
}

// mustStop waits for the process to end, which it must do within the grace period, with status 0 and without leaving its
// socket file [WRK-17].
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

// longHandlerDoesNotHoldTheExit also opens new connections after the signal, until one is refused or the process has ended.
// A worker may stop accepting a little later, or end at once. So it fails only if it still served a new connection after half
// the grace period and refused none before it ended.
func longHandlerDoesNotHoldTheExit(t *T) {
	p := t.startFresh()
	g := p.gauge()
	p.connectServed(t.anyFraming()).ask("sleep", t.endlessSleep())
	g.waitForRunning(1, never)
	p.signal(syscall.SIGTERM)
	served, refused := p.connectUntilRefused()
	if !refused && served > t.command.grace()/2 {
		t.Fail("WRK-17", "no new connections after SIGTERM",
			"one that was opened %v later was served, and none was refused before the process ended", served.Round(time.Millisecond))
	}
	p.mustStop(syscall.SIGTERM)
}

// connectUntilRefused opens one connection after the other until one is refused or the process has ended. It returns how
// long after the call the last served connection was opened, and whether one was refused while the process ran.
func (p *process) connectUntilRefused() (served time.Duration, refused bool) {
	began, grace := time.Now(), p.t.command.grace()
	for !refused && !p.ended() && time.Since(began) < grace+p.t.Patience() {
		opened := time.Since(began)
		conn, err := p.dial()
		if err != nil {
			_, ended := p.awaitExit(grace / 4) // a process that has just ended refuses too
			refused = !ended
			continue
		}
		q := newPeer(p, conn, p.t.anyFraming())
		q.startReading()
		if _, ok := q.wait(grace/2, q.hasID(q.ask("echo", `"a new connection"`))); ok {
			served = opened
		}
		q.close()
		p.awaitExit(pollInterval)
	}
	return served, refused
}

func callerThatDoesNotReadDoesNotHoldTheExit(t *T) {
	p := t.startFresh()
	stalled := p.connectUnread(setUp, t.anyFraming())
	for range 2 {
		stalled.ask("blob", unreadBlob)
	}
	stalled.awaitFirstByte(setUp)
	p.signal(syscall.SIGTERM)
	p.mustStop(syscall.SIGTERM)
}

// socketOfASuccessorIsLeftAlone waits until the worker has removed its socket file while a handler still finishes, and then
// listens at the path itself. If the worker removes the file only when it ends, nobody could have taken the path before.
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
	// This gives the worker time to close its socket too: then the file system may give the next file the same number.
	g.peer.wait(g.serialAfter, g.peer.hasID(g.peer.ask("health", "null")))
	t.listen(first.socket)
	before := t.fileInfo(first.socket)
	limit := t.command.grace() + t.Patience()
	if _, ended := first.awaitExit(limit); !ended {
		t.FailNow("WRK-17", "an exit within the grace period after SIGTERM", "it still runs after %v", limit)
	}
	t.mustBeUntouched("WRK-17", "the socket file of the process that came after", first.socket, before)
}

// outstandingCall is a request that the worker must answer though a signal comes first.
type outstandingCall struct {
	peer      *peer
	id        uint64
	meanwhile func() // called after the signal and before the answer is awaited
}

// mustAnswerInGrace makes the call, sends the signal and waits for the answer and the exit. If the worker ends without an
// answer when its grace period is over, the machine may have been too slow. Then it tries again, up to three times in all,
// unless the grace period is longer than the patience.
func (t *T) mustAnswerInGrace(s syscall.Signal, makeCall func(*process) outstandingCall) {
	tries := 3
	if t.command.grace() > t.Patience() {
		tries = 1
	}
	for ; ; tries-- {
		p := t.startFresh()
		call := makeCall(p)
		q := call.peer
		signalled := time.Now()
		p.signal(s)
		call.meanwhile()
		r, ok := q.wait(t.command.grace()+t.Patience(), q.hasID(call.id))
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

func handlerThatRunsAtSIGTERMIsAnswered(t *T) {
	t.mustAnswerInGrace(syscall.SIGTERM, sleepThatIsSeenToRun)
}

func handlerThatRunsAtSIGINTIsAnswered(t *T) {
	t.mustAnswerInGrace(syscall.SIGINT, sleepThatIsSeenToRun)
}

// secondSignalChangesNothing sends SIGINT and, once the worker shows that it stops, SIGTERM, while a handler runs. A worker that
// does not let that handler finish after one signal either [WRK-18] is on its way out when the second comes, and not asked.
func secondSignalChangesNothing(t *T) {
	one := t.startFresh()
	call := sleepThatIsSeenToRun(one)
	one.signal(syscall.SIGINT)
	if _, ok := call.peer.wait(t.command.grace()+t.Patience(), call.peer.hasID(call.id)); !ok {
		t.Note("case", "after SIGINT alone a handler that runs is not answered either: a second signal finds nothing to cut off")
		return
	}
	p := t.startFresh()
	call = sleepThatIsSeenToRun(p)
	signalled := time.Now()
	p.signal(syscall.SIGINT)
	p.waitUntil(func() bool {
		_, err := os.Lstat(p.socket)
		return errors.Is(err, fs.ErrNotExist) || p.ended()
	})
	p.signal(syscall.SIGTERM)
	p.mustStop(syscall.SIGINT)
	took := time.Since(signalled)
	if _, ok := call.peer.wait(t.Patience(), call.peer.hasID(call.id)); !ok && took < t.command.grace()*3/4 {
		t.Fail("WRK-18", "the answer of a handler that ran when SIGINT came, though SIGTERM followed", "%s, and the worker ended after %v", call.peer.whyNoAnswer(), took.Round(time.Millisecond))
	}
}

// sleepThatIsSeenToRun calls `sleep` and waits until a gauge sees it run. If the worker runs one handler at a time, the gauge
// cannot see it, and its own reading that waits is the sign. After the signal, requests come on another connection: they may
// run, be refused or meet a closed connection, but must not disturb the handler that runs, or the exit.
func sleepThatIsSeenToRun(p *process) outstandingCall {
	t, g := p.t, p.gauge()
	sleep := min(3*g.serialAfter, t.command.grace()/2)
	g.serialAfter = sleep / 3
	other, q := p.connectServed(t.Framing), p.connectServed(t.Framing)
	var id uint64
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
	return outstandingCall{q, id, func() {
		q.repeatUntilAnswered(id, func() {
			for _, method := range []string{"echo", "health", "no_such_method"} {
				other.ask(method, "1")
			}
		})
	}}
}

func answerBehindAnUnreadOneIsSentAfterSIGTERM(t *T) {
	t.mustAnswerInGrace(syscall.SIGTERM, sleepBehindAnUnreadAnswer)
}

// sleepBehindAnUnreadAnswer calls `sleep` for a quarter of the grace period on a connection that is stuck in a large answer,
// and reads from it only when the handler has ended. The rest of the grace period is for the answer.
func sleepBehindAnUnreadAnswer(p *process) outstandingCall {
	q := p.connectUnread(setUp, p.t.Framing)
	sleep := p.t.command.grace() / 4
	id := q.ask("sleep", sleepFor(sleep))
	q.ask("blob", unreadBlob)
	q.awaitFirstByte(setUp)
	return outstandingCall{q, id, func() {
		p.awaitExit(sleep)
		q.startReading()
	}}
}
