package conformance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// ownless are the MUST clauses that own no fault, and the SHOULD clauses that have none, each with the reason. A clause
// owns a fault if no other clause's cases catch it.
var ownless = map[spec.Role]map[string]string{
	spec.RoleFramer: {},
	spec.RolePool: {
		"RID-6": "an answer that reaches a later caller is a late answer that was not dropped, too (CAN-3)",
		"BPR-1": "more than workers × max_in_flight at all workers are more than max_in_flight at one of them (BPR-2)",
		"CAN-1": "how a call ends whose context has ended is seen wherever that is done, as in the cases of BPR-3 and CAN-2",
		"CAN-3": "a late answer that does harm does so wherever calls are cancelled, as in the cases of BPR-3 and RID-4",
		"CAN-4": "a slot that waits for an answer which never comes is missing in the cases of BPR-3, BPR-4 and RID-6",
	},
	spec.RoleWorker: {},
}

// Each clause that can be tested has a fault for each role that it binds, or there is a reason why not. A MUST owns its
// fault: no other clause sees it, so no clause leans on the cases of another.
func TestEachClauseHasAFault(t *testing.T) {
	for _, p := range allPlanted {
		require.GreaterOrEqual(t, len(p.faults), 40, p.role)
		names := map[string]bool{}
		for _, f := range p.all() {
			require.False(t, names[f.name()], "%s is there twice", f.name())
			names[f.name()] = true
		}
		for _, c := range spec.Clauses() {
			if !c.Binds(p.role) || c.Untestable != "" {
				continue
			}
			has := slices.ContainsFunc(p.faults, func(f fault) bool {
				return f.clause == c.Name && (c.Level == spec.Should || len(f.perhaps) == 0)
			})
			if reason := ownless[p.role][c.Name]; reason != "" {
				require.False(t, has, "%s has a fault of the %s, though ownless says why it cannot: take the reason out", c.Name, p.role)
			} else {
				assert.True(t, has, "%s has no fault of the %s: plant one in %s_faults_test.go, or write the reason into ownless", c.Name, p.role, p.role)
			}
		}
	}
}
