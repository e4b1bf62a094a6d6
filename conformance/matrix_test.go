package conformance_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

var matrixFlag = flag.String("matrix", "", "run every case on the faults and controls whose role/clause/name matches this `regexp`, and write them to catalog/matrix.json and MATRIX.md; \"new\" stands for those that are not there as they are")

// matrixRow is what the whole suite said of one fault or control.
type matrixRow struct {
	Role    spec.Role           `json:"role"`
	What    string              `json:"what"`             // is wrong, or odd
	Clause  string              `json:"clause,omitempty"` // that it breaks; none for a control
	Perhaps []string            `json:"perhaps,omitempty"`
	Cases   int                 `json:"cases"`           // run
	Kills   map[string][]string `json:"kills,omitempty"` // the cases that found it, by the clause that they accuse
	First   string              `json:"first,omitempty"` // the clause whose failure the report shows first
}

// The files name the faults, the controls and the clauses that there are, and every fault was caught.
func TestMatrixIsThatOfTheseFaults(t *testing.T) {
	if *matrixFlag != "" {
		writeMatrix(t, *matrixFlag)
	}
	text, err := os.ReadFile("catalog/matrix.json")
	require.NoError(t, err)
	var rows []matrixRow
	require.NoError(t, json.Unmarshal(text, &rows))
	var filed, planted []string
	for _, r := range rows {
		filed = append(filed, fmt.Sprintf("%s %s: %s %v", r.Role, cmp.Or(r.Clause, "control"), r.What, r.Perhaps))
		if r.Clause != "" {
			require.NotEmpty(t, r.Kills[r.Clause], "%s %s", r.Role, r.What)
		}
		for clause := range r.Kills {
			require.Contains(t, append(r.Perhaps, r.Clause), clause, "%s %s", r.Role, r.What)
		}
	}
	led := 0
	for _, r := range rows {
		if r.Clause != "" && r.First == r.Clause {
			led++
		}
	}
	require.GreaterOrEqual(t, 100*led, 95*len(catalog.Proven()), "of so many faults the report shows their own clause first: see result/explains.go")
	for _, p := range allPlanted {
		for _, f := range p.all() {
			planted = append(planted, fmt.Sprintf("%s %s: %s %v", p.role, cmp.Or(f.clause, "control"), f.name(), f.perhaps))
		}
	}
	require.Equal(t, planted, filed, "make matrix writes catalog/matrix.json and MATRIX.md anew")
	var faults []catalog.Fault
	for _, r := range rows {
		if r.Clause != "" {
			faults = append(faults, catalog.Fault{Role: r.Role, Clause: r.Clause, What: r.What})
		}
	}
	if *matrixFlag == "" { // else this binary has the files of before
		require.Equal(t, faults, catalog.Proven())
	}
	shown, err := os.ReadFile("MATRIX.md")
	require.NoError(t, err)
	explored, err := loadExplorations()
	require.NoError(t, err)
	require.Equal(t, matrixText(rows, explored), string(shown), "make matrix writes it anew from matrix.json")
}

// writeMatrix runs the whole suite on each fault and control, in a process of its own, since some cases
// measure theirs. The files keep the rows of those that were not asked for.
func writeMatrix(t *testing.T, which string) {
	pattern := regexp.MustCompile(which)
	rows := map[string]matrixRow{}
	if text, err := os.ReadFile("catalog/matrix.json"); err == nil {
		var there []matrixRow
		require.NoError(t, json.Unmarshal(text, &there))
		for _, r := range there {
			rows[string(r.Role)+"/"+r.What] = r
		}
	}
	var mu sync.Mutex
	wrong := map[string]string{}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4) // more would make a machine of two cores so slow that what rests on time is not known
	for _, p := range allPlanted {
		for _, f := range p.all() {
			mu.Lock()
			r, there := rows[string(p.role)+"/"+f.name()]
			mu.Unlock()
			there = there && r.Clause == f.clause && slices.Equal(r.Perhaps, f.perhaps)
			if which == "new" && there || which != "new" && !pattern.MatchString(string(p.role)+"/"+f.clause+"/"+f.name()) {
				continue
			}
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				began := time.Now()
				row, bad := order{Fault: string(p.role) + "/" + f.name()}.carryOut(t.Context())
				mu.Lock()
				defer mu.Unlock()
				name := string(p.role) + "/" + f.name()
				wrong[name] = bad
				delete(rows, name)
				if bad == "" {
					rows[name] = row
				}
				saveMatrix(t, rows) // now, so that a run that is cut off was not for nothing
				fmt.Printf("%s %s: %.1f s, %d cases, found by %v\n", f.clause, name, time.Since(began).Seconds(), row.Cases, slices.Sorted(maps.Keys(row.Kills)))
			})
		}
	}
	wg.Wait()
	require.NotEmpty(t, wrong, "-matrix %s matches no fault", which)
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) { require.Empty(t, wrong[name]) })
	}
}

// saveMatrix writes the files anew, in the order of the faults.
func saveMatrix(t *testing.T, rows map[string]matrixRow) {
	var ordered []matrixRow
	for _, p := range allPlanted {
		for _, f := range p.all() {
			if row, ok := rows[string(p.role)+"/"+f.name()]; ok {
				ordered = append(ordered, row)
			}
		}
	}
	text, err := json.MarshalIndent(ordered, "", " ")
	assert.NoError(t, err)
	assert.NoError(t, os.WriteFile("catalog/matrix.json", append(text, '\n'), 0o644))
	explored, err := loadExplorations()
	assert.NoError(t, err)
	assert.NoError(t, os.WriteFile("MATRIX.md", []byte(matrixText(ordered, explored)), 0o644))
}
