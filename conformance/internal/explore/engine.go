package explore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Subject is an implementation under test, in one role.
type Subject interface {
	Role() spec.Role
	Name() string
	// Open prepares a fresh subject, such as a process that nothing was asked yet.
	Open(ctx context.Context) (Session, error)
	// Plain returns histories that are played first: the plainest of each kind, so that what cannot do even that is not
	// accused of something else.
	Plain() []History
	// Generate draws a history. It looks at nothing but the random numbers.
	Generate(r *rand.Rand) History
	// Simpler returns histories with one value simpler, the most promising first.
	Simpler(h History) iter.Seq[History]
	// Describe says what a step does, in the words of the protocol.
	Describe(s Step) string
	// Bytes returns what a step puts on the wire; empty where it does not.
	Bytes(h History, s Step) ([]byte, spec.Framing)
}

// Session is a subject on which histories are played one after another. It is not safe for use by several goroutines.
type Session interface {
	Play(ctx context.Context, h History, w Waiting) Outcome
	Close()
}

// Config says how to explore.
type Config struct {
	Seed      uint64
	For       time.Duration // 0 for no limit
	Histories int           // how many at most; 0 for no limit
	Steps     int           // of one history at most; 0 for no limit
	Patience  time.Duration // how long to wait before something that did not come is a failure
	Clauses   func(clause string) bool
	Fresh     bool           // open a fresh subject for each history
	Most      int            // failures after which to stop; 0 for no limit
	Progress  func(Progress) // called about once a second; may be nil
	OnFound   func(*Found)   // called with each failure as it is found, before it is kept; may be nil
}

// Progress is what was reached so far.
type Progress struct {
	Elapsed   time.Duration
	Histories int
	Steps     int
	Kinds     int // of what was seen
	Exercised []string
	Found     int
	Doing     string // empty while it explores
}

// batch is how many histories are played on one subject at most.
const batch = 200

// Explorer looks for histories that the model does not allow.
type Explorer struct {
	subject Subject
	Config
	canary  *Canary
	began   time.Time
	guide   guide
	plain   []History
	session Session
	played  []History // on the session

	progress    Progress
	exercised   map[string]bool
	found       []Found
	again       map[string]int // failures of rules that were found before
	unconfirmed []string
	blocked     []string
	told        time.Time
}

// Explore explores the subject until the time is over, or enough was played or found, or ctx ends. It returns an error if
// the subject cannot be used.
func Explore(ctx context.Context, s Subject, c Config) (Summary, error) {
	e := &Explorer{subject: s, Config: c, began: time.Now(), plain: s.Plain(), exercised: map[string]bool{}, again: map[string]int{}}
	var err error
	if e.canary, err = StartCanary(); err != nil {
		return Summary{}, fmt.Errorf("the suite's own process beside the subject cannot be started: %w", err)
	}
	defer e.canary.Close()
	defer e.closeSession()
	whole := ctx
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	for n := 1; ctx.Err() == nil && (c.Histories == 0 || n <= c.Histories) && (c.Most == 0 || len(e.found) < c.Most); n++ {
		if err := e.explore(ctx, whole, n); err != nil {
			if ctx.Err() != nil {
				break
			}
			return e.summary(), err
		}
		e.tell("")
	}
	return e.summary(), nil
}

// hasty returns the waiting that makes a suspicion.
func (e *Explorer) hasty() Waiting {
	return Waiting{Patience: min(e.Patience, max(e.Patience/10, 300*time.Millisecond)), Canary: e.canary, Hasty: true}
}

// patient returns the waiting that makes a verdict.
func (e *Explorer) patient() Waiting { return Waiting{Patience: e.Patience, Canary: e.canary} }

// history returns the n-th history of the run.
func (e *Explorer) history(n int) History {
	if n <= len(e.plain) {
		h := e.plain[n-1].Clone()
		h.Made = Made{Seed: strconv.FormatUint(e.Seed, 10), Number: n}
		return h
	}
	r := rand.New(rand.NewPCG(e.Seed, uint64(n)))
	h, varied := History{}, false
	if r.IntN(10) < 3 {
		h, varied = e.guide.vary(r)
	}
	if !varied {
		h = e.subject.Generate(r)
	}
	if e.Steps > 0 && len(h.Steps) > e.Steps {
		h.Steps = h.Steps[:e.Steps]
	}
	h.Made = Made{Seed: strconv.FormatUint(e.Seed, 10), Number: n}
	return h
}

