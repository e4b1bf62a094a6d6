package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goreleaser is run as a program of its own version, and not as a tool of a go.mod: its thousand dependencies are nobody's here.
// GORELEASER in the environment names one that is installed.
const goreleaser = "github.com/goreleaser/goreleaser/v2@v2.15.4"

// A release is what is built, and where.
type release struct {
	root string // of the repository
	out  string
	tag  string // empty for a trial
}

func (r release) steps() []step {
	steps := []step{
		{"versions agree", r.versions, false},
		{"build: Python worker, wheel and sdist", r.buildWorker, true},
		{"build: vectors for pip and npm, and as an archive", r.buildVectors, true},
		{"build: binaries, SBOMs and checksums by GoReleaser", r.buildBinaries, true},
		{"build: context of the container image", r.buildImage, true},
	}
	return append(steps, r.checks()...)
}

// inTree runs a command in the repository, with the environment of whoever runs it.
func (r release) inTree(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = r.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, tail(out))
	}
	return nil
}

// python is the interpreter that has the packages of .github/tools/requirements.txt; make makes it.
func (r release) python() string {
	return filepath.Join(r.root, ".cache", "tools-venv", "bin", "python")
}

func (r release) buildWorker(ctx context.Context, _ *environment) error {
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	return r.inTree(ctx, r.python(), "-m", "build", "--no-isolation", "-o", filepath.Join(r.out, "python"), "pyworker")
}

func (r release) buildVectors(ctx context.Context, e *environment) error {
	packed := filepath.Join(e.dir, "packed")
	if err := r.inTree(ctx, "go", "run", "./vectors/pack", "-out", packed); err != nil {
		return err
	}
	out := filepath.Join(r.out, "vectors")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := r.inTree(ctx, r.python(), "-m", "build", "--no-isolation", "-o", out, filepath.Join(packed, "python")); err != nil {
		return err
	}
	if err := r.inTree(ctx, "npm", "pack", "--silent", "--pack-destination", out, filepath.Join(packed, "npm")); err != nil {
		return err
	}
	archive, err := one(packed, "*.tar.gz")
	if err != nil {
		return err
	}
	// The archive and the sdist are called alike but for a letter: pip's is pyproctest_vectors.
	return copyFile(archive, filepath.Join(out, filepath.Base(archive)))
}

func (r release) buildBinaries(ctx context.Context, _ *environment) error {
	if info, err := os.Stat(filepath.Join(r.root, ".git")); err != nil || !info.IsDir() {
		return errors.New("go build puts the version and the commit into what is built in a clone alone, not in an unpacked archive or a further work tree: clone this one, and run it there")
	}
	args := []string{"release", "--config", ".github/goreleaser.yaml", "--clean", "--parallelism", "2", "--skip", "publish,validate"}
	if r.tag == "" {
		args = append(args, "--snapshot")
	}
	if program := os.Getenv("GORELEASER"); program != "" {
		return r.inTree(ctx, program, args...)
	}
	return r.inTree(ctx, "go", append([]string{"run", goreleaser}, args...)...)
}

// buildImage lays out what the container file copies.
func (r release) buildImage(context.Context, *environment) error {
	wheel, err := one(filepath.Join(r.out, "python"), "*.whl")
	if err != nil {
		return err
	}
	image := filepath.Join(r.out, "image")
	files := map[string]string{
		wheel: filepath.Base(wheel),
		filepath.Join(r.root, "pyworker", "conformance_worker.py"): "conformance_worker.py",
		filepath.Join(r.root, ".github", "Containerfile"):          "Containerfile",
	}
	for _, arch := range []string{"amd64", "arm64"} {
		binary, err := one(filepath.Join(r.out, "dist", "pyproctest_linux_"+arch+"*"), "pyproctest")
		if err != nil {
			return err
		}
		files[binary] = filepath.Join(arch, "pyproctest")
	}
	for from, to := range files {
		to = filepath.Join(image, to)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), copyFile(from, to)); err != nil {
			return err
		}
	}
	return nil
}

// one returns the only file in the folder that matches.
func one(folder, pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s: %d files match %s, where there must be one", folder, len(found), pattern)
	}
	return found[0], nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, bytes.Clone(content), info.Mode().Perm())
}
