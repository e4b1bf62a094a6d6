package adapter_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func TestPythonFramerPassesThroughItsAdapter(t *testing.T) {
	requirePasses(t, checkPythonFramer(t, "", forSlowMachines))
}

func TestFaultsOfAPythonFramerAreFoundThroughItsAdapter(t *testing.T) {
	for fault, clause := range map[string]string{
		"memory for the claimed length": "FRM-11", // in Python nobody has touched it
		"no lock":                       "STR-5",
	} {
		t.Run(fault, func(t *testing.T) {
			requireFinds(t, checkPythonFramer(t, fault, conformance.Only(clause), conformance.Framings(conformance.Basic)), clause)
		})
	}
}

func checkPythonFramer(t *testing.T, fault string, opts ...conformance.Option) conformance.Report {
	t.Helper()
	python, err := exec.LookPath("python3")
	require.NoError(t, err, "the tests need python3")
	source, err := filepath.Abs("../../pyworker/src")
	require.NoError(t, err)
	c := conformance.Command(python, filepath.Join("testdata", "framer.py"), "--fault", fault)
	c.Env = []string{"PYTHONPATH=" + source, mark(t)}
	a, err := adapter.Open(t.Context(), spec.RoleFramer, c, adapter.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, a.Close())
		noneLeft(t)
	})
	return conformance.CheckFramer(a.Context(), a.Framer(), append(opts, conformance.Subject(a.Name()))...)
}
