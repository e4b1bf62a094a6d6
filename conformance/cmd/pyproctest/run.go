package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func runCommand() *cobra.Command {
	r := &runFlags{}
	c := &cobra.Command{
		Use:   "run (--worker | --framer | --pool) CMD",
		Short: "Run the cases against an implementation",
		Long: `Runs the cases against an implementation and says, clause by clause, what holds.

CMD is split into words as a shell would split it, and started without a shell. A worker
finds its socket path in PYPROC_SOCKET_PATH and must expose the methods of clause WRK-21. A
framer and a pool need an adapter, a small program that reads and writes lines of JSON:
see "pyproctest adapters". "pyproctest init" writes one to start with.

A SHOULD that does not hold is reported, but fails the run only with --strict. A run that is
restricted by --clause, --exclude, --shard or --framing judges only what it selected. Of a
run that fails the first failure is shown whole, as the one that explains the others, and of
the others a few lines: -v shows everything.

--failed FILE.json runs only the cases that failed in that report; if none failed there, it
runs all, so that the loop ends with a whole run.

--watch runs again each time the implementation's files change, without end: the cases that
failed come first, then all others. A change during a run begins the next one at once. It
watches the files that CMD names and the folders they are in, with the folders below; without
such a file, the current folder. Hidden files and folders, __pycache__, node_modules, target,
virtual environments, logs and object files are left out. Reports are written after each run.

--repeat N runs each case N times. A case that held only some of them is flaky: it counts as
failed, so its clause is violated and the exit status is 1, and every report says how often
it held.

Exit status:
  0    every MUST holds
  1    some do not, or it is not known whether they do
  2    it could not run: wrong flags, an implementation that cannot be started, or a report
       that cannot be written
  130  it was ended by Ctrl-C or SIGTERM; the cases that ran before are reported
With --watch, Ctrl-C between two runs ends it with the status of the last run.`,
		Example: `  pyproctest run --worker 'python3 worker.py'
  pyproctest run --worker ./worker --framing basic --clause 'MSG-*' --clause WRK-8
  pyproctest run --framer 'node framer.mjs' --report report.html --report junit.xml
  pyproctest run --pool ./pool-adapter --known-failing known-failing.txt --shard 1/4
  pyproctest run --worker 'python3 worker.py' --watch
  pyproctest run --worker ./worker --failed last.json --report last.json
  pyproctest run --worker ./worker --clause WRK-8 --repeat 50`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r.parallelGiven = c.Flags().Changed("parallel")
			return r.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&r.worker, "worker", "", "the `CMD` that starts a worker")
	f.StringVar(&r.framer, "framer", "", "the `CMD` that starts the adapter of a framer")
	f.StringVar(&r.pool, "pool", "", "the `CMD` that starts the adapter of a pool")
	f.StringVar(&r.name, "name", "", "the implementation's `NAME` in reports (default: the command, or what the adapter says)")
	f.StringVar(&r.framing, "framing", "both", "the `FRAMING` to run in: enhanced, basic or both")
	f.StringArrayVar(&r.clauses, "clause", nil, "run only cases that cover a clause that matches `PATTERN`, or cases whose name does: WRK-8, 'BPR-*', 'FRM-7/*-length-17' (repeatable)")
	f.StringArrayVar(&r.exclude, "exclude", nil, "leave out cases whose name matches `PATTERN` (repeatable)")
	f.StringVar(&r.shard, "shard", "", "run only part `I/N`, so that several machines can share a run")
	f.IntVar(&r.parallel, "parallel", 0, "how many cases to run at once (default: 4 for each processor, and more while cases wait)")
	f.DurationVar(&r.timeout, "timeout", 0, "end the run after this time and report what has run (default: no limit)")
	f.DurationVar(&r.patience, "patience", 10*time.Second, "how long to wait for anything that must happen")
	f.DurationVar(&r.grace, "grace", conformance.DefaultGrace, "the grace period that your worker is set to: how long it may take to end after SIGTERM")
	f.StringVar(&r.failed, "failed", "", "run only the cases that failed in this `REPORT.json`; with --watch, run them first")
	f.BoolVar(&r.watching, "watch", false, "run again when the implementation's files change, failed cases first")
	f.StringArrayVar(&r.watchDirs, "watch-dir", nil, "watch this `FOLDER`, and what is in it, instead of the folders of CMD's files (repeatable)")
	f.IntVar(&r.repeat, "repeat", 1, "run each case `N` times, and say how often it held")
	f.BoolVar(&r.strict, "strict", false, "fail the run if a SHOULD does not hold")
	f.BoolVar(&r.json, "json", false, "write events to standard output, one line of JSON each; events.schema.json describes them")
	f.StringVar(&r.known, "known-failing", "", "read known failures and their reasons from this `FILE`")
	f.StringVar(&r.writeKnown, "write-known-failing", "", "list everything that fails now in this `FILE`, for --known-failing")
	f.StringArrayVar(&r.reports, "report", nil, "write a report to this `FILE`; its extension names the format: .json .xml (JUnit) .md .html .txt (repeatable)")
	f.StringArrayVar(&r.badges, "badge", nil, "write a badge to this `FILE`: .svg, or .json for a service that draws badges (repeatable)")
	f.StringVar(&r.spec, "spec", spec.Version, "judge by this `VERSION` of the clauses; later clauses are left out")
	f.BoolVarP(&r.verbose, "verbose", "v", false, "show every failure with its timeline, and every clause in the table")
	completeWords(c, "framing", "both", string(conformance.Enhanced), string(conformance.Basic))
	completeFlag(c, "clause", completeClauses)
	completeFlag(c, "exclude", completeClauses)
	return c
}

