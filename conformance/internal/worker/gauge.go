package worker

import (
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// gauge reads `inflight`, the number of handlers that run, over a connection of its own. A worker may
// run one handler at a time: then the reading itself waits until the handler has ended.
type gauge struct {
	peer  *peer
	idle  int    // what is read while nothing else runs: `inflight` may count itself
	asked uint64 // the reading that is still outstanding, 0 for none
	// serialAfter is how long a reading stays out until the worker is taken for one that runs one
	// handler at a time. It decides how a case goes on, never what it finds.
	serialAfter time.Duration
}

const (
	// pollInterval is how often a gauge is read while something must happen.
	pollInterval = 20 * time.Millisecond
	// defaultSerialAfter is a third of what a sleep takes that a gauge is to see: then a reading lies
	// wholly within it, or one has stayed out longer.
	defaultSerialAfter = 500 * time.Millisecond
)

// gauge opens a connection of its own and reads what `inflight` is while nothing runs.
func (p *process) gauge() *gauge {
	g := &gauge{peer: p.connectServed(p.t.anyFraming()), serialAfter: defaultSerialAfter}
	n, ok := g.read(p.t.Patience())
	if !ok {
		g.peer.noAnswer(setUp, "an answer to `inflight`")
	}
	g.idle = n
	return g
}

// read tells how many handlers run beside those that run when nothing is asked for; false where the
// worker did not say so within the limit.
func (g *gauge) read(limit time.Duration) (running int, ok bool) {
	if g.asked == 0 {
		g.asked = g.peer.ask("inflight", "null")
	}
	r, ok := g.peer.wait(limit, g.peer.hasID(g.asked))
	if !ok {
		return 0, false
	}
	g.asked = 0
	n, err := wire.WholeNumber(r.answer.Body)
	if r.err != nil || !r.answer.OK || err != nil {
		g.peer.t.Blocked("`inflight` is answered with no whole number [WRK-21]: %s", text.Excerpt(r.Payload))
	}
	return n - g.idle, true
}

// sees waits until that many handlers run. It returns false where they are over, and where the worker seems
// to run one handler at a time, so that nothing can be seen from beside.
func (g *gauge) waitForRunning(handlers int, over func() bool) (seen bool) {
	t := g.peer.t
	settled := g.peer.process.waitUntil(func() bool {
		n, ok := g.read(g.serialAfter)
		if !ok {
			t.Note("suite", "`inflight` waits behind the handler: the worker seems to run one at a time")
			return true
		}
		seen = n >= handlers
		return seen || over()
	})
	if !settled {
		t.Blocked("`inflight` never showed %d handlers running [WRK-21]", handlers)
	}
	return seen
}

func never() bool { return false }

// falls waits until at most that many handlers run. Each time round it calls again, where given.
func (g *gauge) waitForAtMost(handlers int, again func()) bool {
	return g.peer.process.waitUntil(func() bool {
		if again != nil {
			again()
		}
		n, ok := g.read(pollInterval)
		return ok && n <= handlers
	})
}

// long is a sleep in ms that outlasts all patience: what waits for its end has failed.
func (t *T) endlessSleep() string {
	return fmt.Sprintf(`{"ms":%d}`, (20 * t.Patience()).Milliseconds())
}

func sleepFor(d time.Duration) string { return fmt.Sprintf(`{"ms":%d}`, d.Milliseconds()) }
