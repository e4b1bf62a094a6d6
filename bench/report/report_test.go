package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/results"
)

// measured is a run with some rows of each kind, three times.
func measured(t *testing.T) results.Set {
	t.Helper()
	var b strings.Builder
	b.WriteString("cpu: some <processor>\nyours: FAILS WRK-14, so its numbers do not count\n")
	for range 3 {
		for _, placement := range []string{"pinned", "unpinned"} {
			fmt.Fprintf(&b, "placement: %s\n", placement)
			for _, side := range []string{"pool", "yours", "json-rpc", "grpc"} {
				framing := "enhanced"
				if side == "json-rpc" || side == "grpc" {
					framing = "own"
				}
				for i, callers := range []int{1, 16} {
					ratio := map[string]float64{"pool": 1.25, "yours": 1.5, "json-rpc": 5, "grpc": 20}[side]
					fmt.Fprintf(&b, "BenchmarkCalls/side=%s/framing=%s/workers=1/size=64B/callers=%d-2 1 %g ns/op %g x-floor %d calls/s 50000 floor-calls/s 20000 p50-ns 90000 p99-ns 2 allocs/op\n",
						side, framing, callers, 20e3*ratio, ratio, 20000*(i+1))
				}
			}
		}
		b.WriteString("placement: unpinned\n")
		for workers, rate := range map[int]int{1: 100e3, 2: 180e3, 4: 290e3} {
			fmt.Fprintf(&b, "BenchmarkCalls/side=pool/framing=enhanced/workers=%d/size=64B/callers=64-2 1 %d calls/s %g x-floor\n", workers, rate, 2e5/float64(rate))
		}
		b.WriteString("placement: pinned\n")
		b.WriteString("BenchmarkFraming/op=encode/framing=enhanced/size=64B 1 10 ns/op 8 floor-ns/op 1.25 x-floor 0 allocs/op\n")
		b.WriteString("BenchmarkFraming/op=encode/framing=enhanced/size=1KB 1 90 ns/op 45 floor-ns/op 2 x-floor 0 allocs/op\n")
	}
	set, err := results.Read(strings.NewReader(b.String()), "measured")
	require.NoError(t, err)
	return set
}

func TestRowsOfDifferentPlacementsAreDifferentRows(t *testing.T) {
	rows := RowsOf(measured(t))
	found := rows.Find("Calls", "side=pool", "size=64B", "callers=1")
	require.Len(t, found, 2)
	require.Equal(t, 3, found[0].Runs())
	v, ok := found[0].Value("p50-sec")
	require.True(t, ok)
	require.InDelta(t, 20e-6, v, 1e-12)
}

func TestGoalsSayWhatIsMetMissedAndUnknown(t *testing.T) {
	goals := map[string]Goal{}
	for _, g := range Goals(RowsOf(measured(t))) {
		goals[g.What] = g
	}
	require.Equal(t, "met", goals["encode enhanced 64B"].Verdict())
	require.Equal(t, "missed", goals["encode enhanced 1KB"].Verdict())
	require.Equal(t, "2.00 times the floor, 74 % short", goals["encode enhanced 1KB"].Text())
	require.Equal(t, "unknown", goals["decode enhanced 64B"].Verdict())
	require.Equal(t, "missed", goals["lone call 64B, p50"].Verdict())
	require.InDelta(t, 1.25, goals["16 callers, one worker, 64 B"].Got, 1e-9)
	require.Equal(t, "unknown", goals["16 callers, one worker, 10 KB"].Verdict())
	require.InDelta(t, 4, goals["lone call 64B, p50, against the fastest rival, json-rpc"].Got, 1e-9)
	require.InDelta(t, 4, goals["16 callers, one worker, 64 B, against the fastest rival, json-rpc"].Got, 1e-9)
	require.InDelta(t, 16, goals["16 callers, one worker, 64 B, against gRPC"].Got, 1e-9)
	require.InDelta(t, 2e5/290e3, goals["64 callers, 4 workers, against the loop's one, unpinned"].Got, 1e-9)
}

