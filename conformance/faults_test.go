package conformance_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// The cases that must catch a fault do catch it, and until then accuse no clause that has nothing to do with it.
func TestFaultsAreCaught(t *testing.T) {
	t.Parallel()
	judgeEach(t, untilCaught, func(p planted) []fault { return p.faults },
		func(_ planted, f fault, _ int) []string { return f.cases })
}

// No case accuses a fault of a clause that has nothing to do with it, or a control of any. Some cases are run on each, not the
// same for each; make matrix runs all.
func TestNothingElseIsAccused(t *testing.T) {
	t.Parallel()
	oneIn := map[spec.Role]int{spec.RoleFramer: 6, spec.RolePool: 90, spec.RoleWorker: 60}
	judgeEach(t, besideOwn, planted.all, func(p planted, f fault, nth int) []string {
		if f.clause == "" {
			return p.share(12, nth)
		}
		return p.share(oneIn[p.role], nth)
	})
}

// judgeUntilCaught is like judge, and ends the run once the clause that the fault breaks is accused.
func (p planted) judgeUntilCaught(ctx context.Context, f fault, opts ...conformance.Option) (conformance.Report, string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	caught := func(r result.Result) {
		if slices.ContainsFunc(r.Findings, func(found result.Finding) bool { return found.Clause == f.clause }) {
			cancel()
		}
	}
	return p.judge(ctx, f, append(opts, conformance.OnResult(caught))...)
}

// judgeBeside is like judge, with cases that need not find the fault.
func (p planted) judgeBeside(ctx context.Context, f fault, opts ...conformance.Option) (conformance.Report, string) {
	rep, _ := p.judge(ctx, f, opts...)
	return rep, f.misjudgedBeside(rep)
}

// judgeEach judges each fault or control of each role by the cases that match what cases returns, and reports each when it is
// judged. Those that nothing may run beside have a process of their own, and so has what was not seen beside others.
func judgeEach(t *testing.T, how string, of func(planted) []fault, cases func(p planted, f fault, nth int) []string) {
	t.Helper()
	slots := make(chan struct{}, map[string]int{untilCaught: 12, besideOwn: 6}[how]) // a fault is mostly waited for
	apart := make(chan struct{}, 2)
	judgedApart := func(ctx context.Context, o order) string {
		apart <- struct{}{}
		defer func() { <-apart }()
		_, wrong := o.carryOut(ctx)
		return wrong
	}
	judged := func(ctx context.Context, p planted, f fault, nth int) string {
		name := string(p.role) + "/" + f.name()
		if f.alone || how == untilCaught && measures(f.clause) {
			return judgedApart(ctx, order{name, cases(p, f, nth), how})
		}
		slots <- struct{}{}
		rep, wrong := judges[how](p, ctx, f, conformance.Parallel(2), conformance.Only(cases(p, f, nth)...))
		<-slots
		if again := f.unseen(rep, how); again != nil {
			return judgedApart(ctx, order{name, again, byAll})
		}
		return wrong
	}
	for _, p := range allPlanted {
		t.Run(string(p.role), func(t *testing.T) {
			t.Parallel()
			type verdict struct{ name, wrong string }
			verdicts := make(chan verdict)
			var wg sync.WaitGroup
			for nth, f := range now(of(p)) {
				wg.Go(func() {
					verdicts <- verdict{strings.ReplaceAll(f.clause+"/"+f.name(), " ", "-"), judged(t.Context(), p, f, nth)}
				})
			}
			go func() {
				wg.Wait()
				close(verdicts)
			}()
			for v := range verdicts {
				t.Run(v.name, func(t *testing.T) { require.Empty(t, v.wrong) })
			}
		})
	}
}

// unseen is what a machine that is busy with a dozen other faults may not have shown: the cases of a control that were blocked,
// and those that missed a fault, of which some show only where two moments meet. They are tried once more, apart, and then each
// control must pass them and each fault be found. What was accused is not tried again.
func (f fault) unseen(rep conformance.Report, how string) (cases []string) {
	missed := how == untilCaught && f.clause != "" && len(kills(rep)[f.clause]) == 0
	blocked := how == besideOwn && f.clause == ""
	if f.misjudgedBeside(rep) != "" {
		return nil
	}
	for _, r := range rep.Results {
		if missed || blocked && r.Status != result.StatusPass {
			cases = append(cases, r.ID)
		}
	}
	return cases
}

func TestABlockedCaseOfAControlIsTriedOnceMoreAndAnAccusationIsNot(t *testing.T) {
	blocked := conformance.Report{Results: []result.Result{{ID: "HLT-1/a", Status: result.StatusPass}, {ID: "HLT-1/b", Status: result.StatusBlocked}}}
	require.Equal(t, []string{"HLT-1/b"}, odd("slow").unseen(blocked, besideOwn))
	require.Empty(t, breaks("HLT-1", "wrong").unseen(blocked, besideOwn))
	require.NotEmpty(t, odd("slow").misjudged(blocked), "the second trial is as strict as make matrix")

	accused := blocked
	accused.Results = append(accused.Results, result.Result{ID: "HLT-1/c", Status: result.StatusFail, Findings: []result.Finding{{Clause: "HLT-1"}}})
	require.Empty(t, odd("slow").unseen(accused, besideOwn))
}

func TestAFaultThatWasMissedIsTriedOnceMoreAndOneThatWasFoundIsNot(t *testing.T) {
	rep := conformance.Report{Results: []result.Result{{ID: "HLT-1/a", Status: result.StatusPass}}}
	require.Equal(t, []string{"HLT-1/a"}, breaks("HLT-1", "wrong").unseen(rep, untilCaught))
	require.NotEmpty(t, breaks("HLT-1", "wrong").misjudged(rep), "the second trial is as strict as make matrix")

	rep.Results[0] = result.Result{ID: "HLT-1/a", Status: result.StatusFail, Findings: []result.Finding{{Clause: "HLT-1"}}}
	require.Empty(t, breaks("HLT-1", "wrong").unseen(rep, untilCaught))
}

// now is all, and one in twelve of them under the race detector, which is there to find races of the suite: a few faults of
// each kind are enough for that, and it makes each several times dearer.
func now(all []fault) []fault {
	if !underRaceDetector {
		return all
	}
	var some []fault
	for i, f := range all {
		racy := strings.HasPrefix(f.name(), "no lock") || f.clause == "MSG-19" // which is what is wrong with it
		if i%12 == 0 && !racy {
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
		// 16 goroutines write in those of STR-5, and 65,536 calls take as much work as all other cases of a pool.
		busy := c.Serial || c.Clauses[0] == "STR-5" || c.Name == "ids-are-not-used-again-after-65536-calls"
		if c.Role == p.role && !busy && i%oneIn == nth%oneIn {
			cases = append(cases, c.ID(""))
		}
	}
	return cases
}
