package worker

import (
	"fmt"
	"slices"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
)

// connected adds a connection.
func (m *model) connected(c *conn) {
	m.conns = append(m.conns, c)
	if len(m.conns) >= 20 {
		m.exercise("WRK-7")
		m.because(cause{alive: "WRK-7", elsewhere: "WRK-7", weight: 8})
	}
}

// halfClosed notes that the suite has closed its sending half.
func (m *model) halfClosed(c *conn) {
	if c.life != mustClose && len(c.pending) > 0 { // a frame that the end cuts off [WRK-14]
		cut := c.pending
		c.anyByte = c.anyByte || len(c.asks) == 0
		m.violate(c, "WRK-15", "WRK-14", "a frame cut off")
		m.forbidDamaged(c, cut)
	}
	c.halved = true
	m.exercise("WRK-22")
	m.because(cause{conn: c, alive: "WRK-22", death: "WRK-22", elsewhere: "WRK-25", weight: 20})
}

// left notes that the suite has closed the connection.
func (m *model) left(c *conn) {
	c.ours = true
	due := false
	for _, a := range c.asks {
		due = due || !a.answered && !a.forbidden
		if !a.answered && a.endless() {
			m.exercise("CAN-8")
		}
	}
	clause := "WRK-16"
	if due || len(c.pending) == 0 {
		clause = "WRK-25"
		m.exercise("WRK-25")
	}
	m.because(cause{conn: c, death: clause, elsewhere: clause, weight: 45})
}

// closed notes that the worker has closed the connection.
func (m *model) closed(c *conn) {
	c.ended = true
	m.feature(fmt.Sprintf("closed when %d", c.life))
}

// going reports whether the process may end.
func (m *model) going() bool { return m.signal != "" || len(m.exits) > 0 }

// died judges the end of the process.
func (m *model) died(status int, how string) {
	m.exited = true
	m.feature(fmt.Sprintf("ended with %d", status))
	if m.signal != "" {
		return // the settle judges it
	}
	// Two requests may have the same status. If one of them may run, the other is not known to have run.
	var forbidden *explore.Failure
	for _, c := range m.conns {
		for _, a := range c.asks {
			switch {
			case a.method != "exit" || a.code != status:
			case !a.forbidden:
				m.exercise("WRK-21")
				return
			default:
				forbidden = &explore.Failure{
					Rule: "nothing-runs-behind-a-violation", Clause: c.behind, Kin: []string{c.clause},
					Want: fmt.Sprintf("no handler runs for what step %d sends", a.step+1), Got: "the process ended with the status of its `exit`: " + how,
				}
			}
		}
	}
	if forbidden != nil {
		m.fail(*forbidden)
		return
	}
	if len(m.exits) > 0 {
		m.fail(explore.Failure{
			Rule: "exit-ends-with-its-status", Clause: "WRK-21",
			Want: fmt.Sprintf("`exit` ends the process with status %d", m.exits[0].code), Got: how,
		})
		return
	}
	m.fail(explore.Failure{
		Rule: "the-process-goes-on", Clause: m.blame(nil, "WRK-9", death), Kin: []string{"WRK-16", "MSG-1"},
		Want: "a worker that goes on", Got: "it ended: " + how,
	})
}

// reaches reports whether answers of the connection must reach the suite.
func (m *model) reaches(c *conn) bool {
	return c.life == mustStayOpen && c.reading && !c.ours && m.signal == "" && !m.exited && len(m.exits) == 0
}

// heldUp reports whether another handler may hold the answer up: SPEC.md lets a worker run one handler at a time, and answer
// each connection in turn.
func (m *model) heldUp(c *conn) bool {
	for _, o := range m.conns {
		if o != c && m.traits.concurrent || o == c && m.traits.overtakes {
			continue
		}
		for _, a := range o.asks {
			if a.endless() && !a.answered && !a.forbidden {
				return true
			}
		}
	}
	return false
}

// owed returns the first thing that must have come by now and has not, nil for nothing.
func (m *model) owed() *explore.Failure {
	if m.exited {
		return nil
	}
	for _, a := range m.exits {
		return &explore.Failure{
			Rule: "exit-ends-the-process", Clause: "WRK-21", NotSeen: true,
			Want: fmt.Sprintf("the process ends with status %d", a.code), Got: "it still runs",
		}
	}
	for _, c := range m.conns {
		if f := m.owedOn(c); f != nil {
			return f
		}
	}
	return nil
}

// waits reports whether a handler that does not end runs for the connection: SPEC.md leaves open whether answers to earlier
// requests still go out before a connection is closed after a violation.
func (c *conn) waits() bool {
	return slices.ContainsFunc(c.asks, func(a *ask) bool { return a.endless() && !a.answered && !a.forbidden && !a.cancelled })
}

func (m *model) owedOn(c *conn) *explore.Failure {
	switch {
	case m.signal != "" || c.ours:
		return nil
	case c.life == mustClose && !c.ended && c.reading && !c.waits():
		return &explore.Failure{
			Rule: "violations-close-the-connection", Clause: c.clause, NotSeen: true,
			Want: c.name + " is closed", Got: "it is still open",
		}
	case c.ended && c.life == mustStayOpen && !c.halved:
		return &explore.Failure{
			Rule: "connections-go-on", Clause: m.blame(c, "WRK-9", alive), Kin: []string{"MSG-1", "WRK-16", "WRK-7"},
			Want: c.name + " goes on", Got: "the worker closed it",
		}
	}
	for _, a := range c.asks {
		if !a.must || a.answered || a.forbidden || a.cancelled || a.endless() || !m.reaches(c) || m.heldUp(c) {
			continue
		}
		f := &explore.Failure{
			Rule: "requests-are-answered", Kin: []string{"MSG-1", "WRK-9"}, NotSeen: !c.ended,
			Want: fmt.Sprintf("an answer to what step %d sends on %s", a.step+1, c.name), Got: "none",
		}
		f.Clause = m.blame(c, "MSG-1", alive)
		if a.kind != request {
			f.Clause = a.clause
			f.Kin = append(f.Kin, "MSG-11")
		}
		if c.halved {
			f.Rule, f.Clause = "answers-come-after-a-half-close", "WRK-22"
		}
		return f
	}
	return nil
}

