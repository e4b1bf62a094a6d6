package gate_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchfmt"

	"github.com/pyproctest/pyproctest/bench/gate"
	"github.com/pyproctest/pyproctest/bench/results"
)

// testdata/base.txt and head.txt are a real comparison of a commit with itself, on a machine that had
// much else to do, and testdata/base-again.txt and head-again.txt are another.

func recorded(t *testing.T) (base, head results.Set) { return recordedAs(t, "") }

func recordedAs(t *testing.T, suffix string) (base, head results.Set) {
	t.Helper()
	base, err := results.ReadFile("testdata/base" + suffix + ".txt")
	require.NoError(t, err)
	head, err = results.ReadFile("testdata/head" + suffix + ".txt")
	require.NoError(t, err)
	return base, head
}

func judge(t *testing.T, base, head results.Set) gate.Verdict {
	t.Helper()
	v, err := gate.Judge(base, head, gate.Rules)
	require.NoError(t, err)
	return v
}

func TestACommitIsNotWorseThanItself(t *testing.T) {
	base, head := recorded(t)
	again, headAgain := recordedAs(t, "-again")
	require.Empty(t, judge(t, base, head).Confirm(judge(t, again, headAgain)).Failures())
	require.Empty(t, judge(t, head, base).Confirm(judge(t, headAgain, again)).Failures())
}

// renamed is a recorded comparison with some of its rounds taken the other way round. Base and head are
// the same code, so which of two neighbouring runs is whose is a matter of name, and each way to name
// them is one more comparison of a commit with itself, with real noise.
func renamed(t *testing.T, random *rand.Rand, suffix string) (base, head results.Set) {
	t.Helper()
	base, head = recordedAs(t, suffix)
	var swap [10]bool
	for i := range swap {
		swap[i] = random.IntN(2) == 0
	}
	round := map[string]int{}
	for i, r := range base.Results {
		require.Equal(t, r.Name, head.Results[i].Name)
		row := string(r.Name) + r.GetConfig("placement")
		if swap[round[row]] {
			base.Results[i], head.Results[i] = head.Results[i], r
		}
		round[row]++
	}
	return base, head
}

var recordings = []string{"", "-again"}

func TestRealNoiseAloneAlarmsAtMostOnceInTwentyComparisons(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 0))
	alarms, suspects := 0, 0
	const comparisons = 40
	for i := range comparisons {
		base, head := renamed(t, random, recordings[i%2])
		verdict := judge(t, base, head)
		if len(verdict.Failures()) == 0 {
			continue
		}
		suspects++
		base, head = renamed(t, random, recordings[1-i%2])
		if len(verdict.Confirm(judge(t, base, head)).Failures()) > 0 {
			alarms++
		}
	}
	t.Logf("%d suspects, %d alarms in %d comparisons", suspects, alarms, comparisons)
	require.LessOrEqual(t, alarms, comparisons/20)
}

func TestTenPercentMoreInOneOperationIsCaughtInRealNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 0))
	for i := range 20 {
		operation := []string{"encode/framing=enhanced", "encode/framing=basic", "decode/framing=enhanced", "decode/framing=basic"}[i%4]
		slowed := func(suffix string) gate.Verdict {
			base, head := renamed(t, random, suffix)
			rows := names(base, "Framing/op="+operation)
			require.Len(t, rows, 5)
			for _, name := range rows {
				change(head, name, "x-floor", func(x float64) float64 { return 1.1 * x })
			}
			return judge(t, base, head)
		}
		failures := slowed(recordings[0]).Confirm(slowed(recordings[1])).Failures()
		require.NotEmpty(t, failures, operation)
		for _, j := range failures {
			require.Contains(t, j.Row, operation)
		}
	}
}

func TestWhatIsWorseOnceWasChanceAndTwiceIsWorse(t *testing.T) {
	base, _ := recorded(t)
	slowed, _ := recorded(t)
	name := names(base, "Framing/op=encode")[2]
	change(slowed, name, "x-floor", func(x float64) float64 { return 1.2 * x })
	once := judge(t, base, slowed).Confirm(judge(t, base, base))
	require.Empty(t, once.Failures())
	require.Equal(t, gate.Chance, find(t, once, name, "x-floor").Change)
	requireWorse(t, judge(t, base, slowed).Confirm(judge(t, base, slowed)), name, "x-floor")
}

func TestTenPercentLessIsBetter(t *testing.T) {
	base, _ := recorded(t)
	head, _ := recorded(t)
	name := names(base, "Framing/op=encode")[0]
	change(head, name, "x-floor", func(x float64) float64 { return 0.9 * x })
	v := judge(t, base, head)
	require.Empty(t, v.Failures())
	require.Equal(t, gate.Better, find(t, v, name, "x-floor").Change)
}

