package pool

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

func failedStartCases() []testCase {
	return []testCase{
		{
			Name: "a-worker-that-exits-first-fails-start", Clauses: []string{"STA-2"},
			Cause: "The pool waits for the socket alone and does not notice that the process has ended.",
			Run:   aWorkerThatExitsFirstFailsStart,
		},
		{
			Name: "a-worker-that-ends-with-status-0-fails-start", Clauses: []string{"STA-2"},
			Cause: "The pool takes an exit with status 0 for success.",
			Run:   aWorkerThatEndsWithStatus0FailsStart,
		},
		{
			Name: "a-worker-that-never-listens-fails-start", Clauses: []string{"STA-2"},
			Cause: "Start has no time limit, or not the one that was set.",
			Run:   aWorkerThatNeverListensFailsStart,
		},
		{
			Name: "a-program-that-cannot-be-started-fails-start", Clauses: []string{"STA-2"},
			Cause: "The pool ignores the error of starting the process, and goes on with a process that does not exist.",
			Run:   aProgramThatCannotBeStartedFailsStart,
		},
		{
			Name: "a-failed-start-reaps-every-process", Clauses: []string{"STA-3"},
			Cause: "Workers that were ready stay running, or are killed and not waited for.",
			Run:   aFailedStartReapsEveryProcess,
		},
		{
			Name: "a-failed-start-stops-a-worker-that-never-listens", Clauses: []string{"STA-3"},
			Cause: "The pool forgets the process that did not become ready, or it never kills one that ignores SIGTERM.",
			Run:   aFailedStartStopsAWorkerThatNeverListens,
		},
		{
			Name: "a-failed-start-removes-every-socket-file", Clauses: []string{"STA-4"},
			Cause: "Shutdown removes socket files, but the rollback does not.",
			Run:   aFailedStartRemovesEverySocketFile,
		},
		{
			Name: "a-failed-start-gives-everything-back", Clauses: []string{"STA-5", "STA-3"}, Serial: true,
			Cause: "A connection that showed a worker to be ready stays open, or a goroutine that reads it or waits for a process stays.",
			Run:   aFailedStartGivesEverythingBack,
		},
		{
			Name: "the-error-of-a-failed-start-names-the-worker", Clauses: []string{"STA-6"},
			Cause: "The pool returns the error of the operating system as it is.",
			Run:   theErrorOfAFailedStartNamesTheWorker,
		},
		{
			Name: "the-error-of-a-failed-start-tells-status-and-standard-error", Clauses: []string{"STA-6"},
			Cause: "The pool sends the standard error of workers elsewhere, keeps only its beginning, or reads it after it has waited for the process.",
			Run:   theErrorOfAFailedStartTellsStatusAndStandardError,
		},
		{
			Name: "a-pool-whose-start-failed-refuses-calls", Clauses: []string{"STA-8"},
			Cause: "The call waits for a worker that will never come.",
			Run:   aPoolWhoseStartFailedRefusesCalls,
		},
		{
			Name: "start-may-be-tried-again", Clauses: []string{"STA-9"},
			Cause: "State of the failed start stays, such as a flag, a closed channel or a socket file.",
			Run:   startMayBeTriedAgain,
		},
		{
			Name: "a-second-start-has-its-own-workers-alone", Clauses: []string{"HLT-3"},
			Cause: "A failed start leaves its workers in the list of them, to which the next one adds its own.",
			Run:   aSecondStartHasItsOwnWorkersAlone,
		},
	}
}

func aWorkerThatExitsFirstFailsStart(t *T) { failedStart(t, "STA-2", exitsFirst, 8*t.Patience()) }

func aWorkerThatEndsWithStatus0FailsStart(t *T) {
	failedStart(t, "STA-2", func(w *scriptedWorker) { w.exit(0) }, 8*t.Patience())
}

func aWorkerThatNeverListensFailsStart(t *T) { failedStart(t, "STA-2", neverListens, shortStart) }

func aProgramThatCannotBeStartedFailsStart(t *T) {
	_ = failByProgram(t.stage(), "STA-2")
}