type runFlags struct {
	worker, framer, pool string
	name                 string
	framing              string
	clauses, exclude     []string
	shard                string
	parallel             int
	parallelGiven        bool
	timeout, patience    time.Duration
	grace                time.Duration
	strict, json         bool
	known, writeKnown    string
	reports              []string
	badges               []string
	spec                 string
	verbose              bool
	failed               string
	watching             bool
	watchDirs            []string
	repeat               int
	onlyCases            []string // the IDs that --failed leaves; nil without it
	notes                []string // for the report
}

// errTimeout ends a run that took longer than --timeout.
var errTimeout = errors.New("the time of --timeout is over")

func (r *runFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	first, err := r.restrict()
	if err != nil {
		return err
	}
	opts, err := r.options()
	if err != nil {
		return err
	}
	if err := r.checkOutputs(); err != nil {
		return err
	}
	var list known.List
	if r.known != "" {
		if list, err = known.Load(r.known); err != nil {
			return err
		}
	}
	o := &oneRun{runFlags: r, opts: opts, list: list, stdout: stdout, stderr: stderr}
	if r.watching {
		return r.runAgain(ctx, o, first)
	}
	_, status, err := o.do(ctx)
	if err != nil {
		return err
	}
	if status != statusHolds {
		return &exit{status}
	}
	return nil
}

// oneRun is a run with all that the flags ask for.
type oneRun struct {
	*runFlags
	opts           []conformance.Option
	list           known.List
	stdout, stderr io.Writer
	first          *firstCases // nil if none come first
}

// errChanged ends a run whose implementation has changed meanwhile.
var errChanged = errors.New("the implementation's files have changed")

// do runs the cases, shows the outcome and writes the files that were asked for. If files changed
// meanwhile it shows and writes nothing, and returns errChanged.
func (o *oneRun) do(ctx context.Context) (run report.Run, status int, err error) {
	signalled := ctx
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, errTimeout)
		defer cancel()
	}
	run, watch, broken := o.judge(ctx)
	late := errors.Is(context.Cause(ctx), errTimeout) && run.Interrupted
	if late {
		run.NotRun = append(run.NotRun, fmt.Sprintf("--timeout %v was over", o.timeout))
	}
	if o.known != "" {
		outcome := o.list.Apply(run.Report)
		run.Known = &outcome
	}
	if errors.Is(context.Cause(ctx), errChanged) {
		return run, 0, errChanged
	}

	run.Signalled = signalled.Err() != nil && run.Interrupted
	status = report.ExitStatus(run)
	switch {
	case run.Signalled:
	case late:
		status = statusViolated // or not known to hold, which has the same status
	case broken:
		status = statusCouldNotRun
	}
	return run, status, errors.Join(watch.finish(run, status), o.write(run))
}

// judge runs the cases. It reports broken if the adapter became unusable during the run.
func (o *oneRun) judge(ctx context.Context) (run report.Run, watch watcher, broken bool) {
	subject := o.subject(ctx)
	watch = o.watch(subject)
	run = report.Run{Environment: report.Here(), Rerun: o.rerun(), Strict: o.strict, File: o.file(), Notes: slices.Clone(o.notes)}
	if err := subject.open(o.runFlags); err != nil {
		run.Report = subject.notStarted(err)
		watch.end()
		return run, watch, false
	}
	run.Report = o.repeated(ctx, subject, slices.Concat(o.opts, watch.options(), o.first.options(watch)))
	watch.end()
	if fault := subject.close(); fault != nil && ctx.Err() == nil {
		broken = true
		run.NotRun = append(run.NotRun, fault.Error())
	}
	run.Notes = append(run.Notes, subject.notes()...)
	return run, watch, broken
}

// repeated runs the cases as often as --repeat says, and returns one report of all turns.
func (o *oneRun) repeated(ctx context.Context, subject *subject, opts []conformance.Option) conformance.Report {
	if o.repeat == 1 {
		return subject.check(opts...)
	}
	turns := []conformance.Report{subject.check(opts...)}
	for len(turns) < o.repeat && ctx.Err() == nil && turns[0].SetUp == "" { // what could not be set up would not be again
		turns = append(turns, subject.check(opts...))
	}
	all := result.Repeated(turns...)
	if len(turns) < o.repeat && all.SetUp == "" {
		all.Interrupted = true
		all.NotRun = append(all.NotRun, fmt.Sprintf("%d of %d turns of --repeat: the run was ended before them", o.repeat-len(turns), o.repeat))
	}
	all.Repeat = o.repeat
	return all
}

