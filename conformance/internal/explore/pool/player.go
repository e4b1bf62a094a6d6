package pool

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/internal/pool"
	"github.com/pyproctest/pyproctest/conformance/internal/scripted"
	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/internal/wire"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Subject is the pool under test. It implements [explore.Subject].
type Subject struct {
	Make     pool.Open
	Framings []spec.Framing
	Called   string // its name

	noQueue  atomic.Bool // its queue cannot be bounded
	noOutput atomic.Bool // it takes no writer for what its workers print
}

// Role implements [explore.Subject].
func (s *Subject) Role() spec.Role { return spec.RolePool }

// Name implements [explore.Subject].
func (s *Subject) Name() string { return s.Called }

// Open implements [explore.Subject]. A pool is made for each history, so there is nothing to prepare.
func (s *Subject) Open(context.Context) (explore.Session, error) { return session{s}, nil }

type session struct{ s *Subject }

func (session) Close() {}

// Play implements [explore.Session].
func (s session) Play(ctx context.Context, h explore.History, w explore.Waiting) explore.Outcome {
	o := h.Options
	o.Workers, o.MaxInFlight = max(o.Workers, 1), max(o.MaxInFlight, 1)
	if o.Framing == "" {
		o.Framing = spec.Enhanced
	}
	limit := o.MaxPayload
	if limit == 0 {
		limit = spec.DefaultMaxPayload
	}
	p := &player{
		m: &model{options: o, limit: limit, seen: map[string]bool{}, exercised: map[string]bool{}, fate: map[int]string{}},
		w: w, ctx: ctx, began: time.Now(), changed: make(chan struct{}), label: newLabel(),
	}
	var err error
	if p.stage, err = newStage(p, o.Framing); err != nil {
		return explore.Outcome{Blocked: err.Error()}
	}
	defer p.stage.close()
	p.play(s.s, h)
	p.mu.Lock()
	defer p.mu.Unlock()
	return explore.Outcome{
		Failure: p.m.failure, Blocked: p.blocked, Events: p.events, Features: slices.Sorted(maps.Keys(p.m.seen)), Exercised: slices.Sorted(maps.Keys(p.m.exercised)),
	}
}

// player plays one history on a pool of its own.
type player struct {
	m       *model
	w       explore.Waiting
	ctx     context.Context
	stage   *stage
	pool    pool.Pool
	began   time.Time
	blocked string
	calls   sync.WaitGroup
	marks   int
	label   label // of the goroutines of the pool

	unknowing bool // a context that has ended before reaches the pool as one that ends later

	mu        sync.Mutex
	changed   chan struct{}
	events    []result.Event
	over      bool // what comes from now on is not judged
	shutdowns []*stop
	pending   int // Health calls that have not returned
}

// stop is a Shutdown that was called.
type stop struct {
	returned bool
	limited  bool // its context ends soon
}

// mostEvents is how many events of a history are kept.
const mostEvents = 200

func (p *player) event(e result.Event) {
	if e.At = time.Since(p.began); len(p.events) < mostEvents && !p.over {
		p.events = append(p.events, e)
	}
}

func (p *player) note(where, note string, args ...any) {
	p.event(result.Event{Where: where, Note: fmt.Sprintf(note, args...)})
}

func (p *player) saw(where string, data []byte) {
	p.event(result.Event{Where: where, Framing: p.stage.framing, Bytes: slices.Clone(data[:min(len(data), 256)]), Total: len(data)})
}

func (p *player) changedLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *player) changes() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// await waits until ok, which is called under the lock, for as long as the patience of the run; nothing follows from it.
func (p *player) await(ok func() bool) bool { return p.awaitFor(p.w.Patience, ok) }

func (p *player) awaitFor(limit time.Duration, ok func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		p.mu.Lock()
		done, changed := ok(), p.changed
		p.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-p.ctx.Done():
			return false
		}
	}
}

// must waits until owed returns nil, and fails with what it returns otherwise.
func (p *player) must(owed func() *explore.Failure) {
	var missing *explore.Failure
	came, blocked := p.w.Until(p.ctx, p.changes, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		missing = owed()
		return missing == nil || p.m.failure != nil || p.blocked != ""
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case came:
	case blocked:
		p.blocked = "the machine served nothing"
	default:
		p.m.fail(*missing)
	}
}

func (p *player) play(s *Subject, h explore.History) {
	o := p.m.options
	var made pool.Pool
	var err error
	options := pool.Options{
		Workers: o.Workers, MaxInFlight: o.MaxInFlight, Program: p.stage.program, Argument: p.stage.dir + "/" + scripted.Argument,
		Env: []string{scripted.ControlVariable + "=" + p.stage.dir + "/c"}, SocketDir: p.stage.sockets, Framing: o.Framing, MaxPayload: h.Options.MaxPayload, Queue: o.Queue,
		StartTimeout: startLimit(o.StartWithin), StopTimeout: stopTimeout, HealthInterval: milliseconds(o.CheckEvery), HealthTimeout: milliseconds(o.CheckWithin),
		RestartBackoff: 5 * time.Millisecond, RestartBackoffMax: 50 * time.Millisecond,
	}
	if o.RestartIn > 0 {
		options.RestartBackoff, options.RestartBackoffMax = milliseconds(o.RestartIn), milliseconds(o.RestartIn)
	}
	if o.Output == "fails" && !s.noOutput.Load() {
		options.Output = failingWriter{}
	}
	if o.Program == "missing" {
		options.Program += "-that-is-not-there"
	}
	if s.noQueue.Load() {
		options.Queue = 0
	}
	p.label.do(func() { made, err = s.Make(options) })
	if err != nil && options.Queue > 0 { // which a pool need not have [BPR-6]
		options.Queue = 0
		p.label.do(func() { made, err = s.Make(options) })
		s.noQueue.Store(err == nil)
	}
	if err != nil && options.Output != nil { // one in another process cannot be given a writer
		options.Output = nil
		p.label.do(func() { made, err = s.Make(options) })
		s.noOutput.Store(err == nil)
	}
	p.m.options.Queue = options.Queue
	if err != nil {
		p.blocked = "the pool could not be made: " + text.OneLine(err)
		return
	}
	p.pool = made
	p.respectLimits()
	for i, step := range h.Steps {
		p.mu.Lock()
		p.m.step = i
		over := p.m.failure != nil || p.blocked != ""
		p.mu.Unlock()
		if over || p.ctx.Err() != nil {
			break
		}
		p.do(step)
		p.checks()
	}
	p.finish()
}

