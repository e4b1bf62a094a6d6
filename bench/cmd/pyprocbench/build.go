package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packages are those with benchmarks, by the name of their binary, with their folder in the module.
var packages = map[string]string{"bench": "bench", "rivals": "bench/rivals"}

// build builds the test binaries of a source tree, with the files of an overlay in it unless that is "".
// -trimpath makes those of the same code the same wherever they were built, down to the place of each loop in
// memory, which can matter for its speed.
func build(ctx context.Context, tree, into, overlay string, names ...string) (map[string]string, error) {
	binaries := map[string]string{}
	for _, name := range names {
		binaries[name] = filepath.Join(into, name+".test")
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-overlay="+overlay, "-o", binaries[name], ".")
		cmd.Dir = filepath.Join(tree, packages[name])
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building the benchmarks in %s: %w\n%s", cmd.Dir, err, out)
		}
	}
	return binaries, nil
}

// checkOut puts the commit that ref names into a work tree of its own, with bench/ as it is in head:
// both are to be measured with the same yardstick. removed forgets it again.
func checkOut(ctx context.Context, head, ref, into string) (commit string, removed func(), err error) {
	commit, err = git(ctx, head, "rev-parse", "--verify", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return "", nil, fmt.Errorf("BASE=%s is no commit: %w", ref, err)
	}
	// One that a killed run has left stands in the way.
	if err := os.RemoveAll(into); err != nil {
		return "", nil, err
	}
	if _, err := git(ctx, head, "worktree", "prune"); err != nil {
		return "", nil, err
	}
	if _, err := git(ctx, head, "worktree", "add", "--force", "--detach", into, commit); err != nil {
		return "", nil, err
	}
	removed = func() {
		_, _ = git(context.WithoutCancel(ctx), head, "worktree", "remove", "--force", into)
	}
	bench := filepath.Join(into, "bench")
	err = errors.Join(os.RemoveAll(bench), os.CopyFS(bench, os.DirFS(filepath.Join(head, "bench"))))
	if err != nil {
		removed()
		return "", nil, fmt.Errorf("taking the benchmarks along to %s: %w", ref, err)
	}
	return commit, removed, nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}
