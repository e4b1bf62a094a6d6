package conformance_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// bounded explores by count, so that it costs the same everywhere. The first histories are the plainest ones.
func bounded(histories int) conformance.Exploration {
	if testing.Short() || underRaceDetector {
		histories = histories/5 + 1
	}
	return conformance.Exploration{Seed: 1, Histories: histories, Patience: 20 * time.Second}
}

// What is right is not accused, whatever is played on it.
func TestExploreAccusesNothingRight(t *testing.T) {
	t.Run("framer", func(t *testing.T) { conformance.ExploreFramer(t, referenceFramer, bounded(200)) })
	t.Run("worker", func(t *testing.T) { conformance.ExploreWorker(t, bundledWorker(t), bounded(100)) })
	t.Run("pool", func(t *testing.T) { conformance.ExplorePool(t, referencePool, bounded(25)) })
}

// A planted fault is found by its clause and shrunk to a few steps. The history, saved, fails again on the fault and passes on
// what is right.
func TestExploreFindsPlantedFaultsAndTheirHistoriesReplay(t *testing.T) {
	for _, c := range []struct {
		role   spec.Role
		fault  string
		clause string
		steps  int // at most
	}{
		{spec.RoleFramer, "ID cut to 32 bits", "FRM-3", 2},
		{spec.RoleFramer, "every error is forgotten", "STR-3", 4},
		{spec.RoleFramer, "checksum not compared", "CRC-4", 3},
		{spec.RoleFramer, "short write forgotten", "STR-6", 4},
		{spec.RoleWorker, "answers-twice", "MSG-1", 4},
		{spec.RoleWorker, "hides-the-text-of-exceptions", "WRK-11", 4},
		{spec.RoleWorker, "bodies-are-doubles", "MSG-7", 4},
		{spec.RolePool, "ids-begin-at-0", "RID-1", 3},
		{spec.RolePool, "error-answer-without-text", "MSG-16", 5},
	} {
		t.Run(c.fault, func(t *testing.T) {
			x := bounded(2000)
			x.Stop, x.Save, x.Patience = 1, t.TempDir(), 5*time.Second
			e, err := exploredOnes(t, c.role, []string{c.fault}, x)
			require.NoError(t, err)
			require.Len(t, e.Failures, 1, e.Line())
			found := e.Failures[0]
			require.Equal(t, c.clause, found.Failure.Clause, found.Text())
			require.LessOrEqual(t, len(found.History.Steps), c.steps, found.Text())
			require.FileExists(t, found.File)
			require.Contains(t, found.Text(), "expected: ")

			x.Replay = found.File
			again, err := exploredOnes(t, c.role, []string{c.fault}, x)
			require.NoError(t, err)
			require.Len(t, again.Failures, 1)
			require.Equal(t, found.Failure.Clause, again.Failures[0].Failure.Clause) // where writers meet, it may break two rules of a clause

			x.Replay = x.Save // the folder
			right, err := exploredOnes(t, c.role, []string{"nothing wrong"}, x)
			require.NoError(t, err)
			require.Empty(t, right.Failures)
			require.Positive(t, right.Histories)
		})
	}
}

// Histories that were found in implementations, whoever's, pass on ours. The first was found in the Node worker, where a
// connection whose caller left in the middle of a header stayed open for as long as a handler ran.
func TestSavedHistoriesPass(t *testing.T) {
	x := bounded(1)
	x.Replay = filepath.Join("testdata", "histories")
	e, err := conformance.CheckExploreWorker(t.Context(), bundledWorker(t), x)
	require.NoError(t, err)
	require.Positive(t, e.Histories)
	for _, f := range e.Failures {
		t.Error(f.Text())
	}
}

// What was found goes into the same reports as what cases find, and a list of known failures excuses it by its clause.
func TestWhatExploreFindsIsInTheReport(t *testing.T) {
	x := bounded(2000)
	x.Stop = 1
	e, err := conformance.CheckExploreFramer(t.Context(), framerWith(t.Context(), "ID cut to 32 bits"), x)
	require.NoError(t, err)
	rep := e.Report(spec.Version)
	require.Equal(t, "FRM-3", rep.FirstShown())
	var failed result.Result
	for _, r := range rep.Results {
		if r.Status == result.StatusFail {
			failed = r
		}
	}
	require.Equal(t, "FRM-3", failed.Clauses[0])
	require.Contains(t, failed.Text(), "step 1: WriteFrame, ID ")
	for _, c := range rep.ByClause() {
		if c.Name == "STR-8" {
			require.Empty(t, c.Status, "it was not reached, so nothing is known of it")
		}
	}
	list, err := known.Parse("list", "FRM-3 # known for long\n")
	require.NoError(t, err)
	require.Len(t, list.Apply(rep).Excused, 1)
}

func TestExploreSaysWhatItCannotUse(t *testing.T) {
	_, err := conformance.CheckExploreFramer(t.Context(), nil, bounded(1))
	require.ErrorContains(t, err, "no framer")
	_, err = conformance.CheckExplorePool(t.Context(), nil, bounded(1))
	require.ErrorContains(t, err, "no pool")
	_, err = conformance.CheckExploreWorker(t.Context(), conformance.Command("no-such-program-anywhere"), bounded(1))
	require.ErrorContains(t, err, "no-such-program-anywhere")
	_, err = conformance.CheckExploreWorker(t.Context(), conformance.Command("false"), bounded(1))
	require.ErrorContains(t, err, "ended before it accepted connections")
}
