package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mattn/go-shellwords"
	"golang.org/x/perf/benchfmt"

	"github.com/pyproctest/pyproctest/bench/results"
)

// run measures the work tree, with its floors, its rivals and your worker, and shows what came out.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	tree := flags.String("tree", ".", "the work tree to measure")
	full := flags.Bool("full", false, "all rows, 10 rounds: an hour; otherwise those that the goals and charts need, 6 rounds: some minutes")
	rounds := flags.Int("rounds", 0, "runs of each row; 0 for the default")
	out := flags.String("out", "", "a folder for what comes out; .cache/bench/run where not set")
	only := flags.String("only", "", "restrict the run to jobs whose name has this in it")
	worker := flags.String("worker", "", "the command of a worker of yours, to be measured beside the bundled one")
	force := flags.Bool("force", false, "measure that worker even if it fails the checks, and say so in the report")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := checkPython(ctx); err != nil {
		return err
	}
	root, err := git(ctx, *tree, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if *out == "" {
		*out = filepath.Join(root, ".cache", "bench", "run")
	}
	env, config, sides := environment(root), machine(), "pool"
	if *worker != "" {
		yours, note, err := yourWorker(ctx, *worker, *force)
		if err != nil {
			return err
		}
		env, sides = append(env, "PYPROCTEST_BENCH_WORKER="+yours), "pool|yours"
		config = append(config, benchfmt.Config{Key: "yours", Value: []byte(note), File: true})
	}
	jobs, n := quickJobs(sides), 6
	if *full {
		jobs, n = fullJobs(sides), 10
	}
	if *rounds > 0 {
		n = *rounds
	}
	if jobs = chosen(jobs, *only); len(jobs) == 0 {
		return fmt.Errorf("-only %q leaves nothing to run", *only)
	}

	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	binaries, err := build(ctx, root, filepath.Join(*out, "built"), "", binariesOf(jobs)...)
	if err != nil {
		return err
	}
	file := filepath.Join(*out, "results.txt")
	w, err := results.Create(file)
	if err != nil {
		return err
	}
	m := &measurement{
		jobs: jobs, rounds: n, config: config,
		versions: []*version{{name: "head", binaries: binaries, env: env, commit: commitOf(root), out: w}},
	}
	return errors.Join(m.run(ctx), w.Close(), show(file, *out, os.Stdout)) // in this order
}

// binariesOf returns the names of the test binaries that the jobs need.
func binariesOf(jobs []job) []string {
	if slices.ContainsFunc(jobs, func(j job) bool { return j.binary == "rivals" }) {
		return []string{"bench", "rivals"}
	}
	return []string{"bench"}
}

// yourWorker is the command as JSON, with what is to be said of it in the report. A worker that leaves
// checks out is faster than one that makes them, so one that fails them is not measured unless forced.
func yourWorker(ctx context.Context, command string, force bool) (asJSON, note string, err error) {
	words, err := shellwords.Parse(command)
	if err != nil || len(words) == 0 {
		return "", "", errors.Join(fmt.Errorf("WORKER=%q cannot be read as a command", command), err)
	}
	for i, word := range words {
		// The benchmarks run in another folder than this command.
		if _, err := os.Stat(word); err == nil && (i > 0 || filepath.Base(word) != word) {
			if words[i], err = filepath.Abs(word); err != nil {
				return "", "", err
			}
		}
	}
	failed, err := failedClauses(ctx, words)
	switch {
	case err != nil:
		return "", "", err
	case failed == "":
		note = "passes the checks of its checksums and IDs"
	case force:
		note = "FAILS " + failed + ", so its numbers do not count"
	default:
		return "", "", fmt.Errorf("no numbers for %s: it fails %s, and skipping checks is fast.\nThe whole story: go test ./conformance -worker '%s'\nFORCE=1 measures it all the same, and marks it", command, failed, command)
	}
	text, err := json.Marshal(words)
	return string(text), note, err
}
