package adapter_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestReferenceFramerPassesThroughItsAdapter(t *testing.T) {
	requirePasses(t, checkFramer(t, "framer", forSlowMachines))
}

// Each request has the frames before it written anew. Nothing says that they are cut as they were then.
func TestAFramerThatCutsItsWritesAtRandomPasses(t *testing.T) {
	requirePasses(t, checkFramer(t, "framer: cuts at random", forSlowMachines))
}

// forSlowMachines is for runs in which nobody is to wait for what does not come.
var forSlowMachines = conformance.Patience(time.Minute)

// openAdapter opens the test binary as an adapter of that name, and closes it with the test.
func openAdapter(t *testing.T, role spec.Role, name string) *adapter.Adapter {
	t.Helper()
	a, err := adapter.Open(t.Context(), role, command(t, name), adapter.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.Equal(t, a.Err(), a.Close())
		noneLeft(t)
	})
	return a
}

func checkFramer(t *testing.T, name string, opts ...conformance.Option) conformance.Report {
	t.Helper()
	a := openAdapter(t, spec.RoleFramer, name)
	return conformance.CheckFramer(a.Context(), a.Framer(), append(opts, conformance.Subject(a.Name()))...)
}

// notAsked reports whether the case is about a clause that cannot be seen over JSON lines, or about the writer that a pool in
// another process cannot be given.
func notAsked(r result.Result) bool {
	return r.Status == result.StatusNotAsked && slices.Contains([]string{"STR-8", "STR-9", "MSG-19", "OUT-1"}, r.Clauses[0]) ||
		r.Status == result.StatusUnsupported && r.Clauses[0] == "OUT-2"
}

// requirePasses demands that every case was run and passed.
func requirePasses(t *testing.T, rep conformance.Report) {
	t.Helper()
	t.Logf("%s: %d cases in %v", rep.Subject, len(rep.Results), rep.Elapsed)
	n := 0
	for _, c := range catalog.Cases() {
		if c.Role == rep.Role {
			n += max(len(c.Framings), 1)
		}
	}
	require.Len(t, rep.Results, n)
	require.Empty(t, rep.NotRun)
	for _, r := range rep.Results {
		if r.Status != result.StatusPass && !notAsked(r) {
			t.Error(r.Text())
		}
	}
}
