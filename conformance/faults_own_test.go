package conformance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// ownless are the MUST clauses that own no fault, which none but their cases catch, each with the reason.
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

// Each MUST that can be tested owns a fault that no other clause sees, or there is a reason why not. So no
// clause leans on the cases of another.
func TestEachMustOwnsAFault(t *testing.T) {
	for _, p := range allPlanted {
		require.GreaterOrEqual(t, len(p.faults), 40, p.role)
		names := map[string]bool{}
		for _, f := range p.all() {
			require.False(t, names[f.name()], "%s is there twice", f.name())
			names[f.name()] = true
		}
		for _, c := range spec.Clauses() {
			if !c.Binds(p.role) || c.Level != spec.Must || c.Untestable != "" {
				continue
			}
			own := slices.ContainsFunc(p.faults, func(f fault) bool { return f.clause == c.Name && len(f.perhaps) == 0 })
			if reason := ownless[p.role][c.Name]; reason != "" {
				require.False(t, own, "%s owns a fault of the %s, though there is a reason why it cannot", c.Name, p.role)
			} else {
				assert.True(t, own, "%s owns no fault of the %s", c.Name, p.role)
			}
		}
	}
}
