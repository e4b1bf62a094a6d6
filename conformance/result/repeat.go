package result

import (
	"fmt"
	"slices"
	"strings"
)

// Repeated makes one report of several runs of the same cases, to show which of them hold only sometimes. It returns the
// zero Report for none.
//
// A case has the worst outcome that it had in any turn, with the findings and the timeline of the first such turn, so a
// case that held 9 times of 10 does not hold. Times and Held say how often it ran and passed.
func Repeated(turns ...Report) Report {
	if len(turns) == 0 {
		return Report{}
	}
	all := turns[0]
	all.Repeat, all.Results, all.Missed, all.Elapsed = len(turns), nil, nil, 0
	place := map[string]int{}
	for i, turn := range turns {
		for _, r := range turn.Results {
			at, ok := place[r.ID]
			if !ok {
				at = len(all.Results)
				place[r.ID] = at
				all.Results = append(all.Results, r)
			}
			all.Results[at].add(r)
		}
		all.Elapsed += turn.Elapsed
		all.Interrupted = all.Interrupted || turn.Interrupted
		for _, why := range turn.NotRun {
			if !slices.Contains(all.NotRun, why) {
				all.NotRun = append(slices.Clip(all.NotRun), why)
			}
		}
		if i > 0 && turn.SetUp != "" { // the first turn shows that it can be set up
			all.NotRun = append(slices.Clip(all.NotRun), fmt.Sprintf("turn %d of %d: %s", i+1, len(turns), turn.SetUp))
		}
	}
	for _, turn := range turns {
		for _, m := range turn.Missed {
			if _, ran := place[m.ID]; !ran {
				place[m.ID] = -1
				all.Missed = append(all.Missed, m)
			}
		}
	}
	slices.SortFunc(all.Results, func(a, b Result) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// add counts one more turn of the case, and takes its outcome over if that is worse.
func (r *Result) add(turn Result) {
	times, held := r.Times+1, r.Held
	if turn.Status == StatusPass {
		held++
	}
	if turn.Status.badness() > r.Status.badness() {
		*r = turn
	}
	r.Times, r.Held = times, held
}

// badness orders the ways in which a case ends: the higher, the more it says against the subject.
func (s Status) badness() int {
	return slices.Index([]Status{StatusPass, StatusNotAsked, StatusUnsupported, StatusShould, StatusBlocked, StatusFail}, s)
}
