package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func newReport(role Role, o *options, notRun []string) Report {
	return Report{Role: role, Subject: o.subject, Spec: SpecVersion, Started: o.started, NotRun: notRun, Asked: o.asked}
}

func closeReport(r *Report) {
	r.Elapsed = time.Since(r.Started)
	slices.SortFunc(r.Results, func(a, b Result) int { return strings.Compare(a.ID, b.ID) })
}

// check runs the jobs without a testing.T, those marked Serial first and alone. When the context ends it
// returns at once with what has run.
func check(ctx context.Context, role Role, o *options, all []job, notRun []string) Report {
	slices.SortStableFunc(all, func(a, b job) int { return byClause(a.Case, b.Case) })
	rep := newReport(role, o, notRun)
	o.progress.starts(all)
	var mu sync.Mutex
	var cutOff []string
	do := func(j job) {
		o.progress.begins(j.ID(j.framing))
		r := runJob(ctx, j, o)
		mu.Lock()
		defer mu.Unlock()
		if r.Reason == runEnded {
			cutOff = append(cutOff, r.ID)
			return
		}
		rep.Results = append(rep.Results, r)
		o.progress.ended(r)
	}
	for _, j := range all {
		if j.Serial && ctx.Err() == nil {
			do(j)
		}
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(o.parallel, 1))
	for _, j := range all {
		if j.Serial {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			do(j)
		})
	}
	wg.Wait()
	if missed := len(all) - len(rep.Results); missed > 0 {
		rep.Interrupted = true
		rep.NotRun = append(rep.NotRun, fmt.Sprintf("%d of %d cases: the run was ended before them%s", missed, len(all), whyEnded(ctx)))
	}
	if len(cutOff) > 0 {
		rep.NotRun = append(rep.NotRun, "running when the run was ended: "+strings.Join(cutOff, ", "))
	}
	closeReport(&rep)
	return rep
}

// whyEnded tells why a run was ended, where whoever ended it said so.
func whyEnded(ctx context.Context) string {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return ": " + cause.Error()
	}
	return ""
}

// runAll runs the jobs as subtests of t, those marked Serial first and alone, and reports at the end.
func runAll(t *testing.T, role Role, o *options, all []job, notRun []string) {
	t.Helper()
	slices.SortStableFunc(all, func(a, b job) int { return byClause(a.Case, b.Case) })
	rep := newReport(role, o, notRun)
	o.progress.starts(all)
	var mu sync.Mutex
	t.Cleanup(func() {
		closeReport(&rep)
		if unexercised := missing(rep); len(unexercised) > 0 && !filtered() && o.asked.Whole() && !t.Failed() && len(o.framings) == len(bothFramings) {
			t.Errorf("these MUST clauses were not exercised, so nothing is known of them: %s", strings.Join(unexercised, ", "))
		}
		for _, f := range o.report {
			f(rep)
		}
	})
	for _, j := range all {
		t.Run(j.ID(j.framing), func(t *testing.T) {
			if !j.Serial {
				t.Parallel()
			}
			for _, name := range j.Clauses {
				t.Attr("requirement", name)
			}
			o.progress.begins(j.ID(j.framing))
			r := runJob(t.Context(), j, o)
			o.progress.ended(r)
			mu.Lock()
			rep.Results = append(rep.Results, r)
			mu.Unlock()
			tell(t, r, o.strict)
		})
	}
}

// tell makes a result the outcome of its subtest. Only what passed is silent.
func tell(t *testing.T, r Result, strict bool) {
	t.Helper()
	switch {
	case r.Status == StatusPass:
	case r.Status == StatusUnsupported, r.Status == StatusShould && !strict:
		t.Skip(r.Text())
	default:
		t.Error(r.Text())
	}
}

// filtered reports whether the person who runs the tests asked for some subtests only.
func filtered() bool {
	for _, name := range []string{"test.run", "test.skip"} {
		if f := flag.Lookup(name); f != nil && strings.Contains(f.Value.String(), "/") {
			return true
		}
	}
	return false
}

// ClauseResult is what the cases of one clause say together.
type ClauseResult struct {
	Clause
	Status Status // "" where no case of the run covers the clause
	Cases  int
}

// ByClause sums the results up by clause, for the clauses that bind the role of the report. A finding
// counts against the clause it names; a case that passed or could not run, for all that it covers.
func (r Report) ByClause() []ClauseResult {
	worst := []Status{"", StatusPass, StatusUnsupported, StatusBlocked, StatusShould, StatusFail}
	var sums []ClauseResult
	for _, c := range Clauses() {
		if !c.Binds(r.Role) {
			continue
		}
		sum := ClauseResult{Clause: c}
		for _, res := range r.Results {
			if status, ok := res.of(c); ok {
				sum.Cases++
				if slices.Index(worst, status) > slices.Index(worst, sum.Status) {
					sum.Status = status
				}
			}
		}
		sums = append(sums, sum)
	}
	return sums
}

// of tells what the result says of one clause.
func (r Result) of(c Clause) (Status, bool) {
	for _, f := range r.Findings {
		if f.Clause == c.Name {
			if c.Level == Should {
				return StatusShould, true
			}
			return StatusFail, true
		}
	}
	if !slices.Contains(r.Clauses, c.Name) {
		return "", false
	}
	if len(r.Findings) > 0 { // of other clauses: the case ended before it could tell
		return StatusBlocked, true
	}
	return r.Status, true
}

// missing names the MUST clauses of which the run says nothing.
func missing(r Report) []string {
	var names []string
	for _, c := range r.ByClause() {
		if c.Level == Must && c.Untestable == "" && (c.Status == "" || c.Status == StatusUnsupported && !c.Optional) {
			names = append(names, c.Name)
		}
	}
	return names
}

// Summary is the table by clause that a run ends with.
func (r Report) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s (clauses version %s, %d cases, %.1f s)\n", r.Role, r.Subject, r.Spec, len(r.Results), r.Elapsed.Seconds())
	count := map[string]int{}
	family := ""
	for _, c := range r.ByClause() {
		status := c.word()
		count[string(c.Level)+" "+status]++
		if f, _, _ := strings.Cut(c.Name, "-"); f != family {
			family = f
			fmt.Fprintf(&b, "\n")
		}
		fmt.Fprintf(&b, "  %-7s %-6s %3d  %-12s %s\n", c.Name, c.Level, c.Cases, status, clip(c.Sentence, 72))
	}
	fmt.Fprintf(&b, "\n")
	for _, why := range r.NotRun {
		fmt.Fprintf(&b, "  not run: %s\n", why)
	}
	fmt.Fprintf(&b, "  MUST: %d hold, %d do not, %d not known. SHOULD: %d hold, %d do not.\n",
		count["MUST holds"], count["MUST VIOLATED"], count["MUST not run"]+count["MUST blocked"],
		count["SHOULD holds"], count["SHOULD not held"])
	return b.String()
}

// word names the status of a clause for a reader.
func (c ClauseResult) word() string {
	switch c.Status {
	case StatusPass:
		return "holds"
	case StatusFail:
		return "VIOLATED"
	case StatusShould:
		return "not held"
	case StatusBlocked:
		return "blocked"
	case StatusUnsupported:
		return "not offered"
	}
	if c.Untestable != "" {
		return "untestable"
	}
	return "not run"
}

func clip(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n-1]) + "…"
}