// failByProgram has a Start fail because the program of the workers does not exist.
func failByProgram(s *stage, clause string) error {
	s.options.Workers = 3
	s.options.Program = filepath.Join(s.t.Dir(), "no-such-program")
	s.open()
	err := s.startWith(s.t.Context(), clause)
	if err == nil {
		s.t.FailNow("STA-2", "Start fails when a worker's program cannot be started", "no error; the program %s does not exist", s.options.Program)
	}
	return err
}

func aFailedStartReapsEveryProcess(t *T) {
	afterFailedStarts(t, "STA-3", func(s *stage) { noProcessIsLeft(s, "STA-3", "Start has failed") })
}

func aFailedStartStopsAWorkerThatNeverListens(t *T) {
	s := t.stage()
	s.options.StopTimeout = 100 * time.Millisecond
	s.onStop = func(w *scriptedWorker) {} // it stays
	s.failStart("STA-3", neverListens, shortStart)
	noProcessIsLeft(s, "STA-3", "Start has failed")
}

func aFailedStartRemovesEverySocketFile(t *T) {
	afterFailedStarts(t, "STA-4", func(s *stage) { noSocketIsLeft(s, "STA-4", "Start has failed") })
}

func aFailedStartGivesEverythingBack(t *T) {
	for _, way := range append(slices.Clone(waysToFail), wayToFail{name: "a program cannot be started", fail: failByProgram}) {
		t.Note("case", "next: %s", way.name)
		// The first failure makes what a program makes once and keeps.
		first := t.stage()
		_ = way.fail(first, "STA-5")
		first.clear()
		s := first.again()
		then := s.holdings()
		_ = way.fail(s, "STA-5")
		noProcessIsLeft(s, "STA-3", "Start has failed")
		s.everythingIsGivenBack("STA-5", then)
		s.clear()
	}
}

func theErrorOfAFailedStartNamesTheWorker(t *T) {
	s := t.stage()
	text := s.failStart("STA-6", exitsFirst, 8*t.Patience()).Error()
	if w := s.failingWorker(); !namesWorker(text, w, s.options.Workers) {
		t.Fail("STA-6", fmt.Sprintf("an error that names the worker: by its index, its process ID (%d) or its socket path (%s)", w.pid, filepath.Base(w.path)), "%s", text)
	}
}

func theErrorOfAFailedStartTellsStatusAndStandardError(t *T) {
	for _, end := range []string{"\n", "", "\r\n"} { // a program that dies may not end its last line
		s := t.stage()
		s.tellsStatusAndLastWords(end)
		s.clear()
	}
}

func (s *stage) tellsStatusAndLastWords(end string) {
	t := s.t
	err := s.failStart("STA-6", func(w *scriptedWorker) {
		w.writeStderr(strings.Repeat("Traceback: one line of many\n", 10000))
		w.writeStderr("a line before the last\n" + lastWords + end)
		w.exit(exitsFirstStatus)
	}, 8*t.Patience())
	if !regexp.MustCompile(fmt.Sprintf(`\b%d\b`, exitsFirstStatus)).MatchString(err.Error()) {
		t.Fail("STA-6", fmt.Sprintf("an error that contains the exit status, %d", exitsFirstStatus), "%v", err)
	}
	if !strings.Contains(err.Error(), lastWords) {
		t.Fail("STA-6", fmt.Sprintf("an error that contains the end of the standard error, %q", lastWords+end), "%v", err)
	}
}

func aPoolWhoseStartFailedRefusesCalls(t *T) {
	afterFailedStarts(t, "STA-8", func(s *stage) { s.call().fails("STA-8") })
}

func startMayBeTriedAgain(t *T) {
	afterFailedStarts(t, "STA-9", func(s *stage) {
		s.eventually(func() bool { // a pool that rolls back only when Start has returned is STA-3's matter
			return !slices.ContainsFunc(s.workers, func(w *scriptedWorker) bool { return !w.exited })
		})
		s.withLock(func() { s.onAppear = func(w *scriptedWorker) { w.listen() } })
		if err := s.startWith(t.Context(), "STA-9"); err != nil {
			t.FailNow("STA-9", "Start succeeds when it is tried again with right workers", "error: %v; %s", err, s.scene())
		}
		for range 2 * s.options.Workers {
			s.call().succeeds("STA-9")
		}
	})
}

