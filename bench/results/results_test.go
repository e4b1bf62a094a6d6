package results_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/results"
)

const header = "Unit x-floor better=lower\nUnit allocs/op better=lower\nplacement: pinned\n"

func TestWhatCannotHaveBeenMeasuredIsNamedByFileAndLine(t *testing.T) {
	for name, c := range map[string]struct{ line, problem string }{
		"NaN":               {"BenchmarkA 1 NaN x-floor\n", "x-floor of A is NaN, which is no measurement"},
		"NaN of a time":     {"BenchmarkA 1 NaN ns/op 1 x-floor\n", "ns/op of A is NaN, which is no measurement"},
		"infinite":          {"BenchmarkA 1 +Inf x-floor\n", "x-floor of A is +Inf, which is no measurement"},
		"infinite below":    {"BenchmarkA 1 -Inf x-floor\n", "x-floor of A is -Inf, which is no measurement"},
		"over what is real": {"BenchmarkA 1 1.7e308 x-floor\n", "x-floor of A is 1.7e+308, which is no measurement"},
		"infinite as bytes": {"BenchmarkA 1 1.7e308 MB/s\n", "MB/s of A is 1.7e+308, which is no measurement"},
		"no number of Go's": {"BenchmarkA 1 1e999 x-floor\n", "parsing measurement"},
		"negative":          {"BenchmarkA 1 -1.5 x-floor\n", "x-floor of A is -1.5, and nothing measured is below 0"},
		"negative count":    {"BenchmarkA 1 1.5 x-floor -1 allocs/op\n", "allocs/op of A is -1, and nothing measured is below 0"},
		"no time":           {"BenchmarkA 1 0 x-floor\n", "x-floor of A is 0, so it would have taken no time at all"},
		"no runs":           {"BenchmarkA 0 1.5 x-floor\n", "A ran 0 times"},
		"a unit twice":      {"BenchmarkA 1 1.5 x-floor 2.5 x-floor\n", "x-floor of A is there twice in one line"},
		"a unit missing":    {"BenchmarkA 1 1.5\n", "missing units"},
		"a number missing":  {"BenchmarkA 1 \n", "missing measurements"},
		"cut in a number":   {"BenchmarkA 1 1.5 x-floor 12", "missing units"},
		"cut in a unit":     {"BenchmarkA 1 1.5 x-fl", "the last line is cut off"},
		"cut in a name":     {"BenchmarkA", "the last line is cut off"},
		"two units in one":  {"Unit x-floor better=higher\n", "metadata better of unit x-floor already set to lower"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := results.Read(strings.NewReader(header+c.line), "base.txt")
			require.ErrorContains(t, err, "base.txt:4: "+c.problem)
		})
	}
}

func TestEachWrongLineIsNamed(t *testing.T) {
	_, err := results.Read(strings.NewReader(header+"BenchmarkA 1 NaN x-floor\nBenchmarkA 1 1 x-floor\nBenchmarkA 1 Inf x-floor\n"), "base.txt")
	require.ErrorContains(t, err, "base.txt:4: ")
	require.ErrorContains(t, err, "base.txt:6: ")
	require.NotContains(t, err.Error(), "base.txt:5: ")
}

func TestZeroCountsAreMeasurements(t *testing.T) {
	set, err := results.Read(strings.NewReader(header+"BenchmarkA 1 1.5 x-floor 0 allocs/op 0 errors-elsewhere/op\n"), "base.txt")
	require.NoError(t, err)
	require.Len(t, set.Results, 1)
	require.Equal(t, "base.txt", set.File)
}

func TestAllThatWasKeptSoFarCanBeRead(t *testing.T) {
	for _, folder := range []string{"../baselines", "../gate/testdata"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			_, err := results.ReadFile(f)
			require.NoError(t, err)
		}
	}
}
