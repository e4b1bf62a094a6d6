package message_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// holds checks a property with generated cases. Each failure, and each run with -v, prints the seed. Set
// PYPROCTEST_SEED to it to get the same cases again.
func holds(t *testing.T, property gopter.Prop) {
	t.Helper()
	seed := time.Now().UnixNano()
	if s := os.Getenv("PYPROCTEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseInt(s, 10, 64)
		require.NoError(t, err, "PYPROCTEST_SEED is a decimal number")
	}
	t.Logf("to replay: PYPROCTEST_SEED=%d go test -run '^%s$'", seed, t.Name())
	parameters := gopter.DefaultTestParametersWithSeed(seed)
	parameters.MinSuccessfulTests = 2000
	result := property.Check(parameters)
	if !result.Passed() {
		gopter.NewFormatedReporter(true, 100, t.Output()).ReportTestResult(t.Name(), result)
		t.Fail()
	}
}
