package pool

import (
	"fmt"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// audit checks everything that a pool sends, in every case. A violation is a finding if the case covers the clause, and a
// note in its story otherwise, so that one fault does not fail every case.
type audit struct {
	s        *stage
	pending  int // checks that wait for afterSync
	reported map[string]bool
	// afterEvent is set once something has happened in a case about the bounds after it [BPR-8].
	afterEvent bool
}

// report records a violation of the clause, once in a case.
func (a *audit) report(clause, want, got string) {
	if a.reported[clause] {
		return
	}
	if a.reported == nil {
		a.reported = map[string]bool{}
	}
	a.reported[clause] = true
	if a.s.t.covers(clause) {
		a.s.t.Fail(clause, want, "%s", got)
		return
	}
	a.s.t.Note("case", "%s is broken here (%s), which is not what this case is about", clause, got)
}

// hasReported reports whether a violation of the clause was recorded in this case.
func (a *audit) hasReported(clause string) (reported bool) {
	a.s.withLock(func() { reported = a.reported[clause] })
	return reported
}

// reportUnreadable notes that the pool sent something that is neither a request nor a cancellation.
func (a *audit) reportUnreadable(problem string) {
	a.report("MSG-17", "the pool sends requests and cancellations that are well-formed", problem)
	if a.s.unreadable == "" {
		a.s.unreadable = problem
	}
}

// checkHeader compares the ID in the header with the ID in the message, and checks that it is not 0.
func (a *audit) checkHeader(header, id uint64, k kind) {
	differs, zero := []string{"RID-3"}, "RID-1"
	switch k {
	case kindCancellation:
		differs = append(differs, "CAN-2")
	case kindHealth:
		differs, zero = []string{"RID-9"}, "RID-9"
	}
	if a.s.options.Framing == spec.Enhanced && header != id {
		for _, clause := range differs {
			a.report(clause, fmt.Sprintf("the header of the %s bears the ID of its message, %d", k, id), fmt.Sprintf("%d in the header", header))
		}
	}
	if id == 0 {
		a.report(zero, "request IDs other than 0", fmt.Sprintf("a %s with the ID 0", k))
	}
}

// kind is what the pool sends, in the words of a failure.
type kind string

const (
	kindRequest      kind = "request"
	kindHealth       kind = "health call"
	kindCancellation kind = "cancellation"
)

// checkSize compares the payload of a frame with the limit of the pool.
func (a *audit) checkSize(size int) {
	if limit := a.s.limit(); size > limit {
		a.report("MSG-18", fmt.Sprintf("no frame with a payload of more than %d bytes", limit), fmt.Sprintf("a payload of %d bytes", size))
	}
}

// checkIDLocked checks that no other request is outstanding under the same ID.
func (a *audit) checkIDLocked(r *request) {
	for _, o := range slices.Concat(a.s.requests, a.s.healthCalls) {
		if o == r || o.id != r.id || !o.outstandingLocked() {
			continue
		}
		clause := "RID-2"
		if r.isHealth() || o.isHealth() {
			clause = "RID-9"
		}
		a.afterSync(func() {
			if o.wasAtWorkerWhen(r) {
				a.report(clause, "an ID that no other outstanding request has in the whole pool",
					fmt.Sprintf("%s (%s) arrived with the ID %d while %s (%s) was outstanding under it",
						r.method, r.worker.name(), r.id, o.method, o.worker.name()))
			}
		})
		return
	}
}

// checkSentOnceLocked checks that a call that was made with a method of its own arrives once.
func (a *audit) checkSentOnceLocked(r *request) {
	if !slices.ContainsFunc(a.s.calls, func(c *call) bool { return c.own && c.method == r.method }) {
		return
	}
	for _, o := range a.s.requests {
		if o != r && o.method == r.method {
			a.report("HLT-8", r.method+" arrives at a worker once", fmt.Sprintf("it arrived at %s and then at %s, and nobody asked for that", o.worker.name(), r.worker.name()))
			return
		}
	}
}

// checkBoundsLocked compares the number of requests at the workers with the bounds.
func (a *audit) checkBoundsLocked(r *request) {
	bound := a.s.options.MaxInFlight
	check := func(clause string, bound int, where string, counts func(*request) bool) {
		there := 0
		for _, o := range a.s.requests {
			if counts(o) && o.outstandingLocked() {
				there++
			}
		}
		if there <= bound {
			return
		}
		if a.afterEvent {
			clause = "BPR-8"
		}
		a.afterSync(func() {
			there := 0
			for _, o := range a.s.requests {
				if counts(o) && o.wasAtWorkerWhen(r) {
					there++
				}
			}
			if there > bound {
				a.report(clause, fmt.Sprintf("at most %d requests %s at once", bound, where),
					fmt.Sprintf("%d were there when %s reached %s", there, r.method, r.worker.name()))
			}
		})
	}
	check("BPR-2", bound, "at one worker", func(o *request) bool { return o.worker == r.worker })
	check("BPR-1", bound*a.s.options.Workers, "at all workers", func(*request) bool { return true })
}

// wasAtWorkerWhen reports whether the request was at its worker when another one arrived. The pool cannot have known of
// an answer that was decided later. A cancellation or an end of a connection may have been on its way, so afterSync must
// record those first.
func (r *request) wasAtWorkerWhen(other *request) bool {
	return r.arrived <= other.arrived && r.withdrawn == 0 && (r.answered == 0 || r.answered > other.arrived)
}

// afterSync calls check with the stage locked, once everything on its way to the workers is recorded. Without that, a
// request on one connection could seem to arrive before a cancellation that was sent before it on another connection.
func (a *audit) afterSync(check func()) {
	if a.s.clearing.Load() {
		return
	}
	a.pending++
	workers := slices.Clone(a.s.workers)
	a.s.serving.Go(func() {
		for _, w := range workers {
			w.sync()
		}
		a.s.mu.Lock()
		defer a.s.mu.Unlock()
		check()
		a.pending--
		a.s.notifyLocked()
	})
}

// wait waits until no check is pending.
func (a *audit) wait() {
	a.s.eventually(func() bool { return a.pending == 0 })
}
