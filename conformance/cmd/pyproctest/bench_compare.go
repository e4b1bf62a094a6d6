package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/pyproctest/pyproctest/bench/gate"
	"github.com/pyproctest/pyproctest/bench/results"
	"github.com/pyproctest/pyproctest/bench/rounds"
	"github.com/pyproctest/pyproctest/bench/rows"
)

// old reads the results of --compare, before the run that may take their place. It is nil if there are none.
func (b *benchFlags) old() (*results.Set, error) {
	if b.compare == "" {
		return nil, nil
	}
	old, err := os.Stat(b.compare)
	if err != nil {
		return nil, fmt.Errorf("--compare: %w", err)
	}
	file := filepath.Join(b.out, "results.txt")
	if new, err := os.Stat(file); err == nil && os.SameFile(old, new) {
		return nil, fmt.Errorf("--compare %s: this run writes its results there; copy the file, or give another --out", b.compare)
	}
	set, err := results.ReadFile(b.compare)
	if err != nil {
		return nil, fmt.Errorf("--compare: no verdict:\n%w", err)
	}
	if len(set.Results) == 0 {
		return nil, fmt.Errorf("--compare %s: the file has no results", b.compare)
	}
	return &set, nil
}

// floorSettings are those by which a ratio to the floor differs.
var floorSettings = []string{"floor-checksum", "role"}

// judge compares the results of this run with the old ones, by the rules of the gate. What looks worse is measured once
// more, and counts if it is worse again.
func (b *benchFlags) judge(ctx context.Context, stdout, stderr io.Writer, old results.Set, file string, plan *rounds.Plan) error {
	new, err := results.ReadFile(file)
	if err != nil {
		return err
	}
	for _, key := range floorSettings {
		before, after := setting(old, key), setting(new, key)
		if before != after {
			return fmt.Errorf("no verdict: %s is %q in %s, and %q in %s, so the ratios have different floors", key, before, b.compare, after, file)
		}
	}
	verdict, err := gate.Judge(old, new, gate.Rules)
	if err != nil {
		return fmt.Errorf("no verdict: %w", err)
	}
	if suspects := suspectsOf(plan.Sides, verdict); len(suspects) > 0 {
		fmt.Fprintln(stderr, "what looks worse is measured once more")
		again, err := b.measureAgain(ctx, plan, suspects)
		if ctx.Err() != nil {
			return &exit{statusInterrupted}
		}
		if err != nil {
			return err
		}
		second, err := gate.Judge(old, again, gate.Rules)
		if err != nil {
			return fmt.Errorf("no verdict: %w", err)
		}
		verdict = verdict.Confirm(second)
	}
	if err := verdict.Print(stdout); err != nil {
		return err
	}
	if len(verdict.Failures()) > 0 {
		return &exit{statusViolated}
	}
	return nil
}

// setting is a configuration value of the results, from the last line that has it: rows without a loop have none.
func setting(set results.Set, key string) (value string) {
	for _, r := range set.Results {
		if v := r.GetConfig(key); v != "" {
			value = v
		}
	}
	return value
}

// gomaxprocs is what the Go benchmark format adds to the name of a row.
var gomaxprocs = regexp.MustCompile(`-\d+$`)

// suspectsOf returns the rows that look worse.
func suspectsOf(sides [][]rows.Row, v gate.Verdict) [][]rows.Row {
	worse := map[string]bool{}
	for _, j := range v.Failures() {
		if j.Change == gate.Worse {
			worse[gomaxprocs.ReplaceAllString(j.Row, "")+" ("+j.Placement+")"] = true
		}
	}
	var suspects [][]rows.Row
	for _, side := range sides {
		some := slices.DeleteFunc(slices.Clone(side), func(r rows.Row) bool { return !worse[r.String()] })
		if len(some) > 0 {
			suspects = append(suspects, some)
		}
	}
	return suspects
}

// measureAgain measures some rows as often as before, into a file of their own.
func (b *benchFlags) measureAgain(ctx context.Context, plan *rounds.Plan, sides [][]rows.Row) (results.Set, error) {
	file := filepath.Join(b.out, "results-again.txt")
	w, err := results.Create(file)
	if err != nil {
		return results.Set{}, err
	}
	again := &rounds.Plan{Sides: sides, Rounds: plan.Rounds, Each: plan.Each, Config: plan.Config, Notes: plan.Notes, Out: w}
	_, measured := again.Run(ctx)
	if err := errors.Join(measured, w.Close()); err != nil {
		return results.Set{}, err
	}
	return results.ReadFile(file)
}
