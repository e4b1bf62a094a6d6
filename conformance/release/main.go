// Command release builds all that a release has, installs each into an empty environment and runs its smallest job.
//
//	go run ./conformance/release            # make release-check
//	go run ./conformance/release -tag v0.1.0
//	go run ./conformance/release -notes     # the section of CHANGELOG.md of the newest version
//
// What it built is then in .cache/release: dist, python, vectors and image. Each step has a name, by which it fails.
// It runs programs and imports no package of ours. .github/workflows/release.yml publishes what it leaves.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	tag := flag.String("tag", "", "the tag that is to be released, such as v0.1.0: the versions in the tree must be the same")
	only := flag.String("only", "", "a regular expression: run only the steps with such names, on what an earlier run built")
	notes := flag.Bool("notes", false, "only print what CHANGELOG.md says of the newest version")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *tag, *only, *notes); err != nil {
		fmt.Fprintf(os.Stderr, "release-check: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, tag, only string, notes bool) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, ".github", "goreleaser.yaml")); err != nil {
		return fmt.Errorf("run it in the root of the repository: %w", err)
	}
	if notes {
		text, err := os.ReadFile("CHANGELOG.md")
		if err != nil {
			return err
		}
		_, body, err := newest(string(text))
		fmt.Print(body)
		return err
	}
	r := release{root: root, out: filepath.Join(root, ".cache", "release"), tag: tag}
	return runSteps(ctx, os.Stdout, only, r.steps())
}
