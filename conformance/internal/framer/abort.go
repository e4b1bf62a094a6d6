package framer

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// endGoroutine ends the calling goroutine, and with it the case or the call that runs in it; deferred functions run.
//
// A case ends so when its findings are recorded. A call of the framer under test ends so where no result may reach the
// framer or the case: an error returned to it could be forgotten by the framer, which then goes on for ever, and a panic
// would be taken for the framer's.
func endGoroutine() { runtime.Goexit() }

// foundNow records findings and ends the case.
func (t *T) foundNow(findings ...result.Finding) {
	for _, f := range findings {
		t.Found(f)
	}
	endGoroutine()
}

// processCrash is what a call panics with where the framer's process ended during it: for the case that is as much a
// finding as a panic of a framer in this process.
type processCrash string

// endCallOn ends the call under way where its error comes from the framer's process and not from the framer. If the
// process crashed, it panics with a processCrash; if the error says how the case ends, it ends the goroutine.
func (t *T) endCallOn(err error) {
	if errors.Is(err, suite.Crashed) {
		t.mu.Lock()
		t.crashed++
		t.mu.Unlock()
		panic(processCrash(err.Error()))
	}
	if t.Concludes(err) {
		endGoroutine()
	}
}

// describePanic says what a call panicked with, and where.
func describePanic(r any) string {
	if crash, ok := r.(processCrash); ok {
		return string(crash)
	}
	return fmt.Sprintf("panic: %v\n%s", r, panicStack())
}
