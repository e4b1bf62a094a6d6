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
	// A checksum that is not compared is not compared for an empty payload or a well-known one either.
	"CRC-4": {"CRC-1", "CRC-3", "FRM-2"},

	// Answers that bear a wrong ID are missed by whoever waits for them.
	"RID-8": {"MSG-5"},
	"MSG-5": {"MSG-1", "MSG-13", "CAN-6"},
	// Refused fields and forms look like answers that did not come.
	"MSG-4":  {"MSG-3", "RID-4"},
	"MSG-15": {"MSG-3", "MSG-4", "MSG-16", "RID-4"},
	// A handler that ran for a damaged frame was run because its connection was read on.
	"WRK-14": {"WRK-15"},
	// Where one connection blocks the others, 64 are not served either.
	"WRK-8":  {"WRK-7"},
	"WRK-12": {"MSG-1"},
	// A request that is dropped is missed by whoever calls behind something else.
	"WRK-9": {"MSG-14", "WRK-16"},
	// A cancellation that is read too late is also read too late when a caller leaves or repeats an ID, and one that is not
	// understood is not understood in the vectors either.
	"CAN-5": {"CAN-8", "CAN-9", "MSG-3", "MSG-4", "MSG-5", "MSG-14"},
	"CAN-6": {"CAN-9", "MSG-3", "MSG-4", "MSG-5"},
	"CAN-9": {"MSG-3", "MSG-5"},

	// One socket path for all workers leaves one worker that serves.
	"STA-1": {"BPR-2", "HLT-1", "HLT-2", "HLT-4", "SEL-1", "STA-2"},
	"STA-5": {"SHD-6"},
	// A Start that ends wrongly ends wrongly beside Shutdown too.
	"STA-7": {"SHD-7"},
	"STA-8": {"STA-9", "SHD-5", "SHD-7"},
	"RID-2": {"RID-4"},
	"RID-3": {"CAN-2"},
	// Answers that reach the wrong caller are seen wherever answers are compared.
	"RID-4": {
		"BPR-1", "BPR-2", "BPR-3", "BPR-4", "BPR-7", "BPR-8", "CAN-4", "CAN-10", "CAN-11", "HLT-1", "HLT-4", "MSG-5", "MSG-7", "MSG-10",
		"MSG-13", "MSG-18", "OUT-1", "RID-2", "RID-3", "RID-6", "RID-7", "SHD-1", "SHD-2", "SHD-5", "SHD-6",
	},
	// A broken connection that is not given up keeps its calls and their slots.
	"RID-7": {"BPR-4", "BPR-7", "BPR-9", "HLT-4", "HLT-5", "MSG-4", "MSG-10", "MSG-13", "MSG-15"},
	// A request that is sent again is seen wherever requests are counted.
	"HLT-8": {"BPR-4", "BPR-8", "HLT-4", "HLT-5", "MSG-4", "MSG-10", "MSG-13", "MSG-15", "RID-7"},
	"SEL-1": {"SEL-2", "HLT-6"},
	// Too many requests at one worker are too many in all, and too few at the others; also after events.
	"BPR-1": {"BPR-2", "BPR-6", "BPR-8", "BPR-9"},
	"BPR-2": {"HLT-4", "HLT-6", "SEL-1", "SEL-2"},
	// A slot that is lost is missed by the calls that come later in the same case.
	"BPR-4": {"BPR-7", "MSG-10", "MSG-13", "MSG-15", "MSG-16", "MSG-18", "RID-4", "RID-7"},
	// A cancelled call that waits for an answer keeps its slot.
	"CAN-4":  {"BPR-3", "BPR-4"},
	"CAN-3":  {"BPR-3", "RID-4"},
	"CAN-1":  {"BPR-3", "BPR-4", "CAN-2", "CAN-3", "CAN-4", "CAN-10", "HLT-2", "RID-4", "RID-6", "SHD-6"},
	"CAN-2":  {"BPR-8"},
	"CAN-10": {"MSG-19"},
	"CAN-12": {"BPR-8"},
	// What Health tells wrongly it tells wrongly after every event.
	"HLT-3": {"HLT-10"},
	"HLT-4": {"BPR-4", "HLT-6", "OUT-2"},
	// A worker that gets no calls any more leaves its share of the slots unused.
	"HLT-13": {"BPR-4", "BPR-7", "HLT-2", "MSG-10", "MSG-13", "MSG-15", "RID-4", "RID-7"},
	// A Shutdown that does not end leaves all that it should have ended.
	"SHD-2": {"HLT-11", "SHD-4", "SHD-5"},
	"SHD-3": {"STA-3"},
	"SHD-4": {"HLT-11", "SHD-3", "SHD-8"},
	"OUT-1": {"STA-6"},
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
