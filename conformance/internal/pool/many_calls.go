package pool

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

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
	waits := s.holdCalls("RID-2", 2)
	s.release("RID-2", waits[1:]) // it has shown that others get their turn while one waits
	waits = waits[:1]
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
	var answered atomic.Int64
	over := make(chan struct{}) // all have returned, or one has failed
	for caller := range callers {
		all.Go(func() {
			for i := range calls / callers {
				body := fmt.Sprintf(`[%d,%d]`, caller, i)
				ctx, cancel := t.Within()
				answer, err := s.pool.Call(ctx, "counted", []byte(body))
				cancel()
				if err == nil && wire.DiffBody(body, answer) == "" {
					answered.Add(1)
					continue
				}
				failed.Do(func() {
					defer close(over)
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
	go func() {
		all.Wait()
		failed.Do(func() { close(over) })
	}()
	for before := int64(-1); !t.WaitFor(2*t.Patience(), over); before = answered.Load() {
		if answered.Load() == before { // not even those return whose contexts have ended
			t.FailNow("RID-4", fmt.Sprintf("each of %d callers at once gets its answers, one after the other", callers), "none got one in %v, after %d answers; %s", 2*t.Patience(), before, s.scene())
		}
	}
	t.blockIfLate()
	s.audit.wait()
	if t.Failed() {
		return
	}
	s.release("RID-4", waits)
}
