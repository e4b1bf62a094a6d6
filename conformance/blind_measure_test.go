package conformance_test

import (
	"flag"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

var (
	blindFlag     = flag.String("blind", "", "measure all cases, and explore for -explore-for, on the blind `batch` A, B, AB, C or D")
	blindOnlyFlag = flag.String("blind-only", "", "and only on those whose role/clause/name matches this `regexp`")
)

// TestMeasureBlindBatches tells for each fault of the batch which cases find it, and whether explore alone does. It asks
// nothing: the rates are reported as they come.
func TestMeasureBlindBatches(t *testing.T) {
	if *blindFlag == "" {
		t.Skip("-blind names no batch")
	}
	only := regexp.MustCompile(*blindOnlyFlag)
	for _, p := range allPlanted {
		both, byCases, byExplore, all := 0, 0, 0, 0
		for _, f := range blindBatches(*blindFlag, p.role) {
			name := string(p.role) + "/" + f.name()
			if !only.MatchString(string(p.role) + "/" + f.clause + "/" + f.name()) {
				continue
			}
			row, wrong := order{Fault: name}.carryOut(t.Context())
			e, err := exploredOnes(t, p.role, f.what, conformance.Exploration{Seed: *exploreSeedFlag, For: max(*exploreForFlag, time.Second), Patience: 5 * time.Second, Stop: 1, OnFound: func(text string) {
				if testing.Verbose() {
					t.Log(text)
				}
			}})
			require.NoError(t, err)
			verdict, by, steps := verdictOf(f, e)
			cases, explored := len(row.Kills) > 0, len(e.Failures) > 0
			all++
			byCases += one(cases)
			byExplore += one(explored)
			both += one(cases || explored)
			fmt.Printf("%-7s %-7s %-60s cases: %v; explore: %s %s, %d steps, %d histories\n", p.role, f.clause, f.name(), slices.Sorted(maps.Keys(row.Kills)), verdict, by, steps, e.Histories)
			if wrong != "" && cases {
				fmt.Println("        " + wrong)
			}
		}
		if all > 0 {
			fmt.Printf("%s: %d faults, cases find %d, explore %d, together %d\n", p.role, all, byCases, byExplore, both)
		}
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// blindBatches returns the faults of these batches, by their letters, of that role.
func blindBatches(letters string, role spec.Role) (faults []fault) {
	batches := map[spec.Role]map[rune][]fault{
		spec.RoleFramer: {'A': framerFaultsOfTheSecondBlindBatchA, 'B': framerFaultsOfTheSecondBlindBatchB, 'C': framerFaultsOfTheThirdBlindBatch, 'D': framerFaultsOfTheFourthBlindBatch},
		spec.RolePool:   {'A': poolFaultsOfTheSecondBlindBatchA, 'B': poolFaultsOfTheSecondBlindBatchB, 'C': poolFaultsOfTheThirdBlindBatch, 'D': poolFaultsOfTheFourthBlindBatch},
		spec.RoleWorker: {'A': workerFaultsOfTheSecondBlindBatchA, 'B': workerFaultsOfTheSecondBlindBatchB, 'C': workerFaultsOfTheThirdBlindBatch, 'D': workerFaultsOfTheFourthBlindBatch},
	}[role]
	for _, letter := range letters {
		faults = append(faults, batches[letter]...)
	}
	return faults
}
