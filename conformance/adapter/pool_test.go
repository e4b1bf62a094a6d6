package adapter_test

import (
	"testing"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestReferencePoolPassesThroughItsAdapter(t *testing.T) {
	requirePasses(t, checkPool(t, "pool", conformance.Parallel(8), conformance.Patience(20*time.Second)))
}

func checkPool(t *testing.T, name string, opts ...conformance.Option) conformance.Report {
	t.Helper()
	a := openAdapter(t, spec.RolePool, name)
	return conformance.CheckPool(a.Context(), a.Pool(), append(opts, conformance.Subject(a.Name()))...)
}
