package suite

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Fail records that a clause does not hold. The case goes on.
func (t *T) Fail(clause, want, got string, args ...any) {
	t.Found(result.Finding{Clause: clause, Want: want, Got: fmt.Sprintf(got, args...)})
}

// FailNow records that a clause does not hold and ends the case. Only the case's own goroutine may call it.
func (t *T) FailNow(clause, want, got string, args ...any) {
	t.Fail(clause, want, got, args...)
	if c, ok := spec.LookUp(clause); ok && !c.In(t.spec) {
		t.end(result.StatusBlocked, fmt.Sprintf("the case ended over %s, which version %s of the clauses does not have", clause, t.spec))
	}
	leave()
}

// Found records a finding. The case goes on. A finding against a clause that the run's version of SPEC.md does not have is
// only noted. A finding that comes after the end of the case or of the run, or when the case must give up, is dropped,
// since the end itself may have caused it.
func (t *T) Found(f result.Finding) {
	if c, ok := spec.LookUp(f.Clause); ok && !c.In(t.spec) {
		t.Note("suite", "%s does not hold (%s), but version %s of the clauses does not have it", f.Clause, f.Got, t.spec)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended && !t.concluded && t.ctx.Err() == nil {
		t.findings = append(t.findings, f)
	}
}

// Failed reports whether the case has recorded a finding.
func (t *T) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.findings) > 0
}

// Good reports whether the case has recorded no finding and is neither blocked nor unsupported.
func (t *T) Good() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.findings) == 0 && t.status == ""
}

// Protect runs f and records a panic in it as a finding of the clause. It reports whether f returned.
func (t *T) Protect(clause, doing string, f func()) (returned bool) {
	defer func() {
		if r := recover(); r != nil {
			t.Fail(clause, doing+" without a panic", "panic: %v\n%s", r, debug.Stack())
		}
	}()
	f()
	return true
}

// Blocked ends the case because it cannot be run. Nothing is known then, and the run is not green. Only the case's own
// goroutine may call it.
func (t *T) Blocked(reason string, args ...any) {
	t.end(result.StatusBlocked, fmt.Sprintf(reason, args...))
	leave()
}

// Unsupported ends the case because something optional is not offered. Only the case's own goroutine may call it.
func (t *T) Unsupported(reason string, args ...any) {
	t.end(result.StatusUnsupported, fmt.Sprintf(reason, args...))
	leave()
}

// NotAsked ends the case because the interface to the subject does not show what the case is about, such as an adapter's
// lines of JSON. It counts neither for the subject nor against it. Only the case's own goroutine may call it.
func (t *T) NotAsked(reason string, args ...any) {
	t.end(result.StatusNotAsked, fmt.Sprintf(reason, args...))
	leave()
}

// leave ends the goroutine that runs the case, from however deep inside it, and still runs what it has deferred, as
// FailNow of testing.T does. A panic would do the same but could be recovered by the implementation under test.
func leave() { runtime.Goexit() }

// end sets the status of the case. The first one counts.
func (t *T) end(status result.Status, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status == "" && !t.concluded {
		t.status, t.reason = status, reason
	}
}

// Conclude fixes how the case ends, whatever it still sees, and ends its context so that it waits for nothing more.
// Findings that were recorded before stay. Any goroutine may call it.
func (t *T) Conclude(status result.Status, reason string, findings ...result.Finding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.concluded && !t.ended {
		t.concluded = true
		t.status, t.reason, t.findings = status, reason, append(t.findings, findings...)
		t.cancel()
	}
}

// Concluded reports whether Conclude was called.
func (t *T) Concluded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.concluded
}

// Concludes calls Conclude if the error says that nothing is known, or that something is not offered, and reports
// whether it did.
func (t *T) Concludes(err error) bool {
	switch {
	case errors.Is(err, Unreachable):
		t.Conclude(result.StatusBlocked, err.Error())
	case errors.Is(err, spec.Unsupported):
		t.Conclude(result.StatusUnsupported, strings.TrimPrefix(err.Error(), string(spec.Unsupported)+": "))
	default:
		return false
	}
	return true
}

// A framer or a pool may run in another process, behind a program that package adapter talks to. Its errors may then be
// of these kinds. They are not outcomes of the implementation, so no case takes them for a refusal.
const (
	// Crashed says that the process of the implementation ended in the middle of a request. It is a finding, as a
	// panic is.
	Crashed spec.ErrorKind = "crashed"
	// Unreachable says that nothing is known of what was asked: the case could not be run.
	Unreachable spec.ErrorKind = "unreachable"
)