func TestTheScalingLawIsFoundAgain(t *testing.T) {
	for _, want := range []Scaling{{1000, 0, 0}, {1000, 0.1, 0}, {1000, 0, 0.02}, {5e5, 0.3, 0.05}} {
		var n, x []float64
		for _, workers := range []float64{1, 2, 3, 4, 8} {
			n, x = append(n, workers), append(x, want.At(workers))
		}
		got, ok := FitScaling(n, x)
		require.True(t, ok)
		require.InEpsilon(t, want.One, got.One, 1e-6)
		require.InDelta(t, want.Contention, got.Contention, 1e-6)
		require.InDelta(t, want.Coherence, got.Coherence, 1e-6)
	}
	_, ok := FitScaling([]float64{1, 2}, []float64{1, 2})
	require.False(t, ok, "two points say nothing of three coefficients")
}

func TestMoreWorkersThanPayAreNotAdvised(t *testing.T) {
	require.Equal(t, 1, Scaling{One: 1, Contention: 1}.PaysUpTo())
	require.Equal(t, 21, Scaling{One: 1}.PaysUpTo()) // the 22nd adds 4.8 %
}

func TestWorseThanLinearPointsFitWithoutNegativeCoefficients(t *testing.T) {
	law, ok := FitScaling([]float64{1, 2, 4}, []float64{100, 210, 430}) // better than linear
	require.True(t, ok)
	require.Zero(t, law.Contention)
	require.Zero(t, law.Coherence)
}

func TestThePageNeedsNothingElse(t *testing.T) {
	set := measured(t)
	var page bytes.Buffer
	require.NoError(t, WriteHTML(&page, RowsOf(set), set))
	text := page.String()
	for _, foreign := range []string{"<script", "src=", "@import", "url(", "<link", `href="http`, `href="/`} {
		require.NotContains(t, text, foreign)
	}
	require.NotContains(t, text, "<processor>", "what was measured is escaped")
	require.Contains(t, text, "Your worker FAILS WRK-14")
	require.Equal(t, 1+3+4, strings.Count(text, "<svg"), "framing; pinned without, unpinned with the scaling")
	for part := range strings.SplitSeq(text, "<svg") {
		if svg, _, ok := strings.Cut(part, "</svg>"); ok {
			requireWellFormed(t, "<svg"+svg+"</svg>")
		}
	}
}

func TestTheSVGStandsAlone(t *testing.T) {
	var svg bytes.Buffer
	require.NoError(t, WriteSVG(&svg, RowsOf(measured(t))))
	requireWellFormed(t, svg.String())
	require.Contains(t, svg.String(), "prefers-color-scheme:dark")
}

func TestTheCSVHasALineForEachUnitOfEachRow(t *testing.T) {
	rows := RowsOf(measured(t))
	var text bytes.Buffer
	require.NoError(t, WriteCSV(&text, rows))
	lines, err := csv.NewReader(&text).ReadAll()
	require.NoError(t, err)
	units := 0
	for _, r := range rows {
		units += len(r.Units)
	}
	require.Len(t, lines, 1+units)
}

func TestTheTextHasEachPlacementInATableOfItsOwn(t *testing.T) {
	var text strings.Builder
	require.NoError(t, WriteText(&text, RowsOf(measured(t))))
	require.Contains(t, text.String(), "Calls, pinned")
	require.Contains(t, text.String(), "Calls, unpinned")
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "yours") {
			require.Contains(t, line, "fails the checks")
		}
	}
}

func TestNumbersAreShort(t *testing.T) {
	require.Equal(t, "8.5 ns", duration(8.5e-9))
	require.Equal(t, "999 ns", duration(999e-9))
	require.Equal(t, "1.50 µs", duration(1.5e-6))
	require.Equal(t, "12.3 ms", duration(12.34e-3))
	require.Equal(t, "1.20 kB/s", si("B/s")(1200))
	require.Equal(t, "0 B/s", si("B/s")(0))
	require.Equal(t, "20 µs", tick(duration)(20e-6))
	require.Equal(t, "100 k", tick(si(""))(100e3))
}

func requireWellFormed(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err, "%s", text)
	}
}
