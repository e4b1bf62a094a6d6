package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/perf/benchfmt"

	"github.com/pyproctest/pyproctest/bench/load"
	"github.com/pyproctest/pyproctest/bench/report"
	"github.com/pyproctest/pyproctest/bench/results"
	"github.com/pyproctest/pyproctest/bench/rounds"
	"github.com/pyproctest/pyproctest/bench/rows"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func benchCommand() *cobra.Command {
	b := &benchFlags{}
	c := &cobra.Command{
		Use:   "bench (--worker | --framer | --pool) CMD",
		Short: "Measure an implementation against a floor",
		Long: `Measures an implementation against a floor, in the rows and units of this project's own
benchmarks: a worker under the reference pool, a pool with the bundled worker, a framer
frame by frame. The first table comes after some ten seconds, the whole in under two
minutes.

Times belong to a machine and an hour; what can be compared is x-floor, how many times the
floor's time a row takes. A row and its floor take turns of a few milliseconds. The floor of
a call is a framed JSON loop, written by hand, with python3 at its other end
(PYPROCTEST_PYTHON names another interpreter, and "pip install google-crc32c" gives it
checksums in C); that of a frame is one copy of the payload and its CRC32C.

Leaving checks out is fast. So the clauses of checksums and IDs are checked first, and what
fails them gets no numbers. A framer and a pool need an adapter that answers "measure", which
loops and times itself: see "pyproctest adapters". Without, a framer gets no figures, and a
pool none of calls as fast as they go.

With --rate calls come whether or not those before have ended, as they do in production, and
the time of a call is taken from the moment it was due: a stall then counts for every call
that it holds up. A closed loop, where a caller waits for an answer before it calls again,
hides stalls; it is measured beside. The calls of a pool go to its adapter as lines, whose
cost is in their times: rows with mix=lines say how much that is.

In DIR are report.html, report.txt, results.txt (for benchstat, and for --compare),
results.csv and results.json. With --compare, what rose beyond the limit of its rule is
measured once more, and counts if it is worse again.

Exit status:
  0    it was measured, and is not worse than OLD.txt
  1    it fails a clause of checksums or IDs, is worse, or nothing can be said for sure
  2    it could not be measured: wrong flags, or an implementation that cannot be started
  130  it was ended by Ctrl-C or SIGTERM; what was measured before is reported`,
		Example: `  pyproctest bench --worker 'node worker.mjs'
  pyproctest bench --worker ./worker --against 'python3 old.py' --out worker-bench
  pyproctest bench --worker ./worker --compare old/results.txt
  pyproctest bench --worker ./worker --rate 2000,50% --mix 64B:90,10KB:9,sleep=5ms:1 --for 30s
  pyproctest bench --framer 'node framer.mjs' --quick`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return b.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&b.worker, "worker", "", "the `CMD` that starts a worker")
	f.StringVar(&b.framer, "framer", "", "the `CMD` that starts the adapter of a framer")
	f.StringVar(&b.pool, "pool", "", "the `CMD` that starts the adapter of a pool")
	f.StringVar(&b.against, "against", "", "the `CMD` of another one of the same role, measured turn by turn with it")
	f.BoolVar(&b.quick, "quick", false, "measure a few rows, in some twenty seconds")
	f.BoolVar(&b.full, "full", false, "measure all rows, ten times each: half an hour")
	f.IntVar(&b.rounds, "rounds", 0, "how often each row is measured; --compare needs 5 at least (default: 6; 5 with --quick, 10 with --full)")
	f.StringVar(&b.out, "out", "pyproctest-bench", "the `DIR` for the results")
	f.StringVar(&b.compare, "compare", "", "judge against the results.txt of an earlier run on this machine, `OLD.txt`")
	f.StringVar(&b.rate, "rate", "", "also call at each of these `RATES`: calls a second, or percent of what a closed loop reaches in this run (default: "+load.DefaultRates+"; with --quick, none)")
	f.StringVar(&b.mix, "mix", load.DefaultKinds, "the `KINDS` of calls that come at a rate, with their weights: sizes and slow handlers, such as 64B:90,10KB:9,sleep=5ms:1")
	f.DurationVar(&b.span, "for", defaultSpan, "how long calls come at each rate")
	f.BoolVar(&b.force, "force", false, "measure it even if it fails the clauses of checksums and IDs, and say so in the report")
	return c
}