func TestOneAllocationMoreIsWorseInEachRow(t *testing.T) {
	base, _ := recorded(t)
	fromZero := 0
	for _, name := range names(base, "") {
		_, head := recorded(t)
		change(head, name, "allocs/op", func(x float64) float64 {
			if x == 0 {
				fromZero++
			}
			return x + 1
		})
		requireWorse(t, judge(t, base, head), name, "allocs/op")
	}
	require.NotZero(t, fromZero, "no row had allocs/op 0, so the rule for it was not tried")
}

func TestAllocationsOfFewRunsAreNoise(t *testing.T) {
	base, _ := recorded(t)
	head, _ := recorded(t)
	run := 0
	change(head, names(base, "Framing/op=encode")[0], "allocs/op", func(x float64) float64 {
		if run++; run <= 2 {
			return x + 1
		}
		return x
	})
	require.Empty(t, judge(t, base, head).Failures())
}

func TestTimesAreNotJudged(t *testing.T) {
	base, head := recorded(t)
	for _, name := range names(base, "") {
		change(head, name, "sec/op", func(x float64) float64 { return 3 * x })
	}
	require.Empty(t, judge(t, base, head).Failures())
}

func TestAMissingRowFails(t *testing.T) {
	base, head := recorded(t)
	name := names(base, "Calls")[0]
	var rest []*benchfmt.Result
	for _, r := range head.Results {
		if string(r.Name) != name {
			rest = append(rest, r)
		}
	}
	head.Results = rest
	v := judge(t, base, head)
	require.NotEmpty(t, v.Failures())
	for _, j := range v.Failures() {
		require.Equal(t, gate.Missing, j.Change)
		require.Equal(t, name, j.Row)
	}
}

func TestARowThatTheBaseDoesNotHaveIsNoVerdict(t *testing.T) {
	base, head := recorded(t)
	base.Results = slices.DeleteFunc(base.Results, func(r *benchfmt.Result) bool { return string(r.Name) != names(head, "Calls")[0] })
	v := judge(t, base, head)
	require.NotEmpty(t, v.Failures(), "a base that was cut off after its first row")
	for _, j := range v.Failures() {
		require.Equal(t, gate.New, j.Change)
	}
	var text strings.Builder
	require.NoError(t, v.Print(&text))
	require.Contains(t, text.String(), "verdict: FAILS")
}

func TestPlacementsAreNotMixed(t *testing.T) {
	base, head := recorded(t)
	for _, r := range head.Results {
		r.SetConfig("placement", "elsewhere")
	}
	failures := judge(t, base, head).Failures()
	require.NotEmpty(t, failures)
	for _, j := range failures {
		require.True(t, j.Unknown(), "%s", j)
	}
}

func TestTooFewRunsAreNoVerdict(t *testing.T) {
	base, head := recorded(t)
	base.Results, head.Results = base.Results[:len(base.Results)/5], head.Results[:len(head.Results)/5]
	failures := judge(t, base, head).Failures()
	require.NotEmpty(t, failures)
	require.Equal(t, gate.TooFew, failures[0].Change)
}

func TestASideWithoutMeasurementsIsNoVerdict(t *testing.T) {
	whole, _ := recorded(t)
	empty := results.Set{File: "empty.txt"}
	for _, sides := range [][2]results.Set{{empty, whole}, {whole, empty}, {empty, empty}} {
		_, err := gate.Judge(sides[0], sides[1], gate.Rules)
		require.ErrorContains(t, err, "empty.txt has 0 results, and none that a rule chooses; were the benchmarks run")
	}
}

func TestWhatWasNotMeasuredAgainIsStillWorse(t *testing.T) {
	base, _ := recorded(t)
	slowed, _ := recorded(t)
	name := names(base, "Framing/op=encode")[0]
	change(slowed, name, "x-floor", func(x float64) float64 { return 1.2 * x })
	others := func(set results.Set) results.Set {
		set.Results = slices.DeleteFunc(slices.Clone(set.Results), func(r *benchfmt.Result) bool { return string(r.Name) == name })
		return set
	}
	requireWorse(t, judge(t, base, slowed).Confirm(judge(t, others(base), others(slowed))), name, "x-floor")
}

func TestAFileThatWasAppendedToItselfIsNoVerdict(t *testing.T) {
	text, err := os.ReadFile("testdata/base.txt")
	require.NoError(t, err)
	half := text[:bytes.Index(text, []byte("\nplacement: pinned\n\nBenchmarkFraming/op=encode/framing=enhanced/size=0B 459"))+1]
	doubled, err := results.Read(bytes.NewReader(slices.Repeat(half, 10)), "doubled.txt")
	require.NoError(t, err)
	_, head := recorded(t)
	_, err = gate.Judge(doubled, head, gate.Rules)
	line := 1 + bytes.Count(half, []byte("\n")) + 1 + bytes.Count(half[:bytes.Index(half, []byte("\nBenchmark"))], []byte("\n"))
	require.ErrorContains(t, err, fmt.Sprintf("doubled.txt:%d: the results from here on are those from line 9 on once more", line))
}

