package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/perf/benchproc"

	"github.com/pyproctest/pyproctest/bench/report"
	"github.com/pyproctest/pyproctest/bench/results"
)

// kept are the units of a baseline: what can be compared over commits and, with care, over machines.
const kept = `.unit:(x-floor OR x-raw OR allocs/op OR errors-elsewhere/op)`

// baseline keeps what the last run measured as a text file, with the machine it was measured on, so that
// git can tell how the ratios went, and the chart of throughput beside it. benchstat compares two of them.
func baseline(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("baseline", flag.ContinueOnError)
	tree := flags.String("tree", ".", "the work tree to write to")
	name := flags.String("name", "", "what to call the machine: letters, digits and dashes")
	from := flags.String("from", "", "the results to keep; .cache/bench/run/results.txt where not set")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(*name) {
		return errors.New("NAME is to call the machine, in letters, digits and dashes: make bench-baseline NAME=two-core-vm")
	}
	root, err := git(ctx, *tree, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if *from == "" {
		*from = filepath.Join(root, ".cache", "bench", "run", "results.txt")
	}
	set, err := results.ReadFile(*from)
	if err != nil {
		return fmt.Errorf("nothing to keep, run make bench first: %w", err)
	}
	if len(set.Results) == 0 {
		return fmt.Errorf("nothing to keep, run make bench first: %s has no results", *from)
	}
	folder := filepath.Join(root, "bench", "baselines")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	rows := report.RowsOf(set) // before keepRatios, which cuts the results down
	return errors.Join(
		keepRatios(set, filepath.Join(folder, *name+".txt")),
		writeFile(filepath.Join(folder, *name+".svg"), func(w io.Writer) error { return report.WriteSVG(w, rows) }),
	)
}

func keepRatios(set results.Set, path string) error {
	filter, err := benchproc.NewFilter(kept)
	if err != nil {
		return err
	}
	w, err := results.Create(path)
	if err != nil {
		return err
	}
	for _, r := range set.Results {
		if match, _ := filter.Apply(r); match { // its error is that nothing matches
			err = errors.Join(err, w.Write(r))
		}
	}
	return errors.Join(err, w.Close())
}