// checks runs what waits for a sync of the workers.
func (p *player) checks() {
	p.mu.Lock()
	pending := p.m.pending
	p.m.pending = nil
	p.mu.Unlock()
	if len(pending) == 0 {
		return
	}
	p.stage.sync()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, check := range pending {
		check()
	}
}

// startLimit returns how long a pool gives a worker to become ready. Right workers need not fear it.
func startLimit(n int) time.Duration {
	if n == 0 {
		return 2 * time.Minute
	}
	return milliseconds(n)
}

// finish ends the history: what waits is answered, the pool is shut down, and nothing is left.
func (p *player) finish() {
	p.mu.Lock()
	fine := p.m.failure == nil && p.blocked == "" && p.ctx.Err() == nil
	p.mu.Unlock()
	if fine {
		p.ready()
		p.listenAll()
		p.allRead()
		p.settle()
		p.answerAll()
		p.settle()
		p.checks()
		p.mu.Lock()
		p.m.round()
		p.mu.Unlock()
		p.laterCallWorks()
		p.comesBack()
		p.lookAgain()
		p.shutdown(explore.Step{})
		p.awaitShutdowns()
		p.goroutinesEnd("SHD-6", "when Shutdown has returned", "STA-5")
	}
	p.mu.Lock()
	p.over = true
	for _, c := range p.m.calls {
		c.cancel()
	}
	if p.m.starting != nil {
		p.m.starting.cancel()
		for _, second := range p.m.starting.beside {
			second.cancel()
		}
	}
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		_ = p.pool.Shutdown(ctx)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
	}
	if r, ok := p.pool.(pool.Remote); ok {
		_ = r.Close()
	}
}

// laterTries is how many calls in a row may fail while the pool says that every worker is healthy. One may meet a connection
// that is being given up.
const laterTries = 3

// mostLaterTries bounds them where a call meets a connection on which something odd was sent: each one may have its own.
const mostLaterTries = 30

// laterCallWorks makes calls after all else, until one gets its answer. While the pool says that not every worker is healthy
// they may fail, and so they may where a worker has died, which the pool need not notice before it checks.
func (p *player) laterCallWorks() {
	p.mu.Lock()
	skip := !p.m.started || p.m.stopping || p.m.failure != nil || p.blocked != "" || !p.m.doubtful || p.m.died()
	p.mu.Unlock()
	if skip {
		return
	}
	tries := laterTries
	for n := 0; n < tries; n++ {
		if !p.allHealthy() {
			return
		}
		p.answerAll() // what had to wait may be at a worker only now
		name := fmt.Sprintf("later%d", n+1)
		p.call(explore.Step{Call: name})
		p.answer(explore.Step{Do: "answer", Call: name})
		p.settle()
		p.answer(explore.Step{Do: "answer", Call: name}) // that had to wait
		p.settle()
		p.mu.Lock()
		c := p.m.call(name)
		stop := p.m.failure != nil || p.blocked != "" || !c.returned || c.err == nil || p.m.busy(c)
		if a := c.arrival; a != nil && (a.conn.loose || a.conn.broken) && tries < mostLaterTries { // it met what an earlier step left there
			tries++
		}
		p.mu.Unlock()
		if stop || !p.allHealthy() {
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.m.laterCallsFail()
}

// answerAll answers all that waits at a worker, and what comes to one because of that.
func (p *player) answerAll() {
	for range 200 {
		p.mu.Lock()
		names := p.m.unanswered()
		p.mu.Unlock()
		if len(names) == 0 {
			return
		}
		for _, name := range names {
			p.answer(explore.Step{Do: "answer", Call: name})
		}
		p.settle()
	}
}

func (p *player) do(s explore.Step) {
	if p.duringStart(s) {
		return
	}
	switch s.Do {
	case "settle":
		p.settle()
	case "start":
		p.start(s)
	case "call":
		p.call(s)
	case "end-context":
		p.mu.Lock()
		if c := p.m.call(s.Call); c != nil && !c.ended {
			if c.arrival == nil && !c.returned {
				p.m.disturbed = true
			}
			c.ended = true
			p.note("caller", "the context of %s ends", c.name)
			c.cancel()
		}
		p.mu.Unlock()
	case "answer":
		p.answer(s)
	case "die":
		p.withWorker(s, func(w *process) {
			again := w.dying || w.number <= p.m.before
			w.ordered, w.dying = true, true
			p.m.doubtful, p.m.disturbed = true, true
			for _, a := range p.m.arrivals { // the pool may see the death before the stage does
				if a.at == w && a.call != nil && !a.call.returned {
					a.call.broken = true
				}
			}
			p.m.exercise("HLT-4")
			if p.m.started && !p.m.stopping && len(w.signals) == 0 && !again {
				p.m.deaths++
			}
			w.order(scripted.Message{Kind: scripted.OrderDie})
		})
		p.awaitFor(time.Second, func() bool {
			return s.Worker < 1 || s.Worker > len(p.m.processes) || p.m.processes[s.Worker-1].exited
		})
	case "stall":
		p.withWorker(s, func(w *process) {
			p.m.stalls(w)
			w.order(readOnly(s.Count))
		})
		p.stage.sync()
	case "read":
		p.withWorker(s, func(w *process) {
			if w.stalled {
				w.stalled = false
				w.order(readOnly(scripted.ReadAll))
			}
		})
		p.stage.sync()
	case "print":
		p.withWorker(s, func(w *process) {
			kind, fd := scripted.OrderStderr, 2
			if s.How == "stdout" {
				kind, fd = scripted.OrderStdout, 1
			}
			if p.inherits(w, fd) {
				return // files that workers inherit are the user's own matter
			}
			w.lastTag++
			w.printing = append(w.printing, w.lastTag)
			p.m.exercise("OUT-1")
			w.order(scripted.Message{Kind: kind, Tag: w.lastTag, Data: []byte(strings.Repeat("x", max(s.Size-1, 0)) + "\n")})
		})
	case "hang":
		p.withWorker(s, func(w *process) {
			if !w.mute {
				p.m.hangs = append(p.m.hangs, newHang(w))
			}
		})
	case "unhang":
		p.unhang(s)
	case "next":
		p.mu.Lock()
		if p.m.started && !p.m.stopping && p.m.starting == nil {
			p.m.fate[len(p.m.processes)+1] = s.How
		}
		p.mu.Unlock()
	case "ready":
		p.ready()
		p.listenAll()
	case "health":
		p.health()
	case "shutdown":
		p.shutdown(s)
	case "outlast":
		p.mu.Lock()
		left := time.Until(p.m.stopAt.Add(stopTimeout * 7 / 6))
		waits := p.m.stopping
		p.mu.Unlock()
		if waits { // it is over before that if the pool does not wait for what runs
			p.awaitFor(left, func() bool { return p.m.stopped })
		}
	}
}

func (p *player) withWorker(s explore.Step, f func(w *process)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Worker >= 1 && s.Worker <= len(p.m.processes) && !p.m.processes[s.Worker-1].exited {
		w := p.m.processes[s.Worker-1]
		p.note(w.name(), "%s", s.Do)
		f(w)
	}
}

// inherits reports whether a file of the worker is a standard file of the pool's process.
func (p *player) inherits(w *process, fd int) bool {
	pid := os.Getpid()
	if r, ok := p.pool.(pool.Remote); ok {
		pid = r.PID()
	}
	link := func(pid, fd int) string {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)) // empty where the system has no such files
		return to
	}
	its := link(w.pid, fd)
	return its != "" && slices.ContainsFunc([]int{0, 1, 2}, func(own int) bool { return link(pid, own) == its })
}

