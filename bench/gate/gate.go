// Package gate judges whether one version of the code is slower than another, from results of both that
// were measured turn by turn.
//
// It judges ratios to a floor of the same run, and allocations, but never times: those belong to a
// machine and a moment. A measurement is worse if two things hold: the rise is beyond its rule's limit,
// and the Mann-Whitney U-test says that chance would hardly do that. Of a hundred rows chance does it to
// one now and then, so what looks worse is measured once more, and counts if it is worse again
// ([Verdict.Confirm]): that catches a real change as surely, and a row that was unlucky twice is rare.
package gate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchproc"

	"github.com/pyproctest/pyproctest/bench/results"
)

// Rule says how far a unit may rise before that counts. The first rule that matches is the one.
type Rule struct {
	// Filter chooses measurements, in the syntax of golang.org/x/perf/benchproc/syntax.
	Filter string

	// Rise is the limit relative to the base: 0.05 is 5 %. Where it is 0 the limit is Add.
	Rise float64

	// Add is the limit in the unit itself, which also judges a base of 0, where every rise is
	// infinitely many percent. Where it is 0 a base of 0 must stay 0.
	Add float64
}

// Rules are those of bench-compare. The limits are what the noise of a machine that others use leaves.
var Rules = []Rule{
	{Filter: `.unit:("allocs/op")`, Add: 0.5},
	{Filter: `.unit:("errors-elsewhere/op")`, Add: 0},
	{Filter: `.name:Framing /op:(encode OR decode) .unit:x-floor`, Rise: 0.05},
	{Filter: `.name:Framing .unit:x-floor`, Rise: 0.25}, // writers, and what allocates: the collector runs when it likes
	{Filter: `.name:Calls placement:pinned .unit:x-floor`, Rise: 0.10},
	{Filter: `.name:Calls placement:unpinned .unit:x-floor`, Rise: 0.25},
	{Filter: `.name:(Start OR Recovery) .unit:x-floor`, Rise: 0.25},
	{Filter: `.name:Idle .unit:x-floor`, Rise: 0.10},
}

// Alpha is the level of the test of one measurement.
const Alpha = 0.01

// Change is what became of one measurement of one row.
type Change string

// The changes. Worse, New, Missing and TooFew fail the comparison.
const (
	Same    Change = "same"
	Better  Change = "better"
	Worse   Change = "worse"
	New     Change = "new"     // in the head alone: the base could not run it, or its file is not whole
	Missing Change = "missing" // in the base alone
	TooFew  Change = "too few" // so few runs that no difference could be told from chance
	Chance  Change = "chance"  // worse at first, but not when it was measured once more
)

// Judgement is that of one measurement of one row.
type Judgement struct {
	Row, Placement, Unit string
	Change               Change
	Base, Head           benchmath.Summary // of those runs that there are
	Runs                 [2]int            // of base and head
	P                    float64
	Rule                 Rule
}

// Bad says whether the judgement fails the comparison.
func (j Judgement) Bad() bool {
	return j.Change == Worse || j.Unknown()
}

// Unknown says whether nothing can be said of the measurement. Both sides run the same benchmarks, so
// that a row which only one of them has is one that the other could not run.
func (j Judgement) Unknown() bool {
	return j.Change == New || j.Change == Missing || j.Change == TooFew
}

// Verdict is the judgement of every row that a rule chooses.
type Verdict struct {
	Judgements []Judgement
}

// Failures are the judgements that fail the comparison.
func (v Verdict) Failures() []Judgement {
	var bad []Judgement
	for _, j := range v.Judgements {
		if j.Bad() {
			bad = append(bad, j)
		}
	}
	return bad
}

// Confirm is the verdict after the rows that were worse have been measured once more: what was measured
// again and is not worse was chance. A row that again does not hold fails as it did.
func (v Verdict) Confirm(again Verdict) Verdict {
	type id struct{ row, placement, unit string }
	good := map[id]bool{}
	for _, j := range again.Judgements {
		if !j.Bad() {
			good[id{j.Row, j.Placement, j.Unit}] = true
		}
	}
	confirmed := Verdict{Judgements: slices.Clone(v.Judgements)}
	for i, j := range confirmed.Judgements {
		if j.Change == Worse && good[id{j.Row, j.Placement, j.Unit}] {
			confirmed.Judgements[i].Change = Chance
		}
	}
	return confirmed
}

