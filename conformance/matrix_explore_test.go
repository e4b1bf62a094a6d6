package conformance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/spec"
)

// exploredFault is what explore alone said of a fault, from one seed.
type exploredFault struct {
	Verdict string  `json:"verdict"` // "found", "kin", "other" or "missed"; for a control "right" or "ACCUSED"
	By      string  `json:"by,omitempty"`
	Steps   int     `json:"steps,omitempty"` // of the shrunk history
	Seconds float64 `json:"seconds,omitempty"`
}

// explorations are what explore said, by "role/what", then by seed.
type explorations map[string]map[string]exploredFault

const explorationsFile = "catalog/explore.json"

func loadExplorations() (all explorations, err error) {
	all = explorations{}
	text, err := os.ReadFile(explorationsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	return all, err
}

// keepExplored writes what explore said of one fault into the files.
func keepExplored(t *testing.T, role spec.Role, f fault, seed uint64, said exploredFault) {
	all, err := loadExplorations()
	require.NoError(t, err)
	name := string(role) + "/" + f.name()
	if all[name] == nil {
		all[name] = map[string]exploredFault{}
	}
	all[name][strconv.FormatUint(seed, 10)] = said
	text, err := json.MarshalIndent(all, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(explorationsFile, append(text, '\n'), 0o644))
	var rows []matrixRow
	text, err = os.ReadFile("catalog/matrix.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &rows))
	require.NoError(t, os.WriteFile("MATRIX.md", []byte(matrixText(rows, all)), 0o644))
}

// Each row of what explore said is of a fault or a control that there is, and no control was accused.
func TestExplorationsAreOfTheseFaults(t *testing.T) {
	all, err := loadExplorations()
	require.NoError(t, err)
	var planted []string
	for _, p := range allPlanted {
		for _, f := range p.all() {
			planted = append(planted, string(p.role)+"/"+f.name())
		}
	}
	for name, seeds := range all {
		require.Contains(t, planted, name)
		for seed, said := range seeds {
			require.NotEqual(t, "ACCUSED", said.Verdict, "%s, seed %s", name, seed)
		}
	}
}

// text tells how many faults of each role explore finds alone, of the seeds the worst.
func (all explorations) text(rows []matrixRow) string {
	var b strings.Builder
	b.WriteString(`
## What explore finds alone

No case runs here, and no history was kept from before: ` + "`pyproctest explore`" + ` had 60 seconds for each fault, from each of several seeds.
"By its clause" counts the fault's own clause and those that the same fault breaks as well; the worst seed counts. Faults and
seeds are in [explore.json](catalog/explore.json).

| role | faults | found by its clause | by another | not found | seeds | steps of the shrunk histories, median | of 8 steps or fewer |
|---|---|---|---|---|---|---|---|
`)
	for _, role := range []spec.Role{spec.RoleFramer, spec.RolePool, spec.RoleWorker} {
		bySeed := map[string]map[string]int{}
		var steps []int
		faults := 0
		for _, r := range rows {
			seeds := all[string(role)+"/"+r.What]
			if r.Role != role || r.Clause == "" || len(seeds) == 0 {
				continue
			}
			faults++
			for seed, said := range seeds {
				if bySeed[seed] == nil {
					bySeed[seed] = map[string]int{}
				}
				verdict := said.Verdict
				if verdict == "kin" {
					verdict = "found"
				}
				bySeed[seed][verdict]++
				if said.Steps > 0 {
					steps = append(steps, said.Steps)
				}
			}
		}
		if faults == 0 {
			continue
		}
		seeds := slices.Sorted(maps.Keys(bySeed))
		worst := slices.MinFunc(seeds, func(a, b string) int { return bySeed[a]["found"] - bySeed[b]["found"] })
		slices.Sort(steps)
		short := 0
		for _, n := range steps {
			if n <= 8 {
				short++
			}
		}
		w := bySeed[worst]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %s | %d | %d of %d |\n", role, faults, w["found"], w["other"], w["missed"], strings.Join(seeds, ", "),
			steps[len(steps)/2], short, len(steps))
	}
	return b.String()
}

// column says of one fault from how many seeds explore finds it by its clause, and in how many steps at the least.
func (all explorations) column(role spec.Role, what string) string {
	seeds := all[string(role)+"/"+what]
	if len(seeds) == 0 {
		return ""
	}
	found, steps := 0, 0
	for _, said := range seeds {
		if said.Verdict == "found" || said.Verdict == "kin" {
			found++
			if steps == 0 || said.Steps < steps {
				steps = said.Steps
			}
		}
	}
	if found == 0 {
		return "no"
	}
	return fmt.Sprintf("%d of %d, %d steps", found, len(seeds), steps)
}