// readOnly is the order to read that many more bytes of each connection.
func readOnly[N int | uint64](n N) scripted.Message {
	return scripted.Message{Kind: scripted.OrderReadOnly, Data: binary.BigEndian.AppendUint64(nil, uint64(n))}
}

// allRead has every worker read again.
func (p *player) allRead() {
	p.mu.Lock()
	n := len(p.m.processes)
	p.mu.Unlock()
	for i := range n {
		p.do(explore.Step{Do: "read", Worker: i + 1})
	}
}

// start starts the pool and waits until Start returns.
func (p *player) start(s explore.Step) {
	p.mu.Lock()
	if s := p.m.starting; s != nil && !p.m.stopping && len(s.beside) == 0 {
		p.note("caller", "Start, beside the other")
		p.mu.Unlock()
		s.beside = append(s.beside, p.beginStart(explore.Step{}, 0))
		return
	}
	if p.m.started || p.m.stopping || p.m.starting != nil {
		p.mu.Unlock()
		return
	}
	before := len(p.m.processes)
	slow := s.How == "slow" || s.How == "bound"
	p.m.failing = s.How != "" && !slow || p.m.options.Program != ""
	if p.m.options.Program != "" && s.How != "" {
		p.mu.Unlock()
		return // no process comes that anything could happen to
	}
	if s.How == "never" && (p.m.options.StartWithin == 0 || p.m.ignores("StartTimeout")) {
		p.mu.Unlock()
		return // it would take two minutes
	}
	victim := 1 + max(s.Worker-1, 0)%p.m.options.Workers
	p.m.fate = map[int]string{}
	if s.How != "" {
		p.m.fate[before+victim] = s.How
	}
	p.note("caller", "Start %s", s.How)
	p.mu.Unlock()
	running := p.beginStart(s, before)
	if slow {
		p.startSlowly(running)
		return
	}
	defer running.cancel()
	if s.How == "silent" { // as soon as all have appeared, its context ends
		p.awaitFor(10*time.Second, func() bool { return len(p.m.processes) >= before+victim })
		running.cancel()
	}
	p.must(func() *explore.Failure {
		if running.returned() {
			return nil
		}
		clause := "STA-1"
		switch s.How {
		case "exit", "exit-0", "never":
			clause = "STA-2"
		case "silent":
			clause = "STA-7"
		}
		return &explore.Failure{Rule: "start-returns", Clause: clause, Kin: []string{"STA-2", "STA-7"}, NotSeen: true, Want: "Start returns", Got: "it does not"}
	})
	if !running.returned() {
		return
	}
	p.startReturned(s, before, running.err, running.panics)
	if s.How != "" || p.m.options.Program != "" {
		p.goroutinesOfAFailedStartEnd()
	}
}

