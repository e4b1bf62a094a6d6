package pool_test

import (
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/commands"
	"github.com/leanovate/gopter/gen"
	"github.com/stretchr/testify/require"
)

// After each step, of any kind and in any order, a pool is as its model says.
// [BPR-1] to [BPR-7], [RID-1] to [RID-7], [SEL-1], [SEL-3], [STA-8], [STA-9], [CAN-1] to [CAN-4],
// [HLT-3] to [HLT-5], [HLT-8], [SHD-1] to [SHD-5]
func TestAPoolIsAsItsModel(t *testing.T) {
	seed := time.Now().UnixNano()
	if s := os.Getenv("PYPROCTEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseInt(s, 10, 64)
		require.NoError(t, err, "PYPROCTEST_SEED is a decimal number")
	}
	t.Logf("to replay: PYPROCTEST_SEED=%d go test -run '^%s$'", seed, t.Name())
	parameters := gopter.DefaultTestParametersWithSeed(seed)
	parameters.MinSuccessfulTests = 200
	parameters.MinSize = 5 // steps
	parameters.MaxSize = 60
	result := pools(t).Check(parameters)
	if !result.Passed() {
		gopter.NewFormatedReporter(true, 100, t.Output()).ReportTestResult(t.Name(), result)
		t.Fail()
	}
}

// pools generates lists of steps and runs them in virtual time.
func pools(t *testing.T) gopter.Prop {
	return func(parameters *gopter.GenParameters) (result *gopter.PropResult) {
		synctest.Test(t, func(t *testing.T) {
			var leftover []string // by the latest list of steps
			result = commands.Prop(&commands.ProtoCommands{
				InitialStateGen:        gen.Const(model{calls: map[int]call{}}), // steps change copies alone
				GenCommandFunc:         nextStep,
				NewSystemUnderTestFunc: func(commands.State) commands.SystemUnderTest { return newSystem(t) },
				DestroySystemUnderTestFunc: func(s commands.SystemUnderTest) {
					s.(*system).destroy()
					leftover = s.(*system).told.leftover()
				},
			})(parameters)
			if result.Success() && len(leftover) > 0 {
				result.Status = gopter.PropFalse
				result.Labels = append(result.Labels, leftover...)
			}
		})
		return result
	}
}
