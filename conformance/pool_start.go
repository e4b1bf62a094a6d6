package conformance

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// firstPoolCase shows that the pool under test and the suite have come together at all.
func firstPoolCase() poolCase {
	return poolCase{
		Case: Case{
			Name: "a-right-worker-is-started-and-called", Clauses: []string{"STA-1", "MSG-17"}, Framings: bothFramings,
			Cause: "the pool does not start PoolOptions.Program with PoolOptions.Argument, or leaves PoolOptions.Env or PYPROC_SOCKET_PATH out of its environment, or speaks another framing than PoolOptions.Framing",
		},
		run: func(t *poolT) {
			s := t.stage()
			s.open()
			if err := s.startWith(t.ctx, "STA-1"); err != nil {
				t.FailNow("STA-1", "Start brings up one worker that is right", "error: %v; %s", err, s.scene())
			}
			c := s.call()
			s.becomes(func() bool { return c.ended() || s.unreadable != "" })
			if !t.Failed() {
				c.succeeds("STA-1")
			}
		},
	}
}

func poolStartCases() []poolCase {
	return []poolCase{
		{
			Case: Case{
				Name: "each-worker-has-a-socket-path-of-its-own", Clauses: []string{"STA-1"},
				Cause: "one socket path for all workers",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 3
				s.start()
				workers := s.appeared()
				if len(workers) != 3 {
					t.FailNow("STA-1", "3 worker processes after Start", "%d; %s", len(workers), s.scene())
				}
				for i, w := range workers {
					for _, o := range workers[:i] {
						if w.path == o.path {
							t.Fail("STA-1", "a socket path of its own for each worker", "%s and %s both got %q", o.name(), w.name(), w.path)
						}
					}
				}
			},
		},
		{
			Case: Case{
				Name: "start-waits-for-a-worker-that-is-late", Clauses: []string{"STA-1"},
				Cause: "Start returns once the processes run, or gives up after fewer tries than its time limit allows",
			},
			run: startWaits,
		},
		{
			Case: Case{
				Name: "a-worker-that-exits-first-fails-start", Clauses: []string{"STA-2"},
				Cause: "the pool waits for the socket alone and does not see that the process has ended",
			},
			run: func(t *poolT) { failedStart(t, "STA-2", exitsFirst, 8*t.patience) },
		},
		{
			Case: Case{
				Name: "a-worker-that-ends-with-status-0-fails-start", Clauses: []string{"STA-2"},
				Cause: "an exit with status 0 is taken for success",
			},
			run: func(t *poolT) { failedStart(t, "STA-2", func(w *scriptedWorker) { w.exit(0) }, 8*t.patience) },
		},
		{
			Case: Case{
				Name: "a-worker-that-never-listens-fails-start", Clauses: []string{"STA-2"},
				Cause: "no time limit of the start, or one that is not the one that was set",
			},
			run: func(t *poolT) { failedStart(t, "STA-2", neverListens, shortStart) },
		},
		{
			Case: Case{
				Name: "a-failed-start-reaps-every-process", Clauses: []string{"STA-3"},
				Cause: "workers that had come up stay running, or are killed and not waited for",
			},
			run: func(t *poolT) {
				allGone(failedStart(t, "STA-3", exitsFirst, 8*t.patience), "STA-3", "Start has failed")
			},
		},
		{
			Case: Case{
				Name: "a-failed-start-stops-a-worker-that-never-listens", Clauses: []string{"STA-3"},
				Cause: "the process that did not become ready is forgotten, or one that ignores SIGTERM is never killed",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.StopTimeout = 100 * time.Millisecond
				s.terminated = func(w *scriptedWorker) {} // it stays
				s.failStart("STA-3", neverListens, shortStart)
				allGone(s, "STA-3", "Start has failed")
			},
		},
		{
			Case: Case{
				Name: "a-failed-start-removes-every-socket-file", Clauses: []string{"STA-4"},
				Cause: "socket files are removed by a shutdown, but not by the rollback",
			},
			run: func(t *poolT) {
				noSockets(failedStart(t, "STA-4", exitsFirst, 8*t.patience), "STA-4", "Start has failed")
			},
		},
		{
			Case: Case{
				Name: "a-failed-start-gives-everything-back", Clauses: []string{"STA-5"}, Serial: true,
				Cause: "a connection that showed a worker to be ready is left open, or the goroutine that reads it or waits for a process stays",
			},
			run: func(t *poolT) {
				// The first failure warms up what a program makes once and keeps.
				failedStart(t, "STA-5", exitsFirst, 8*t.patience).clear()
				s := t.stage()
				then := takeHoldings()
				s.failStart("STA-5", exitsFirst, 8*t.patience)
				allGone(s, "STA-5", "Start has failed")
				t.givenBack("STA-5", then)
			},
		},
		{
			Case: Case{
				Name: "the-error-of-a-failed-start-names-the-worker", Clauses: []string{"STA-6"},
				Cause: "the error of the operating system is returned bare",
			},
			run: func(t *poolT) {
				s := t.stage()
				text := s.failStart("STA-6", exitsFirst, 8*t.patience).Error()
				if w := s.failing(); !namesWorker(text, w, s.options.Workers) {
					t.Fail("STA-6", fmt.Sprintf("an error that names the worker: by its index, its process ID (%d) or its socket path (%s)", w.pid, filepath.Base(w.path)), "%s", text)
				}
			},
		},
		{
			Case: Case{
				Name: "the-error-of-a-failed-start-tells-status-and-standard-error", Clauses: []string{"STA-6"},
				Cause: "the standard error of workers goes elsewhere, or only its beginning is kept, or it is read after the process was waited for",
			},
			run: func(t *poolT) {
				s := t.stage()
				err := s.failStart("STA-6", func(w *scriptedWorker) {
					w.say(strings.Repeat("Traceback: one line of many\n", 10000))
					exitsFirst(w)
				}, 8*t.patience)
				if !regexp.MustCompile(fmt.Sprintf(`\b%d\b`, exitsFirstStatus)).MatchString(err.Error()) {
					t.Fail("STA-6", fmt.Sprintf("an error that tells the exit status, %d", exitsFirstStatus), "%v", err)
				}
				if !strings.Contains(err.Error(), lastWords) {
					t.Fail("STA-6", fmt.Sprintf("an error that carries the end of the standard error, %q", lastWords), "%v", err)
				}
			},
		},
		{
			Case: Case{
				Name: "cancelling-its-context-fails-start", Clauses: []string{"STA-7", "STA-3"},
				Cause: "the context is looked at before the start alone",
			},
			run: func(t *poolT) {
				s := t.stage()
				s.options.Workers = 2
				s.options.StartTimeout = 8 * t.patience
				s.appears = neverListens
				s.open()
				ctx, cancel := context.WithCancel(t.ctx)
				defer cancel()
				st := s.starting(ctx, "STA-7")
				s.worker("STA-7", 1)
				t.Note("case", "the context of Start is cancelled")
				cancel()
				if err := s.startEnds(st, "STA-7", "Start returns when its context is cancelled"); err == nil {
					t.FailNow("STA-7", "Start fails when its context is cancelled before the end", "no error")
				}
				allGone(s, "STA-3", "Start has failed")
			},
		},
		{
			Case: Case{
				Name: "cancelling-the-context-of-start-later-touches-nothing", Clauses: []string{"STA-7"},
				Cause: "processes or connections are tied to the context given to Start, for instance by exec.CommandContext",
			},
			run: startContextEndsLater,
		},
		{
			Case: Case{
				Name: "a-pool-whose-start-failed-refuses-calls", Clauses: []string{"STA-8"},
				Cause: "the call waits for a worker that will never come",
			},
			run: func(t *poolT) {
				s := failedStart(t, "STA-8", exitsFirst, 8*t.patience)
				s.call().fails("STA-8")
			},
		},
		{
			Case: Case{
				Name: "start-may-be-tried-again", Clauses: []string{"STA-9"},
				Cause: "state of the failed start is left: a flag, a closed channel, a socket file",
			},
			run: func(t *poolT) {
				s := failedStart(t, "STA-9", exitsFirst, 8*t.patience)
				s.set(func() { s.appears = func(w *scriptedWorker) { w.listen() } })
				if err := s.startWith(t.ctx, "STA-9"); err != nil {
					t.FailNow("STA-9", "Start succeeds when it is tried again with workers that are right", "error: %v; %s", err, s.scene())
				}
				for range 2 * s.options.Workers {
					s.call().succeeds("STA-9")
				}
			},
		},
	}
}

