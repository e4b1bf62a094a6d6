package pool

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// noProcessIsLeft requires every worker process to be ended and reaped at this moment. when completes the sentence of the
// failure.
func noProcessIsLeft(s *stage, clause, when string) {
	for _, w := range s.workersSoFar() {
		if left := w.processLeft(); left != "" {
			s.t.Fail(clause, "every worker process has ended and is reaped when "+when, "%s", left)
		}
	}
}

// noSocketIsLeft requires every socket file to be removed at this moment. when completes the sentence of the failure.
func noSocketIsLeft(s *stage, clause, when string) {
	for _, w := range s.workersSoFar() {
		if w.socketLeft() {
			s.t.Fail(clause, "every socket file is removed when "+when, "that of %s is still there: %s", w.name(), filepath.Base(w.path))
		}
	}
	_ = filepath.WalkDir(s.sockets, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeSocket != 0 {
			s.t.Fail(clause, "every socket file is removed when "+when, "%s is still there", filepath.Base(path))
		}
		return nil
	})
}

// nothingIsLeft looks for worker processes and socket files when a case has ended and Shutdown has returned, whatever the
// case was about. What a pool leaves behind even in the first case, every case would report; only the cases about the
// clause do.
func (s *stage) nothingIsLeft() {
	processes, sockets := "SHD-4", "SHD-4"
	if !s.started {
		processes, sockets = "STA-3", "STA-4"
	}
	report := func(what leftover, clause, want, got string) {
		switch {
		case s.t.covers(clause): // the case itself has looked
		case s.t.firstCaseRuns:
			s.t.leftByFirstCase[what] = true
		case !s.t.leftByFirstCase[what]:
			s.t.Fail(clause, want, "%s", got)
		}
	}
	for _, w := range s.workersSoFar() {
		if left := w.processLeft(); left != "" {
			report(leftProcess, processes, "every worker process has ended and is reaped when Shutdown has returned", left)
		}
		if w.socketLeft() {
			report(leftSocket, sockets, "every socket file is removed when Shutdown has returned", "that of "+w.name()+" is still there")
		}
	}
}

// processLeft describes the process if it still runs or was not reaped, and returns an empty text otherwise.
func (w *scriptedWorker) processLeft() string {
	switch err := syscall.Kill(w.pid, 0); {
	case err == nil && w.hasExited():
		return fmt.Sprintf("process %d (%s) has ended and was not reaped", w.pid, w.name())
	case err == nil:
		return fmt.Sprintf("process %d (%s) is still running", w.pid, w.name())
	}
	return ""
}

// socketLeft reports whether the file of the worker's socket still exists.
func (w *scriptedWorker) socketLeft() bool {
	_, err := os.Lstat(w.path)
	return err == nil
}
