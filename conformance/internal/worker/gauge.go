package worker

import (
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

// gauge reads `inflight`, the number of handlers that run, on a connection of its own [WRK-21].
//
// If the worker runs one handler at a time, `inflight` itself waits until the handler before it has ended. A gauge assumes
// such a worker when a reading is not answered within serialAfter.
type gauge struct {
	peer        *peer
	idle        int           // what `inflight` returns while nothing else runs; it may count itself
	outstanding uint64        // the ID of the reading that is not answered yet; 0 if there is none
	serialAfter time.Duration // decides how a case goes on, never what it finds
}

const (
	// pollInterval is how long to wait between two looks at a gauge or a connection.
	pollInterval = 20 * time.Millisecond
	// defaultSerialAfter is a third of the sleep that a gauge watches. So either one reading lies wholly within the sleep,
	// or a reading takes longer than this.
	defaultSerialAfter = 500 * time.Millisecond
)

// gauge opens a connection and reads `inflight` while no handler of the case runs.
func (p *process) gauge() *gauge { return p.gaugeOn(p.connectServed(p.t.anyFraming())) }

// gaugeBeside returns a gauge beside the connection, or, if the worker serves one connection at a time, on it.
func (p *process) gaugeBeside(q *peer) *gauge {
	if p.t.oneAtATime {
		return p.gaugeOn(q)
	}
	return p.gauge()
}

// gaugeOn reads `inflight` on the connection.
func (p *process) gaugeOn(q *peer) *gauge {
	g := &gauge{peer: q, serialAfter: defaultSerialAfter}
	n, ok := g.read(p.t.Patience())
	if !ok {
		g.peer.noAnswer(setUp, "an answer to `inflight`")
	}
	g.idle = n
	return g
}

// read returns how many handlers of the case run. If the worker does not answer within the limit, ok is false, and the next
// read waits for that answer.
func (g *gauge) read(limit time.Duration) (running int, ok bool) {
	if g.outstanding == 0 {
		g.outstanding = g.peer.ask("inflight", "null")
	}
	r, ok := g.peer.wait(limit, g.peer.hasID(g.outstanding))
	if !ok {
		return 0, false
	}
	g.outstanding = 0
	n, err := wire.WholeNumber(r.answer.Body)
	if r.err != nil || !r.answer.OK || err != nil {
		g.peer.t.Blocked("`inflight` is answered with no whole number [WRK-21]: %s", text.Excerpt(r.Payload))
	}
	return n - g.idle, true
}

// waitForRunning waits until at least that many handlers run, and reports whether that was seen. It was not if over
// returned true first, or if the worker seems to run one handler at a time.
func (g *gauge) waitForRunning(handlers int, over func() bool) (seen bool) {
	t := g.peer.t
	decided := g.peer.process.waitUntil(func() bool {
		n, ok := g.read(g.serialAfter)
		if !ok {
			t.Note("suite", "`inflight` waits behind the handler: the worker seems to run one at a time")
			return true
		}
		seen = n >= handlers
		return seen || over()
	})
	if !decided {
		t.Blocked("`inflight` never showed %d handlers running [WRK-21]", handlers)
	}
	return seen
}

// never is for handlers that do not end before they are seen.
func never() bool { return false }

// waitForAtMost waits until at most that many handlers run, and reports whether that was seen. Before each reading it calls
// again, unless that is nil.
func (g *gauge) waitForAtMost(handlers int, again func()) bool {
	fell := false
	g.peer.process.waitUntil(func() bool {
		if again != nil {
			again()
		}
		n, ok := g.read(pollInterval)
		fell = ok && n <= handlers
		return fell || g.peer.readingEnded()
	})
	return fell
}