const (
	shortStart       = 300 * time.Millisecond
	exitsFirstStatus = 43
	lastWords        = "ModuleNotFoundError: no module named 'quux'"
)

// exitsFirst and neverListens are what the worker does that fails a start.
func exitsFirst(w *scriptedWorker) {
	w.say("a line before the last\n" + lastWords + "\n")
	w.exit(exitsFirstStatus)
}

func neverListens(w *scriptedWorker) { w.note("does not listen") }

// failedStart has worker 2 of 3 fail the start and returns the stage as Start left it. The limit of the
// start is long where the pool must not wait for it.
func failedStart(t *poolT, clause string, failing func(*scriptedWorker), limit time.Duration) *stage {
	s := t.stage()
	s.failStart(clause, failing, limit)
	return s
}

// failStart starts 3 workers of which the second to appear fails once the pool has connected to the
// first, and returns the error of Start. A pool may start them together or one by one.
func (s *stage) failStart(clause string, failing func(*scriptedWorker), limit time.Duration) error {
	s.options.Workers = 3
	s.options.StartTimeout = limit
	s.appears = func(w *scriptedWorker) {
		if w.number != 2 {
			w.listen()
			return
		}
		s.becomesWithin(s.t.patience/4, func() bool { return len(s.workers[0].conns) > 0 })
		failing(w)
	}
	s.open()
	err := s.startWith(s.t.ctx, clause)
	if err == nil {
		s.t.FailNow("STA-2", "Start fails when one worker does not become ready", "no error; %s", s.scene())
	}
	return err
}

