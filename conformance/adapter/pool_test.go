package adapter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestReferencePoolPassesThroughItsAdapter(t *testing.T) {
	requirePasses(t, checkPool(t, "pool", conformance.Parallel(8), conformance.Patience(20*time.Second)))
}

// What a caller does with a body after Call is not seen over JSON lines, so nothing is known of it.
func TestChangedBodiesAreNotAskedThroughAnAdapter(t *testing.T) {
	rep := checkPool(t, "pool", conformance.Only("MSG-19"))
	require.Len(t, rep.Results, 2)
	for _, r := range rep.Results {
		require.Equal(t, result.StatusNotAsked, r.Status, r.Text())
	}
}

func checkPool(t *testing.T, name string, opts ...conformance.Option) conformance.Report {
	t.Helper()
	a := openAdapter(t, spec.RolePool, name)
	return conformance.CheckPool(a.Context(), a.Pool(), append(opts, conformance.Subject(a.Name()))...)
}
