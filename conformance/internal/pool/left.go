package pool

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// noProcessIsLeft demands that no worker process is left at this very moment.
func noProcessIsLeft(s *stage, clause, when string) {
	for _, w := range s.workersSoFar() {
		if left := w.processLeft(); left != "" {
			s.t.Fail(clause, "every worker process has ended and is reaped when "+when, "%s", left)
		}
	}
}

// noSocketIsLeft demands that no socket file is left at this very moment.
func noSocketIsLeft(s *stage, clause, when string) {
	for _, w := range s.workersSoFar() {
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

// nothingIsLeft looks for worker processes and socket files when a case has ended and Shutdown has returned,
// whatever the case was about. What a pool leaves behind even in the first case would be told by every one:
// that is left to the cases of the clause.
func (s *stage) nothingIsLeft() {
	processes, sockets := "SHD-4", "SHD-4"
	if !s.started {
		processes, sockets = "STA-3", "STA-4"
	}
	found := func(what, clause, want, got string) {
		switch {
		case s.t.covers(clause): // it has looked
		case s.t.firstCaseRuns:
			s.t.leftByFirstCase[what] = true
		case !s.t.leftByFirstCase[what]:
			s.t.Fail(clause, want, "%s", got)
		}
	}
	for _, w := range s.workersSoFar() {
		if left := w.processLeft(); left != "" {
			found("process", processes, "every worker process has ended and is reaped when Shutdown has returned", left)
		}
		if w.socketLeft() {
			found("socket file", sockets, "every socket file is removed when Shutdown has returned", "the one of "+w.name()+" is still there")
		}
	}
}

// processLeft tells what is left of the process and its socket: nothing, where the text is empty.
func (w *scriptedWorker) processLeft() string {
	switch err := syscall.Kill(w.pid, 0); {
	case err == nil && w.hasExited():
		return fmt.Sprintf("process %d (%s) has ended and was not reaped", w.pid, w.name())
	case err == nil:
		return fmt.Sprintf("process %d (%s) is still running", w.pid, w.name())
	}
	return ""
}

// socketLeft tells whether the file of the worker's socket is still there.
func (w *scriptedWorker) socketLeft() bool {
	_, err := os.Lstat(w.path)
	return err == nil
}
