package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/internal/text"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func exploreCommand() *cobra.Command { return exploreCommandOf(&exploreFlags{}) }

// exploreCommandOf returns the command that sets these flags.
func exploreCommandOf(e *exploreFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "explore (--worker | --framer | --pool) CMD",
		Short: "Look for what no case lists, and shrink it to a few steps",
		Long: `Plays generated histories on an implementation, has a model of SPEC.md judge everything that
comes, and shrinks each history that breaks a clause to the shortest one that still does.

Nothing is accused that was seen once: a failure is confirmed alone, on a fresh process, and
what did not come only after all of --patience, while the machine serves a process of the
suite beside it. What was seen and not again is noted.

This is new: the models have been tried on the implementations of this repository alone. Read
a history against SPEC.md before you believe it.

One --seed gives the same histories. --save keeps those that fail as files; --replay plays
one of them, or all in a folder, again on any implementation.

Exit status:
  0    nothing was found
  1    a MUST was found broken, or with --strict a SHOULD
  2    it could not run: wrong flags, or an implementation that cannot be started
  130  it was ended by Ctrl-C or SIGTERM; what was found before is reported`,
		Example: `  pyproctest explore --worker 'python3 worker.py' --for 5m --save found
  pyproctest explore --worker ./worker --seed 7 --clause 'CAN-*'
  pyproctest explore --worker ./worker --replay found`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("for") && e.duration <= 0 {
				return fmt.Errorf("--for %v: give a time such as 5m", e.duration)
			}
			return e.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&e.worker, "worker", "", "the `CMD` that starts a worker")
	f.StringVar(&e.framer, "framer", "", "the `CMD` that starts the adapter of a framer")
	f.StringVar(&e.pool, "pool", "", "the `CMD` that starts the adapter of a pool")
	f.StringVar(&e.name, "name", "", "the implementation's `NAME` in reports (default: the command, or what the adapter says)")
	f.DurationVar(&e.duration, "for", 0, "how long to explore (default: a minute, unless --histories bounds it)")
	f.IntVar(&e.histories, "histories", 0, "stop after so many `HISTORIES` (default: no limit)")
	f.Uint64Var(&e.seed, "seed", 0, "the `SEED` of the histories (default: one that is drawn and shown)")
	f.IntVar(&e.steps, "steps", 0, "play so many `STEPS` of a history at most (default: no limit)")
	f.IntVar(&e.stop, "stop", 0, "stop after so many `FAILURES` (default: no limit)")
	f.StringVar(&e.framing, "framing", "both", "the `FRAMING` to speak: enhanced, basic or both")
	f.StringArrayVar(&e.clauses, "clause", nil, "look only at clauses that match `PATTERN`, such as 'CAN-*' (repeatable)")
	f.StringVar(&e.save, "save", "", "keep each history that fails in this `DIR`")
	f.StringVar(&e.replay, "replay", "", "play this saved `FILE`, or all in a folder, instead of new histories")
	f.DurationVar(&e.patience, "patience", 10*time.Second, "how long to wait for anything that must happen")
	f.DurationVar(&e.grace, "grace", conformance.DefaultGrace, "the grace period that your worker is set to: how long it may take to end after SIGTERM")
	f.BoolVar(&e.strict, "strict", false, "fail if a SHOULD does not hold")
	f.StringVar(&e.known, "known-failing", "", "read known failures and their reasons from this `FILE`")
	f.StringArrayVar(&e.reports, "report", nil, "write a report to this `FILE`; its extension names the format: .json .xml (JUnit) .md .html .txt (repeatable)")
	completeWords(c, "framing", "both", string(conformance.Enhanced), string(conformance.Basic))
	completeFlag(c, "clause", completeClauses)
	return c
}

// exploreFlags are the flags of explore. What it has in common with run is in runFlags.
type exploreFlags struct {
	runFlags
	duration               time.Duration
	seed                   uint64
	histories, steps, stop int
	save, replay           string
}

func (e *exploreFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	x, err := e.exploration()
	if err != nil {
		return err
	}
	if err := e.checkOutputs(); err != nil {
		return err
	}
	var list known.List
	if e.known != "" {
		if list, err = known.Load(e.known); err != nil {
			return err
		}
	}
	shown := newExploring(stdout, stderr)
	x.Progress, x.OnFound = shown.progress, shown.found
	s := e.subject(ctx)
	if err := s.open(&e.runFlags); err != nil {
		return err
	}
	found, err := s.explore(x)
	shown.clear()
	fault := s.close()
	if err != nil && ctx.Err() == nil {
		return err
	}
	run := report.Run{Report: found.Report(spec.Version), Environment: report.Here(), Explored: found.Line(), Strict: e.strict, File: e.file(), Notes: s.notes()}
	run.Subject = s.name
	run.Rerun = report.Rerun{All: e.again(found.Seed)}
	for _, f := range found.Failures {
		if f.File != "" {
			run.Notes = append(run.Notes, fmt.Sprintf("the history of %s is kept: --replay %s in place of --seed plays it again", f.Result().ID, f.File))
		}
	}
	run.Signalled = ctx.Err() != nil
	run.Interrupted = run.Signalled
	if e.known != "" {
		outcome := list.Apply(run.Report)
		outcome.Problems = nil // that something was not found again says nothing of the list
		run.Known = &outcome
	}
	shown.end(found, run.Known != nil && len(run.Known.Excused) > 0)
	status := report.ExitStatus(run)
	if status == statusCouldNotRun && found.Histories > 0 {
		status = statusHolds // nothing was there to judge
	}
	if fault != nil && ctx.Err() == nil {
		return fault
	}
	if err := e.write(run); err != nil {
		return err
	}
	if status != statusHolds {
		return &exit{status}
	}
	return nil
}

