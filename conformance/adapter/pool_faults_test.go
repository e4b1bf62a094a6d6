package adapter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestFaultsOfAPoolAreFoundThroughItsAdapter(t *testing.T) {
	for fault, want := range map[string]struct {
		only   string
		clause string
		got    string
	}{
		"cancel is ignored":    {"CAN-1/a-cancelled-*", "CAN-1", "it has not after"},
		"hangs over health":    {"HLT-3/health-counts-workers-*", "HLT-3", "nothing after"},
		"a descriptor is left": {"SHD-6", "SHD-6", "/dev/null"},
		"a process is left":    {"SHD-6", "SHD-6", "child process"},
		"a body of no JSON":    {"STA-1/a-right-*", "STA-1", "no well-formed JSON"},
		"an absent body":       {"STA-1/a-right-*", "STA-1", "is null and should be"},
		"ends over a call":     {"STA-1", "STA-1", "crashed: waiting for the answer to call, the process ended: exit status 2\nits standard error:\npanic: a call"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			rep := checkPool(t, "pool: "+fault, conformance.Only(want.only), conformance.Framings(conformance.Enhanced), conformance.Patience(4*time.Second))
			require.NotEmpty(t, rep.Results)
			for _, r := range rep.Results {
				require.Len(t, r.Findings, 1, r.Text())
				require.Equal(t, want.clause, r.Findings[0].Clause)
				require.Contains(t, r.Findings[0].Got, want.got)
			}
		})
	}
}

func TestPoolAdapterThatBreaksTheRulesEndsTheRun(t *testing.T) {
	for fault, want := range map[string]string{
		"an error of no kind": `"lost" is not an error kind of a pool`,
	} {
		t.Run(fault, func(t *testing.T) {
			a := openAdapter(t, spec.RolePool, "pool: "+fault)
			rep := conformance.CheckPool(a.Context(), a.Pool())
			require.ErrorContains(t, a.Err(), want)
			require.Empty(t, rep.Results)
			require.Contains(t, strings.Join(rep.NotRun, "\n"), a.Err().Error())
		})
	}
}

func TestPoolWithoutABoundedQueueIsNotAccusedThroughItsAdapter(t *testing.T) {
	rep := checkPool(t, "pool: no bounded queue", conformance.Only("BPR-6"))
	require.Len(t, rep.Results, 1)
	require.Equal(t, result.StatusUnsupported, rep.Results[0].Status)
	require.Contains(t, rep.Results[0].Reason, "the queue has no bound")
}