// aSecondStartHasItsOwnWorkersAlone requires the health of a pool that was started at the second try to tell of as many
// workers as it has.
func aSecondStartHasItsOwnWorkersAlone(t *T) {
	afterFailedStarts(t, "HLT-3", func(s *stage) {
		s.withLock(func() { s.onAppear = func(w *scriptedWorker) { w.listen() } })
		if err := s.startWith(t.Context(), "STA-9"); err != nil {
			t.Blocked("Start failed when it was tried again with right workers, see STA-9: %v", err)
		}
		n := s.options.Workers
		s.healthBecomes("HLT-3", fmt.Sprintf("%d workers, all healthy, after a Start that failed and one that did not", n), func(h spec.Health) bool { return h.Total == n && h.Healthy == n })
	})
}

const (
	shortStart       = 300 * time.Millisecond
	exitsFirstStatus = 43
	lastWords        = "ModuleNotFoundError: no module named 'quux'"
)

// wayToFail is a way for one worker to fail a start. A pool that notices exits late fails Start all the same, when its
// context ends: noticing them is the matter of STA-2 and STA-6, and not of what must then be rolled back.
type wayToFail struct {
	name string
	fail func(s *stage, clause string) error
}

var waysToFail = []wayToFail{
	{name: "a worker exits first", fail: failByExit},
	{name: "a worker never listens", fail: failByContext},
}

// failByExit has a worker exit, and ends the context of Start where the pool does not notice that.
func failByExit(s *stage, clause string) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), s.t.Patience()/2)
	defer cancel()
	return s.failStartWith(ctx, clause, exitsFirst, 8*s.t.Patience())
}

// failByContext ends the context of Start while a worker does not listen.
func failByContext(s *stage, clause string) error {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	return s.failStartWith(ctx, clause, func(w *scriptedWorker) {
		neverListens(w)
		cancel()
	}, s.t.Patience()*3/4)
}

// afterFailedStarts calls look after a Start that failed, on a stage of its own for each way to fail.
func afterFailedStarts(t *T, clause string, look func(*stage)) {
	for _, way := range waysToFail {
		t.Note("case", "next: %s", way.name)
		s := t.stage()
		_ = way.fail(s, clause)
		look(s)
		s.clear()
	}
}

// failedStart sets a stage and lets worker 2 of 3 fail the start on it. limit is Options.StartTimeout; it is long in cases
// in which the pool must not wait for it.
func failedStart(t *T, clause string, failing func(*scriptedWorker), limit time.Duration) *stage {
	s := t.stage()
	s.failStart(clause, failing, limit)
	return s
}

// failStart starts 3 workers and returns the error of Start. The second to appear fails once the pool has connected to the
// first. A pool may start workers together or one by one.
func (s *stage) failStart(clause string, failing func(*scriptedWorker), limit time.Duration) error {
	return s.failStartWith(s.t.Context(), clause, failing, limit)
}

// failStartWith is like failStart, with a context of its own for Start.
func (s *stage) failStartWith(ctx context.Context, clause string, failing func(*scriptedWorker), limit time.Duration) error {
	s.options.Workers = 3
	s.options.StartTimeout = limit
	s.onAppear = func(w *scriptedWorker) {
		if w.number != 2 {
			w.listen()
			return
		}
		s.eventuallyWithin(s.t.Patience()/4, func() bool { return len(s.workers[0].conns) > 0 })
		failing(w)
	}
	s.open()
	err := s.startWith(ctx, clause)
	if err == nil {
		s.t.FailNow("STA-2", "Start fails when one worker does not become ready", "no error; %s", s.scene())
	}
	return err
}

// failingWorker returns the worker that failed the start.
func (s *stage) failingWorker() *scriptedWorker { return s.nthWorker(1) }

// exitsFirst lets a worker write to its standard error and exit before it listens.
func exitsFirst(w *scriptedWorker) {
	w.writeStderr("a line before the last\n" + lastWords + "\n")
	w.exit(exitsFirstStatus)
}

// neverListens lets a worker do nothing, so that it never becomes ready.
func neverListens(w *scriptedWorker) { w.note("does not listen") }

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
