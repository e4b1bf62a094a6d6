package pool

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
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
	}
}

func aWorkerThatExitsFirstFailsStart(t *T) { failedStart(t, "STA-2", exitsFirst, 8*t.Patience()) }

func aWorkerThatEndsWithStatus0FailsStart(t *T) {
	failedStart(t, "STA-2", func(w *scriptedWorker) { w.exit(0) }, 8*t.Patience())
}

func aWorkerThatNeverListensFailsStart(t *T) { failedStart(t, "STA-2", neverListens, shortStart) }

func aProgramThatCannotBeStartedFailsStart(t *T) {
	s := t.stage()
	s.options.Program = filepath.Join(t.Dir(), "no-such-program")
	s.open()
	if err := s.startWith(t.Context(), "STA-2"); err == nil {
		t.FailNow("STA-2", "Start fails when a worker's program cannot be started", "no error; the program %s does not exist", s.options.Program)
	}
}

func aFailedStartReapsEveryProcess(t *T) {
	noProcessIsLeft(failedStart(t, "STA-3", exitsFirst, 8*t.Patience()), "STA-3", "Start has failed")
}

func aFailedStartStopsAWorkerThatNeverListens(t *T) {
	s := t.stage()
	s.options.StopTimeout = 100 * time.Millisecond
	s.onStop = func(w *scriptedWorker) {} // it stays
	s.failStart("STA-3", neverListens, shortStart)
	noProcessIsLeft(s, "STA-3", "Start has failed")
}

func aFailedStartRemovesEverySocketFile(t *T) {
	noSocketIsLeft(failedStart(t, "STA-4", exitsFirst, 8*t.Patience()), "STA-4", "Start has failed")
}

func aFailedStartGivesEverythingBack(t *T) {
	// The first failure makes what a program makes once and keeps.
	first := failedStart(t, "STA-5", exitsFirst, 8*t.Patience())
	first.clear()
	s := first.again()
	then := s.holdings()
	s.failStart("STA-5", exitsFirst, 8*t.Patience())
	noProcessIsLeft(s, "STA-3", "Start has failed")
	s.everythingIsGivenBack("STA-5", then)
}

func theErrorOfAFailedStartNamesTheWorker(t *T) {
	s := t.stage()
	text := s.failStart("STA-6", exitsFirst, 8*t.Patience()).Error()
	if w := s.failingWorker(); !namesWorker(text, w, s.options.Workers) {
		t.Fail("STA-6", fmt.Sprintf("an error that names the worker: by its index, its process ID (%d) or its socket path (%s)", w.pid, filepath.Base(w.path)), "%s", text)
	}
}

func theErrorOfAFailedStartTellsStatusAndStandardError(t *T) {
	s := t.stage()
	err := s.failStart("STA-6", func(w *scriptedWorker) {
		w.writeStderr(strings.Repeat("Traceback: one line of many\n", 10000))
		exitsFirst(w)
	}, 8*t.Patience())
	if !regexp.MustCompile(fmt.Sprintf(`\b%d\b`, exitsFirstStatus)).MatchString(err.Error()) {
		t.Fail("STA-6", fmt.Sprintf("an error that contains the exit status, %d", exitsFirstStatus), "%v", err)
	}
	if !strings.Contains(err.Error(), lastWords) {
		t.Fail("STA-6", fmt.Sprintf("an error that contains the end of the standard error, %q", lastWords), "%v", err)
	}
}

func aPoolWhoseStartFailedRefusesCalls(t *T) {
	s := failedStart(t, "STA-8", exitsFirst, 8*t.Patience())
	s.call().fails("STA-8")
}

func startMayBeTriedAgain(t *T) {
	s := failedStart(t, "STA-9", exitsFirst, 8*t.Patience())
	s.withLock(func() { s.onAppear = func(w *scriptedWorker) { w.listen() } })
	if err := s.startWith(t.Context(), "STA-9"); err != nil {
		t.FailNow("STA-9", "Start succeeds when it is tried again with right workers", "error: %v; %s", err, s.scene())
	}
	for range 2 * s.options.Workers {
		s.call().succeeds("STA-9")
	}
}

const (
	shortStart       = 300 * time.Millisecond
	exitsFirstStatus = 43
	lastWords        = "ModuleNotFoundError: no module named 'quux'"
)

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
	err := s.startWith(s.t.Context(), clause)
	if err == nil {
		s.t.FailNow("STA-2", "Start fails when one worker does not become ready", "no error; %s", s.scene())
	}
	return err
}

// failingWorker returns the worker that failed the start.
func (s *stage) failingWorker() *scriptedWorker { return s.workersSoFar()[1] }

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
