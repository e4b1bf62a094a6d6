package adapter_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

func TestFaultsOfAFramerAreFoundThroughItsAdapter(t *testing.T) {
	for fault, clause := range map[string]string{
		"bad CRC accepted":              "CRC-4",
		"payload beside the error":      "CRC-5",
		"refusal waits for more":        "FRM-10",
		"every error is forgotten":      "STR-3",
		"length 17 ends the process":    "FRM-7",
		"end in a header hangs":         "STR-2",
		"memory for the claimed length": "FRM-11",
		"default limit of 16 MB":        "FRM-13",
		"two writes without a lock":     "STR-5",
		"short write forgotten":         "STR-6",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			a := openAdapter(t, conformance.RoleFramer, "framer: "+fault)
			rep := conformance.CheckFramer(a.Context(), a.Framer(), conformance.Only(clause))
			found := map[string]int{}
			for _, r := range rep.Results {
				for _, f := range r.Findings {
					found[f.Clause]++
				}
				if len(r.Findings) == 0 && r.Status != conformance.StatusPass {
					t.Log(r.Text())
				}
			}
			for _, r := range rep.Results {
				if len(r.Findings) > 0 {
					t.Log(r.Text())
					break
				}
			}
			t.Log(found, a.Stderr())
			require.Contains(t, found, clause)
			require.Len(t, found, 1, "and no other clause")
			require.NoError(t, a.Err())
		})
	}
}

func TestFramerBesideTheFaultyOnesIsRight(t *testing.T) {
	requirePasses(t, checkFramer(t, "framer: none"))
}