type benchFlags struct {
	worker, framer, pool string
	against              string
	quick, full          bool
	rounds               int
	out, compare         string
	rate, mix            string
	span                 time.Duration
	force                bool
}

// The extents of a run. Ten rounds are enough for a verdict on small differences, and five for any.
const (
	quickRounds, normalRounds, fullRounds = 5, 6, 10
	quickEach, normalEach, fullEach       = 40 * time.Millisecond, 60 * time.Millisecond, 100 * time.Millisecond
	within                                = 105 * time.Second // but with --full
)

func (b *benchFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	began := time.Now()
	role, command, err := b.role()
	if err != nil {
		return err
	}
	load, err := b.load(role)
	if err != nil {
		return err
	}
	old, err := b.old()
	if err != nil {
		return err
	}
	subjects, closeAll, err := openBenchSubjects(ctx, role, command, b.against, stderr)
	if err != nil {
		return err
	}
	defer closeAll()
	about := report.Subject{Role: string(role), Name: subjects[0].name}
	if len(subjects) > 1 {
		about.Against = subjects[1].name
	}
	for i, s := range subjects {
		fails, err := s.failedClauses(ctx, stderr)
		unchecked, is := errors.AsType[*uncheckedError](err)
		switch {
		case ctx.Err() != nil:
			return &exit{statusInterrupted}
		case is && unchecked.runs && b.force:
			why, _, _ := strings.Cut(unchecked.why, "\n")
			about.Notes = append(about.Notes, fmt.Sprintf("%s could not be checked, so its numbers do not count: %s", s.name, why))
		case is && unchecked.runs:
			return fmt.Errorf("%w\n--force measures it all the same, and says so", err)
		case err != nil:
			return err
		case fails == "":
		case !b.force:
			fmt.Fprintf(stderr, "pyproctest: no numbers for %s: it fails %s, and leaving checks out is fast.\nThe whole story: pyproctest run --%s '%s'\n--force measures it all the same, and marks it.\n",
				s.command, fails, role, s.command)
			return &exit{statusViolated}
		case i == 0:
			about.Fails = fails
		default:
			about.Notes = append(about.Notes, fmt.Sprintf("%s FAILS %s, so its numbers do not count.", s.name, fails))
		}
	}

	if err := os.MkdirAll(b.out, 0o777); err != nil {
		return fmt.Errorf("--out %s: %w", b.out, err)
	}
	file := filepath.Join(b.out, "results.txt")
	w, err := results.Create(file)
	if err != nil {
		return fmt.Errorf("--out %s: %w", b.out, err)
	}
	plan := b.plan(subjects, began, load)
	plan.Config, plan.Out = b.config(about), w
	line := newBenchLine(stderr)
	plan.Progress = line.show
	plan.Pause = func(at rounds.Pause) {
		if !at.First {
			return
		}
		line.clear()
		if rows, _, err := readRows(file); err == nil && len(rows) > 0 {
			_ = report.WriteSubjectText(stdout, rows, about)
			fmt.Fprintf(stdout, "\nThat is the first table, after %v; the others follow.\n", time.Since(began).Round(time.Second))
		}
	}
	notOffered, measured := plan.Run(ctx)
	if ctx.Err() == nil && load != nil {
		none, err := load.run(ctx, plan, subjects)
		maps.Copy(notOffered, none)
		measured = errors.Join(measured, err)
	}
	line.clear()
	if err := w.Close(); err != nil {
		return err
	}
	about.Notes = append(about.Notes, notMeasured(notOffered)...)
	if ctx.Err() == nil && plan.Ended < plan.Rounds {
		about.Notes = append(about.Notes, fmt.Sprintf("there was time for %d of %d rounds: --rounds %d takes as long as they need", plan.Ended, plan.Rounds, plan.Rounds))
	}
	if role == spec.RolePool {
		if slow := rows.SlowWorker(plan.Notes["floor-checksum"]); slow != "" {
			about.Notes = append(about.Notes, slow)
		}
	}
	if err := b.report(stdout, file, about); err != nil {
		return errors.Join(measured, err)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "pyproctest: ended before all was measured; what was measured until then is reported")
		return &exit{statusInterrupted}
	case measured != nil:
		return measured
	case old != nil:
		return b.judge(ctx, stdout, stderr, *old, file, plan)
	}
	return nil
}

