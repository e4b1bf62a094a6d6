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
		"RID-6":  "an answer that reaches a later caller is a late answer that was not dropped, too (CAN-3)",
		"BPR-1":  "more than workers × max_in_flight at all workers are more than max_in_flight at one of them (BPR-2)",
		"BPR-2":  "a bound that does not count each worker is passed after events too, which BPR-8 and BPR-9 are about",
		"BPR-7":  "a slot that is not given out is missing wherever as many calls run as there are slots, as in the cases of MSG-18 and SHD-1",
		"CAN-10": "a Call that waits for a write also keeps the caller's body, which MSG-19 is about",
		"HLT-1":  "a check that is not made leaves a hung worker in the counts of HLT-2",
		"HLT-3":  "wrong counts are seen wherever Health is looked at, as in the cases of HLT-10",
		"HLT-4":  "a pool that rests while a worker is dead has no slots at the others, which BPR-9 is about",
		"HLT-8":  "a request that is sent again takes a slot more, which BPR-8 is about",
		"SHD-1":  "a call that is refused without saying so is seen beside Shutdown too, which SHD-7 is about",
		"CAN-3":  "a late answer that does harm does so wherever calls are cancelled, as in the cases of BPR-3 and RID-4",
		"CAN-4":  "a slot that waits for an answer which never comes is missing in the cases of BPR-3, BPR-4 and RID-6",
	},
	spec.RoleWorker: {
		"MSG-10": "what is taken for an ID and is none is seen by the vectors that MSG-11 is about as well",
		"CAN-5":  "a cancellation that reaches no handler is seen wherever one is sent, as in the cases of CAN-6",
		"CAN-9":  "a cancellation without a reason is among the vectors of MSG-3 and MSG-5",
	},
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
