package adapter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestFaultsOfAFramerAreFoundThroughItsAdapter(t *testing.T) {
	for fault, only := range map[string]string{
		"bad CRC accepted":              "CRC-4",
		"payload beside the error":      "CRC-5",
		"refusal waits for more":        "FRM-10",
		"every error is forgotten":      "STR-3",
		"length 17 ends the process":    "FRM-7",
		"end in a header hangs":         "STR-2/stream-basic-*",
		"memory for the claimed length": "FRM-11",
		"default limit of 16 MB":        "FRM-13",
		"two writes without a lock":     "STR-5",
		"short write forgotten":         "STR-6",
		// Every later read ends the process, and no other clause than STR-3 says so.
		"panic at the read after an error":     "STR-3",
		"stream's errors are truncated":        "STR-10",
		"error of a write replaced by another": "STR-10",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			clause, _, _ := strings.Cut(only, "/")
			requireFinds(t, checkFramer(t, "framer: "+fault, conformance.Only(only), conformance.Patience(4*time.Second)), clause)
		})
	}
}

// A panic at a read after a refusal is no fault of the refusal.
func TestAPanicAfterARefusalIsNotHeldAgainstTheRefusal(t *testing.T) {
	rep := checkFramer(t, "framer: panic at the read after an error", conformance.Only("FRM-6", "FRM-7", "CRC-4/every-flipped-bit-is-refused"), forSlowMachines)
	require.NotEmpty(t, rep.Results)
	for _, r := range rep.Results {
		require.Equal(t, result.StatusPass, r.Status, r.Text())
	}
}

// A framer that puts each frame into one write needs no lock, since no stream mixes two writes.
func TestAFramerWithOneWriteForEachFrameNeedsNoLock(t *testing.T) {
	requirePasses(t, checkFramer(t, "framer: one write without a lock", forSlowMachines))
}

// An adapter that cuts each write in two, as ADAPTERS.md once asked, says nothing of such a framer, and is told so.
func TestAnAdapterThatSplitsWritesIsTold(t *testing.T) {
	rep := checkFramer(t, "framer: splits writes, one write without a lock", conformance.Only("STR-5/frames-of-many-writers-stay-whole"), forSlowMachines)
	require.Len(t, rep.Results, 2)
	for _, r := range rep.Results {
		require.Empty(t, r.Findings, r.Text())
		require.Equal(t, result.StatusBlocked, r.Status, r.Text())
		require.Contains(t, r.Reason, "list each write as one entry")
	}
	rep = checkFramer(t, "framer: splits writes, none", conformance.Only("STR-5"), forSlowMachines)
	for _, r := range rep.Results {
		require.Equal(t, result.StatusPass, r.Status, r.Text())
	}
	requireFinds(t, checkFramer(t, "framer: two writes without a lock", conformance.Only("STR-5"), forSlowMachines), "STR-5")
}

// A process that takes more and more memory is ended before the machine has none left.
func TestAProcessThatTakesTooMuchMemoryIsEnded(t *testing.T) {
	a, err := adapter.Open(t.Context(), spec.RoleFramer, command(t, "framer: takes more and more memory"), adapter.Options{Memory: 512 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	rep := conformance.CheckFramer(a.Context(), a.Framer(), conformance.Only("FRM-11/claimed-length-sets-no-memory-aside"), conformance.Framings(conformance.Basic), forSlowMachines)
	requireFinds(t, rep, "FRM-11")
	require.Contains(t, rep.Results[0].Text(), "ended by the suite, because it took")
}

// requireFinds demands findings against the clause and no other.
func requireFinds(t *testing.T, rep conformance.Report, clause string) {
	t.Helper()
	found := map[string]string{}
	for _, r := range rep.Results {
		for _, f := range r.Findings {
			found[f.Clause] = r.Text()
		}
	}
	t.Log(found[clause])
	require.Contains(t, found, clause)
	delete(found, clause)
	require.Empty(t, found, "the fault is told as another one, too")
	require.Empty(t, rep.NotRun)
}

func TestFramerBesideTheFaultyOnesIsRight(t *testing.T) {
	requirePasses(t, checkFramer(t, "framer: none", forSlowMachines))
}
