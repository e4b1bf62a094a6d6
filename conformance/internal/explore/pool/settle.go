package pool

import (
	"fmt"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
)

// outstanding returns how many requests are at the workers, and how many calls wait for a slot.
func (m *model) outstanding() (there, waiting int) {
	for _, a := range m.arrivals {
		if a.call != nil && a.outstanding() && !a.at.exited {
			there++
		}
	}
	for _, c := range m.calls {
		if c.arrival == nil && !c.returned && !c.ended && !c.tooLarge {
			waiting++
		}
	}
	return there, waiting
}

// unanswered returns the names of the calls that wait at a worker that has yet to answer them.
func (m *model) unanswered() (names []string) {
	for _, c := range m.calls {
		if c.arrival != nil && c.arrival.outstanding() && !c.arrival.at.exited && c.due == nil {
			names = append(names, c.name)
		}
	}
	return names
}

// owed returns the first thing that must have come by now and has not; nil for nothing.
func (m *model) owed() *explore.Failure {
	missing := func(rule, clause, want string, kin ...string) *explore.Failure {
		return &explore.Failure{Rule: rule, Clause: clause, Kin: kin, Want: want, Got: "it has not", NotSeen: true}
	}
	for _, c := range m.calls {
		if c.returned {
			continue
		}
		switch {
		case c.before && (m.started || m.starting != nil) && !m.stopping:
			return missing("ended-calls-return", "CAN-11", c.name+", whose context had ended before, returns", "CAN-1")
		case c.tooLarge && m.started && !m.doubtful && !m.stopping:
			there, waiting := m.outstanding()
			if there+waiting >= m.options.MaxInFlight*m.options.Workers {
				continue // it may be refused only after its turn
			}
			return missing("too-large-calls-return", "MSG-18", c.name+", which is too large, returns", "BPR-4")
		case c.ended && c.arrival == nil && m.stalled():
			return missing("ended-calls-return", "CAN-10", c.name+", whose context has ended while its worker does not read, returns", "CAN-1", "BPR-3")
		case c.ended && c.arrival == nil:
			return missing("ended-calls-return", "BPR-3", c.name+", whose context has ended while it waited, returns", "CAN-1")
		case c.ended:
			return missing("ended-calls-return", "CAN-1", c.name+", whose context has ended, returns", "CAN-10")
		case c.broken:
			clause, kin := "RID-7", []string{"HLT-4", "MSG-13", "MSG-10"}
			if c.arrival != nil && c.arrival.at.exited {
				clause, kin = "HLT-4", []string{"HLT-5", "RID-7"}
			} else if c.due != nil && c.due.how == "differs" {
				clause, kin = "MSG-13", []string{"RID-7"}
			}
			return missing("calls-of-a-broken-connection-return", clause, c.name+", whose worker or connection is lost, returns", kin...)
		case c.due != nil && c.due.valid && !c.arrival.conn.broken && !c.arrival.conn.loose:
			clause := byHow(c.due.how, "RID-4")
			if c.due.how == "error" {
				clause = "MSG-16"
			}
			return missing("answered-calls-return", clause, c.name+", which was answered, returns", "RID-4", "RID-5", "CAN-3", "RID-6")
		}
	}
	if f := m.owedCancellation(); f != nil {
		return f
	}
	return m.owedArrival()
}

// goesOn reports whether the pool has to go on with the worker: in Shutdown it has while a call runs there.
func (m *model) goesOn(w *process) bool {
	if !m.stopping {
		return true
	}
	return m.mustFinish() && len(w.signals) == 0 && slices.ContainsFunc(m.arrivals, func(a *arrival) bool {
		return a.at == w && a.call != nil && a.outstanding() && !a.call.ended && !a.call.returned && a.call.due == nil
	})
}

