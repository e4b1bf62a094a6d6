package worker

import (
	"runtime"

	"github.com/pyproctest/pyproctest/conformance/result"
)

// purpose says what a step of a case is for. It is the name of the clause that the step tests, such as "WRK-1", or
// [setUp]. When the step fails, the purpose decides whether the case fails or is blocked.
//
// Functions that only ever test a clause take its name as a string, so that setUp does not compile there.
type purpose string

// setUp is the purpose of a step that only prepares what the case tests. When it fails, the case is blocked, and the case
// for the clause of that step says what is wrong.
const setUp purpose = "setting up"

// withClause returns the purpose of a step that turned out to break another clause. setUp stays setUp.
func (p purpose) withClause(clause string) purpose {
	if p == setUp {
		return setUp
	}
	return purpose(clause)
}

// stepFailed ends the case: it fails where the step tested a clause, and is blocked where the step set something up or the
// case ran out of time.
func (t *T) stepFailed(p purpose, want, got string) {
	switch {
	case t.Context().Err() != nil:
		t.Blocked("the case ran out of time: expected %s; got: %s", want, got)
	case p == setUp:
		t.Blocked("the case could not be set up: expected %s; got: %s", want, got)
	}
	t.FailNow(string(p), want, "%s", got)
}

// foundNow records a finding and ends the case. Like the testing package's FailNow it ends the case's goroutine, so that no
// caller has to pass a failure on, and deferred functions still run. Only that goroutine may call it.
func (t *T) foundNow(f result.Finding) {
	t.Found(f)
	runtime.Goexit()
}
