package worker

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestAFailedStepThatTestsAClauseFailsTheCase(t *testing.T) {
	t.Parallel()
	r := runCase(t.Context(), func(t *T) { t.stepFailed("WRK-1", "an answer", "nothing") })
	require.Equal(t, result.StatusFail, r.Status)
	require.Equal(t, []result.Finding{{Clause: "WRK-1", Want: "an answer", Got: "nothing"}}, r.Findings)
}

func TestAFailedStepThatSetsUpBlocksTheCase(t *testing.T) {
	t.Parallel()
	r := runCase(t.Context(), func(t *T) { t.stepFailed(setUp, "an answer", "nothing") })
	require.Equal(t, result.StatusBlocked, r.Status)
	require.Equal(t, "the case could not be set up: expected an answer; got: nothing", r.Reason)
	require.Empty(t, r.Findings)
}

func TestOnlyAStepThatTestsAClauseCanBreakAnotherOne(t *testing.T) {
	t.Parallel()
	require.Equal(t, purpose("RID-8"), purpose("WRK-9").withClause("RID-8"))
	require.Equal(t, setUp, setUp.withClause("RID-8"))
	_, isClause := spec.LookUp(string(setUp))
	require.False(t, isClause)
}

func runCase(ctx context.Context, run func(*T)) result.Result {
	o := suite.NewOptions(ctx, nil)
	o.Patience = 10 * time.Second
	return suite.RunJob(ctx, suite.Job{Info: startsCase().Info(), Run: func(t *suite.T) {
		run(&T{T: t})
		panic("the case has not ended")
	}}, o)
}
