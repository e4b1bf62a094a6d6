package pool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// model is what SPEC.md says of a pool, for one history. Every body bears the name of its call, and every answer a mark of
// its own, so that matching is judged by what is in them and not by their order. Its methods are called under the lock of
// the player.
type model struct {
	options   explore.Options
	limit     int
	step      int
	failure   *explore.Failure
	seen      map[string]bool
	exercised map[string]bool

	processes []*process
	arrivals  []*arrival
	calls     []*call
	answers   []*answer

	fate      map[int]string // what the process of that number does when it appears: "exit", "exit-0", "silent", "never", "slow", "bound"
	started   bool           // Start has returned without an error
	failing   bool           // a Start was bound to fail
	starting  *slowStart     // a Start that runs beside the history
	stopping  bool           // Shutdown was called
	stopAt    time.Time      // when
	stopped   bool           // Shutdown has returned
	refuses   bool           // a call was refused because of Shutdown, so it has begun
	hurried   bool           // its context has ended
	doubtful  bool           // a seat is not surely healthy: a process has died or hung, or a connection is broken
	wayOut    bool           // a slot came back
	disturbed bool           // calls overlapped, or failed: the round of SEL-1 cannot be told
	turns     []int
	pending   []func() // checks that wait for a sync of the workers

	checkedAt time.Time // when a health check that has ended by now was answered, the latest such time
	hangs     []*hang
	failed    bool // a check was answered with an error
	ignored   []string
	unknown   bool // the pool ignores how often it checks, or for how long it waits
	deaths    int  // that the suite ordered while the pool ran
	waitedFor int  // of those deaths: after which the suite has waited for a restart
	mayGiveUp bool // a process that took another one's place has ended too
	before    int  // processes before the Start that succeeded
	first     int  // processes when Start returned
	atStart   int  // processes when Start returned, or when the pool was last as new
	replaced  bool // a process was replaced before Start returned
}

// call is one Call of the pool.
type call struct {
	name     string
	step     int
	method   string
	body     string
	ended    bool // its context has ended, before or by a step
	before   bool // it had ended before the call was made
	notUTF8  bool // its method is no UTF-8, and the pool may refuse it
	tooLarge bool
	arrival  *arrival
	cancels  int // cancellations that came for it
	returned bool
	settled  bool // all that had to follow from its return has
	answer   json.RawMessage
	err      error
	panicked string
	due      *answer   // an answer that must end it
	behind   []*answer // that had been read when it was made
	broken   bool      // its worker or its connection was lost, or it got a violation
	stopAtIt bool      // Shutdown had surely begun when it was made
	early    bool      // it was made before Start had returned
	others   int       // other calls that may have had a slot or waited for one while it did
	cancel   context.CancelFunc
}

// answer is something that the suite has a worker send.
type answer struct {
	mark  string // stands in its body
	body  string
	says  string // of an error answer: its text
	to    *call  // nil for nobody
	how   string
	valid bool // it may reach its call
	id    uint64
	conn  *wireConn
	// read is set once an answer that was sent behind it on its connection has reached its caller.
	read bool
}

func (m *model) fail(f explore.Failure) {
	if m.failure == nil {
		f.Step = m.step
		m.failure = &f
	}
}

func (m *model) exercise(clauses ...string) {
	for _, c := range clauses {
		m.exercised[c] = true
	}
}

