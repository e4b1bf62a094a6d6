package pool_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/fuzz/planted"
)

// The model finds each of these bugs and names the clause. The pool under test is the reference with one change of its
// source.
func TestTheModelSeesPlantedBugs(t *testing.T) {
	for _, bug := range planted.Now([]struct{ what, clause, file, from, to string }{
		{"one request too many at a worker", "BPR-1", "scheduler.go",
			"seat.up && seat.taken < s.perWorker", "seat.up && seat.taken <= s.perWorker"},
		{"a free slot is not given to who waits", "BPR-7", "scheduler.go",
			"t.of.returned(n)\n\tt.of.unlockAndFlush(t.of.serve(t.worker))", "t.of.returned(n)\n\tt.of.mu.Unlock()"},
		{"who leaves the queue keeps its place", "BPR-3", "scheduler.go",
			"s.waiters.remove(c)\n\t\ts.mu.Unlock()", "s.mu.Unlock()"},
		{"the last to come is the first", "BPR-5", "queue.go",
			"before := q.last", "before := (*pendingCall)(nil)"},
		{"always the first worker", "SEL-1", "scheduler.go",
			"s.next = i + 1", "s.next = 0"},
		{"an unhealthy worker is still given calls", "HLT-3", "scheduler.go",
			"seat.up = false\n\treturn true", "return true"},
		{"who waits is not told of the end", "SHD-1", "scheduler.go",
			"s.refuseWaiters(ErrClosed)\n", ""},
		{"the first request has the ID 0", "RID-1", "pool.go",
			"if id := p.lastID.Add(1); id != 0", "if id := p.lastID.Add(1) - 1; true"},
		{"two workers have requests of the same ID", "RID-2", "scheduler.go",
			"s.calls++\n", "s.calls++\n\tc.id += 1<<40 - uint64(i)\n"},
		{"the header has another ID", "RID-3", "outbox.go",
			"frame.EndFrame(b.buf, start, o.framing, c.id)", "frame.EndFrame(b.buf, start, o.framing, c.id+1)"},
		{"a call is made again whatever went wrong", "HLT-8", "pool.go",
			"case err == errUnsent:", "case err != nil && ctx.Err() == nil:"},
		{"an error answer is an answer", "MSG-16", "pool.go",
			"if !answer.OK {", "if !answer.OK && false {"},
		{"running calls are not awaited", "SHD-2", "pool.go",
			"defer close(p.stopped)\n", "defer close(p.stopped)\n\tp.hurryUp(context.Canceled)\n"},
		{"an answer with an unknown ID is anybody's", "RID-4", "multiplexed.go",
			"c := m.pending[answer.ID]\n", "c := m.pending[answer.ID]\n\t\tfor id, other := range m.pending {\n\t\t\tif c == nil {\n\t\t\t\tc, answer.ID = other, id\n\t\t\t}\n\t\t}\n"},
		{"no cancellation is sent", "CAN-2", "multiplexed.go",
			"m.out.cancellation(c.id, c.slot, err.Error())", "c.slot.freeLingering()"},
		{"the slot of a failed call is lost", "BPR-4", "multiplexed.go",
			"if c.slot != (slot{}) {", "if c.slot != (slot{}) && c.err == nil {"},
		{"the end of a refused call is not told", "hooks", "tell.go",
			"p.hooks.CallEnded(told, end)", "if end.Worker != NoWorker {\n\t\t\t\tp.hooks.CallEnded(told, end)\n\t\t\t}"},
		{"the end of a cancelled call is told twice", "hooks", "tell.go",
			"p.hooks.CallEnded(told, end)", "p.hooks.CallEnded(told, end)\n\t\t\tif end.Outcome == Cancelled {\n\t\t\t\tp.hooks.CallEnded(told, end)\n\t\t\t}"},
		{"a cancelled call is told as one whose connection failed", "hooks", "multiplexed.go",
			"c.left = true\n", ""},
		{"a process that died is not told", "hooks", "worker.go",
			"r.tellEnded(w.serve(r))", "if reason := w.serve(r); reason != WorkerDied {\n\t\t\tr.tellEnded(reason)\n\t\t}"},
	}) {
		t.Run(bug.what, func(t *testing.T) {
			output, err := planted.Bug{What: bug.what, File: bug.file, From: bug.from, To: bug.to}.Test(t, "^TestAPoolIsAsItsModel$")
			require.Error(t, err, "the property holds all the same:\n%s", output)
			require.Contains(t, output, "Falsified after", "it fails for another reason")
			require.Contains(t, output, "["+bug.clause+"]")
		})
	}
}