// handlers returns how many handlers must run, and how many may. cancelled and gone are those of the many that may run
// only until the worker has ended them: they were cancelled, or their caller has left.
func (m *model) handlers() (least, most, cancelled, gone int) {
	for _, c := range m.conns {
		for _, a := range c.asks {
			if a.answered || !a.handler && a.kind != open {
				continue
			}
			switch {
			case a.forbidden:
			case c.life != mustStayOpen: // whether a worker cancels what ran when it closes the connection itself is open
				most++
			case c.ours && a.endless():
				gone++
			case c.ours:
				most++ // until it ends by itself
			case a.cancelled && a.endless() && !c.halved:
				cancelled++
			default:
				most++
				if a.endless() && !a.cancelled && !c.halved && m.traits.concurrent && m.reaches(c) {
					least++
				}
			}
		}
	}
	return least, most, cancelled, gone
}

// running judges a reading of `inflight`, less what it shows while nothing runs. It returns what is wrong with it, nil for
// nothing.
func (m *model) running(n int) *explore.Failure {
	least, most, cancelled, gone := m.handlers()
	m.exercise("WRK-21")
	if n >= least && n <= most {
		return nil
	}
	f := &explore.Failure{NotSeen: true, Got: fmt.Sprintf("`inflight` shows %d", n)}
	asleep, on := m.forbiddenSleep()
	switch {
	case n > most && asleep != nil:
		f.Rule, f.Clause, f.Kin = "nothing-runs-behind-a-violation", on.behind, []string{on.clause}
		f.Want = fmt.Sprintf("no handler runs for what step %d sends", asleep.step+1)
	case n < least:
		f.Rule, f.Clause = "inflight-counts-what-runs", "WRK-21"
		f.Want = fmt.Sprintf("%d handlers run", least)
	case cancelled > 0:
		f.Rule, f.Clause, f.Kin = "cancelled-handlers-end", "CAN-5", []string{"CAN-9", "CAN-6"}
		f.Want = fmt.Sprintf("at most %d handlers run, since %d were cancelled", most, cancelled)
		f.Clause = m.blame(nil, "CAN-5", func(k cause) string {
			if k.alive == "CAN-9" {
				return "CAN-9"
			}
			return ""
		})
	case gone > 0:
		f.Rule, f.Clause, f.Kin = "handlers-of-callers-that-left-end", "CAN-8", []string{"WRK-21"}
		f.Want = fmt.Sprintf("at most %d handlers run, since the callers of %d have left", most, gone)
	default:
		f.Rule, f.Clause, f.Kin = "inflight-falls", "WRK-21", []string{"CAN-8", "WRK-15"}
		f.Want = fmt.Sprintf("at most %d handlers run", most)
	}
	return f
}

// forbiddenSleep returns a sleep that must not run, and its connection; nil if there is none.
func (m *model) forbiddenSleep() (*ask, *conn) {
	for _, c := range m.conns {
		for _, a := range c.asks {
			if a.forbidden && a.endless() {
				return a, c
			}
		}
	}
	return nil, nil
}

// signalled notes which handlers certainly run as the signal is sent.
func (m *model) signalled(name string, allRun bool) {
	m.signal, m.signalAt = name, time.Now()
	m.exercise("WRK-17")
	for _, c := range m.conns {
		for _, a := range c.asks {
			a.must = allRun && !a.answered && !a.cancelled && !a.forbidden && a.handler && a.sleep > 0 && !a.endless() &&
				c.life == mustStayOpen && c.reading && !c.ours && !c.ended && !c.halved
			if a.must {
				m.exercise("WRK-18")
			}
		}
	}
}

// stopped judges the end of a worker that was sent a signal.
func (m *model) stopped(status int, how string, socketLeft bool, grace time.Duration) {
	switch {
	case status != 0:
		m.fail(explore.Failure{
			Rule: "signals-end-with-status-0", Clause: "WRK-17", Kin: []string{"WRK-18"},
			Want: "the worker exits with status 0 after " + m.signal, Got: how,
		})
	case socketLeft:
		m.fail(explore.Failure{
			Rule: "signals-remove-the-socket", Clause: "WRK-17",
			Want: "the socket file is removed after " + m.signal, Got: "it is still there",
		})
	}
	if time.Since(m.signalAt) > grace*3/4 {
		return // the machine may have been too slow for the grace period
	}
	for _, c := range m.conns {
		for _, a := range c.asks {
			if a.must && !a.answered {
				m.fail(explore.Failure{
					Rule: "running-handlers-finish", Clause: "WRK-18", Kin: []string{"WRK-17"},
					Want: fmt.Sprintf("the answer to what step %d sends, whose handler ran when %s came", a.step+1, m.signal), Got: "the worker ended without it: " + how,
				})
			}
		}
	}
}
