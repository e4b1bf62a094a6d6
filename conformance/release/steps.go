package main

import (
	"bytes"
	"context"
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

// A step is one thing that is built or tried. Its name is what a failure is called by.
type step struct {
	name string
	do   func(context.Context, *environment) error
	// builds is set if later steps need what it makes: no other is run after it has failed.
	builds bool
}

// runSteps runs the steps whose names match, each in an environment of its own, and returns an error that names those that
// failed. A step that builds ends the run if it fails.
func runSteps(ctx context.Context, w io.Writer, only string, steps []step) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	var failed []string
	ran := 0
	for _, s := range steps {
		if !wanted.MatchString(s.name) {
			continue
		}
		ran++
		fmt.Fprintf(w, "%s\n", s.name)
		begun := time.Now()
		err := inEnvironment(ctx, w, s.do)
		if err != nil {
			fmt.Fprintf(w, "  FAILED: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n    "))
			failed = append(failed, s.name)
		} else {
			fmt.Fprintf(w, "  ok, %.1f s\n", time.Since(begun).Seconds())
		}
		if err != nil && (s.builds || ctx.Err() != nil) {
			return fmt.Errorf("FAILED: %s; the steps after it were not run", s.name)
		}
	}
	switch {
	case ran == 0:
		return fmt.Errorf("no step has a name that matches %q", only)
	case len(failed) > 0:
		return fmt.Errorf("FAILED: %s", strings.Join(failed, ", "))
	}
	fmt.Fprintf(w, "All %d steps passed.\n", ran)
	return nil
}

// An environment is an empty folder, and a PATH that has nothing but the programs that the step asks for: no Go, no
// source tree, no configuration of whoever runs it.
type environment struct {
	dir   string
	log   io.Writer
	extra []string // NAME=value
}

func inEnvironment(ctx context.Context, log io.Writer, do func(context.Context, *environment) error) error {
	dir, err := os.MkdirTemp("", "rel") // short: sockets are made in it
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, sub := range []string{"bin", "home", "tmp", "work"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	return do(ctx, &environment{dir: dir, log: log})
}

// work returns the path of a file in the folder where commands run.
func (e *environment) work(name string) string { return filepath.Join(e.dir, "work", name) }

// has puts programs of this machine into the PATH.
func (e *environment) has(programs ...string) error {
	for _, name := range programs {
		path, err := exec.LookPath(name)
		if err != nil {
			return fmt.Errorf("NOT RUN: it takes %s: %w", name, err)
		}
		if name == "python3" { // a version manager's stand-in would look for its own configuration
			real, err := exec.Command(path, "-c", "import sys; print(sys.executable)").Output()
			if err != nil {
				return err
			}
			path = strings.TrimSpace(string(real))
		}
		// A script and not a link, since some programs find their libraries by their own path.
		script := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\"\n", path)
		if err := os.WriteFile(filepath.Join(e.dir, "bin", name), []byte(script), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// run runs a command line of a shell, which the log shows with its time, and returns its output. The shell's own PATH
// has the programs of has, and those of a bare system that a person types: nothing else.
func (e *environment) run(ctx context.Context, line string) (string, error) {
	if err := e.system(); err != nil {
		return "", err
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, shell, "-c", line)
	cmd.Dir = filepath.Join(e.dir, "work")
	cmd.Env = append([]string{
		"PATH=" + filepath.Join(e.dir, "bin"), "HOME=" + filepath.Join(e.dir, "home"), "TMPDIR=" + filepath.Join(e.dir, "tmp"),
		"LANG=C.UTF-8", "npm_config_update_notifier=false", "PIP_DISABLE_PIP_VERSION_CHECK=1",
	}, append(indexes(), e.extra...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what the shell started ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	cpu := time.Duration(0) // beside the time that it took, since a busy machine makes that long
	if p := cmd.ProcessState; p != nil {
		cpu = p.UserTime() + p.SystemTime()
	}
	fmt.Fprintf(e.log, "  %5.1f s, %4.1f s of CPU  $ %s\n", time.Since(begun).Seconds(), cpu.Seconds(), strings.ReplaceAll(line, e.dir, "…"))
	if err != nil {
		return string(out), fmt.Errorf("%s: %w\n%s", line, err, tail(out))
	}
	return string(out), nil
}

// system puts the programs of a bare system into the PATH.
func (e *environment) system() error {
	for _, name := range []string{"sh", "cat", "cp", "env", "ls", "mkdir", "rm", "tar", "gzip", "uname"} {
		if _, err := os.Lstat(filepath.Join(e.dir, "bin", name)); err == nil {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			if err := os.Symlink(path, filepath.Join(e.dir, "bin", name)); err != nil {
				return err
			}
		}
	}
	return nil
}

var setsIndex = regexp.MustCompile(`^(PIP_|NPM_CONFIG_|SSL_CERT_)|(_PROXY|_CA_CERTS|_CA_BUNDLE)$`)

// indexes are the settings of this machine that say where packages are fetched from.
func indexes() []string {
	var kept []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if setsIndex.MatchString(strings.ToUpper(name)) {
			kept = append(kept, variable)
		}
	}
	return kept
}

// expect runs a command line and returns an error if its output does not match.
func (e *environment) expect(ctx context.Context, line, pattern string) error {
	out, err := e.run(ctx, line)
	if err != nil {
		return err
	}
	return matches(line, out, pattern)
}

func matches(line, out, pattern string) error {
	if ok, err := regexp.MatchString(pattern, out); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("%s: its output does not match %s\n%s", line, pattern, tail([]byte(out))))
	}
	return nil
}

// tail returns the last lines of an output.
func tail(out []byte) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-25):], []byte("\n")))
}