func (e *Explorer) explore(ctx, whole context.Context, n int) error {
	if e.session == nil {
		var err error
		if e.session, err = e.subject.Open(ctx); err != nil {
			return err
		}
		e.played = nil
	}
	h := e.history(n)
	o := e.session.Play(ctx, h, e.hasty())
	e.played = append(e.played, h)
	e.progress.Histories++
	e.progress.Steps += len(h.Steps)
	for _, c := range o.Exercised {
		e.exercised[c] = true
	}
	e.guide.learn(h, o.Features)
	if o.Blocked != "" {
		e.blocked = append(e.blocked, o.Blocked)
	}
	before := e.played
	if o.Over || o.Failure != nil || e.Fresh || len(e.played) >= batch {
		e.closeSession()
	}
	if o.Failure != nil && ctx.Err() == nil {
		e.closeSession()
		e.investigate(whole, h, *o.Failure, before)
	}
	return nil
}

func (e *Explorer) closeSession() {
	if e.session != nil {
		e.session.Close()
		e.session = nil
	}
}

// alone plays the history on a fresh subject.
func (e *Explorer) alone(ctx context.Context, h History, w Waiting) Outcome {
	s, err := e.subject.Open(ctx)
	if err != nil {
		return Outcome{Blocked: err.Error()}
	}
	defer s.Close()
	return s.Play(ctx, h, w)
}

// investigationsOfARule is how many failures of one rule are shrunk: the rule may be broken for two reasons, but most times
// it is the same again.
const investigationsOfARule = 2

// investigate confirms a failure, shrinks it and adds it to what was found.
func (e *Explorer) investigate(ctx context.Context, h History, f Failure, before []History) {
	if e.Clauses != nil && !e.Clauses(f.Clause) && !slices.ContainsFunc(f.Kin, e.Clauses) {
		return
	}
	known := 0
	for _, old := range e.found {
		if old.Failure.Rule == f.Rule {
			known++
			if old.Failure.Clause == f.Clause || known >= investigationsOfARule {
				e.again[f.Rule]++
				return
			}
		}
	}
	e.tell("confirming that " + f.Clause + " is broken")
	times, of, confirmed := e.confirm(ctx, h, f)
	if times == 0 && len(before) > 1 && ctx.Err() == nil {
		h = join(before)
		times, of, confirmed = e.confirmOnce(ctx, h, f)
	}
	if times == 0 {
		if ctx.Err() == nil {
			e.unconfirmed = append(e.unconfirmed, fmt.Sprintf("%s (%s) was seen once and not again in %d runs: wanted %s; got %s", f.Clause, f.Rule, of, f.Want, f.Got))
		}
		return
	}
	e.tell("shrinking what breaks " + f.Clause)
	found := e.shrink(ctx, h, confirmed, float64(times)/float64(of))
	for _, old := range e.found {
		if old.Failure.Rule == found.Failure.Rule && old.Failure.Clause == found.Failure.Clause {
			e.again[found.Failure.Rule]++
			return
		}
	}
	if e.OnFound != nil {
		e.OnFound(&found)
	}
	e.found = append(e.found, found)
}

// mostRepeats is how often a failure is looked for again, alone, before it counts as not confirmed.
const mostRepeats = 20

// confirm plays the history alone, each time on a fresh subject, until it has failed three times, or once where only the
// whole patience can tell.
func (e *Explorer) confirm(ctx context.Context, h History, f Failure) (times, of int, last Failure) {
	enough := 3
	if f.NotSeen {
		enough = 1
	}
	for of < mostRepeats && times < enough && ctx.Err() == nil {
		of++
		if o := e.alone(ctx, h, e.patient()); o.Failure != nil && o.Failure.Rule == f.Rule {
			times, last = times+1, *o.Failure
		}
		if times == 0 && of >= 5 && f.NotSeen {
			break // a machine that was busy for a moment
		}
	}
	return times, of, last
}

func (e *Explorer) confirmOnce(ctx context.Context, h History, f Failure) (times, of int, last Failure) {
	if o := e.alone(ctx, h, e.patient()); o.Failure != nil && o.Failure.Rule == f.Rule {
		return 1, 1, *o.Failure
	}
	return 0, mostRepeats + 1, f
}

// join returns the histories as one, on connections and calls of their own.
func join(all []History) History {
	h := all[len(all)-1].Clone()
	var steps []Step
	for i, one := range all {
		prefix := fmt.Sprintf("h%d", i+1)
		var conns []string
		for _, s := range one.Steps {
			if s.Conn != "" {
				s.Conn = prefix + s.Conn
				if !slices.Contains(conns, s.Conn) {
					conns = append(conns, s.Conn)
				}
			}
			if s.Call != "" {
				s.Call = prefix + s.Call
			}
			steps = append(steps, s)
		}
		if i < len(all)-1 {
			for _, c := range conns {
				steps = append(steps, Step{Do: "close", Conn: c})
			}
		}
	}
	return h.With(steps)
}

