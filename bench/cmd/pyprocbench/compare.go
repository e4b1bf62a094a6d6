package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/pyproctest/pyproctest/bench/gate"
	"github.com/pyproctest/pyproctest/bench/results"
)

// errWorse is the verdict of a comparison that fails.
var errWorse = errors.New("head is worse than base")

// compare measures a commit and the work tree turn by turn, and judges.
func compare(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	tree := flags.String("tree", ".", "the work tree to judge, with its uncommitted changes")
	base := flags.String("base", "", "the commit to compare with; any name that git knows")
	rounds := flags.Int("rounds", 10, "runs of each version; 10 at least for a verdict")
	out := flags.String("out", "", "a folder for the results; .cache/bench/compare where not set")
	only := flags.String("only", "", "restrict the run to jobs whose name has this in it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *base == "" {
		return errors.New("no BASE: make bench-compare BASE=<git ref>")
	}
	if err := checkPython(ctx); err != nil {
		return err
	}
	head, err := git(ctx, *tree, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	if *out == "" {
		*out = filepath.Join(head, ".cache", "bench", "compare")
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	versions, removed, err := bothVersions(ctx, head, *base, *out)
	if err != nil {
		return err
	}
	defer removed()

	m := &measurement{jobs: chosen(comparedJobs(), *only), versions: versions, rounds: *rounds, config: machine(head)}
	m.progress = newProgress(os.Stderr, int(os.Stderr.Fd()), m)
	measured := m.run(ctx)
	for _, v := range versions {
		measured = errors.Join(measured, v.out.Close())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("no verdict: %w", measured)
	}
	if measured != nil {
		_, _ = fmt.Fprintln(os.Stderr, measured) // a row that is missing fails the verdict
	}
	return judgeFiles(ctx, os.Stdout, filepath.Join(*out, "base.txt"), filepath.Join(*out, "head.txt"))
}

// bothVersions builds base and head. removed forgets the work tree of base.
func bothVersions(ctx context.Context, head, base, out string) (versions []*version, removed func(), err error) {
	tree := filepath.Join(out, "base")
	commit, removed, err := checkOut(ctx, head, base, tree)
	if err != nil {
		return nil, nil, err
	}
	_, _ = fmt.Fprintf(os.Stderr, "base is %s (%.12s), head is the work tree\n", base, commit)
	for _, v := range []struct{ name, tree string }{{"base", tree}, {"head", head}} {
		binaries, err := build(ctx, v.tree, filepath.Join(out, v.name+".built"), "bench")
		if err != nil {
			removed()
			return nil, nil, err
		}
		w, err := results.Create(filepath.Join(out, v.name+".txt"))
		if err != nil {
			removed()
			return nil, nil, err
		}
		versions = append(versions, &version{name: v.name, binaries: binaries, env: environment(v.tree), out: w})
	}
	return versions, removed, nil
}

// judge judges two files of results that are there already.
func judge(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: judge BASE.txt HEAD.txt")
	}
	return judgeFiles(ctx, os.Stdout, args[0], args[1])
}

// judgeFiles prints what benchstat says of two files of results, and the verdict.
func judgeFiles(ctx context.Context, to io.Writer, basePath, headPath string) error {
	base, err := results.ReadFile(basePath)
	if err != nil {
		return err
	}
	head, err := results.ReadFile(headPath)
	if err != nil {
		return err
	}
	benchstat := exec.CommandContext(ctx, "go", "tool", "benchstat", "-alpha", fmt.Sprint(gate.Alpha),
		"-table", "placement", "-filter", ".unit:(x-floor OR allocs/op OR calls/s)",
		"base="+basePath, "head="+headPath)
	benchstat.Stdout, benchstat.Stderr = to, os.Stderr
	if err := benchstat.Run(); err != nil {
		return fmt.Errorf("benchstat: %w", err)
	}
	verdict, err := gate.Judge(base, head, gate.Rules)
	if err != nil {
		return err
	}
	if err := verdict.Print(to); err != nil {
		return err
	}
	if len(verdict.Failures()) > 0 {
		return errWorse
	}
	return nil
}
