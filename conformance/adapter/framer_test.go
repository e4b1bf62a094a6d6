package adapter_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
)

func beAdapter(name string) int {
	switch name {
	case "framer":
		return answers(framerAdapter(referenceFramer))
	case "pool":
		return servePool("")
	}
	fmt.Fprintln(os.Stderr, "no adapter has the name", name)
	return 1
}

// command starts the test binary as an adapter.
func command(t *testing.T, name string) conformance.WorkerCommand {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	c := conformance.Command(program)
	c.Env = []string{adapterVariable + "=" + name}
	return c
}

func TestReferenceFramerPassesThroughItsAdapter(t *testing.T) {
	a, err := adapter.Open(t.Context(), conformance.RoleFramer, command(t, "framer"), adapter.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close()) }()
	rep := conformance.CheckFramer(a.Context(), a.Framer())
	t.Logf("%d cases in %v", len(rep.Results), rep.Elapsed)
	for _, r := range rep.Results {
		if r.Status != conformance.StatusPass {
			t.Errorf("%s", r.Text())
		}
	}
	require.Empty(t, rep.NotRun)
}

func TestReferencePoolPassesThroughItsAdapter(t *testing.T) {
	a, err := adapter.Open(t.Context(), conformance.RolePool, command(t, "pool"), adapter.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close()) }()
	rep := conformance.CheckPool(a.Context(), a.Pool(), conformance.Parallel(8))
	t.Logf("%d cases in %v", len(rep.Results), rep.Elapsed)
	for _, r := range rep.Results {
		if r.Status != conformance.StatusPass {
			t.Errorf("%s", r.Text())
		}
	}
	require.Empty(t, rep.NotRun)
}