func (s *stage) failing() *scriptedWorker { return s.appeared()[1] }

// startEnds waits for a Start that was called beside the case.
func (s *stage) startEnds(st *start, clause, want string) error {
	timer := time.NewTimer(s.t.patience)
	defer timer.Stop()
	select {
	case err, returned := <-st.done:
		if !returned {
			s.t.FailNow(clause, want, "it panicked")
		}
		s.t.Note("case", "Start returned: %s", oneLine(err))
		return err
	case <-timer.C:
		s.t.FailNow(clause, want, "it has not after %v; %s", s.t.patience, s.scene())
		return nil
	}
}

func startWaits(t *poolT) {
	s := t.stage()
	s.options.Workers = 2
	s.appears = neverListens
	s.open()
	st := s.starting(t.ctx, "STA-1")
	returned := func() bool { return len(st.done) > 0 }
	for n := 1; n <= s.options.Workers; n++ { // each worker listens late, one after the other
		w := s.worker("STA-1", n)
		s.parks(func() (own string) { s.set(func() { own = st.own }); return own }, returned)
		s.lingers(returned)
		if returned() {
			if err := <-st.done; err != nil {
				t.FailNow("STA-1", "Start waits for a worker that is late, but within the limit of "+s.options.StartTimeout.String(), "error: %v", err)
			}
			t.FailNow("STA-1", "Start returns only when every worker accepts connections", "it returned before %s listened", w.name())
		}
		w.listen()
	}
	if err := s.startEnds(st, "STA-1", "Start returns when every worker accepts connections"); err != nil {
		t.FailNow("STA-1", "Start waits for a worker that is late, but within the limit of "+s.options.StartTimeout.String(), "error: %v", err)
	}
	for range s.options.Workers {
		s.call().succeeds("STA-1")
	}
}

func startContextEndsLater(t *poolT) {
	s := t.stage()
	s.options.Workers = 2
	s.options.HealthInterval = 50 * time.Millisecond
	s.open()
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	if err := s.startWith(ctx, "STA-7"); err != nil {
		t.Blocked("Start failed with workers that are right: %v", err)
	}
	t.Note("case", "the context of Start is cancelled, after its end")
	cancel()
	// What the cancellation sets off would come soon; more health checks and calls come after it.
	for round := range 3 {
		for range s.options.Workers {
			s.call().succeeds("STA-7")
		}
		checks := map[*scriptedWorker]int{}
		s.set(func() {
			for _, w := range s.workers {
				checks[w] = w.health
			}
		})
		s.until("STA-7", "the workers run on after the context of Start has ended, and are checked", func() bool {
			for w, before := range checks {
				if w.gone || w.health <= before {
					return w.gone
				}
			}
			return true
		})
		for _, w := range s.appeared() {
			if w.isGone() || w.number > s.options.Workers {
				t.FailNow("STA-7", "the workers run on after the context of Start has ended", "in round %d: %s", round+1, s.scene())
			}
		}
	}
}

// allGone demands that no worker process is left at this very moment.
func allGone(s *stage, clause, when string) (gone bool) {
	gone = true
	for _, w := range s.appeared() {
		if left := w.left(); left != "" {
			s.t.Fail(clause, "every worker process has ended and is reaped when "+when, "%s", left)
			gone = false
		}
	}
	return gone
}

// noSockets demands that no socket file is left at this very moment.
func noSockets(s *stage, clause, when string) {
	for _, w := range s.appeared() {
		if w.socketLeft() {
			s.t.Fail(clause, "every socket file is removed when "+when, "the one of %s is still there: %s", w.name(), filepath.Base(w.path))
		}
	}
	_ = filepath.WalkDir(s.sockets, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeSocket != 0 {
			s.t.Fail(clause, "every socket file is removed when "+when, "%s is still there", filepath.Base(path))
		}
		return nil
	})
}

var numbers = regexp.MustCompile(`\d+`)

// namesWorker reports whether an error's text says which worker it is about: by its process ID, its
// socket, or a number that can be its index, counted from 0 or from 1.
func namesWorker(text string, w *scriptedWorker, workers int) bool {
	text = strings.ReplaceAll(text, lastWords, "")
	base := filepath.Base(w.path)
	if strings.Contains(text, base) || strings.Contains(text, strings.TrimSuffix(base, filepath.Ext(base))) {
		return true
	}
	for _, n := range numbers.FindAllString(text, -1) {
		if i, err := strconv.Atoi(n); err == nil && (i == w.pid || i <= workers) {
			return true
		}
	}
	return false
}
