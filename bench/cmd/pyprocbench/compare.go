package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/bench/gate"
	"github.com/pyproctest/pyproctest/bench/results"
)

// What a comparison ends with that does not pass.
var (
	errWorse     = errors.New("head is worse than base")
	errNoVerdict = errors.New("rows are on one side alone, or have too few runs (10 are enough), so nothing can be said for head")
)

// compare measures a commit and the work tree turn by turn, and judges.
func compare(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	tree := flags.String("tree", ".", "the work tree to judge, with its uncommitted changes")
	base := flags.String("base", "", "the commit to compare with; any name that git knows")
	rounds := flags.Int("rounds", 10, "runs of each version; 10 at least for a verdict that means something")
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

	m := &measurement{jobs: chosen(comparedJobs(), *only), versions: versions, rounds: *rounds, config: machine()}
	first, err := m.compared(ctx, *out, "")
	if err != nil {
		return err
	}
	verdict, err := first.judge() // before benchstat, which takes what is no measurement for one
	if err != nil {
		return err
	}
	if err := benchstat(ctx, os.Stdout, first); err != nil {
		return err
	}
	if verdict, err = m.confirmed(ctx, *out, verdict); err != nil {
		return err
	}
	return tell(os.Stdout, verdict)
}

// confirmed measures what looks worse once more, and is the verdict after that.
func (m *measurement) confirmed(ctx context.Context, out string, verdict gate.Verdict) (gate.Verdict, error) {
	suspects := m.jobsOf(verdict)
	if len(suspects) == 0 {
		return verdict, nil
	}
	_, _ = fmt.Fprintf(os.Stderr, "%d measurements look worse: their rows are measured once more\n", len(verdict.Failures()))
	m.jobs = suspects
	second, err := m.compared(ctx, out, "-again")
	if err != nil {
		return gate.Verdict{}, err
	}
	again, err := second.judge()
	if err != nil {
		return gate.Verdict{}, err
	}
	return verdict.Confirm(again), nil
}

// files are the results of base and of head.
type files struct{ base, head string }

// compared measures both versions, into files of their own.
func (m *measurement) compared(ctx context.Context, out, suffix string) (files, error) {
	f := files{filepath.Join(out, "base"+suffix+".txt"), filepath.Join(out, "head"+suffix+".txt")}
	for i, path := range []string{f.base, f.head} {
		w, err := results.Create(path)
		if err != nil {
			return f, err
		}
		m.versions[i].out = w
	}
	measured := m.run(ctx)
	for _, v := range m.versions {
		measured = errors.Join(measured, v.out.Close())
	}
	if ctx.Err() != nil {
		return f, fmt.Errorf("no verdict, but what was measured is in %s and %s: %w", f.base, f.head, measured)
	}
	if measured != nil {
		_, _ = fmt.Fprintln(os.Stderr, measured) // a row that is missing fails the verdict
	}
	return f, nil
}

// jobsOf are those that measure the rows that look worse, and no others. What is missing, or has too
// few runs, would be so again.
func (m *measurement) jobsOf(v gate.Verdict) []job {
	var jobs []job
	for _, j := range v.Failures() {
		if j.Change != gate.Worse {
			continue
		}
		suspect := m.jobOf[row{j.Row, j.Placement}]
		suspect.what, suspect.pattern, suspect.guess = j.Row, exactly(j.Row), time.Second
		if !slices.ContainsFunc(jobs, func(other job) bool { return key(other) == key(suspect) }) {
			jobs = append(jobs, suspect)
		}
	}
	return jobs
}

// gomaxprocs is what the testing package adds to the name of a row.
var gomaxprocs = regexp.MustCompile(`-\d+$`)

// exactly is the pattern of -test.bench for one row.
func exactly(row string) string {
	parts := strings.Split("Benchmark"+gomaxprocs.ReplaceAllString(row, ""), "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
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
		binaries, err := build(ctx, v.tree, filepath.Join(out, v.name+".built"), "", "bench")
		if err != nil {
			removed()
			return nil, nil, err
		}
		of := commit[:12]
		if v.tree == head {
			of = commitOf(head)
		}
		versions = append(versions, &version{name: v.name, binaries: binaries, env: environment(v.tree), commit: of})
	}
	return versions, removed, nil
}

// judge judges results that are there already: of base and head, and of what looked worse, once more.
func judge(ctx context.Context, args []string) error {
	if len(args) != 2 && len(args) != 4 {
		return errors.New("usage: judge BASE.txt HEAD.txt [BASE-again.txt HEAD-again.txt]")
	}
	first := files{args[0], args[1]}
	verdict, err := first.judge() // before benchstat, which takes what is no measurement for one
	if err != nil {
		return err
	}
	if len(args) == 4 {
		again, err := files{args[2], args[3]}.judge()
		if err != nil {
			return err
		}
		verdict = verdict.Confirm(again)
	}
	if err := benchstat(ctx, os.Stdout, first); err != nil {
		return err
	}
	return tell(os.Stdout, verdict)
}

// judge judges both files. Two that are the same measured nothing twice.
func (f files) judge() (gate.Verdict, error) {
	base, errBase := results.ReadFile(f.base)
	head, errHead := results.ReadFile(f.head)
	if err := errors.Join(errBase, errHead); err != nil {
		return gate.Verdict{}, fmt.Errorf("no verdict:\n%w", err)
	}
	if same, err := f.same(); err != nil || same {
		return gate.Verdict{}, errors.Join(err, fmt.Errorf("no verdict: %s and %s are the same results, so nothing was compared", f.base, f.head))
	}
	return gate.Judge(base, head, gate.Rules)
}

func (f files) same() (bool, error) {
	base, errBase := os.ReadFile(f.base)
	head, errHead := os.ReadFile(f.head)
	return bytes.Equal(base, head), errors.Join(errBase, errHead)
}

func tell(to io.Writer, verdict gate.Verdict) error {
	if err := verdict.Print(to); err != nil {
		return err
	}
	failures := verdict.Failures()
	switch {
	case len(failures) == 0:
		return nil
	case slices.ContainsFunc(failures, func(j gate.Judgement) bool { return j.Change == gate.Worse }):
		return errWorse
	default:
		return errNoVerdict
	}
}

// benchstat prints what benchstat says of base and head.
func benchstat(ctx context.Context, to io.Writer, f files) error {
	cmd := exec.CommandContext(ctx, "go", "tool", "benchstat", "-alpha", fmt.Sprint(gate.Alpha),
		"-table", "placement", "-filter", ".unit:(x-floor OR allocs/op OR calls/s)",
		"base="+f.base, "head="+f.head)
	cmd.Stdout, cmd.Stderr = to, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("benchstat: %w", err)
	}
	return nil
}
