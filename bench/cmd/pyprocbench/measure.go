package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/perf/benchfmt"

	"github.com/pyproctest/pyproctest/bench/results"
)

// version is a state of the code, built.
type version struct {
	name     string            // "head" or "base"
	binaries map[string]string // test binaries by the name of their package: "bench", "rivals"
	env      []string          // on top of this process's own
	commit   string            // "" where it is not known
	out      *results.Writer
}

// job is a run of some rows, for well under a minute.
type job struct {
	what      string // as a person would name it
	binary    string
	pattern   string // of -test.bench
	placement placement
	benchtime string
	guess     time.Duration // how long it takes, until it was seen
}

// jobLimit is when a run is given up as hung. None takes a tenth of that.
const jobLimit = 5 * time.Minute

// measurement runs all jobs in rounds. Within each, every job is run by every version before the next
// job's turn, in an order that turns round with each round: A B, B A, A B. So whatever drifts, drifts
// for all alike.
type measurement struct {
	jobs     []job
	versions []*version
	rounds   int
	config   []benchfmt.Config // of every result
	progress *progress
	jobOf    map[row]job // which each row is of
}

// row names a row of the results.
type row struct{ name, placement string }

// run measures until all rounds are done or ctx ends. What was measured until then has been written.
// The error joins those of jobs that failed; the others went on.
func (m *measurement) run(ctx context.Context) error {
	m.jobOf = map[row]job{}
	m.progress = newProgress(os.Stderr, int(os.Stderr.Fd()), m)
	var problems []error
	failed := map[string]bool{}
	for round := range m.rounds {
		for _, j := range m.jobs {
			for i := range m.versions {
				v := m.versions[i]
				if round%2 == 1 {
					v = m.versions[len(m.versions)-1-i]
				}
				if ctx.Err() != nil {
					return errors.Join(append(problems, fmt.Errorf("stopped in round %d of %d: %w", round+1, m.rounds, context.Cause(ctx)))...)
				}
				done := m.progress.begin(round, j, v)
				err := m.runJob(ctx, j, v)
				done()
				if err != nil && ctx.Err() == nil && !failed[j.what+v.name] {
					failed[j.what+v.name] = true
					problems = append(problems, err)
				}
			}
		}
	}
	return errors.Join(problems...)
}

func (m *measurement) runJob(ctx context.Context, j job, v *version) error {
	ctx, cancel := context.WithTimeout(ctx, jobLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, v.binaries[j.binary],
		"-test.run", "^$", "-test.bench", j.pattern, "-test.benchtime", j.benchtime)
	// What a run leaves that was cut short, such as sockets, goes with this folder.
	temp, err := os.MkdirTemp("", "pb")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	cmd.Env = append(append(os.Environ(), "TMPDIR="+temp), v.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A process group of its own, so that an interrupt from the terminal is this process's to handle.
	// The helpers of the benchmarks end with the process that started them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second

	if err = j.placement.start(cmd); err == nil {
		err = cmd.Wait()
	}
	if errOut := m.keep(&stdout, j, v); errOut != nil {
		err = errors.Join(err, errOut)
	}
	if err != nil {
		return fmt.Errorf("%s, %s, %s: %w\n%s", j.what, j.placement, v.name, err, lastLines(stdout.String()+stderr.String(), 15))
	}
	return nil
}

// keep writes the results that a job printed to the file of its version. pkg is left out: the rows of
// all packages are to stand in one table.
func (m *measurement) keep(stdout io.Reader, j job, v *version) error {
	set, err := results.Read(stdout, j.what)
	if err != nil {
		return err
	}
	if len(set.Results) == 0 {
		return fmt.Errorf("no results; the pattern is %q", j.pattern)
	}
	for _, r := range set.Results {
		r.SetConfig("pkg", "")
		for _, c := range m.config {
			setFileConfig(r, c.Key, string(c.Value))
		}
		if v.commit != "" {
			setFileConfig(r, "commit", v.commit)
		}
		setFileConfig(r, "placement", string(j.placement))
		m.jobOf[row{r.Name.String(), string(j.placement)}] = j
		if err := v.out.Write(r); err != nil {
			return err
		}
	}
	return nil
}

// setFileConfig sets what is to be written; SetConfig alone sets what is not.
func setFileConfig(r *benchfmt.Result, key, value string) {
	r.SetConfig(key, value)
	if i, ok := r.ConfigIndex(key); ok {
		r.Config[i].File = true
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
