package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-shellwords"

	"github.com/pyproctest/pyproctest/bench/rows"
	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/adapter"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// benchSubject is an implementation that is measured.
type benchSubject struct {
	side    string // in the names of rows: yours or against
	role    spec.Role
	command string // as it was given
	name    string
	words   conformance.WorkerCommand
	adapter *adapter.Adapter // nil for a worker
}

// openBenchSubjects starts what is measured and what it is set against, which may be "". closeAll ends both.
func openBenchSubjects(ctx context.Context, role spec.Role, command, against string, stderr io.Writer) (all []*benchSubject, closeAll func(), err error) {
	closeAll = func() {
		for _, s := range all {
			if s.adapter == nil {
				continue
			}
			if err := s.adapter.Close(); err != nil && ctx.Err() == nil {
				fmt.Fprintf(stderr, "pyproctest: %v\n", err)
			}
		}
	}
	for _, given := range []struct{ side, flag, command string }{{"yours", string(role), command}, {"against", "against", against}} {
		if given.command == "" {
			continue
		}
		words, err := shellwords.Parse(given.command)
		if err != nil || len(words) == 0 {
			closeAll()
			return nil, nil, errors.Join(fmt.Errorf("--%s %q cannot be split into words: give the command that starts it", given.flag, given.command), err)
		}
		s := &benchSubject{side: given.side, role: role, command: given.command, name: given.command, words: conformance.Command(words[0], words[1:]...)}
		if role != spec.RoleWorker {
			if s.adapter, err = adapter.Open(ctx, role, s.words, adapter.Options{}); err != nil {
				closeAll()
				return nil, nil, err
			}
			s.name = s.adapter.Name()
		}
		all = append(all, s)
		if role != spec.RoleFramer { // of a pool there are rows without
			continue
		}
		if err := s.adapter.Measures(ctx); err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("no figures for %s: %w", given.command, err)
		}
	}
	return all, closeAll, nil
}

// rows returns the rows of the implementation.
func (s *benchSubject) rows(extent rows.Extent) []rows.Row {
	switch s.role {
	case spec.RoleFramer:
		return rows.RemoteFramer(s.side, func(ctx context.Context) (rows.TimedFramer, error) { return s.adapter.MeasuredFramer(ctx) }, extent)
	case spec.RolePool:
		return rows.Pool(s.side, s.openPool, extent)
	}
	return rows.Worker(s.side, s.words, extent)
}

// openPool makes a pool in a process of its own.
func (s *benchSubject) openPool(o conformance.PoolOptions) (conformance.Pool, error) {
	return s.adapter.MeasuredPool(s.adapter.Context(), o)
}

// starter starts what is called at a rate: the pool, or the worker under the reference pool.
func (s *benchSubject) starter() rows.Starter {
	if s.role == spec.RolePool {
		return rows.StartPool(s.openPool)
	}
	return rows.StartWorkers(s.words)
}

// benchChecks are the clauses whose work a fast implementation might leave out: those of checksums and of IDs. They name
// cases by the clause that these stand under.
var benchChecks = map[spec.Role][]string{
	spec.RoleFramer: {"CRC-*", "FRM-3"},
	spec.RoleWorker: {"RID-*", "MSG-5", "MSG-13", "MSG-14", "WRK-14", "WRK-15"},
	spec.RolePool:   {"RID-*", "MSG-5", "MSG-13"},
}

// benchLeaves are cases of these clauses that take too long to run before each measurement, and that nobody becomes fast by
// failing.
var benchLeaves = map[spec.Role][]string{
	spec.RolePool: {"RID-2/ids-are-not-used-again-after-65536-calls"},
}

// uncheckedError says that nobody knows whether an implementation keeps the clauses of checksums and IDs.
type uncheckedError struct {
	command, why string
	runs         bool // it passed some cases
}

func (e *uncheckedError) Error() string {
	return fmt.Sprintf("%s could not be checked, so it gets no numbers: %s", e.command, e.why)
}

// failedClauses returns those of the clauses of checksums and IDs that the implementation does not keep, or "" where it
// keeps all. The error is an [*uncheckedError] if the cases could not tell.
func (s *benchSubject) failedClauses(ctx context.Context, stderr io.Writer) (string, error) {
	checks := benchChecks[s.role]
	fmt.Fprintf(stderr, "checking %s: %s\n", s.name, strings.Join(checks, ", "))
	report := s.check(ctx, conformance.Only(checks...), conformance.Except(benchLeaves[s.role]...))
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return failedIn(report, s.command, stderr)
}

// failedIn shows what failed and returns the clauses.
func failedIn(report conformance.Report, command string, stderr io.Writer) (string, error) {
	var failed []string
	add := func(clause string) {
		if !slices.Contains(failed, clause) {
			failed = append(failed, clause)
		}
	}
	passed, blocked := 0, ""
	for _, r := range report.Results {
		switch r.Status {
		case result.StatusPass:
			passed++
		case result.StatusBlocked:
			blocked = r.Text()
		case result.StatusFail:
			fmt.Fprintln(stderr, r.Text())
			for _, f := range r.Findings {
				add(f.Clause)
			}
			if len(r.Findings) == 0 {
				add(r.Clauses[0])
			}
		}
	}
	if len(failed) == 0 && (passed == 0 || blocked != "") {
		why := slices.DeleteFunc(append(report.NotRun, report.SetUp, blocked), func(s string) bool { return s == "" })
		return "", &uncheckedError{command, strings.Join(why, "; "), passed > 0}
	}
	return strings.Join(failed, ", "), nil
}

func (s *benchSubject) check(ctx context.Context, opts ...conformance.Option) conformance.Report {
	switch s.role {
	case spec.RoleFramer:
		return conformance.CheckFramer(ctx, s.adapter.Framer(), opts...)
	case spec.RolePool:
		return conformance.CheckPool(ctx, s.adapter.Pool(), opts...)
	}
	return conformance.CheckWorker(ctx, s.words, opts...)
}