// role returns the role and the command that the flags give.
func (b *benchFlags) role() (role spec.Role, command string, err error) {
	r := runFlags{worker: b.worker, framer: b.framer, pool: b.pool}
	given := 0
	for _, command := range []string{b.worker, b.framer, b.pool} {
		if command != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return "", "", errors.New("give one of --worker, --framer and --pool, with the command that starts it")
	case b.rounds < 0 || b.rounds > 1000:
		return "", "", fmt.Errorf("--rounds %d: give a number from 1 to 1000", b.rounds)
	case b.quick && b.full:
		return "", "", errors.New("give --quick or --full, not both")
	}
	return r.role(), r.command(), nil
}

// plan says what is measured. A run that is not full ends in time.
func (b *benchFlags) plan(subjects []*benchSubject, began time.Time, load *benchLoad) *rounds.Plan {
	p := &rounds.Plan{Rounds: normalRounds, Each: normalEach, Within: max(time.Second, within-time.Since(began)-load.takes(len(subjects)))}
	extent := rows.Normal
	switch {
	case b.quick:
		extent, p.Rounds, p.Each = rows.Quick, quickRounds, quickEach
	case b.full:
		extent, p.Rounds, p.Each, p.Within = rows.Full, fullRounds, fullEach, 0
	}
	p.Later = load.takes(len(subjects))
	if b.rounds > 0 {
		p.Rounds, p.Within = b.rounds, 0
	}
	early := map[string]bool{}
	for _, s := range subjects {
		p.Sides = append(p.Sides, s.rows(extent))
		for _, row := range s.rows(rows.Quick) {
			early[row.String()] = true
		}
	}
	p.First = func(r rows.Row) bool { return early[r.String()] }
	p.Notes = map[string]string{}
	return p
}

// config is what the results say of the run, beside the machine.
func (b *benchFlags) config(about report.Subject) []benchfmt.Config {
	config := machineConfig()
	add := func(key, value string) {
		if value != "" {
			config = append(config, benchfmt.Config{Key: key, Value: []byte(strings.Join(strings.Fields(value), " ")), File: true})
		}
	}
	add("pyproctest", version())
	add("role", about.Role)
	add("subject", about.Name)
	add("against", about.Against)
	if about.Fails != "" {
		add("yours", "FAILS "+about.Fails+", so its numbers do not count")
	} else {
		add("yours", "passes the clauses of checksums and IDs")
	}
	return config
}

// notMeasured says once of each reason which rows it keeps from having figures.
func notMeasured(reasons map[string]string) (notes []string) {
	rows := map[string][]string{}
	for _, row := range slices.Sorted(maps.Keys(reasons)) {
		rows[reasons[row]] = append(rows[reasons[row]], row)
	}
	for _, reason := range slices.Sorted(maps.Keys(rows)) {
		which := strings.Join(rows[reason], ", ")
		if more := len(rows[reason]) - 1; more > 3 {
			which = fmt.Sprintf("%s and %d more", rows[reason][0], more)
		}
		notes = append(notes, fmt.Sprintf("not measured: %s: %s", which, reason))
	}
	return notes
}

func readRows(file string) (report.Rows, results.Set, error) {
	set, err := results.ReadFile(file)
	return report.SubjectRows(set), set, err
}

// report prints the tables and writes all files.
func (b *benchFlags) report(stdout io.Writer, file string, about report.Subject) error {
	rows, set, err := readRows(file)
	if err != nil {
		return err
	}
	if len(set.Results) == 0 {
		return fmt.Errorf("nothing was measured: %s", strings.Join(about.Notes, "; "))
	}
	if err := report.WriteSubjectText(stdout, rows, about); err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"results.csv", func(w io.Writer) error { return report.WriteCSV(w, rows) }},
		{"results.json", func(w io.Writer) error { return report.WriteSubjectJSON(w, rows, about, set) }},
		{"report.txt", func(w io.Writer) error { return report.WriteSubjectText(w, rows, about) }},
		{"report.html", func(w io.Writer) error { return report.WriteSubjectHTML(w, rows, set, about) }},
	} {
		w, err := os.Create(filepath.Join(b.out, f.name))
		if err != nil {
			return err
		}
		if err := errors.Join(f.write(w), w.Close()); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(b.out, f.name), err)
		}
	}
	_, err = fmt.Fprintf(stdout, "\n%s: report.html to look at, report.txt the same tables; results.txt for benchstat and --compare, results.csv, results.json\n", b.out)
	return err
}