// Judge compares head with base. The error tells of a rule that cannot be read, and of results that
// cannot be judged: a side without any, runs that are there twice, a percentage of 0, and units that are
// judged though the results do not declare that lower is better.
func Judge(base, head results.Set, rules []Rule) (Verdict, error) {
	p, err := newProjector(rules)
	if err != nil {
		return Verdict{}, err
	}
	before, errBase := p.measurements(base)
	after, errHead := p.measurements(head)
	if err := errors.Join(errBase, errHead); err != nil {
		return Verdict{}, err
	}
	var keys []benchproc.Key
	for k := range before {
		keys = append(keys, k)
	}
	for k := range after {
		if before[k] == nil {
			keys = append(keys, k)
		}
	}
	benchproc.SortKeys(keys)

	var v Verdict
	for _, k := range keys {
		j := Judgement{Row: k.Get(p.row), Placement: k.Get(p.placement), Unit: k.Get(p.unit)}
		j.judge(before[k], after[k])
		v.Judgements = append(v.Judgements, j)
	}
	return v, nil
}

// judge decides on one measurement. Lower is better for all that are judged.
func (j *Judgement) judge(before, after *measurement) {
	sample := func(m *measurement) *benchmath.Sample {
		if m == nil {
			return nil
		}
		j.Rule = m.rule
		return benchmath.NewSample(m.values, &benchmath.Thresholds{CompareAlpha: Alpha})
	}
	const confidence = 0.95
	b, h := sample(before), sample(after)
	if b != nil {
		j.Base, j.Runs[0] = benchmath.AssumeNothing.Summary(b, confidence), len(b.Values)
	}
	if h != nil {
		j.Head, j.Runs[1] = benchmath.AssumeNothing.Summary(h, confidence), len(h.Values)
	}
	switch {
	case b == nil:
		j.Change = New
		return
	case h == nil:
		j.Change = Missing
		return
	case leastP(len(b.Values), len(h.Values)) > Alpha:
		j.Change = TooFew
		return
	}
	comparison := benchmath.AssumeNothing.Compare(b, h)
	j.P = comparison.P
	j.Change = Same
	if rise := j.Head.Center - j.Base.Center; comparison.P < Alpha || allOf(b, 0) {
		switch limit := max(j.Rule.Rise*j.Base.Center, j.Rule.Add); {
		case rise > limit:
			j.Change = Worse
		case -rise > limit:
			j.Change = Better
		}
	}
}

// allOf says whether every value is v: then nothing is left to chance, and the test, which ranks
// values, has nothing to rank them by.
func allOf(s *benchmath.Sample, v float64) bool {
	return !slices.ContainsFunc(s.Values, func(x float64) bool { return cmp.Compare(x, v) != 0 })
}

// leastP is the smallest P that the U-test can give for so many values: 2/C(n+m, n).
func leastP(n, m int) float64 {
	p := 2.0
	for i := 1; i <= n; i++ {
		p *= float64(i) / float64(m+i)
	}
	return p
}

// String says the judgement in one line.
func (j Judgement) String() string {
	where := j.Row
	if j.Placement != "" {
		where += " (" + j.Placement + ")"
	}
	switch j.Change {
	case Missing:
		return fmt.Sprintf("%s: %s was %.4g, and there is no such row any more", where, j.Unit, j.Base.Center)
	case New:
		return fmt.Sprintf("%s: %s is %.4g, and the base has no such row", where, j.Unit, j.Head.Center)
	case TooFew:
		return fmt.Sprintf("%s: %s has %d and %d runs, too few to tell a difference from chance", where, j.Unit, j.Runs[0], j.Runs[1])
	}
	change := "from 0"
	if j.Base.Center != 0 {
		change = fmt.Sprintf("%+.1f %%", 100*(j.Head.Center/j.Base.Center-1))
	}
	return fmt.Sprintf("%s: %s %.4g → %.4g, %s (p = %.2g)", where, j.Unit, j.Base.Center, j.Head.Center, change, j.P)
}
