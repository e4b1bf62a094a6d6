package pool_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The model sees each of these bugs, and says which clause it breaks. The pool is the reference with one
// place in its source changed.
func TestTheModelSeesPlantedBugs(t *testing.T) {
	for i, bug := range []struct {
		what, clause   string
		file, from, to string
	}{
		{"one request too many at a worker", "BPR-2", "scheduler.go",
			"seat.up && seat.taken < s.perWorker", "seat.up && seat.taken <= s.perWorker"},
		{"a free slot is not given to who waits", "BPR-7", "scheduler.go",
			"t.of.returned()\n\tt.of.serve(t.worker)", "t.of.returned()"},
		{"who leaves the queue keeps its place", "BPR-3", "scheduler.go",
			"s.waiters.Remove(place)\n", ""},
		{"the last to come is the first", "BPR-5", "scheduler.go",
			"s.waiters.PushBack(w)", "s.waiters.PushFront(w)"},
		{"always the first worker", "SEL-1", "scheduler.go",
			"s.next = i + 1", "s.next = 0"},
		{"an unhealthy worker is still given calls", "HLT-3", "scheduler.go",
			"s.seats[i].up = false\n\treturn was", "return was"},
		{"who waits is not told of the end", "SHD-1", "scheduler.go",
			"s.turnAway(ErrClosed)\n", ""},
		{"the first request has the ID 0", "RID-1", "pool.go",
			"if id := p.lastID.Add(1); id != 0", "if id := p.lastID.Add(1) - 1; true"},
		{"two workers have requests of the same ID", "RID-2", "pool.go",
			"id: p.nextID(),", "id: 1<<40 + p.nextID() - uint64(g.slot.worker),"},
		{"the header has another ID", "RID-3", "outbox.go",
			"frame.EndFrame(b.buf, start, frame.Enhanced, r.id)", "frame.EndFrame(b.buf, start, frame.Enhanced, r.id+1)"},
		{"a call is made again whatever went wrong", "HLT-8", "pool.go",
			"case err == errUnsent:", "case err != nil && ctx.Err() == nil:"},
		{"an error answer is an answer", "MSG-16", "pool.go",
			"case !answer.OK:", "case !answer.OK && false:"},
		{"running calls are not awaited", "SHD-2", "pool.go",
			"defer close(p.stopped)\n", "defer close(p.stopped)\n\tp.hurryUp(context.Canceled)\n"},
		{"an answer with an unknown ID is anybody's", "RID-4", "multiplexed.go",
			"c := m.pending[answer.ID]\n", "c := m.pending[answer.ID]\n\t\tfor id, other := range m.pending {\n\t\t\tif c == nil {\n\t\t\t\tc, answer.ID = other, id\n\t\t\t}\n\t\t}\n"},
		{"no cancellation is sent", "CAN-2", "multiplexed.go",
			"m.out.cancellation(r.id, r.slot, err.Error())", "r.slot.freeLingering()"},
		{"the slot of a failed call is lost", "BPR-4", "multiplexed.go",
			"\tr.slot.free()\n\tif c.lent", "\tif c.err == nil {\n\t\tr.slot.free()\n\t}\n\tif c.lent"},
	} {
		t.Run(bug.what, func(t *testing.T) {
			if testing.Short() && i%4 != 0 {
				t.Skip("-short plants one in four")
			}
			output, err := withChange(t, bug.file, bug.from, bug.to, "-run=^TestAPoolIsAsItsModel$")
			require.Error(t, err, "the property holds all the same:\n%s", output)
			require.Contains(t, output, "Falsified after", "it fails for another reason")
			require.Contains(t, output, "["+bug.clause+"]")
		})
	}
}

// withChange runs tests of this package with one place of its source changed.
func withChange(t *testing.T, file, from, to string, args ...string) (string, error) {
	t.Helper()
	path, err := filepath.Abs(file)
	require.NoError(t, err)
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(source), from), "%s has %q once", file, from)
	dir := t.TempDir()
	changed := filepath.Join(dir, file)
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(source), from, to, 1)), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-vet=off", "-overlay=" + overlayFile}, args...)...)
	cmd.Env = append(os.Environ(), "PYPROCTEST_SEED=1")
	output, err := cmd.CombinedOutput()
	return string(output), err
}
