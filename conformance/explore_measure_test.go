package conformance_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

var (
	exploreFlag     = flag.String("explore", "", "measure explore on the faults and controls whose role/clause/name matches this `regexp`")
	exploreForFlag  = flag.Duration("explore-for", 0, "how long to explore each fault, or each of our own implementations")
	exploreSeedFlag = flag.Uint64("explore-seed", 0, "the seed (default: one that is drawn)")
	exploreKeepFlag = flag.Bool("explore-keep", false, "keep what is measured in catalog/explore.json and MATRIX.md")
)

// exploredOnes explores one planted implementation.
func exploredOnes(t *testing.T, role spec.Role, what []string, x conformance.Exploration) (conformance.Explored, error) {
	t.Helper()
	switch role {
	case spec.RoleFramer:
		return conformance.CheckExploreFramer(t.Context(), framerWith(t.Context(), what...), x)
	case spec.RolePool:
		return exploredPlainPool(t, what, x)
	}
	return conformance.CheckExploreWorker(t.Context(), plantedCommand(what...), x)
}

// exploredPlainPool explores the plain pool with these quirks, and ends what they leave behind.
func exploredPlainPool(t *testing.T, quirks []string, x conformance.Exploration) (conformance.Explored, error) {
	t.Helper()
	var mu sync.Mutex
	var pools []*plainPool
	e, err := conformance.CheckExplorePool(t.Context(), func(o conformance.PoolOptions) (conformance.Pool, error) {
		p, err := newPlainPool(o, quirks...)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		pools = append(pools, p)
		return p, nil
	}, x)
	mu.Lock() // a history that the end of the run interrupts may still be making a pool
	defer mu.Unlock()
	for _, p := range pools {
		p.mopUp()
	}
	return e, err
}

// TestMeasureExplore tells for each fault and control that -explore selects whether explore alone finds it, by which
// clause, after how long, and how short the history is. It fails for a control that is accused.
func TestMeasureExplore(t *testing.T) {
	if *exploreFlag == "" {
		t.Skip("-explore selects nothing")
	}
	selected := regexp.MustCompile(*exploreFlag)
	for _, p := range allPlanted {
		counts := map[string]int{}
		for _, f := range p.all() {
			if !selected.MatchString(string(p.role) + "/" + f.clause + "/" + f.name()) {
				continue
			}
			began := time.Now()
			first := time.Duration(0)
			x := conformance.Exploration{Seed: *exploreSeedFlag, For: max(*exploreForFlag, time.Second), Patience: 5 * time.Second, Stop: 1, OnFound: func(text string) {
				first = time.Since(began)
				if testing.Verbose() {
					t.Log(text)
				}
			}}
			e, err := exploredOnes(t, p.role, f.what, x)
			require.NoError(t, err)
			verdict, clause, steps := verdictOf(f, e)
			counts[verdict]++
			fmt.Printf("%-7s %-9s %-7s %-60s %6.1fs %6d histories, %3d steps %s\n", p.role, verdict, f.clause, f.name(), first.Seconds(), e.Histories, steps, clause)
			if *exploreKeepFlag {
				keepExplored(t, p.role, f, *exploreSeedFlag, exploredFault{Verdict: verdict, By: clause, Steps: steps, Seconds: math.Round(first.Seconds()*10) / 10})
			}
			for _, u := range e.Unconfirmed {
				fmt.Println("        not confirmed:", u)
			}
			if verdict == "ACCUSED" {
				t.Errorf("%s is right, and was accused: %s", f.name(), e.Failures[0].Text())
			}
		}
		if len(counts) > 0 {
			fmt.Println(p.role, counts)
		}
	}
}

// verdictOf compares what was found with the fault: "found" by its clause, "kin" by one that it breaks as well, "other", or
// "missed"; for a control "accused" or "right".
func verdictOf(f fault, e conformance.Explored) (verdict, clause string, steps int) {
	if len(e.Failures) == 0 {
		if f.clause == "" {
			return "right", "", 0
		}
		return "missed", "", 0
	}
	first := e.Failures[0]
	clause, steps = first.Failure.Clause+"/"+first.Failure.Rule, len(first.History.Steps)
	switch {
	case f.clause == "":
		return "ACCUSED", clause, steps
	case first.Failure.Clause == f.clause:
		return "found", clause, steps
	case slices.Contains(f.perhaps, first.Failure.Clause):
		return "kin", clause, steps
	}
	return "other", clause, steps
}

// TestExploreOurs explores all of ours for as long as -explore-for says: make explore.
func TestExploreOurs(t *testing.T) {
	if *exploreForFlag == 0 || *exploreFlag != "" {
		t.Skip("-explore-for gives no time")
	}
	x := conformance.Exploration{Seed: *exploreSeedFlag, For: *exploreForFlag, Save: os.Getenv("EXPLORE_SAVE"), Progress: progressEach(15 * time.Second)}
	t.Run("framer", func(t *testing.T) { conformance.ExploreFramer(t, referenceFramer, x) })
	t.Run("pool", func(t *testing.T) { conformance.ExplorePool(t, referencePool, x) })
	t.Run("worker", func(t *testing.T) { conformance.ExploreWorker(t, bundledWorker(t), x) })
	t.Run("node-worker", func(t *testing.T) {
		node, err := exec.LookPath("node")
		if err != nil {
			t.Skipf("NOT RUN: %v", err)
		}
		script, err := filepath.Abs(filepath.Join("implementations", "node-worker", "worker.mjs"))
		require.NoError(t, err)
		conformance.ExploreWorker(t, conformance.Command(node, script), x)
	})
}

// progressEach prints a line of progress now and then.
func progressEach(pause time.Duration) func(string) {
	var last time.Time
	return func(line string) {
		if time.Since(last) > pause {
			last = time.Now()
			fmt.Println(line)
		}
	}
}
