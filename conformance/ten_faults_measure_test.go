package conformance_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/result"
)

var tenFaultsFlag = flag.String("ten-faults", "", "measure how long a run takes on workers with ten faults each, drawn by these `seeds`, beside a right one")

// TestMeasureTenFaults tells how much longer a run takes on a worker with ten faults than on a right one, and what ended last.
// It asks nothing.
func TestMeasureTenFaults(t *testing.T) {
	if *tenFaultsFlag == "" {
		t.Skip("-ten-faults names no seeds")
	}
	right := tellTime(t, "right", "odd: none")
	for seed := range strings.SplitSeq(*tenFaultsFlag, ",") {
		n, err := strconv.ParseUint(seed, 10, 64)
		require.NoError(t, err)
		r := rand.New(rand.NewPCG(n, 10))
		var what []string
		for _, i := range r.Perm(len(workerFaults))[:10] {
			what = append(what, workerFaults[i].what...)
		}
		took := tellTime(t, "seed "+seed, what...)
		fmt.Printf("seed %s: %.2f times a right one\n", seed, took.Seconds()/right.Seconds())
	}
}

func tellTime(t *testing.T, name string, what ...string) time.Duration {
	t.Helper()
	type ran struct {
		id     string
		at     time.Duration // when it began
		took   time.Duration
		status result.Status
	}
	var mu sync.Mutex
	starts, all := map[string]time.Duration{}, []ran{}
	began := time.Now()
	conformance.CheckWorker(t.Context(), plantedCommand(what...), conformance.OnCase(func(id string) {
		mu.Lock()
		defer mu.Unlock()
		starts[id] = time.Since(began)
	}), conformance.OnResult(func(r result.Result) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, ran{r.ID, starts[r.ID], time.Since(began) - starts[r.ID], r.Status})
	}))
	took := time.Since(began)
	fmt.Printf("%s: %v for %d cases: %s\n", name, took.Round(100*time.Millisecond), len(all), strings.Join(what, ", "))
	slices.SortFunc(all, func(a, b ran) int { return -cmp.Compare(a.at+a.took, b.at+b.took) })
	for _, r := range all[:min(len(all), 8)] {
		fmt.Printf("    %-80s %-8s began at %5.1f s, took %5.1f s\n", r.id, r.status, r.at.Seconds(), r.took.Seconds())
	}
	return took
}