func (r *runFlags) role() spec.Role {
	switch {
	case r.worker != "":
		return spec.RoleWorker
	case r.framer != "":
		return spec.RoleFramer
	}
	return spec.RolePool
}

// command returns the line that starts the implementation or its adapter.
func (r *runFlags) command() string { return r.worker + r.framer + r.pool }

// options returns the options of the suite that the flags ask for. The error says which flag is wrong.
func (r *runFlags) options() ([]conformance.Option, error) {
	given := 0
	for _, command := range []string{r.worker, r.framer, r.pool} {
		if command != "" {
			given++
		}
	}
	if given != 1 {
		return nil, errors.New("give one of --worker, --framer and --pool, with the command that starts it")
	}
	opts, err := r.selection()
	if err != nil {
		return nil, err
	}
	switch {
	case r.parallelGiven && r.parallel < 1:
		return nil, fmt.Errorf("--parallel %d: give at least 1", r.parallel)
	case r.patience <= 0:
		return nil, fmt.Errorf("--patience %v: give a time such as 30s", r.patience)
	case r.grace <= 0:
		return nil, fmt.Errorf("--grace %v: give the grace period that your worker is set to, such as 10s", r.grace)
	case r.timeout < 0:
		return nil, fmt.Errorf("--timeout %v: give a time such as 5m", r.timeout)
	case r.repeat < 1:
		return nil, fmt.Errorf("--repeat %d: give at least 1", r.repeat)
	case r.watching && r.writeKnown != "":
		return nil, errors.New("--write-known-failing lists what fails in one run: give it without --watch")
	case len(r.watchDirs) > 0 && !r.watching:
		return nil, errors.New("--watch-dir says which folder --watch looks at: give --watch too")
	}
	if !slices.Contains(spec.Versions(), r.spec) {
		return nil, fmt.Errorf("--spec %s: the clauses have the versions %s", r.spec, strings.Join(spec.Versions(), ", "))
	}
	opts = append(opts, conformance.SpecVersion(r.spec))
	selected, err := catalog.Selected(r.role(), opts...)
	if err != nil {
		return nil, err
	}
	if len(selected) == 0 {
		return nil, errors.New("no case is left by --clause, --exclude, --framing and --shard: pyproctest list names the cases")
	}
	opts = append(opts, conformance.Patience(r.patience))
	if r.parallelGiven {
		opts = append(opts, conformance.Parallel(r.parallel))
	}
	if r.strict {
		opts = append(opts, conformance.StrictShould())
	}
	return opts, nil
}

// selection returns the options that select cases.
func (r *runFlags) selection() ([]conformance.Option, error) {
	var opts []conformance.Option
	switch f := conformance.Framing(r.framing); f {
	case "both":
	case conformance.Enhanced, conformance.Basic:
		opts = append(opts, conformance.Framings(f))
	default:
		return nil, fmt.Errorf("--framing %s: give enhanced, basic or both", r.framing)
	}
	for _, pattern := range r.patterns() {
		if strings.Contains(pattern, "/") {
			opts = append(opts, conformance.Only(pattern))
		} else {
			opts = append(opts, conformance.Covering(pattern))
		}
	}
	if len(r.exclude) > 0 {
		opts = append(opts, conformance.Except(r.exclude...))
	}
	if r.shard != "" {
		var i, n int
		if _, err := fmt.Sscanf(r.shard+" ", "%d/%d ", &i, &n); err != nil || fmt.Sprintf("%d/%d", i, n) != r.shard {
			return nil, fmt.Errorf("--shard %s: give the part and how many there are, such as 1/4", r.shard)
		}
		opts = append(opts, conformance.Shard(i, n))
	}
	return opts, nil
}

// patterns returns the cases of --failed, or else what --clause says.
func (r *runFlags) patterns() []string {
	if r.onlyCases != nil {
		return r.onlyCases
	}
	return r.clauses
}

// rerun returns how to repeat the run, and how to repeat one case of it.
func (r *runFlags) rerun() report.Rerun {
	words := []string{"pyproctest", "run", "--" + string(r.role()), r.command()}
	if r.patience != 10*time.Second {
		words = append(words, "--patience", r.patience.String())
	}
	if r.grace != conformance.DefaultGrace {
		words = append(words, "--grace", r.grace.String())
	}
	if r.strict {
		words = append(words, "--strict")
	}
	if r.repeat > 1 {
		words = append(words, "--repeat", fmt.Sprint(r.repeat))
	}
	one := append(slices.Clone(words), "--clause")
	if r.framing != "both" {
		words = append(words, "--framing", r.framing)
	}
	for _, pattern := range r.clauses {
		words = append(words, "--clause", pattern)
	}
	for _, pattern := range r.exclude {
		words = append(words, "--exclude", pattern)
	}
	if r.shard != "" {
		words = append(words, "--shard", r.shard)
	}
	if r.onlyCases != nil {
		words = append(words, "--failed", r.failed)
	}
	if r.known != "" {
		words = append(words, "--known-failing", r.known)
	}
	return report.Rerun{All: words, One: one}
}
