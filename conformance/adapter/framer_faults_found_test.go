package adapter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
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
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			clause, _, _ := strings.Cut(only, "/")
			requireFinds(t, checkFramer(t, "framer: "+fault, conformance.Only(only), conformance.Patience(4*time.Second)), clause)
		})
	}
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
