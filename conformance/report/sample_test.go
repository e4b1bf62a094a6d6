package report_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/known"
	"github.com/pyproctest/pyproctest/conformance/report"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// green is a whole run against a worker in which every case passed.
func green() report.Run {
	rep := result.Report{
		Role: spec.RoleWorker, Subject: "sample", Spec: spec.Version,
		Started: time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC), Elapsed: 9120 * time.Millisecond,
	}
	for _, c := range catalog.Cases() {
		if c.Role != spec.RoleWorker {
			continue
		}
		framings := c.Framings
		if len(framings) == 0 {
			framings = []spec.Framing{""}
		}
		for _, f := range framings {
			rep.Results = append(rep.Results, result.Result{
				ID: c.ID(f), Clauses: c.Clauses, Status: result.StatusPass, Cause: c.Cause, Elapsed: 3 * time.Millisecond,
			})
		}
	}
	return report.Run{
		Report:      rep,
		Environment: report.Environment{OS: "linux", Arch: "amd64", CPUs: 2, Go: "go1.26", Version: "v1.0.0"},
		Rerun: report.Rerun{
			All: []string{"pyproctest", "run", "--worker", "python3 worker.py"},
			One: []string{"pyproctest", "run", "--worker", "python3 worker.py", "--clause"},
		},
	}
}

// judged is how many clauses of the level a whole run against a worker judges.
func judged(level spec.Level) int {
	n := 0
	for _, c := range spec.Clauses() {
		if c.Binds(spec.RoleWorker) && c.Level == level && c.Untestable == "" {
			n++
		}
	}
	return n
}

// namedAfter is how many cases of a whole run against a worker are named after the clause.
func namedAfter(clause string) int {
	n := 0
	for _, res := range green().Results {
		if result.Match(clause, res.ID) {
			n++
		}
	}
	return n
}

// sayingOf is how many cases of a whole run against a worker say something of the clause.
func sayingOf(clause string) int {
	n := 0
	for _, res := range green().Results {
		if slices.Contains(res.Clauses, clause) {
			n++
		}
	}
	return n
}

// Of the MUST five do not hold in [failing], and of the SHOULD one.
var (
	musts, shoulds = judged(spec.Must), judged(spec.Should)
	failingCounts  = fmt.Sprintf("%d of %d MUST hold, 2 do not, 3 not known; %d of %d SHOULD hold, 1 does not.", musts-5, musts, shoulds-1, shoulds)
)

// failing is that run with something of everything: two MUST violated, one of them seen by a case of another
// clause; one blocked; one not implemented; one SHOULD not held.
func failing(t *testing.T) report.Run {
	run := green()
	set(t, &run, "MSG-6/absent-body-is-null/basic", func(r *result.Result) {
		r.Status = result.StatusFail
		r.Findings = []result.Finding{{
			Clause: "MSG-6", Want: "the echo of a request without a body is null", Got: "the value is {} and should be null",
			Dump: "0000  00 00 00 21                                      length: payload of 33\n",
		}}
		r.Timeline = []result.Event{
			{At: time.Millisecond, Where: "connection 1", Note: "opened, for the basic framing"},
			{At: 2 * time.Millisecond, Where: "connection 1 → worker", Bytes: []byte("\x00\x00\x00\x05{\"id\""), Total: 9, Framing: spec.Basic},
		}
	})
	set(t, &run, "MSG-5/ids-of-64-bits-come-back/enhanced", func(r *result.Result) {
		r.Status = result.StatusFail
		r.Findings = []result.Finding{{Clause: "RID-8", Want: "the ID of the request", Got: "another one"}}
	})
	set(t, &run, "WRK-8/half-sent-frame-blocks-no-other-connection/basic", func(r *result.Result) {
		r.Status, r.Reason = result.StatusBlocked, "the case could not be set up"
	})
	set(t, &run, "WRK-6/socket-file-has-mode-0600", func(r *result.Result) {
		r.Status, r.Reason = result.StatusUnsupported, "this worker has no socket file"
	})
	set(t, &run, "WRK-19/orphan-ends", func(r *result.Result) {
		r.Status = result.StatusShould
		r.Findings = []result.Finding{{Clause: "WRK-19", Want: "a worker that is gone", Got: "it runs still"}}
	})
	return run
}

func set(t *testing.T, run *report.Run, id string, change func(*result.Result)) {
	t.Helper()
	for i := range run.Results {
		if run.Results[i].ID == id {
			change(&run.Results[i])
			return
		}
	}
	require.Fail(t, "no case of that name", id)
}

// excusing is the run with a known-failing list.
func excusing(t *testing.T, run report.Run, list string) report.Run {
	t.Helper()
	l, err := known.Parse("known.txt", list)
	require.NoError(t, err)
	o := l.Apply(run.Report)
	run.Known = &o
	return run
}

const allExcused = `
MSG-5/ids-of-64-bits-come-back/enhanced  # doubles
MSG-6/absent-body-is-null/basic          # see issue 7
WRK-8/half-*/basic                       # one connection at a time
WRK-6                                    # abstract sockets
`

// poolOf is a run of a pool in which one case passed and nothing else was asked for.
func poolOf(subject string) report.Run {
	return report.Run{Report: result.Report{
		Role: spec.RolePool, Subject: subject, Spec: spec.Version, Asked: result.Selection{Only: []string{"BPR-1"}},
		Results: []result.Result{{ID: "BPR-1/bound-holds/basic", Clauses: []string{"BPR-1"}, Status: result.StatusPass}},
	}}
}
