package conformance_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
)

var matrixFlag = flag.String("matrix", "", "run every case on every fault and control of `role[/name]` (all: of every role), and write matrix.json and MATRIX.md")

// matrixRow is what the whole suite said of one fault or control.
type matrixRow struct {
	Role    conformance.Role    `json:"role"`
	What    string              `json:"what"`             // is wrong, or odd
	Clause  string              `json:"clause,omitempty"` // that it breaks; none for a control
	Perhaps []string            `json:"perhaps,omitempty"`
	Cases   int                 `json:"cases"`           // run
	Kills   map[string][]string `json:"kills,omitempty"` // the cases that found it, by the clause that they accuse
}

// The file names the faults, the controls and the clauses that there are, and every one was caught.
func TestMatrixIsThatOfTheseFaults(t *testing.T) {
	if *matrixFlag != "" {
		writeMatrix(t, *matrixFlag)
		return
	}
	text, err := os.ReadFile("matrix.json")
	require.NoError(t, err)
	var rows []matrixRow
	require.NoError(t, json.Unmarshal(text, &rows))
	var filed, planted []string
	for _, r := range rows {
		filed = append(filed, fmt.Sprintf("%s %s: %s", r.Role, cmp.Or(r.Clause, "control"), r.What))
		if r.Clause != "" {
			require.NotEmpty(t, r.Kills[r.Clause], "%s %s", r.Role, r.What)
		} else {
			require.Empty(t, r.Kills, "%s %s", r.Role, r.What)
		}
	}
	for _, p := range allPlanted {
		for _, f := range slices.Concat(p.faults, p.controls) {
			planted = append(planted, fmt.Sprintf("%s %s: %s", p.role, cmp.Or(f.clause, "control"), f.name()))
		}
	}
	require.ElementsMatch(t, planted, filed, "make matrix writes matrix.json and MATRIX.md anew")
	shown, err := os.ReadFile("MATRIX.md")
	require.NoError(t, err)
	require.Equal(t, matrixText(rows), string(shown), "make matrix writes it anew from matrix.json")
}

// writeMatrix runs the whole suite on each fault and control, in a process of its own, since some cases measure theirs.
func writeMatrix(t *testing.T, which string) {
	type run struct {
		p planted
		f fault
	}
	var runs []run
	for _, p := range allPlanted {
		for _, f := range slices.Concat(p.faults, p.controls) {
			if regexp.MustCompile(which).MatchString(string(p.role) + "/" + f.clause + "/" + f.name()) {
				runs = append(runs, run{p, f})
			}
		}
	}
	require.NotEmpty(t, runs, "-matrix %s is no role, and no fault of one", which)
	rows := make([]matrixRow, len(runs))
	wrong := make([]string, len(runs))
	slots := make(chan struct{}, 6) // most of their time is spent waiting
	var wg sync.WaitGroup
	for i, r := range runs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			began := time.Now()
			rows[i], wrong[i] = judgedApart(t.Context(), r.p, r.f)
			fmt.Fprintf(os.Stderr, "%s %s %s %d cases %.1f s %v\n", r.p.role, r.f.clause, r.f.name(), rows[i].Cases, time.Since(began).Seconds(), slices.Sorted(maps.Keys(rows[i].Kills)))
		})
	}
	wg.Wait()
	for i, r := range runs {
		t.Run(strings.ReplaceAll(string(r.p.role)+"/"+r.f.name(), " ", "-"), func(t *testing.T) { require.Empty(t, wrong[i]) })
	}
	if which != "." || t.Failed() {
		return
	}
	text, err := json.MarshalIndent(rows, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("matrix.json", append(text, '\n'), 0o644))
	require.NoError(t, os.WriteFile("MATRIX.md", []byte(matrixText(rows)), 0o644))
}

// judgementVariable has this test binary judge one fault or control, "role/name", and print its row.
const judgementVariable = "PYPROCTEST_JUDGE"

type judgement struct {
	Row   matrixRow
	Wrong string
}

// judgedApart judges a fault in another process. What hangs or crashes it is a fault of the suite.
func judgedApart(ctx context.Context, p planted, f fault) (matrixRow, string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), judgementVariable+"="+string(p.role)+"/"+f.name())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var j judgement
	if err = errors.Join(err, json.Unmarshal(out.Bytes(), &j)); err != nil {
		return j.Row, fmt.Sprintf("the suite crashed or hung: %v\n%s", err, errs.Bytes())
	}
	return j.Row, j.Wrong
}

func judgeAlone(name string) error {
	for _, p := range allPlanted {
		for _, f := range slices.Concat(p.faults, p.controls) {
			if string(p.role)+"/"+f.name() == name {
				rep, wrong := p.judge(context.Background(), f, conformance.Parallel(8))
				row := matrixRow{Role: p.role, What: f.name(), Clause: f.clause, Perhaps: f.perhaps, Cases: len(rep.Results), Kills: kills(rep)}
				return json.NewEncoder(os.Stdout).Encode(judgement{row, wrong})
			}
		}
	}
	return fmt.Errorf("%s: no such fault", name)
}
