package conformance_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// TestExploreThese measures explore on planted faults and controls. It runs only when EXPLORE names a role and
// fragments of names: EXPLORE=worker:answers-twice,ids-are go test -run TestExploreThese
func TestExploreThese(t *testing.T) {
	role, names, ok := strings.Cut(os.Getenv("EXPLORE"), ":")
	if !ok {
		t.Skip("EXPLORE names nothing")
	}
	seconds, _ := strconv.Atoi(os.Getenv("EXPLORE_SECONDS"))
	seed, _ := strconv.ParseUint(os.Getenv("EXPLORE_SEED"), 10, 64)
	for _, p := range allPlanted {
		if string(p.role) != role {
			continue
		}
		for _, f := range p.all() {
			if !containsAny(f.name(), strings.Split(names, ",")) {
				continue
			}
			began := time.Now()
			var first time.Duration
			var clauses []string
			x := conformance.Exploration{Seed: seed, For: time.Duration(max(seconds, 10)) * time.Second, Patience: 5 * time.Second, Stop: 1, OnFound: func(text string) {
				if first == 0 {
					first = time.Since(began)
				}
				if os.Getenv("EXPLORE_TEXT") != "" {
					fmt.Println(text)
				}
			}}
			e, err := exploreP(t, p.role, f.what, x)
			require.NoError(t, err)
			steps := 0
			for _, found := range e.Failures {
				clauses = append(clauses, found.Failure.Clause+"/"+found.Failure.Rule)
				steps = len(found.History.Steps)
			}
			verdict := "MISSED"
			switch {
			case len(e.Failures) > 0 && f.clause == "":
				verdict = "FALSE"
			case f.clause == "":
				verdict = "control"
			case len(e.Failures) > 0 && e.Failures[0].Failure.Clause == f.clause:
				verdict = "FOUND"
			case len(e.Failures) > 0:
				verdict = "OTHER"
				for _, k := range f.perhaps {
					if k == e.Failures[0].Failure.Clause {
						verdict = "PERHAPS"
					}
				}
			}
			fmt.Printf("%-8s %-7s %-55s %6.1fs %6d histories, %d steps %v\n", verdict, f.clause, f.name(), first.Seconds(), e.Histories, steps, clauses)
			for _, u := range e.Unconfirmed {
				fmt.Println("    unconfirmed:", u)
			}
			for i, u := range e.Blocked {
				if i < 3 {
					fmt.Println("    blocked:", u)
				}
			}
		}
	}
}

func containsAny(name string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(name, p) {
			return true
		}
	}
	return false
}

func exploreP(t *testing.T, role spec.Role, what []string, x conformance.Exploration) (conformance.Explored, error) {
	if role == spec.RoleFramer {
		return conformance.CheckExploreFramer(t.Context(), framerWith(t.Context(), what...), x)
	}
	if role == spec.RolePool {
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
		mu.Lock()
		defer mu.Unlock()
		pools = append(pools, p)
		return p, err
	}, x)
	for _, p := range pools {
		p.mopUp()
	}
	return e, err
}

func TestExploreReference(t *testing.T) {
	what := os.Getenv("EXPLORE_REF")
	if what == "" {
		t.Skip()
	}
	seconds, _ := strconv.Atoi(os.Getenv("EXPLORE_SECONDS"))
	seed, _ := strconv.ParseUint(os.Getenv("EXPLORE_SEED"), 10, 64)
	x := conformance.Exploration{Seed: seed, For: time.Duration(max(seconds, 10)) * time.Second}
	switch what {
	case "pool":
		conformance.ExplorePool(t, referencePool, x)
	case "framer":
		conformance.ExploreFramer(t, referenceFramer, x)
	case "worker":
		conformance.ExploreWorker(t, bundledWorker(t), x)
	case "plainpool":
		_, err := exploredPlainPool(t, nil, x)
		require.NoError(t, err)
	}
}