// startReturned judges what Start returned. There were that many processes before.
func (p *player) startReturned(s explore.Step, before int, err error, panicked any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note("caller", "Start returned: %s", text.OneLine(err))
	if p.unreachable(err) {
		return
	}
	p.m.exercise("STA-1")
	switch {
	case panicked != nil:
		p.m.fail(explore.Failure{Rule: "no-panic", Clause: "SHD-5", Want: "Start returns", Got: fmt.Sprint("panic: ", panicked)})
	case p.m.failing && err == nil:
		clause := "STA-2"
		if s.How == "silent" {
			clause = "STA-1"
		}
		p.m.fail(explore.Failure{Rule: "start-fails-with-a-worker", Clause: clause, Kin: []string{"STA-1", "STA-2", "STA-7"}, Want: "an error, since a worker is not ready", Got: "no error"})
	case p.m.failing:
		p.failedStart(s, err, p.m.processes[before:])
	case err != nil && p.m.options.StartWithin > 0:
		p.blocked = "a right worker was not ready in time: " + text.OneLine(err)
	case err != nil && before > 0:
		p.m.fail(explore.Failure{Rule: "start-works-again", Clause: "STA-9", Want: "Start after a failed one works", Got: text.OneLine(err)})
	case err != nil:
		p.m.fail(explore.Failure{Rule: "start-works", Clause: "STA-1", Want: "Start with right workers works", Got: text.OneLine(err)})
	default:
		p.m.started = true
		p.m.failing = false
		p.m.before, p.m.first, p.m.atStart = before, len(p.m.processes), len(p.m.processes)
		p.m.replaced = p.m.atStart-before > p.m.options.Workers
		if s.How == "" { // then nothing has happened beside it, and what a Start before it left does not matter
			p.m.doubtful = slices.ContainsFunc(p.m.processes[before:], func(w *process) bool { return w.exited })
		}
		p.m.doubtful = p.m.doubtful || p.m.mayReplace() // a slow machine may make a check fail
		if before > 0 {
			p.m.exercise("STA-9")
		}
		ready := 0
		for _, w := range p.m.processes {
			if w.listens && !w.silent && (!w.exited || p.m.mayReplace()) && w.number > before {
				ready++
			}
		}
		if ready < p.m.options.Workers {
			p.m.fail(explore.Failure{Rule: "start-waits-for-all", Clause: "STA-1", Want: fmt.Sprintf("%d workers that listen", p.m.options.Workers), Got: fmt.Sprint(ready)})
		}
	}
}

// failedStart judges what a Start left behind that had to fail.
func (p *player) failedStart(s explore.Step, err error, all []*process) {
	p.m.exercise("STA-2", "STA-3", "STA-4")
	if s.How == "silent" {
		p.m.exercise("STA-7")
	}
	for _, w := range all {
		if left := w.left(); left != "" {
			p.m.fail(explore.Failure{Rule: "failed-starts-leave-no-process", Clause: "STA-3", Want: "no process is left when Start has failed", Got: left})
		}
	}
	if name := p.stage.socketLeft(); name != "" {
		p.m.fail(explore.Failure{Rule: "failed-starts-leave-no-socket", Clause: "STA-4", Kin: []string{"STA-3"}, Want: "no socket file is left when Start has failed", Got: name})
	}
	if s.How == "exit" {
		p.m.exercise("STA-6")
		words := err.Error()
		if !strings.Contains(words, lastWords) || !slices.Contains(numbers.FindAllString(words, -1), "3") {
			p.m.fail(explore.Failure{Rule: "failed-starts-say-why", Clause: "STA-6", Want: fmt.Sprintf("an error with the exit status 3 and the end of standard error, %q", lastWords), Got: text.OneLine(err)})
		}
		if victim := (max(s.Worker, 1) - 1) % p.m.options.Workers; victim < len(all) && !names(words, all[victim], p.m.options.Workers) {
			p.m.fail(explore.Failure{
				Rule: "failed-starts-name-the-worker", Clause: "STA-6",
				Want: fmt.Sprintf("an error with the index, the process ID (%d) or the socket path of the worker that exited", all[victim].pid), Got: text.OneLine(err),
			})
		}
	}
}

var numbers = regexp.MustCompile(`[0-9]+`)

// names reports whether an error names the worker: by its socket path, its process ID or its index, counted from 0 or from 1.
// Which index it has the suite does not know, since workers that start at once appear in any order.
func names(words string, w *process, workers int) bool {
	return strings.Contains(words, filepath.Base(w.path)) || slices.ContainsFunc(numbers.FindAllString(words, -1), func(s string) bool {
		n, err := strconv.Atoi(s)
		return err == nil && (n <= workers || n == w.pid)
	})
}

// unreachable notes an error that says nothing of the pool.
func (p *player) unreachable(err error) bool {
	if errors.Is(err, suite.Unreachable) || errors.Is(err, spec.Unsupported) {
		p.blocked = text.OneLine(err)
		return true
	}
	if errors.Is(err, suite.Crashed) {
		p.m.fail(explore.Failure{Rule: "no-panic", Clause: "SHD-5", Want: "a pool whose process lives", Got: text.OneLine(err)})
		return true
	}
	return false
}