// owedCancellation returns the failure of a call whose cancellation has not come.
func (m *model) owedCancellation() *explore.Failure {
	for _, c := range m.calls {
		if c.ended && !c.before && c.returned && c.arrival != nil && c.due == nil && !c.broken && c.cancels == 0 && !c.arrival.withdrawn && !c.arrival.strayed && !c.arrival.at.stalled && m.goesOn(c.arrival.at) && c.err != nil {
			return &explore.Failure{Rule: "cancelled-calls-send-a-cancellation", Clause: "CAN-2", NotSeen: true, Want: "a cancellation of " + c.name, Got: "none"}
		}
	}
	return nil
}

// onlyDeaths reports whether nothing but the deaths of workers makes it doubtful that a worker is healthy: those that live
// are.
func (m *model) onlyDeaths() bool {
	if m.deaths == 0 || m.options.CheckWithin > 0 || len(m.hangs) > 0 || m.replaced {
		return false
	}
	return !m.unsteady()
}

// unsteady reports whether a worker has read no more, or a connection was broken or sent what cannot be read.
func (m *model) unsteady() bool {
	return slices.ContainsFunc(m.processes, func(w *process) bool {
		if w.loose || w.stalled {
			return true
		}
		for _, c := range w.conns {
			if c.spoiled || c.loose {
				return true
			}
		}
		return false
	})
}

// owedArrival returns the failure of a call that waits though a slot is free. Only where it is sure that a seat is healthy a
// free slot is sure.
func (m *model) owedArrival() *explore.Failure {
	bound := m.options.MaxInFlight * (m.options.Workers - m.deaths)
	if m.doubtful && !m.onlyDeaths() || !m.started || m.stopping {
		return nil
	}
	there, waiting := m.outstanding()
	// While no worker is healthy for a slot, a call may have the slot and wait for the worker.
	if m.options.Queue > 0 && waiting > m.options.Queue && there >= bound && !m.doubtful {
		m.exercise("BPR-6")
		return &explore.Failure{
			Rule: "calls-over-the-queue-are-refused", Clause: "BPR-6", NotSeen: true,
			Want: fmt.Sprintf("a call over the queue of %d fails at once with busy", m.options.Queue), Got: fmt.Sprintf("%d wait", waiting),
		}
	}
	if waiting == 0 || there >= bound {
		return nil
	}
	f := &explore.Failure{
		Rule: "free-slots-are-used", Clause: "BPR-7", Kin: []string{"BPR-4", "CAN-4", "BPR-3"}, NotSeen: true,
		Want: fmt.Sprintf("a call that waits reaches a worker: %d of %d slots are taken", there, bound), Got: "it has not",
	}
	switch {
	case m.deaths > 0:
		f.Clause, f.Kin = "HLT-4", []string{"BPR-9", "BPR-7", "BPR-4", "BPR-8"}
		f.Want = fmt.Sprintf("a call that waits reaches a worker that lives: %d of %d of their slots are taken", there, bound)
	case m.wayOut:
		f.Clause, f.Kin = "BPR-4", []string{"BPR-7", "CAN-4", "BPR-3"}
		for _, c := range m.calls {
			if c.ended && c.returned && c.arrival == nil {
				f.Clause, f.Kin = "BPR-3", []string{"BPR-4", "BPR-7", "CAN-4"}
			}
		}
	}
	return f
}

// round judges the turns of calls that were made one after the other [SEL-1].
func (m *model) round() {
	n := m.options.Workers
	if m.disturbed || m.doubtful || n < 2 || len(m.turns) < 2*n {
		return
	}
	m.exercise("SEL-1")
	whole := len(m.turns) / n
	m.judgeTurns(m.turns[:whole*n], whole)
}

// judgeTurns judges so many calls for each worker that were made one after the other, by the processes that they came to.
func (m *model) judgeTurns(turns []int, each int) {
	counts := map[int]int{}
	for _, w := range turns {
		counts[w]++
	}
	n := m.options.Workers
	if len(counts) == n && !slices.ContainsFunc(turns, func(w int) bool { return counts[w] != each }) {
		return
	}
	m.fail(explore.Failure{
		Rule: "calls-go-round", Clause: "SEL-1", Want: fmt.Sprintf("%d of %d calls in sequence at each of %d workers", each, each*n, n), Got: fmt.Sprintf("the workers in turn: %v", turns),
	})
}
