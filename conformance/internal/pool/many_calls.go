package pool

import (
	"fmt"
	"slices"
	"sync"

	"github.com/pyproctest/pyproctest/conformance/internal/wire"
)

func manyCallCases() []testCase {
	return []testCase{
		{
			Name: "ids-are-not-used-again-after-65536-calls", Clauses: []string{"RID-2", "RID-1", "RID-4"},
			Cause: "The ID of a request is a counter of 16 bits, or the pool takes IDs from a table of that size, so that a call that still waits shares its ID with a later one.",
			Long:  true,
			Run:   idsAreNotUsedAgainAfter65536Calls,
		},
	}
}

// idsAreNotUsedAgainAfter65536Calls lets one call wait while more calls are made than 16 bits can count. How long they
// take together says nothing about the pool, since some adapters carry a few hundred calls a second on a busy machine; each
// one has the patience of the run.
func idsAreNotUsedAgainAfter65536Calls(t *T) {
	const callers, calls = 64, 1<<16 + 1<<10
	s := t.stage()
	s.options.MaxInFlight = callers + 1
	s.holdRequests()
	s.start()
	waits := s.holdCalls("RID-2", 1)
	s.withLock(func() {
		s.onRequest = func(r *request) {
			r.answer(r.body)
			s.withLock(func() { // what is answered would only make the audit slow
				if len(s.requests) > 8*callers {
					s.requests = slices.DeleteFunc(slices.Clone(s.requests), func(r *request) bool { return !r.outstandingLocked() })
				}
			})
		}
	})
	var all sync.WaitGroup
	var failed sync.Once
	for caller := range callers {
		all.Go(func() {
			for i := range calls / callers {
				body := fmt.Sprintf(`[%d,%d]`, caller, i)
				ctx, cancel := t.Within()
				answer, err := s.pool.Call(ctx, "counted", []byte(body))
				cancel()
				if err == nil && wire.DiffBody(body, answer) == "" {
					continue
				}
				failed.Do(func() {
					if err != nil && t.Context().Err() == nil {
						t.Fail("RID-4", fmt.Sprintf("call %d of caller %d gets its answer", i, caller), "error: %v; %s", err, s.scene())
					} else if err == nil {
						t.Fail("RID-4", fmt.Sprintf("call %d of caller %d gets its answer", i, caller), "%s", wire.DiffBody(body, answer))
					}
				})
				return
			}
		})
	}
	all.Wait()
	t.blockIfLate()
	s.audit.wait()
	s.release("RID-4", waits)
}
