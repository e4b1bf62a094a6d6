package conformance_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// The cases that must catch a fault do catch it, and accuse no clause that has nothing to do with it. A control passes
// what is run of it.
func TestFaultsAreCaughtAndControlsPass(t *testing.T) {
	for _, p := range allPlanted {
		t.Run(string(p.role), func(t *testing.T) {
			p.judgeEach(t, now(p.all()), fault.misjudged, func(f fault, nth int) []string {
				if f.clause == "" {
					return p.share(8, nth)
				}
				return f.cases
			})
		})
	}
}

// Of the other cases some are run on each fault, not the same for each. None accuses a clause that has nothing to do with
// it. make matrix runs all.
func TestFaultsAreNotHeldAgainstOtherClauses(t *testing.T) {
	for _, p := range allPlanted {
		t.Run(string(p.role), func(t *testing.T) {
			nth := map[spec.Role]int{spec.RoleFramer: 6, spec.RolePool: 60, spec.RoleWorker: 40}[p.role]
			p.judgeEach(t, now(p.faults), fault.misjudgedBeside, func(_ fault, i int) []string { return p.share(nth, i) })
		})
	}
}

// judgeEach runs the cases that match what cases returns on each fault or control, and reports each when misjudged has
// looked at its report.
func (p planted) judgeEach(t *testing.T, all []fault, misjudged func(fault, conformance.Report) string, cases func(f fault, nth int) []string) {
	t.Helper()
	type verdict struct{ name, wrong string }
	judge := func(nth int, opts ...conformance.Option) verdict {
		f := all[nth]
		rep, _ := p.judge(t.Context(), f, append(opts, conformance.Only(cases(f, nth)...))...)
		return verdict{strings.ReplaceAll(f.clause+"/"+f.name(), " ", "-"), misjudged(f, rep)}
	}
	report := func(v verdict) {
		t.Run(v.name, func(t *testing.T) { require.Empty(t, v.wrong) })
	}
	for i, f := range all {
		if f.alone || measures(f.clause) {
			report(judge(i))
		}
	}
	verdicts := make(chan verdict, len(all))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 12) // most of a fault's time is spent waiting
	for i, f := range all {
		if !f.alone && !measures(f.clause) {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				verdicts <- judge(i, conformance.Parallel(2))
			})
		}
	}
	go func() {
		wg.Wait()
		close(verdicts)
	}()
	for v := range verdicts {
		report(v)
	}
}

// now is all, and one in four of them under the race detector, which is there to find races of the suite: a few faults of
// each kind are enough for that, and it makes each several times dearer.
func now(all []fault) []fault {
	if !underRaceDetector {
		return all
	}
	var some []fault
	for i, f := range all {
		racy := strings.HasPrefix(f.name(), "no lock") // which is what is wrong with it
		if i%4 == 0 && !racy {
			some = append(some, f)
		}
	}
	return some
}

// measures tells whether the cases of the clause measure this process, so that nothing may run beside them.
func measures(clause string) bool {
	return slices.ContainsFunc(catalog.Cases(), func(c catalog.Case) bool { return c.Serial && c.Clauses[0] == clause })
}

// share is one in so many of the cases, from the nth on.
func (p planted) share(oneIn, nth int) []string {
	var cases []string
	for i, c := range catalog.Cases() {
		busy := c.Serial || c.Clauses[0] == "STR-5" // which has 16 goroutines write
		if c.Role == p.role && !busy && i%oneIn == nth%oneIn {
			cases = append(cases, c.ID(""))
		}
	}
	return cases
}