func TestOneResultThatIsThereTwiceIsChance(t *testing.T) {
	base, head := recorded(t)
	base.Results = append(base.Results, base.Results[0])
	judge(t, base, head)
}

func TestAPercentageOfNothingIsNoVerdict(t *testing.T) {
	base, head := recorded(t)
	name := names(base, "Framing/op=encode")[0]
	change(base, name, "x-floor", func(float64) float64 { return 0 })
	_, err := gate.Judge(base, head, gate.Rules)
	require.ErrorContains(t, err, "testdata/base.txt:9: x-floor of "+name+" is 0")
}

func TestAJudgedUnitMustBeDeclared(t *testing.T) {
	set, err := results.Read(strings.NewReader("BenchmarkFraming/op=encode 1 1.0 x-floor\n"), "undeclared")
	require.NoError(t, err)
	_, err = gate.Judge(set, set, gate.Rules)
	require.ErrorContains(t, err, "undeclared:1: ")
	require.ErrorContains(t, err, "Unit x-floor better=lower")
}

func TestAJudgedUnitIsOneInWhichLowerIsBetter(t *testing.T) {
	set, err := results.Read(strings.NewReader("Unit x-floor better=higher\nBenchmarkFraming/op=encode 1 1.0 x-floor\n"), "higher")
	require.NoError(t, err)
	_, err = gate.Judge(set, set, gate.Rules)
	require.ErrorContains(t, err, "higher:2: x-floor is judged as a unit in which lower is better, and the file declares that higher is")
}

// Noise of a kind that machines make: a few percent, rows that switch between two speeds, and runs that
// were interrupted.
func TestNoiseAloneAlarmsLessThanOnceInAHundredComparisons(t *testing.T) {
	seed := uint64(1)
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	noise := func(row int) float64 {
		x := math.Exp(0.03 * random.NormFloat64())
		if row%5 == 0 && random.IntN(2) == 0 {
			x *= 1.4
		}
		if random.IntN(20) == 0 {
			x *= 1 + 3*random.Float64()
		}
		return x
	}
	alarms := 0
	const comparisons = 100
	for range comparisons {
		first := judge(t, generated(t, noise), generated(t, noise))
		if len(first.Failures()) == 0 {
			continue
		}
		if len(first.Confirm(judge(t, generated(t, noise), generated(t, noise))).Failures()) > 0 {
			alarms++
		}
	}
	t.Logf("%d alarms in %d comparisons", alarms, comparisons)
	require.LessOrEqual(t, alarms, comparisons/100)
}

func TestTenPercentInNoiseIsCaught(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 0))
	for range 100 {
		noise := func(int) float64 { return math.Exp(0.02 * random.NormFloat64()) }
		base := generated(t, noise)
		head := generated(t, func(row int) float64 {
			if row == 7 {
				return 1.1 * noise(row)
			}
			return noise(row)
		})
		requireWorse(t, judge(t, base, head), "Framing/op=encode/size=7", "x-floor")
	}
}

// generated are ten runs of forty rows.
func generated(t *testing.T, noise func(row int) float64) results.Set {
	t.Helper()
	var b strings.Builder
	b.WriteString("Unit x-floor better=lower\nplacement: pinned\n")
	for range 10 {
		for row := range 40 {
			fmt.Fprintf(&b, "BenchmarkFraming/op=encode/size=%d 1 %.6f x-floor\n", row, 1.2*noise(row))
		}
	}
	set, err := results.Read(strings.NewReader(b.String()), "generated")
	require.NoError(t, err)
	return set
}

func names(set results.Set, prefixes ...string) []string {
	var all []string
	seen := map[string]bool{}
	for _, r := range set.Results {
		name := string(r.Name)
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) && !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}

func change(set results.Set, name, unit string, to func(float64) float64) {
	for _, r := range set.Results {
		if string(r.Name) != name {
			continue
		}
		for i := range r.Values {
			if r.Values[i].Unit == unit {
				r.Values[i].Value = to(r.Values[i].Value)
			}
		}
	}
}

func find(t *testing.T, v gate.Verdict, name, unit string) gate.Judgement {
	t.Helper()
	for _, j := range v.Judgements {
		if j.Row == name && j.Unit == unit {
			return j
		}
	}
	t.Fatalf("no judgement of %s of %s", unit, name)
	return gate.Judgement{}
}

func requireWorse(t *testing.T, v gate.Verdict, name, unit string) {
	t.Helper()
	j := find(t, v, name, unit)
	require.Equal(t, gate.Worse, j.Change, "%s", j)
}
