package result

import (
	"cmp"
	"slices"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// explains says of a clause which others often fail with it, as a consequence. So where several clauses are violated, the
// one that explains the others is shown first.
var explains = map[string][]string{
	// A reader that looks for a next magic refuses no bad one.
	"STR-3": {"FRM-6"},
	// A reader that takes one Read for one frame or one header meets ends and errors at wrong places.
	"STR-4": {"STR-2", "FRM-10"},

	// Answers that bear a wrong ID are missed by whoever waits for them.
	"RID-8": {"MSG-5"},
	// Refused fields and forms look like answers that did not come.
	"MSG-4":  {"MSG-3", "RID-4"},
	"MSG-15": {"MSG-3", "MSG-4", "MSG-16", "RID-4"},
	// A handler that ran for a damaged frame was run because its connection was read on.
	"WRK-14": {"WRK-15"},
	// Where one connection blocks the others, 64 are not served either.
	"WRK-8":  {"WRK-7"},
	"WRK-12": {"MSG-1"},
	// A cancellation that is read too late is also read too late when a caller leaves or repeats an ID.
	"CAN-5": {"CAN-8", "MSG-14"},
	"CAN-6": {"CAN-5"},

	// One socket path for all workers leaves one worker that serves.
	"STA-1": {"BPR-2", "HLT-1", "HLT-2", "HLT-4", "SEL-1", "STA-2"},
	"STA-5": {"SHD-6"},
	"STA-8": {"STA-9", "SHD-5"},
	"RID-3": {"CAN-2"},
	// Answers that reach the wrong caller are seen wherever answers are compared.
	"RID-4": {
		"BPR-1", "BPR-2", "BPR-3", "BPR-4", "BPR-7", "CAN-4", "CAN-10", "HLT-1", "HLT-4", "MSG-5", "RID-2", "RID-3", "RID-6", "RID-7",
		"SHD-1", "SHD-5", "SHD-6",
	},
	// A broken connection that is not given up keeps its calls and their slots.
	"RID-7": {"BPR-4", "HLT-4", "HLT-5", "MSG-10", "MSG-13"},
	"HLT-8": {"BPR-4", "HLT-4", "HLT-5", "MSG-10", "MSG-13", "RID-7"},
	"SEL-1": {"SEL-2", "HLT-6"},
	// Too many requests at one worker are too many in all, and too few at the others.
	"BPR-1": {"BPR-2"},
	"BPR-2": {"HLT-4", "HLT-6", "SEL-1", "SEL-2"},
	// A cancelled call that waits for an answer keeps its slot.
	"CAN-4": {"BPR-3", "BPR-4"},
	"CAN-3": {"BPR-3", "RID-4"},
	"CAN-1": {"BPR-3", "BPR-4", "CAN-2", "CAN-3", "CAN-4", "CAN-10", "HLT-2", "RID-4", "RID-6", "SHD-6"},
	"SHD-4": {"SHD-3"},
}

// MostTellingFirst orders violated clauses, given how many cases found each: first those that no other explains, of these
// the one that most cases found, and else in the order of SPEC.md.
func MostTellingFirst(cases map[string]int) []string {
	place := map[string]int{}
	var all []string
	for i, c := range spec.Clauses() {
		place[c.Name] = i
		if cases[c.Name] > 0 {
			all = append(all, c.Name)
		}
	}
	explained := map[string]int{}
	for _, name := range all {
		for _, other := range all {
			if slices.Contains(explains[other], name) && !slices.Contains(explains[name], other) {
				explained[name] = 1
			}
		}
	}
	slices.SortStableFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(explained[a], explained[b]), cmp.Compare(cases[b], cases[a]), cmp.Compare(place[a], place[b]))
	})
	return all
}

// FirstShown returns the clause whose failure a reader of the report sees first; empty if none is violated.
func (r Report) FirstShown() string {
	cases := map[string]int{}
	for _, res := range r.Results {
		var seen []string
		for _, f := range res.Findings {
			if !slices.Contains(seen, f.Clause) {
				seen = append(seen, f.Clause)
				cases[f.Clause]++
			}
		}
	}
	if order := MostTellingFirst(cases); len(order) > 0 {
		return order[0]
	}
	return ""
}