// shrink shrinks a confirmed failure, and confirms once more what is left of it.
func (e *Explorer) shrink(ctx context.Context, h History, f Failure, rate float64) Found {
	w := e.hasty()
	var session Session
	s := &shrinker{
		rule: f.Rule, rate: rate, attempts: mostAttempts, until: time.Now().Add(longestShrink), simpler: e.subject.Simpler,
		play: func(ctx context.Context, h History) *Failure {
			if session == nil {
				var err error
				if session, err = e.subject.Open(ctx); err != nil {
					return nil
				}
			}
			o := session.Play(ctx, h, w)
			if o.Over || o.Failure != nil || o.Blocked != "" {
				session.Close()
				session = nil
			}
			return o.Failure
		},
	}
	minimal := s.shrink(ctx, h, f)
	if session != nil {
		session.Close()
	}
	found := Found{History: s.best, Attempts: s.made, From: len(h.Steps)}
	times, of := 0, 0
	var last Outcome
	until := time.Now().Add(longestShrink / 2)
	for of < mostRepeats && (of == 0 || time.Now().Before(until)) && (!f.NotSeen || of < 3) && ctx.Err() == nil {
		of++
		if o := e.alone(ctx, s.best, e.patient()); o.Failure != nil && o.Failure.Rule == f.Rule {
			times, last = times+1, o
			if f.NotSeen {
				break
			}
		}
	}
	if times == 0 { // what is left does not fail when it is given all its time
		minimal, found.History, found.Failure = false, h, f
		found.History.Failed = &Failed{1, of + 1}
	} else {
		found.Failure, found.Events = *last.Failure, last.Events
		found.History.Failed = &Failed{times, of}
	}
	found.History.Minimal = minimal
	found.History.Expect = &Expect{Rule: found.Failure.Rule, Clause: found.Failure.Clause, Kin: found.Failure.Kin}
	found.describe(e.subject)
	return found
}

// tell reports the progress, about once a second, and at once if it does something special.
func (e *Explorer) tell(doing string) {
	if e.Progress == nil || doing == "" && time.Since(e.told) < time.Second {
		return
	}
	e.told = time.Now()
	p := e.progress
	p.Elapsed, p.Found, p.Kinds, p.Doing = time.Since(e.began), len(e.found), len(e.guide.shortest), doing
	p.Exercised = slices.Sorted(maps.Keys(e.exercised))
	e.Progress(p)
}

// repeatsOfAReplay is how often a saved history is played that does not fail at once: its failure may depend on timing.
const repeatsOfAReplay = 5

// ReplayAll plays the saved history, or each one in the folder, on the subject.
func ReplayAll(ctx context.Context, s Subject, path string, c Config) (Summary, error) {
	all, err := Load(path)
	if err != nil {
		return Summary{}, err
	}
	e := &Explorer{subject: s, Config: c, began: time.Now(), exercised: map[string]bool{}}
	if e.canary, err = StartCanary(); err != nil {
		return Summary{}, err
	}
	defer e.canary.Close()
	for _, file := range slices.Sorted(maps.Keys(all)) {
		h := all[file]
		if h.Role != s.Role() {
			return e.summary(), fmt.Errorf("%s is a history for a %s", file, h.Role)
		}
		for n := range repeatsOfAReplay {
			o := e.alone(ctx, h, e.patient())
			if o.Blocked != "" {
				return e.summary(), fmt.Errorf("%s could not be played: %s", file, o.Blocked)
			}
			e.progress.Histories++
			e.progress.Steps += len(h.Steps)
			for _, clause := range o.Exercised {
				e.exercised[clause] = true
			}
			if o.Failure == nil {
				continue
			}
			found := Found{History: h, Failure: *o.Failure, Events: o.Events, From: len(h.Steps), File: file}
			found.History.Failed = &Failed{1, n + 1}
			found.describe(s)
			e.found = append(e.found, found)
			if e.OnFound != nil {
				e.OnFound(&found)
			}
			break
		}
	}
	return e.summary(), nil
}

// Summary is what a run reached and found.
type Summary struct {
	Progress
	Seed        uint64
	Subject     string
	Role        spec.Role
	Failures    []Found
	Again       int // failures of rules that were found before
	Unconfirmed []string
	Blocked     []string
}

func (e *Explorer) summary() Summary {
	s := Summary{Progress: e.progress, Seed: e.Seed, Subject: e.subject.Name(), Role: e.subject.Role(), Failures: e.found, Unconfirmed: e.unconfirmed, Blocked: e.blocked}
	s.Elapsed, s.Kinds, s.Found = time.Since(e.began), len(e.guide.shortest), len(e.found)
	s.Exercised = slices.Sorted(maps.Keys(e.exercised))
	for _, n := range e.again {
		s.Again += n
	}
	return s
}