func (m *model) call(name string) *call {
	i := slices.IndexFunc(m.calls, func(c *call) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return m.calls[i]
}

// appears takes a new process.
func (m *model) appears(w *process) {
	m.processes = append(m.processes, w)
	w.number = len(m.processes)
	w.silent = slices.Contains([]string{"silent", "never", "slow", "bound"}, m.fate[w.number])
	for _, o := range m.processes {
		if o != w && o.path == w.path && !o.exited {
			m.later(func() {
				m.exercise("STA-1")
				if !o.exited && !w.exited { // the pool may have seen its end before the stage did
					m.fail(explore.Failure{Rule: "each-worker-has-its-path", Clause: "STA-1", Want: "a socket path of its own for " + w.name(), Got: "that of " + o.name()})
				}
			})
		}
	}
	if w.path == "" {
		m.fail(explore.Failure{Rule: "each-worker-has-its-path", Clause: "STA-1", Kin: []string{"STA-10"}, Want: "a socket path in PYPROC_SOCKET_PATH", Got: "none"})
	}
	if len(m.processes) > m.options.Workers {
		m.exercise("HLT-6")
	}
}

func (m *model) exitsAtOnce(w *process) bool {
	if fate := m.fate[w.number]; fate == "exit" || fate == "exit-0" {
		w.ordered = true
		if m.started && !m.stopping {
			m.deaths++
		}
		return true
	}
	return false
}

// exits takes the end of a process.
func (m *model) exits(w *process) {
	// A process that the machine did not serve until the stop timeout was over is killed before it can tell of a SIGTERM. And where
	// it is not sure that a worker counts as healthy, the pool may have begun to replace it when Shutdown was called.
	if !w.ordered && len(w.signals) == 0 && m.mustFinish() && !m.ignores("StopTimeout") && time.Since(m.stopAt) < stopTimeout*3/4 {
		m.fail(explore.Failure{Rule: "workers-get-sigterm-first", Clause: "SHD-3", Kin: []string{"SHD-9"}, Want: "SIGTERM, which ends " + w.name(), Got: "it was killed without a signal before"})
	}
	m.outlivesStart(w, "it ended")
	if !m.stopping && w.number > m.before { // one of a Start that failed is no longer the pool's
		m.doubtful = true
	}
	if m.started && !m.stopping && w.number > m.first {
		m.mayGiveUp = true
	}
	for _, a := range m.arrivals {
		if a.at == w && a.call != nil && !a.call.returned {
			a.call.broken = true
		}
	}
	m.seen["a worker ended"] = true
}

// outlivesStart judges a worker that ends, or is told to, when Start has returned and its context has ended, and before anything
// else has happened.
func (m *model) outlivesStart(w *process, got string) {
	if !w.ordered && m.calm() {
		m.fail(explore.Failure{Rule: "workers-outlive-the-context-of-start", Clause: "STA-7", Want: w.name() + " goes on when Start has returned and its context has ended", Got: got})
	}
}

// calm reports whether the pool has started and nothing has happened since but calls.
func (m *model) calm() bool {
	odd := func(c *call) bool { return c.ended || c.tooLarge || c.due != nil } // a pool may replace a worker after so many answers
	return m.started && !m.stopping && !m.doubtful && !slices.ContainsFunc(m.calls, odd)
}

// mayReplace reports whether a pool may count a worker as unhealthy, and replace it, because of a check: one that a slow machine
// held up is unanswered too.
func (m *model) mayReplace() bool { return m.options.CheckWithin > 0 || m.failed || m.unknown }

// mustFinish reports whether a call that runs when Shutdown begins must get its answer, however long that takes.
func (m *model) mustFinish() bool { return m.started && m.stopping && !m.hurried && !m.doubtful }

// signalled takes a signal that a worker got.
func (m *model) signalled(w *process) {
	m.outlivesStart(w, "the signal "+w.signals[0])
	for _, a := range m.arrivals {
		if a.at == w && a.call != nil && a.outstanding() && !a.atStop && !a.call.ended && !a.call.returned && m.mustFinish() {
			m.fail(explore.Failure{
				Rule: "running-calls-finish-in-shutdown", Clause: "SHD-2", Kin: []string{"SHD-3"},
				Want: w.name() + " goes on until it has answered " + a.call.name + ", since Shutdown's context has not ended", Got: "the signal " + w.signals[0],
			})
		}
	}
	if m.stopping && m.started && len(w.signals) == 1 {
		m.exercise("SHD-3")
		if w.signals[0] != "terminated" && !m.doubtful {
			m.fail(explore.Failure{Rule: "workers-get-sigterm-first", Clause: "SHD-3", Want: "SIGTERM", Got: w.signals[0]})
		}
	}
}

// stalls notes that a worker reads no more. What is on its way to it comes when it reads again. In between the pool may give a
// connection up on which the beginning of a request stands [CAN-10].
func (m *model) stalls(w *process) {
	w.stalled, w.loose, m.doubtful, m.disturbed = true, true, true, true
	for _, c := range w.conns {
		c.loose = true
	}
	m.exercise("CAN-10")
}

func (m *model) stalled() bool {
	return slices.ContainsFunc(m.processes, func(w *process) bool { return w.stalled && !w.exited })
}

// connEnded takes the end of a connection: the requests on it are at the worker no longer.
func (m *model) connEnded(w *process, c *wireConn) {
	if c.ended {
		return
	}
	c.ended, c.broken = true, true
	for _, a := range m.arrivals {
		if a.at == w && a.conn == c {
			if a.outstanding() {
				m.wayOut = true
			}
			a.withdrawn = true
		}
	}
}

// unreadable takes what is neither a request nor a cancellation.
func (m *model) unreadable(problem string, data []byte) {
	clause := "MSG-17"
	if slices.ContainsFunc(m.calls, func(c *call) bool { return c.returned && c.arrival == nil && !c.before }) {
		clause = "MSG-19" // a body was changed while its request was on its way
	}
	m.fail(explore.Failure{Rule: "messages-are-well-formed", Clause: clause, Kin: []string{"MSG-17", "MSG-19", "CAN-2"}, Want: "a well-formed request or cancellation", Got: problem + ": " + text.Excerpt(data)})
}

// arrives takes a request at a worker.
func (m *model) arrives(a *arrival, header uint64, body json.RawMessage, size int) {
	a.atStop = m.stopping
	m.arrivals = append(m.arrivals, a)
	health := a.method == "health"
	zero, differ, unique := "RID-1", "RID-3", "RID-2"
	if health {
		zero, differ, unique = "RID-9", "RID-9", "RID-9"
	}
	m.exercise(zero, differ, unique, "MSG-17")
	if health {
		m.exercise("HLT-1")
	}
	if a.id == 0 {
		m.fail(explore.Failure{Rule: "ids-are-not-0", Clause: zero, Want: "an ID that is not 0", Got: "0 for " + a.method})
	}
	if m.options.Framing != spec.Basic && header != a.id {
		m.fail(explore.Failure{Rule: "headers-bear-the-id", Clause: differ, Kin: []string{"CAN-2", "RID-9"}, Want: fmt.Sprintf("%d in the header", a.id), Got: fmt.Sprint(header)})
	}
	if a.conn.noticed && !a.at.loose { // what was sent before that may come only when the worker reads again
		m.exercise("RID-7")
		m.fail(explore.Failure{Rule: "broken-connections-are-given-up", Clause: "RID-7", Kin: []string{"MSG-13", "MSG-10", "BPR-4"}, Want: "no request on a connection on which what came could not be read", Got: "that of " + a.method})
	}
	if size > m.limit {
		m.fail(explore.Failure{Rule: "frames-fit", Clause: "MSG-18", Want: fmt.Sprintf("no payload over %d bytes", m.limit), Got: fmt.Sprint(size)})
	}
	for _, o := range m.arrivals {
		if o != a && o.id == a.id && o.outstanding() && (!o.at.exited) {
			m.later(func() {
				if o.outstanding() && a.outstanding() {
					clause := unique
					if o.method == "health" {
						clause = "RID-9"
					}
					m.fail(explore.Failure{Rule: "ids-are-unique", Clause: clause, Kin: []string{"RID-2"}, Want: "an ID that no other outstanding request has", Got: fmt.Sprintf("%d for %s and %s", a.id, o.method, a.method)})
				}
			})
		}
	}
	if health {
		return
	}
	var c *call
	if i := slices.IndexFunc(m.calls, func(c *call) bool { return strings.ToValidUTF8(c.method, "\uFFFD") == a.method }); i >= 0 {
		c = m.calls[i]
	}
	if c == nil {
		m.fail(explore.Failure{Rule: "methods-arrive-as-they-are", Clause: "MSG-17", Kin: []string{"HLT-8"}, Want: "the method of a call", Got: wire.Quote(text.Clip(a.method, 80))})
		return
	}
	a.call = c
	switch {
	case c.stopAtIt:
		m.fail(explore.Failure{Rule: "calls-after-shutdown-are-closed", Clause: "SHD-1", Kin: []string{"SHD-5"}, Want: c.name + " is refused, since it was made after Shutdown had begun", Got: "its request"})
		return
	case c.before:
		m.fail(explore.Failure{Rule: "ended-calls-send-nothing", Clause: "CAN-11", Want: c.name + ", whose context had ended, sends nothing", Got: "its request"})
	case c.arrival != nil:
		m.fail(explore.Failure{Rule: "calls-are-sent-once", Clause: "HLT-8", Want: "one request of " + c.name, Got: "another one"})
		return
	}
	if d := wire.DiffBody(c.body, body); d != "" {
		clause := "MSG-7"
		if c.returned { // the caller has its body back, and has changed it
			clause = "MSG-19"
		}
		m.fail(explore.Failure{Rule: "bodies-arrive-equal", Clause: clause, Kin: []string{"MSG-7", "MSG-17", "MSG-19"}, Want: "the body of " + c.name, Got: d})
	}
	m.exercise("MSG-7", "BPR-1", "BPR-2", "HLT-8")
	c.arrival = a
	if slices.ContainsFunc(m.answers, func(o *answer) bool { return o.to == nil && o.conn == a.conn && o.id == a.id }) {
		a.strayed = true
	}
	c.broken = c.broken || a.at.dying || a.conn.spoiled
	m.turns = append(m.turns, a.at.number)
	m.givenToUnhealthy(a.at, c.name)
	m.bounds(a)
}

// later keeps a check until a sync of all workers: a cancellation, or the end of a connection, may be on its way.
func (m *model) later(check func()) { m.pending = append(m.pending, check) }

// bounds compares what is at the workers with the bounds.
func (m *model) bounds(a *arrival) {
	count := func(of func(*arrival) bool) (n int) {
		for _, o := range m.arrivals {
			if o.method != "health" && o.outstanding() && !o.at.exited && of(o) {
				n++
			}
		}
		return n
	}
	here := func(o *arrival) bool { return o.at == a.at }
	all := func(*arrival) bool { return true }
	most := m.options.MaxInFlight
	atIt := slices.Clone(m.arrivals)
	check := func(clause string, bound int, of func(*arrival) bool) {
		if count(of) <= bound {
			return
		}
		m.later(func() {
			if m.stalled() {
				return // a cancellation may be on its way
			}
			n := 0
			for _, o := range atIt {
				if o.method != "health" && of(o) && !o.withdrawn && !o.strayed && !o.answered && !o.at.exited {
					n++
				}
			}
			if n > bound {
				clause := clause
				kin := []string{"BPR-1", "BPR-2"}
				if m.doubtful {
					clause, kin = "BPR-8", append(kin, "BPR-8")
				}
				m.fail(explore.Failure{Rule: "bounds-hold", Clause: clause, Kin: kin, Want: fmt.Sprintf("at most %d requests at once", bound), Got: fmt.Sprintf("%d when %s reached %s", n, a.method, a.at.name())})
			}
		})
	}
	check("BPR-2", most, here)
	check("BPR-1", most*m.options.Workers, all)
}

// cancellation takes a cancellation.
func (m *model) cancellation(w *process, c *wireConn, id, header uint64) {
	if m.options.Framing != spec.Basic && header != id {
		m.fail(explore.Failure{Rule: "headers-bear-the-id", Clause: "CAN-2", Kin: []string{"RID-3"}, Want: fmt.Sprintf("%d in the header of the cancellation", id), Got: fmt.Sprint(header)})
	}
	for _, a := range m.arrivals {
		if a.at != w || a.conn != c || a.id != id {
			continue
		}
		if a.call != nil {
			a.call.cancels++
			m.exercise("CAN-2")
			if !a.call.ended && !m.stopping && !a.call.returned && !m.doubtful {
				m.fail(explore.Failure{Rule: "only-ended-calls-are-cancelled", Clause: "CAN-2", Kin: []string{"CAN-12"}, Want: "no cancellation of " + a.call.name + ", whose context has not ended", Got: "one"})
			}
		}
		if a.outstanding() {
			m.wayOut = true
		}
		a.withdrawn = true
	}
}

// ends judges how a call ended.
func (m *model) ends(c *call) {
	c.returned = true
	m.seen["call "+outcome(c)] = true
	if c.panicked != "" {
		m.fail(explore.Failure{Rule: "no-panic", Clause: "SHD-5", Want: c.name + " returns", Got: "panic: " + c.panicked})
		return
	}
	if c.err == nil {
		m.succeeds(c)
		return
	}
	if c.arrival != nil || c.ended {
		m.wayOut = true
	}
	wrong := func(rule, clause, want string, kin ...string) {
		m.fail(explore.Failure{Rule: rule, Clause: clause, Kin: kin, Want: want, Got: "error: " + text.OneLine(c.err)})
	}
	is := func(kind error) bool { return errors.Is(c.err, kind) }
	switch {
	case is(spec.ErrorAnswer) && c.due != nil && c.due.how == "error":
		m.exercise("MSG-16")
		if !strings.Contains(c.err.Error(), c.due.says) {
			wrong("error-answers-carry-their-text", "MSG-16", "an error that carries the worker's text, "+text.Clip(wire.Quote(c.due.says), 200))
		}
		return
	case !m.started, c.early && c.arrival == nil && !m.stopping:
		if m.stopping && c.stopAtIt && !c.ended && !c.tooLarge && !c.notUTF8 && !is(spec.Closed) {
			wrong("calls-after-shutdown-are-closed", "SHD-1", "the error closed", "SHD-5", "SHD-7")
		}
		if m.failing {
			m.exercise("STA-8")
		}
		return
	case c.before && !m.stopping:
		m.exercise("CAN-11")
		if !is(context.Canceled) && !is(context.DeadlineExceeded) && !m.doubtful && !m.busy(c) {
			wrong("contexts-end-calls-with-their-error", "CAN-11", "the error of its context", "CAN-1")
		}
		return
	case c.notUTF8 && c.arrival == nil:
		return
	case c.tooLarge:
		m.exercise("MSG-18")
		if !is(spec.TooLarge) && !c.ended && !m.stopping && !m.doubtful && !m.busy(c) { // where no worker is healthy it may say that first
			wrong("too-large-calls-say-so", "MSG-18", "the error too_large")
		}
		return
	case c.ended:
		clause := "CAN-1"
		if c.arrival == nil {
			clause = "BPR-3"
		}
		m.exercise(clause)
		if !is(context.Canceled) && !is(context.DeadlineExceeded) && !c.broken && !m.stopping && !m.doubtful && c.due == nil && !m.busy(c) {
			wrong("contexts-end-calls-with-their-error", clause, "the error of its context", "CAN-1", "BPR-3")
		}
		return
	case m.stopping:
		m.exercise("SHD-1")
		if is(spec.Closed) {
			m.refuses = true
		}
		if c.stopAtIt && !is(spec.Closed) {
			wrong("calls-after-shutdown-are-closed", "SHD-1", "the error closed")
		}
		if c.due == nil && c.arrival != nil && !c.arrival.atStop && !c.broken && m.mustFinish() && !c.arrival.conn.loose {
			wrong("running-calls-finish-in-shutdown", "SHD-2", c.name+" goes on until its answer, since Shutdown's context has not ended", "SHD-3")
		}
		replaced := is(spec.WorkerDied) && m.mayReplace() // it may have been, before Shutdown was called
		open := c.broken || c.arrival != nil && (c.arrival.conn.loose || c.arrival.conn.broken || c.arrival.at.spoiled())
		if c.due != nil && !m.hurried && !open && c.due.valid && !replaced {
			wrong("running-calls-finish-in-shutdown", byHow(c.due.how, "SHD-2"), "its answer, since Shutdown's context has not ended", "SHD-2", "SHD-3")
		}
		return
	case m.busy(c):
		m.exercise("BPR-6")
		switch {
		case c.arrival != nil:
			wrong("busy-calls-are-not-sent", "BPR-6", "nothing of a call at a worker that is refused with busy", "HLT-8")
		case c.others < m.options.Queue+m.options.Workers*m.options.MaxInFlight && !m.doubtful:
			wrong("calls-within-the-queue-wait", "BPR-6", fmt.Sprintf(
				"%s gets a slot or waits for one, since there were %s meanwhile, and beside %d that have slots %d may wait",
				c.name, text.Plural(c.others, "other call"), m.options.Workers*m.options.MaxInFlight, m.options.Queue,
			), "BPR-4", "BPR-3")
		}
		return
	case c.broken:
		died := c.arrival != nil && (c.arrival.at.exited || c.arrival.at.dying)
		if died && !c.arrival.conn.spoiled && !c.arrival.conn.loose {
			m.exercise("HLT-5", "HLT-4")
			if !is(spec.WorkerDied) {
				wrong("deaths-are-told", "HLT-5", "an error that says that the worker died", "HLT-4", "RID-7")
			} else if !is(spec.MayHaveRun) {
				wrong("deaths-tell-whether-it-may-have-run", "HLT-5", "an error that says that the request may have run")
			}
		} else {
			m.exercise("RID-7")
			if c.arrival != nil {
				c.arrival.conn.told = true
			}
		}
		return
	case c.arrival == nil && m.doubtful, c.due != nil && !c.due.valid:
		return
	case c.arrival != nil && (c.arrival.conn.broken || c.arrival.conn.loose):
		return
	case is(spec.WorkerDied) && m.mayReplace():
		return // a pool may replace a worker that leaves a check unanswered, or one that a slow machine held up
	case is(spec.WorkerDied) && c.arrival != nil && c.arrival.at.spoiled():
		return // a pool may give up the whole worker that sent something that cannot be read
	}
	if is(spec.WorkerDied) && m.calm() && !m.died() {
		wrong("workers-outlive-the-context-of-start", "STA-7", "every worker goes on when Start has returned and its context has ended", "CAN-12", "HLT-4")
		return
	}
	clause, kin := "CAN-12", []string{"RID-4", "RID-5", "MSG-15", "MSG-4", "CAN-3"}
	switch {
	case c.due != nil && c.due.how == "error":
		clause = "MSG-16"
	case c.due != nil:
		clause = byHow(c.due.how, "RID-4")
	case m.died():
		clause = "HLT-4"
	case m.sent("late"):
		clause = "CAN-3"
	case m.sent("unknown"), m.sent("twice"):
		clause = "" // a pool may close a connection on which an unknown ID came
	}
	if clause != "" {
		wrong("calls-end-for-a-reason", clause, c.name+" goes on, or gets its answer", kin...)
	}
}

// busy reports whether the call was refused with busy by a pool whose queue is bounded.
func (m *model) busy(c *call) bool { return m.options.Queue > 0 && errors.Is(c.err, spec.Busy) }

// laterCallsFail judges calls after all else that failed, one after the other, while the pool said that all is well.
func (m *model) laterCallsFail() {
	clause := "RID-5"
	if slices.ContainsFunc(m.arrivals, func(a *arrival) bool { return a.conn.spoiled }) {
		clause = "RID-7"
	}
	last := m.calls[len(m.calls)-1]
	m.fail(explore.Failure{
		Rule: "later-calls-work", Clause: clause, Kin: []string{"RID-5", "RID-7", "BPR-4"},
		Want: "one of many later calls gets its answer, since the pool says that every worker is healthy", Got: "error: " + text.OneLine(last.err),
	})
}

// byHow returns the clause of an answer in an unusual form.
func byHow(how, usual string) string {
	switch how {
	case "no-body", "envelope":
		return "MSG-15"
	case "envelope-id":
		return "MSG-3"
	case "more":
		return "MSG-4"
	}
	return usual
}

func (m *model) sent(how string) bool {
	return slices.ContainsFunc(m.answers, func(a *answer) bool { return a.how == how })
}

func (m *model) died() bool {
	return slices.ContainsFunc(m.processes, func(w *process) bool { return w.exited && !w.past && w.number > m.before })
}

// succeeds judges a call that returned an answer.
func (m *model) succeeds(c *call) {
	got := string(c.answer)
	wrong := func(clause, want string, kin ...string) {
		m.fail(explore.Failure{Rule: "answers-reach-their-caller", Clause: clause, Kin: kin, Want: want, Got: text.Clip(got, 150)})
	}
	m.exercise("RID-4")
	if c.due != nil && c.due.how == "no-body" && (got == "null" || got == "") {
		m.exercise("MSG-15")
		return
	}
	for _, a := range m.answers {
		if !strings.Contains(got, `"`+a.mark+`"`) {
			continue
		}
		switch {
		case a.to == c && a.valid:
			m.read(a)
			m.exercise(byHow(a.how, "RID-4"))
			if c.due != nil && c.due != a && c.due.valid && a.how == "" {
				return
			}
			if d := wire.DiffBody(a.body, c.answer); d != "" {
				wrong("MSG-7", "the body of its answer", "MSG-15")
			}
			return
		case a.to != c && a.to != nil && a.valid:
			wrong("RID-4", "the answer to "+c.name, "RID-5", "CAN-3", "RID-6", "MSG-5")
		case a.how == "note":
			wrong("MSG-3", "nothing of an envelope of the type note", "MSG-15", "RID-7")
		case a.how == "differs":
			wrong("MSG-13", "nothing of an answer whose IDs differ", "MSG-5")
		case a.to == nil && (c.arrival == nil || a.id == c.arrival.id && a.conn == c.arrival.conn) && !slices.Contains(c.behind, a):
			return // it may have come only when the call was outstanding, whose ID it bears
		case a.how == "id-text":
			wrong("MSG-10", "nothing of an answer whose ID is a string", "RID-7")
		case a.how == "unknown" && c.arrival != nil && a.id != c.arrival.id && (uint32(a.id) == uint32(c.arrival.id) || float64(a.id) == float64(c.arrival.id)):
			wrong("MSG-5", fmt.Sprintf("nothing of an answer under the ID %d, which is not %d", a.id, c.arrival.id), "RID-5", "RID-4")
		case a.how == "unknown" || a.how == "twice":
			wrong("RID-5", "nothing of an answer with an unknown ID", "RID-4", "MSG-5")
		case a.how == "late":
			wrong("CAN-3", "nothing of a late answer", "RID-4")
		default:
			wrong("RID-7", "nothing of what cannot be read", "RID-4", "MSG-10", "RID-5")
		}
		return
	}
	if c.due != nil && c.due.how == "error" {
		wrong("MSG-16", "an error, since the worker answered with one")
		return
	}
	wrong("RID-4", "the answer to "+c.name+", or an error", "MSG-15", "MSG-7")
}

// read notes that what was sent on a connection before an answer that has come has been read.
func (m *model) read(last *answer) {
	for _, a := range m.answers {
		if a == last {
			return
		}
		a.read = a.read || a.conn == last.conn
	}
}

// bodyOf returns the body of an answer, with more in it where there is more.
func bodyOf(mark, more string) string {
	if more == "" {
		return fmt.Sprintf(`{"answer":"%s"}`, mark)
	}
	return fmt.Sprintf(`{"answer":"%s","body":%s}`, mark, more)
}

// outcome returns how a call ended, for the features.
func outcome(c *call) string {
	if c.err == nil {
		return "ok"
	}
	var kinds []string
	for _, k := range []spec.ErrorKind{spec.Busy, spec.Closed, spec.NotStarted, spec.ErrorAnswer, spec.WorkerDied, spec.MayHaveRun, spec.TooLarge} {
		if errors.Is(c.err, k) {
			kinds = append(kinds, string(k))
		}
	}
	if errors.Is(c.err, context.Canceled) || errors.Is(c.err, context.DeadlineExceeded) {
		kinds = append(kinds, "context")
	}
	return strings.Join(kinds, " ")
}
