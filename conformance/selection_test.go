package conformance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func selected(t *testing.T, role spec.Role, opts ...conformance.Option) []string {
	t.Helper()
	ids, err := catalog.Selected(role, opts...)
	require.NoError(t, err)
	return ids
}

func TestSelectionIsEverythingUnlessItIsRestricted(t *testing.T) {
	for _, role := range []spec.Role{spec.RoleFramer, spec.RoleWorker, spec.RolePool} {
		all := selected(t, role)
		both := slices.Concat(
			selected(t, role, conformance.Framings(conformance.Basic)),
			selected(t, role, conformance.Framings(conformance.Enhanced)))
		slices.Sort(both)
		require.Subset(t, slices.Compact(both), all)
	}
}

func TestPatternsSelectByNameByClauseAndByException(t *testing.T) {
	named := selected(t, spec.RoleWorker, conformance.Only("WRK-16"))
	covering := selected(t, spec.RoleWorker, conformance.Covering("WRK-16"))
	require.Subset(t, covering, named)
	require.Contains(t, covering, "WRK-15/bad-magic-closes-the-connection/enhanced", "which covers WRK-16 too")
	require.NotContains(t, named, "WRK-15/bad-magic-closes-the-connection/enhanced")

	one := selected(t, spec.RoleWorker, conformance.Only("*/bad-magic-closes-the-connection"), conformance.Covering("CAN-9"))
	require.Contains(t, one, "WRK-15/bad-magic-closes-the-connection/enhanced")
	require.True(t, slices.ContainsFunc(one, func(id string) bool { return strings.HasPrefix(id, "CAN-9/") }), "what either selects is selected")

	rest := selected(t, spec.RoleWorker, conformance.Covering("WRK-16"), conformance.Except("WRK-15/*/enhanced"))
	require.NotContains(t, rest, "WRK-15/bad-magic-closes-the-connection/enhanced")
	require.NotEmpty(t, rest)
}

func TestEachCaseIsInOnePartOfARun(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7} {
		var parts []string
		for i := 1; i <= n; i++ {
			parts = append(parts, selected(t, spec.RoleFramer, conformance.Shard(i, n))...)
		}
		require.ElementsMatch(t, selected(t, spec.RoleFramer), parts)
	}
}

func TestCaseStaysInItsPartWhateverElseIsSelected(t *testing.T) {
	part := selected(t, spec.RoleFramer, conformance.Shard(2, 3))
	few := selected(t, spec.RoleFramer, conformance.Shard(2, 3), conformance.Only("FRM-*"))
	require.NotEmpty(t, few)
	require.Subset(t, part, few)
}

func TestWhatCanSelectNothingIsAMistake(t *testing.T) {
	for text, o := range map[string]conformance.Option{
		"no part 0 of 3":           conformance.Shard(0, 3),
		"no part 4 of 3":           conformance.Shard(4, 3),
		`"WRK-1" matches no case`:  conformance.Only("WRK-1"),
		`"WRK-2" matches no case`:  conformance.Covering("WRK-2"),
		`"FRM-99" matches no case`: conformance.Except("FRM-99"),
		`"FRM-[" is no pattern`:    conformance.Only("FRM-["),
	} {
		_, err := catalog.Selected(spec.RoleFramer, o)
		require.ErrorContains(t, err, text)
	}
}

func TestRunTellsHowItGoesOn(t *testing.T) {
	var started, begun, ended []string
	rep := conformance.CheckFramer(t.Context(), referenceFramer, conformance.Only("FRM-5", "STR-1"), conformance.Parallel(3),
		conformance.OnStart(func(ids []string) { started = ids }),
		conformance.OnCase(func(id string) { begun = append(begun, id) }),
		conformance.OnResult(func(r result.Result) { ended = append(ended, r.ID) }))
	var ids []string
	for _, r := range rep.Results {
		ids = append(ids, r.ID)
	}
	require.NotEmpty(t, ids)
	require.ElementsMatch(t, ids, started)
	require.ElementsMatch(t, ids, begun)
	require.ElementsMatch(t, ids, ended)
	require.False(t, rep.Interrupted)
	require.False(t, rep.Asked.Whole())
}