// exploration returns what the flags ask for. The error says which flag is wrong.
func (e *exploreFlags) exploration() (x conformance.Exploration, err error) {
	given := 0
	for _, command := range []string{e.worker, e.framer, e.pool} {
		if command != "" {
			given++
		}
	}
	if given != 1 {
		return x, errors.New("give one of --worker, --framer and --pool, with the command that starts it")
	}
	x = conformance.Exploration{
		Seed: e.seed, For: e.duration, Histories: e.histories, Steps: e.steps, Stop: e.stop, Patience: e.patience, Clauses: e.clauses, Save: e.save, Replay: e.replay,
	}
	switch f := conformance.Framing(e.framing); f {
	case "both":
	case conformance.Enhanced, conformance.Basic:
		x.Framings = []conformance.Framing{f}
	default:
		return x, fmt.Errorf("--framing %s: give enhanced, basic or both", e.framing)
	}
	for _, pattern := range e.clauses {
		if !matchesClause(e.role(), pattern) {
			return x, fmt.Errorf("--clause %s: no clause for a %s matches it", pattern, e.role())
		}
	}
	switch {
	case e.patience <= 0:
		return x, fmt.Errorf("--patience %v: give a time such as 30s", e.patience)
	case e.grace <= 0:
		return x, fmt.Errorf("--grace %v: give the grace period that your worker is set to, such as 10s", e.grace)
	}
	for name, n := range map[string]int{"histories": e.histories, "steps": e.steps, "stop": e.stop} {
		if n < 0 {
			return x, fmt.Errorf("--%s %d: give a number from 1 on", name, n)
		}
	}
	if e.replay != "" {
		if _, err := os.Stat(e.replay); err != nil {
			return x, fmt.Errorf("--replay %s: %w", e.replay, err)
		}
	}
	e.parallel = 1
	return x, nil
}

func matchesClause(role spec.Role, pattern string) bool {
	for _, c := range spec.Clauses() {
		if c.Binds(role) && result.Match(pattern, c.Name) {
			return true
		}
	}
	return false
}

// again returns the words that repeat the exploration.
func (e *exploreFlags) again(seed uint64) []string {
	words := []string{"pyproctest", "explore", "--" + string(e.role()), e.command(), "--seed", fmt.Sprint(seed)}
	if e.duration > 0 {
		words = append(words, "--for", e.duration.String())
	}
	if e.histories > 0 {
		words = append(words, "--histories", fmt.Sprint(e.histories))
	}
	if e.framing != "both" {
		words = append(words, "--framing", e.framing)
	}
	if e.replay != "" {
		words = append(words, "--replay", e.replay)
	}
	for _, pattern := range e.clauses {
		words = append(words, "--clause", pattern)
	}
	return words
}

// explore explores the subject.
func (s *subject) explore(x conformance.Exploration) (conformance.Explored, error) {
	switch s.role {
	case spec.RoleFramer:
		return conformance.CheckExploreFramer(s.ctx, s.adapter.Framer(), x)
	case spec.RolePool:
		return conformance.CheckExplorePool(s.ctx, s.adapter.Pool(), x)
	}
	return conformance.CheckExploreWorker(s.ctx, s.command, x)
}

// exploring shows what an exploration reaches and finds: on a terminal in a line that is drawn again, elsewhere in a line
// now and then.
type exploring struct {
	stdout, stderr io.Writer
	screen         *os.File // nil where stderr is no terminal

	mu   sync.Mutex
	next time.Time // when the next line is due
}

// A line that is not drawn again comes so often.
const firstLine, furtherLines = 3 * time.Second, 15 * time.Second

func newExploring(stdout, stderr io.Writer) *exploring {
	s := &exploring{stdout: stdout, stderr: stderr, next: time.Now().Add(firstLine)}
	if screen, ok := terminal(stderr); ok {
		s.screen = screen
	}
	return s
}

func (s *exploring) progress(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.screen != nil {
		fmt.Fprint(s.screen, clearLine+text.Clip(line, 150))
		return
	}
	if time.Now().After(s.next) {
		s.next = time.Now().Add(furtherLines)
		fmt.Fprintln(s.stderr, line)
	}
}

func (s *exploring) found(words string) {
	s.clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.stdout, words)
}

func (s *exploring) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.screen != nil {
		fmt.Fprint(s.screen, clearLine)
	}
}

// end tells what was reached.
func (s *exploring) end(e conformance.Explored, excused bool) {
	for _, u := range e.Unconfirmed {
		fmt.Fprintf(s.stdout, "not confirmed, so nobody is accused: %s\n", u)
	}
	if e.Again > 0 {
		fmt.Fprintf(s.stdout, "%s more broke what was found before\n", histories(e.Again))
	}
	if n := len(e.Blocked); n > 0 {
		fmt.Fprintf(s.stdout, "%s without a verdict; the last: %s\n", histories(n), e.Blocked[n-1])
	}
	fmt.Fprintf(s.stdout, "seed %d; %s\n", e.Seed, e.Line())
	fmt.Fprintf(s.stdout, "exercised:   %s\n", strings.Join(e.Exercised, " "))
	if missed := e.Unreached(); len(missed) > 0 {
		fmt.Fprintf(s.stdout, "not reached: %s\n", strings.Join(missed, " "))
	}
	if excused {
		fmt.Fprintln(s.stdout, "what was found is on the list of known failures, in whole or in part")
	}
}

func histories(n int) string {
	if n == 1 {
		return "1 history"
	}
	return fmt.Sprintf("%d histories", n)
}
