package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/gate"
	"github.com/pyproctest/pyproctest/bench/results"
	"github.com/pyproctest/pyproctest/bench/rounds"
	"github.com/pyproctest/pyproctest/bench/rows"
	"github.com/pyproctest/pyproctest/conformance"
)

// The results are of two runs of the same code, ten rounds each, that the gate's own tests judge as well.
const (
	oldResults = "../../../bench/gate/testdata/base.txt"
	newResults = "../../../bench/gate/testdata/head.txt"
)

// judgedResults judges new results, changed by a function, against the old ones, as a run with --compare does at its end.
func judgedResults(t *testing.T, change func(text string) string) (verdict string, err error) {
	t.Helper()
	text, err := os.ReadFile(newResults)
	require.NoError(t, err)
	b := &benchFlags{compare: oldResults, out: t.TempDir()}
	old, err := b.old()
	require.NoError(t, err)
	file := filepath.Join(b.out, "results.txt")
	require.NoError(t, os.WriteFile(file, []byte(change(string(text))), 0o600))
	var stdout, stderr bytes.Buffer
	err = b.judge(t.Context(), &stdout, &stderr, *old, file, &rounds.Plan{})
	return stdout.String(), err
}

func TestWhatIsNotWorseThanTheOldResultsPasses(t *testing.T) {
	verdict, err := judgedResults(t, func(text string) string { return text })
	require.NoError(t, err)
	require.Contains(t, verdict, "verdict: not worse")
}

func TestWhatIsWorseThanTheOldResultsFails(t *testing.T) {
	ratio := regexp.MustCompile(`([\d.]+) x-floor`)
	verdict, err := judgedResults(t, func(text string) string {
		return ratio.ReplaceAllStringFunc(text, func(found string) string {
			v, err := strconv.ParseFloat(strings.TrimSuffix(found, " x-floor"), 64)
			require.NoError(t, err)
			return strconv.FormatFloat(v*1.5, 'g', 6, 64) + " x-floor"
		})
	})
	require.Equal(t, &exit{statusViolated}, err)
	require.Contains(t, verdict, "verdict: WORSE")
}

func TestTooFewRunsAreNoVerdict(t *testing.T) {
	seen := map[string]int{}
	verdict, err := judgedResults(t, func(text string) string {
		var few strings.Builder
		for line := range strings.Lines(text) {
			name, _, _ := strings.Cut(line, " ")
			if seen[name]++; !strings.HasPrefix(line, "Benchmark") || seen[name] <= 2 {
				few.WriteString(line)
			}
		}
		return few.String()
	})
	require.Equal(t, &exit{statusViolated}, err)
	require.Contains(t, verdict, "too few")
}

func TestRatiosToDifferentFloorsAreNoVerdict(t *testing.T) {
	_, err := judgedResults(t, func(text string) string { return "floor-checksum: zlib\n" + text })
	require.ErrorContains(t, err, `no verdict: floor-checksum is "" in`)
	require.ErrorContains(t, err, `and "zlib" in`)
}

func TestOnlyWhatLooksWorseIsMeasuredAgain(t *testing.T) {
	all := rows.Worker("yours", conformance.Command("worker"), rows.Quick)
	again := suspectsOf([][]rows.Row{all, rows.Worker("against", conformance.Command("other"), rows.Quick)}, gate.Verdict{Judgements: []gate.Judgement{
		{Row: all[0].Name() + "-2", Placement: all[0].Placement, Unit: "x-floor", Change: gate.Worse},
		{Row: all[1].Name() + "-2", Placement: all[1].Placement, Unit: "x-floor", Change: gate.Same},
		{Row: "Calls/side=gone-2", Placement: all[0].Placement, Unit: "x-floor", Change: gate.Missing},
	}})
	require.Len(t, again, 1)
	require.Len(t, again[0], 1)
	require.Equal(t, all[0].String(), again[0][0].String())
}

func TestWhatTheConfigurationSaysIsReadAgain(t *testing.T) {
	set, err := results.Read(strings.NewReader("subject: mine\nBenchmarkFraming/side=yours 1 1 x-floor\nfloor-checksum: zlib\nBenchmarkCalls/side=yours 1 1 x-floor\n"), "both")
	require.NoError(t, err)
	require.Equal(t, "zlib", setting(set, "floor-checksum"), "rows before the first call have none")
}
