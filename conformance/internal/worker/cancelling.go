package worker

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// mustCancel starts a `sleep` under the ID, sends the cancellation and waits until the handler has ended. The cancellation
// is sent once when the handler is seen to run. If the worker runs one handler at a time, that cannot be seen, and the
// cancellation is sent again and again: one that comes too early is ignored.
//
// Use each ID once on a connection: the ID of a cancelled request that is never answered may stay outstanding.
func (p *process) mustCancel(why purpose, q *peer, id uint64, cancellation []byte) {
	p.mustCancelBy(why, q, id, string(cancellation), func() { q.cancel(id, cancellation) })
}

// mustCancelBy is mustCancel with a function that sends the cancellation, which is described by what.
func (p *process) mustCancelBy(why purpose, q *peer, id uint64, what string, cancel func()) {
	g := p.gaugeBeside(q)
	q.request(id, "sleep", p.t.endlessSleep())
	again := cancel
	if g.waitForRunning(1, never) {
		cancel()
		again = nil
	}
	if !g.waitForAtMost(0, again) {
		p.t.stepFailed(why, what+" ends the `sleep` that it names", fmt.Sprintf("it still runs %v later%s", p.t.Patience(), p.exitSuffix()))
	}
}

// mustCancelOnly starts two sleeps and cancels the first again and again until the second, a short one, is answered. The
// second must sleep to its end, and the first must end.
func (p *process) mustCancelOnly(why purpose, q *peer, cancelled uint64, other *peer, kept uint64) {
	g := p.gaugeBeside(q)
	began := time.Now()
	q.request(cancelled, "sleep", p.t.endlessSleep())
	other.request(kept, "sleep", sleepFor(shortSleep))
	cancel := func() { q.cancel(cancelled, wire.Cancellation(cancelled, "only this one")) }
	other.repeatUntilAnswered(kept, cancel)
	want := fmt.Sprintf("request %d of %s sleeps to its end, as request %d of %s was cancelled", kept, other.name, cancelled, q.name)
	other.mustHaveSlept(why, kept, began, want)
	if !g.waitForAtMost(0, cancel) {
		p.t.stepFailed(why, fmt.Sprintf("the cancellation ends request %d of %s", cancelled, q.name),
			fmt.Sprintf("it still runs %v later%s", p.t.Patience(), p.exitSuffix()))
	}
}

// repeatUntilAnswered calls again, at least once, until there is an answer under the ID or none can come any more. It does
// not take the answer.
func (q *peer) repeatUntilAnswered(id uint64, again func()) {
	began := time.Now()
	for again(); !q.peek(pollInterval, q.hasID(id)) && !q.readingEnded() && time.Since(began) < q.t.Patience(); {
		again()
	}
}

// mustHaveSlept waits for the answer to a `sleep` of shortSleep. The step fails if the answer is an error or came too early.
func (q *peer) mustHaveSlept(why purpose, id uint64, began time.Time, want string) {
	r := q.awaitReply(why, id)
	if slept := r.at.Sub(began); !r.answer.OK || slept < shortSleep*9/10 {
		q.t.stepFailed(why, fmt.Sprintf("%s: a sleep of %v", want, shortSleep),
			fmt.Sprintf("\"ok\": %v after %v %s", r.answer.OK, slept.Round(time.Millisecond), r.answer.Error))
	}
}
