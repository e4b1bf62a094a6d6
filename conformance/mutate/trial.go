package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// A verdict is how the trial of a mutant ended.
type verdict string

const (
	killed     verdict = "killed"   // a case failed
	hung       verdict = "hung"     // the run did not end in time, which counts as killed
	crashed    verdict = "crashed"  // the run ended with a panic or the like, which counts as killed
	unsure     verdict = "unsure"   // a case failed, and passed when it was run again
	survived   verdict = "survived" // all cases passed
	notBuilt   verdict = "does not compile"
	sameBinary verdict = "compiles to the same program"
)

// court tries mutants of one target.
type court struct {
	root     string // of the module
	work     string // a directory for what a trial needs
	target   target
	python   string
	patience time.Duration
	limit    time.Duration // of one run of the suite
	parallel int           // cases at once
	original [sha256.Size]byte
}

type outcome struct {
	verdict verdict
	by      string // the case that killed it, or the end of what a crash said
}

// try runs the suite with the mutant in it, until the first case fails.
func (c *court) try(ctx context.Context, b *batch, m mutant) (outcome, error) {
	if v := b.not[m.key()]; v != "" {
		return outcome{verdict: v}, nil
	}
	dir, err := os.MkdirTemp(c.work, "")
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if number := b.held[m.key()]; number > 0 {
		o, err := c.judge(ctx, dir, program{suite: b.suite, number: number})
		if err != nil || o.verdict != survived {
			return o, err
		}
		// One that compiles to the same program could not be noticed.
		if _, built, err := c.prepare(ctx, dir, m); err != nil || built != "" {
			return outcome{verdict: built}, err
		}
		return o, nil
	}
	p, built, err := c.prepare(ctx, dir, m)
	if err != nil || built != "" {
		return outcome{verdict: built}, err
	}
	return c.judge(ctx, dir, p)
}

// A program runs the suite with a mutant in it.
type program struct {
	suite  string
	args   []string
	number int // of the mutant, in a batch
}

func (c *court) judge(ctx context.Context, dir string, p program) (outcome, error) {
	first, err := c.runAll(ctx, dir, p)
	if err != nil || first.verdict != killed {
		return first, err
	}
	// Was it the mutant, or a machine with too much to do?
	for range 2 {
		again, err := c.run(ctx, dir, p, exactly(first.by))
		if err != nil || again.verdict != survived {
			return first, err
		}
	}
	return outcome{unsure, first.by}, nil
}

// runAll runs the tests of the target, until a case of one fails.
func (c *court) runAll(ctx context.Context, dir string, p program) (o outcome, err error) {
	for _, test := range c.target.tests {
		if o, err = c.run(ctx, dir, p, test); err != nil || o.verdict != survived {
			break
		}
	}
	return o, err
}

// exactly is the pattern that -test.run takes for one subtest.
func exactly(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// prepare makes a program for the mutant alone.
func (c *court) prepare(ctx context.Context, dir string, m mutant) (p program, built verdict, err error) {
	source, err := os.ReadFile(filepath.Join(c.root, m.File))
	if err != nil {
		return p, "", err
	}
	if strings.HasSuffix(m.File, ".py") {
		at := filepath.Join(dir, "pyworker")
		if err := copyPython(filepath.Join(c.root, "pyworker"), at); err != nil {
			return p, "", err
		}
		changed := filepath.Join(at, strings.TrimPrefix(m.File, "pyworker/"))
		if err := os.WriteFile(changed, m.applied(source), 0o600); err != nil {
			return p, "", err
		}
		compiles := exec.CommandContext(ctx, c.python, "-c", "import ast, sys; ast.parse(open(sys.argv[1], 'rb').read())", changed)
		if err := compiles.Run(); err != nil {
			return p, notBuilt, ctx.Err()
		}
		return program{
			suite: filepath.Join(c.work, "suite"),
			args:  []string{"-worker", c.python + " " + filepath.Join(at, "conformance_worker.py")},
		}, "", nil
	}
	changed := filepath.Join(dir, filepath.Base(m.File))
	if err := os.WriteFile(changed, m.applied(source), 0o600); err != nil {
		return p, "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := writeOverlay(overlay, map[string]string{filepath.Join(c.root, m.File): changed}); err != nil {
		return p, "", err
	}
	p.suite = filepath.Join(dir, "suite")
	if _, err := c.build(ctx, p.suite, "-overlay", overlay); err != nil {
		return p, notBuilt, ctx.Err()
	}
	sum, err := hashOf(p.suite)
	if err == nil && sum == c.original {
		return p, sameBinary, nil
	}
	return p, "", err
}

// build builds the suite. Without paths and build IDs in it, what compiles to the same program is the same file.
func (c *court) build(ctx context.Context, to string, more ...string) ([]byte, error) {
	args := append([]string{"test", "-c", "-trimpath", "-ldflags=-s -w -buildid=", "-o", to}, more...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./conformance")...)
	cmd.Dir = c.root
	return cmd.CombinedOutput()
}

func hashOf(file string) (sum [sha256.Size]byte, err error) {
	content, err := os.ReadFile(file)
	return sha256.Sum256(content), err
}

func copyPython(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".py" {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		copied := filepath.Join(to, strings.TrimPrefix(path, from))
		if err := os.MkdirAll(filepath.Dir(copied), 0o700); err != nil {
			return err
		}
		return os.WriteFile(copied, source, 0o600)
	})
}

// failure is how a test that failed is told as soon as it has, with the mark of -test.v=test2json before it.
var failure = regexp.MustCompile(`^\x16?\s*--- FAIL: (\S+)`)

// run runs the suite until a case fails, and leaves nothing behind.
func (c *court) run(ctx context.Context, dir string, p program, tests string) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.suite, append([]string{
		"-test.run", tests, "-test.v=test2json", "-test.parallel", fmt.Sprint(c.parallel), "-patience", c.patience.String(), "-strict",
	}, p.args...)...)
	cmd.Dir = filepath.Join(c.root, "conformance")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "PYTHONDONTWRITEBYTECODE=1", mutantVariable+"="+fmt.Sprint(p.number))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = end
	cmd.WaitDelay = time.Second
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	var ended error
	go func() {
		ended = cmd.Wait()
		_ = in.Close()
	}()
	var last bytes.Buffer
	by := ""
	for lines := bufio.NewScanner(bufio.NewReader(out)); lines.Scan(); {
		if m := failure.FindStringSubmatch(lines.Text()); m != nil && by == "" {
			by = m[1]
			_ = end()
		}
		if last.Len() > 1<<16 {
			last.Reset()
		}
		last.WriteString(lines.Text() + "\n")
	}
	_, _ = io.Copy(io.Discard, out)
	switch {
	case by != "":
		return outcome{killed, by}, nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return outcome{verdict: hung}, nil
	case ctx.Err() != nil:
		return outcome{}, ctx.Err()
	case ended != nil:
		return outcome{crashed, oneLine(last.String())}, nil
	}
	return outcome{verdict: survived}, nil
}
