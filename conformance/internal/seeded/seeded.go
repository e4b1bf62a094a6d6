// Package seeded checks gopter properties in tests with a seed that is logged and can be set.
//
// It holds one function and imports gopter and testify. Only tests import it. The properties are in the tests of
// internal/wire and inspect.
package seeded

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/stretchr/testify/require"
)

// Check checks the property on that many generated cases and fails the test where one does not hold. It logs the
// seed; PYPROCTEST_SEED replays one.
func Check(t *testing.T, cases int, property gopter.Prop) {
	t.Helper()
	seed := time.Now().UnixNano()
	if s := os.Getenv("PYPROCTEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseInt(s, 10, 64)
		require.NoError(t, err, "PYPROCTEST_SEED must be a decimal number")
	}
	t.Logf("to replay: PYPROCTEST_SEED=%d go test -run '^%s$'", seed, t.Name())
	parameters := gopter.DefaultTestParametersWithSeed(seed)
	parameters.MinSuccessfulTests = cases
	result := property.Check(parameters)
	if !result.Passed() {
		gopter.NewFormatedReporter(true, 100, t.Output()).ReportTestResult(t.Name(), result)
		t.Fail()
	}
}
