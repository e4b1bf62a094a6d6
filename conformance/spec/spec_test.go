package spec_test

import (
	"testing"

	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/stretchr/testify/require"
)

// Who edits a list of clauses that was handed out does not edit the specification.
func TestClausesAreTheCallers(t *testing.T) {
	spec.Clauses()[0].Name = "XXX-1"
	require.Equal(t, "FRM-1", spec.Clauses()[0].Name)
}