// call makes a call beside the history.
func (p *player) call(s explore.Step) {
	p.mu.Lock()
	if s.Call == "" || p.m.call(s.Call) != nil || s.How == "ended" && p.unknowing {
		p.mu.Unlock()
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	c := &call{name: s.Call, step: p.m.step, method: s.Call + s.Method, cancel: cancel}
	pad := ""
	if s.Size > 0 {
		pad = fmt.Sprintf(`,"pad":"%s"`, strings.Repeat(cmp.Or(s.Text, "x"), s.Size))
	}
	inner := s.Body
	if inner == "" {
		inner = "null"
	}
	c.body = fmt.Sprintf(`{"call":"%s","body":%s%s}`, s.Call, inner, pad)
	around := len(`{"id":18446744073709551615,"method":,"body":}`) + len(wire.Quote(c.method))
	size := len(c.body) + around
	switch {
	case size > p.m.limit+200:
		c.tooLarge = true
	case size > p.m.limit-200: // what stands around the body is the pool's own choice
		p.mu.Unlock()
		cancel()
		return
	}
	if s.How == "utf8" {
		c.notUTF8 = true
		c.method += "\xff"
	}
	if s.How == "ended" {
		c.ended, c.before = true, true
		cancel()
	}
	for _, o := range p.m.calls {
		if !o.settled {
			c.others++
		}
		if !o.returned {
			o.others++
			p.m.disturbed = true
		}
	}
	if c.ended || c.tooLarge || !p.m.started {
		p.m.disturbed = true
	}
	c.stopAtIt, c.early = p.m.stopped || p.m.refuses, !p.m.started
	for _, a := range p.m.answers {
		if a.read {
			c.behind = append(c.behind, a)
		}
	}
	p.m.calls = append(p.m.calls, c)
	p.note("caller", "Call %s, body of %s", c.name, text.Plural(len(c.body), "byte"))
	p.mu.Unlock()
	own := json.RawMessage(c.body)
	p.calls.Go(func() {
		defer cancel()
		var answer json.RawMessage
		var err error
		panicked := ""
		func() {
			defer func() {
				if r := recover(); r != nil {
					panicked = fmt.Sprint(r)
				}
			}()
			p.label.do(func() { answer, err = p.pool.Call(ctx, c.method, own) })
		}()
		answer = slices.Clone(answer)
		for i, b := range own { // which is the caller's again [MSG-19]
			if b == 'x' || b == 'a' && i < len(`{"call`) {
				own[i] = 'y'
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.over || p.unreachable(err) {
			c.returned = true
			return
		}
		c.answer, c.err, c.panicked = answer, err, panicked
		if err != nil {
			p.note("caller", "%s returned: %s", c.name, text.OneLine(err))
			p.m.disturbed = true
		} else {
			p.note("caller", "%s returned %s", c.name, text.Excerpt(answer))
		}
		p.m.ends(c)
		p.changedLocked()
	})
	// A call that finds a free slot arrives in a moment; the next step then meets it there. Nothing follows from it.
	p.awaitFor(arrivesSoon, func() bool {
		there, _ := p.m.outstanding()
		return c.arrival != nil || c.returned || there >= p.m.options.MaxInFlight*p.m.options.Workers
	})
}

const (
	// arrivesSoon is how long a step waits for what mostly follows at once, such as the arrival of a call.
	arrivesSoon = 100 * time.Millisecond
	// appearsSoon is the same for a process that takes a dead one's place, which must be started.
	appearsSoon = 500 * time.Millisecond
)

// answer has the worker at which a call is send something.
func (p *player) answer(s explore.Step) {
	p.mu.Lock()
	c := p.m.call(s.Call)
	if c == nil || c.arrival == nil || c.arrival.at.exited || c.arrival.conn.ended || c.due != nil && s.How != "late" {
		p.mu.Unlock()
		return
	}
	a := c.arrival
	p.marks++
	mark := fmt.Sprintf("%s/%d", c.name, p.marks)
	out := &answer{mark: mark, body: bodyOf(mark, s.Body), to: c, how: s.How, valid: !c.arrival.conn.broken, id: a.id, conn: a.conn}
	framing := p.stage.framing
	body := wire.OKAnswer(a.id, out.body)
	wrap := func(message []byte) []byte {
		if a.enveloped {
			return wire.Envelope("response", message)
		}
		return message
	}
	frame := func(message []byte) []byte { return wire.Encode(framing, a.id, wrap(message)) }
	data := frame(body)
	var again *answer // is sent behind it
	breaks, closes := false, false
	switch s.How {
	case "error":
		switch s.Text {
		case "":
			out.says = mark
		case "none":
		default:
			out.says = mark + s.Text
		}
		data = frame(wire.ErrorAnswer(a.id, out.says))
	case "no-body":
		data = frame(fmt.Appendf(nil, `{"id":%d,"ok":true}`, a.id))
	case "envelope":
		data = wire.Encode(framing, a.id, wire.Envelope("response", body))
	case "envelope-id":
		data = wire.Encode(framing, a.id, fmt.Appendf(nil, `{"id":7,"type":"response","ok":false,"payload":%s}`, body))
	case "more":
		data = frame(fmt.Appendf(nil, `{"ID":7,"id":%d,"OK":false,"ok":true,%s,"body":%s,"Body":0}`, a.id, cmp.Or(s.More, `"type":"response","took":[1]`), out.body))
	case "unknown":
		id := a.id + 1<<32
		out.id = id
		data = wire.Encode(framing, id, wrap(wire.OKAnswer(id, out.body)))
		out.to, out.valid = nil, false
	case "next":
		id := a.id + 1
		out.id = id
		data = wire.Encode(framing, id, wrap(wire.OKAnswer(id, out.body)))
		out.to, out.valid, out.how = nil, false, "unknown"
		for _, o := range p.m.arrivals {
			if o.id == id && o.call != nil {
				p.mu.Unlock()
				return
			}
		}
	case "note": // an unreadable answer to a pool, or nothing
		if c.ended || c.returned {
			p.mu.Unlock()
			return
		}
		a.conn.noted = true
		out.how, out.valid = "note", false
		data = frame(fmt.Appendf(nil, `{"type":"note","payload":{},"id":%d,"ok":true,"body":%s}`, a.id, out.body))
		if a.enveloped {
			data = wire.Encode(framing, a.id, fmt.Appendf(nil, `{"type":"note","payload":{"id":%d,"ok":true,"body":%s},"id":%d,"ok":true,"body":%s}`, a.id, out.body, a.id, out.body))
		}
	case "twice":
		again = &answer{mark: mark + "b", how: "twice", id: a.id, conn: a.conn}
		data = append(data, frame(wire.OKAnswer(a.id, bodyOf(again.mark, "")))...)
	case "differs":
		if framing == spec.Basic {
			p.mu.Unlock()
			return
		}
		data = wire.Encode(framing, a.id+1<<32, wrap(body))
		out.valid, breaks = false, true
	case "crc":
		if framing == spec.Basic {
			p.mu.Unlock()
			return
		}
		data = wire.EncodeWith(a.id, wrap(body), func(h *wire.Header) { h.CRC ^= 1 << 16 })
		out.valid, breaks = false, true
	case "garbage":
		data = []byte(strings.Repeat("\xff", 40) + mark)
		out.valid, breaks = false, true
	case "malformed":
		data = frame([]byte(`{"id":` + fmt.Sprint(a.id) + `,"ok":true,"body":{"answer":"` + mark + `"}`))
		out.valid, breaks = false, true
	case "trailing":
		data = frame(append(slices.Clone(body), " 7"...))
		if a.enveloped { // within the envelope too it is no JSON
			data = wire.Encode(framing, a.id, append(wrap(body), " 7"...))
		}
		out.valid, breaks = false, true
	case "utf8":
		data = frame([]byte(`{"id":` + fmt.Sprint(a.id) + `,"ok":true,"body":{"answer":"` + mark + `","x":"` + "\xff" + `"}}`))
		out.valid, breaks = false, true
	case "id-text":
		data = frame([]byte(`{"id":"` + fmt.Sprint(a.id) + `","ok":true,"body":{"answer":"` + mark + `"}}`))
		out.valid, breaks = false, true
	case "half":
		data = data[:len(data)-5]
		out.valid, breaks, closes = false, true, true
	case "close":
		data = nil
		out.valid, breaks, closes = false, true, true
	case "late":
		if !c.ended || !c.returned {
			p.mu.Unlock()
			return
		}
		out.valid = false
	}
	if c.ended || c.returned {
		out.valid, out.how = out.valid && !c.returned, "late"
		if c.returned {
			out.to = nil
		}
	}
	p.m.answers = append(p.m.answers, out)
	if again != nil {
		p.m.answers = append(p.m.answers, again)
	}
	p.saw(a.at.name()+" → pool, "+s.How, data)
	for _, h := range p.m.hangs { // any answer may count as a sign of life
		h.sure = h.sure && h.w != a.at
	}
	if out.how == "note" {
		p.m.disturbed = true
		p.m.exercise("MSG-3")
	} else if out.how == "unknown" {
		p.m.disturbed = true
		p.m.exercise("RID-5")
	} else {
		if !breaks {
			if a.outstanding() {
				p.m.wayOut = true
			}
			a.answered = true
		}
		if !c.returned {
			c.due = out
		}
		if out.how == "late" || out.how == "twice" {
			p.m.exercise("CAN-3", "RID-5")
			p.m.disturbed = true
		}
	}
	if out.how == "unknown" || s.How == "twice" || out.how == "late" || s.How == "note" {
		p.m.mayClose(a.conn)
	}
	if breaks {
		p.m.breaks(a)
	}
	held := append(a.conn.held, data...)
	a.conn.held = nil
	if s.Hold && !breaks && !closes {
		a.conn.held = held
		p.mu.Unlock()
		return
	}
	a.conn.cutting = true
	p.mu.Unlock()
	offset, from := len(held)-len(data), 0
	for _, at := range s.Cut {
		if at += offset; at > from && at < len(held) {
			p.stage.send(a, held[from:at])
			p.stage.sync() // so that the pool can have read it
			from = at
		}
	}
	p.mu.Lock()
	rest := append(held[from:], a.conn.behind...)
	a.conn.cutting, a.conn.behind = false, nil
	if len(rest) > 0 {
		p.stage.send(a, rest)
	}
	p.mu.Unlock()
	if closes {
		a.at.order(scripted.Message{Kind: scripted.OrderClose, Conn: a.conn.number})
	}
}

// breaks notes that what is sent on the connection ends it, with all calls on it.
func (m *model) breaks(a *arrival) {
	m.doubtful, m.disturbed = true, true
	m.exercise("RID-7")
	a.conn.broken, a.conn.spoiled = true, true
	for _, o := range m.arrivals {
		if o.at == a.at && o.conn == a.conn && o.call != nil && !o.call.returned && (o.call.due == nil || !o.call.due.valid) {
			o.call.broken = true
		}
	}
}

// mayClose notes that the pool may close the connection, with all calls on it [RID-5].
func (m *model) mayClose(c *wireConn) {
	m.doubtful = true
	c.loose = true
}

// flush sends what is held back.
func (p *player) flush() {
	p.mu.Lock()
	var all []func()
	for _, a := range p.m.arrivals {
		if held := a.conn.held; len(held) > 0 {
			a.conn.held = nil
			all = append(all, func() { p.stage.send(a, held) })
		}
	}
	p.mu.Unlock()
	for _, send := range all {
		send()
	}
}

// settle waits until all that must come has come.
func (p *player) settle() {
	p.flush()
	p.must(p.m.owed)
	// The process that a step was about appears in a moment, and the next step then meets it. Nothing follows from the wait.
	p.awaitFor(appearsSoon, func() bool {
		next := p.m.fate[len(p.m.processes)+1]
		return next == "" || len(p.m.processes)-p.m.atStart >= p.m.deaths || p.m.options.RestartIn > 0 || p.m.stopping
	})
	p.must(func() *explore.Failure {
		for _, w := range p.m.processes {
			for _, tag := range w.printing {
				if !w.exited && !w.confirmed[tag] {
					return &explore.Failure{Rule: "output-is-read", Clause: "OUT-1", NotSeen: true, Want: "what " + w.name() + " prints is read", Got: "it is not"}
				}
			}
		}
		if p.pending > 0 {
			return &explore.Failure{Rule: "health-returns", Clause: "HLT-9", Kin: []string{"HLT-3"}, NotSeen: true, Want: "Health returns", Got: "it does not"}
		}
		return nil
	})
	p.must(func() *explore.Failure { // beside one whose context lasts, how soon it returns is its own matter [SHD-8]
		lasts := slices.ContainsFunc(p.shutdowns, func(s *stop) bool { return !s.limited })
		if !lasts && slices.ContainsFunc(p.shutdowns, func(s *stop) bool { return !s.returned }) {
			return &explore.Failure{Rule: "hurried-shutdowns-return", Clause: "SHD-2", Kin: []string{"SHD-5", "SHD-8", "SHD-4"}, NotSeen: true, Want: "Shutdown returns, since its context has ended", Got: "it does not"}
		}
		return nil
	})
	p.giveUpSpoiled()
	p.checks()
	p.must(p.m.owedChecks)
	p.sureOfHung()
	p.hungAreUnhealthy()
	p.asNew()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m.failure == nil && p.blocked == "" {
		for _, c := range p.m.calls {
			c.settled = c.returned && !c.ended // the slot of a cancelled one comes back when its cancellation has gone out
		}
	}
}

// giveUpSpoiled notes which connections the pool may use no more: a call on them has returned because of what came. What it
// had sent before is on its way to the worker until the sync, and those calls return too.
func (p *player) giveUpSpoiled() {
	spoiled := map[*wireConn]bool{}
	p.mu.Lock()
	for _, a := range p.m.arrivals {
		if a.conn.spoiled && a.conn.told && !a.conn.noticed {
			spoiled[a.conn] = true
		}
	}
	p.mu.Unlock()
	if len(spoiled) == 0 {
		return
	}
	p.stage.sync()
	p.must(p.m.owed)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m.failure == nil && p.blocked == "" {
		for c := range spoiled {
			c.noticed = true
		}
	}
}

// health asks the pool for its health, beside the history.
func (p *player) health() {
	p.mu.Lock()
	p.pending++
	checkedAt, started, stopped := p.m.checkedAt, p.m.started, p.m.stopped // what is so when it is called is what it must know
	deaf := slices.DeleteFunc(slices.Clone(p.m.processes), func(w *process) bool { return !isDeaf(w) })
	p.mu.Unlock()
	p.calls.Go(func() {
		var h spec.Health
		var panicked any
		func() {
			defer func() { panicked = recover() }()
			p.label.do(func() { h = p.healthWhileDeaf(deaf) })
		}()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pending--
		p.changedLocked()
		if p.over {
			return
		}
		p.note("caller", "Health: %d of %d healthy, %d restarts", h.Healthy, h.Total, h.Restarts)
		p.m.exercise("HLT-9")
		switch {
		case panicked != nil:
			p.m.fail(explore.Failure{Rule: "no-panic", Clause: "SHD-5", Want: "Health returns", Got: fmt.Sprint("panic: ", panicked)})
		case started && !p.m.stopping && !p.m.doubtful && (h.Total != p.m.options.Workers || h.Healthy != p.m.options.Workers):
			p.m.fail(explore.Failure{Rule: "health-tells-the-workers", Clause: "HLT-3", Want: fmt.Sprintf("%d workers, all healthy", p.m.options.Workers), Got: fmt.Sprintf("%d, %d healthy", h.Total, h.Healthy)})
		case started && !p.m.stopping && !p.m.mayReplace() && p.m.onlyDeaths() && h.Healthy > p.m.mostHealthy(deaf):
			p.m.fail(explore.Failure{
				Rule: "workers-that-do-not-listen-are-not-healthy", Clause: "HLT-3", Kin: []string{"HLT-2", "HLT-6", "HLT-4", "STA-1"},
				Want: fmt.Sprintf("at most %d healthy workers, since the other processes have yet to listen", p.m.mostHealthy(deaf)), Got: fmt.Sprint(h.Healthy),
			})
		case started && !p.m.stopping && !checkedAt.IsZero() && h.LastCheck.Before(checkedAt.Truncate(time.Millisecond)):
			p.m.fail(explore.Failure{
				Rule: "the-last-check-is-told", Clause: "HLT-10", Kin: []string{"HLT-3"},
				Want: fmt.Sprintf("a last check %v ago or less, since one was answered then and has ended", time.Since(checkedAt).Round(time.Millisecond)),
				Got:  fmt.Sprintf("%v ago", time.Since(h.LastCheck).Round(time.Millisecond)),
			})
		case started && !p.m.stopping:
			p.m.exercise("HLT-3")
			if !checkedAt.IsZero() {
				p.m.exercise("HLT-10")
			}
		case stopped:
			p.m.exercise("HLT-11")
			if h.Healthy > 0 {
				p.m.fail(explore.Failure{Rule: "nobody-is-healthy-after-shutdown", Clause: "HLT-11", Want: "no healthy worker after Shutdown", Got: fmt.Sprint(h.Healthy)})
			}
		}
	})
}

// shutdown begins a Shutdown beside the history. Count is how many milliseconds its context lasts, 0 for ever.
func (p *player) shutdown(s explore.Step) {
	p.allRead() // or calls that cannot be sent would hold it up, and rightly
	p.mu.Lock()
	if !p.m.stopping {
		p.m.stopAt = time.Now()
	}
	p.m.stopping = true
	if s.Count > 0 {
		p.m.hurried = true
	}
	p.note("caller", "Shutdown %s", s.How)
	this := &stop{limited: s.Count > 0}
	p.shutdowns = append(p.shutdowns, this)
	p.mu.Unlock()
	ctx, cancel := p.ctx, func() {}
	if s.Count > 0 {
		ctx, cancel = context.WithTimeout(p.ctx, time.Duration(s.Count)*time.Millisecond)
	}
	p.calls.Go(func() {
		defer cancel()
		var err error
		var panicked any
		func() {
			defer func() { panicked = recover() }()
			p.label.do(func() { err = p.pool.Shutdown(ctx) })
		}()
		p.mu.Lock()
		defer p.mu.Unlock()
		this.returned = true
		defer p.changedLocked()
		if p.over || p.unreachable(err) {
			return
		}
		p.note("caller", "Shutdown returned: %s", text.OneLine(err))
		p.m.exercise("SHD-5")
		if panicked != nil {
			p.m.fail(explore.Failure{Rule: "no-panic", Clause: "SHD-5", Want: "Shutdown returns", Got: fmt.Sprint("panic: ", panicked)})
			return
		}
		if ctx.Err() != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) && len(p.shutdowns) > 1 {
			return // of several Shutdowns, one may leave early [SHD-8]
		}
		p.m.stopped = true
		p.nothingLeft()
	})
	if s.How != "beside" {
		p.awaitFor(arrivesSoon, func() bool { return p.m.stopped })
	}
}

// nothingLeft looks at what a Shutdown that has returned leaves behind.
func (p *player) nothingLeft() {
	processes, sockets := "SHD-4", "SHD-4"
	if !p.m.started {
		processes, sockets = "STA-3", "STA-4"
	}
	clause := processes
	if p.m.starting != nil {
		clause, sockets = "SHD-7", "SHD-7"
	}
	if len(p.shutdowns) > 1 {
		clause = "SHD-8"
		p.m.exercise("SHD-8")
	}
	p.m.exercise("SHD-4")
	for _, w := range p.m.processes {
		if left := w.left(); left != "" {
			p.m.fail(explore.Failure{Rule: "shutdown-leaves-no-process", Clause: clause, Kin: []string{"SHD-4", "SHD-3", "SHD-8", "STA-3"}, Want: "no process is left when Shutdown has returned", Got: left})
		}
	}
	if name := p.stage.socketLeft(); name != "" {
		p.m.fail(explore.Failure{Rule: "shutdown-leaves-no-socket", Clause: sockets, Kin: []string{"STA-4", "SHD-4"}, Want: "no socket file is left when Shutdown has returned", Got: name})
	}
}

// owedByShutdown returns what has not come though no call runs any more; nil for nothing.
func (p *player) owedByShutdown() *explore.Failure {
	for _, s := range p.shutdowns {
		if !s.returned {
			return &explore.Failure{Rule: "shutdown-returns", Clause: "SHD-5", Kin: []string{"SHD-2", "SHD-4", "SHD-3"}, NotSeen: true, Want: "Shutdown returns, since no call is running", Got: "it does not"}
		}
	}
	for _, c := range p.m.calls {
		if !c.returned {
			return &explore.Failure{Rule: "calls-end-with-shutdown", Clause: "SHD-5", Kin: []string{"SHD-1", "BPR-3"}, NotSeen: true, Want: c.name + " returns, since the pool is shut down", Got: "it does not"}
		}
	}
	return nil
}

// awaitShutdowns waits until every Shutdown has returned. What waits at a worker is answered, also what comes to one only now, so
// nothing holds it up.
func (p *player) awaitShutdowns() {
	for range 200 {
		p.answerAll()
		p.mu.Lock()
		start, another := p.m.starting, false
		p.mu.Unlock()
		p.endWaiting()
		if start != nil {
			p.awaitStart(start, explore.Failure{Rule: "shutdown-ends-a-start", Clause: "SHD-7", Kin: []string{"SHD-5"}, Want: "Start returns, since Shutdown was called while its workers started", Got: "it does not"})
		}
		p.must(func() *explore.Failure {
			if another = len(p.m.unanswered()) > 0; another {
				return nil
			}
			return p.owedByShutdown()
		})
		if !another {
			break
		}
	}
	p.mu.Lock()
	fine := p.m.failure == nil && p.blocked == ""
	p.m.step++
	p.mu.Unlock()
	if fine {
		p.call(explore.Step{Call: "after"})
		p.health()
		p.must(func() *explore.Failure {
			if c := p.m.call("after"); c != nil && !c.returned {
				return &explore.Failure{Rule: "calls-after-shutdown-are-closed", Clause: "SHD-1", NotSeen: true, Want: "a call after Shutdown is refused", Got: "it does not return"}
			}
			return nil
		})
	}
}

// endWaiting ends the contexts of calls that wait where not every worker is surely healthy: whether they end with Shutdown or have
// their turn first is the pool's choice, and their turn may never come.
func (p *player) endWaiting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.m.doubtful {
		return
	}
	for _, c := range p.m.calls {
		if c.arrival == nil && !c.returned && !c.ended {
			c.ended = true
			p.note("caller", "the context of %s ends", c.name)
			c.cancel()
		}
	}
}

// failingWriter is a user's writer that takes nothing [OUT-1].
type failingWriter struct{}

// Write implements [io.Writer].
func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left for output") }
