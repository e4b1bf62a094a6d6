package suite

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// NewReport returns a report of the run without results.
func NewReport(role spec.Role, o *Options, notRun []string) result.Report {
	return result.Report{Role: role, Subject: o.Subject, Spec: o.Spec, Started: o.started, NotRun: notRun, Asked: o.Asked}
}

// CloseReport sets the time that the run took and sorts the results by ID.
func CloseReport(r *result.Report) {
	r.Elapsed = time.Since(r.Started)
	slices.SortFunc(r.Results, func(a, b result.Result) int { return strings.Compare(a.ID, b.ID) })
}

// Check runs the jobs without a testing.T: those of Options.First before the others, and of each of these two the serial ones
// before the others and one at a time. When the context ends it returns
// early, with what has run so far.
func Check(ctx context.Context, role spec.Role, o *Options, all []Job, notRun []string) result.Report {
	return checkIn(ctx, role, o, all, notRun, newSlots(o))
}

func checkIn(ctx context.Context, role spec.Role, o *Options, all []Job, notRun []string, slots *slots) result.Report {
	slices.SortStableFunc(all, func(a, b Job) int { return cmp.Or(o.turn(a)-o.turn(b), inOrder(a.Info, b.Info)) })
	rep := NewReport(role, o, notRun)
	o.progress.runStarts(all)
	var mu sync.Mutex
	var cutOff []string
	do := func(j Job) {
		o.progress.caseBegins(j.ID(j.Framing))
		r := RunJob(ctx, j, o)
		mu.Lock()
		defer mu.Unlock()
		if r.Reason == runEnded {
			cutOff = append(cutOff, r.ID)
			return
		}
		rep.Results = append(rep.Results, r)
		o.progress.caseEnded(r)
	}
	first := slices.IndexFunc(all, func(j Job) bool { return o.turn(j) > 0 })
	if first < 0 {
		first = len(all)
	}
	for _, part := range [][]Job{all[:first], all[first:]} {
		runPart(ctx, part, slots, do)
	}
	if missed := len(all) - len(rep.Results); missed > 0 {
		rep.Interrupted = true
		for _, j := range all {
			if !slices.ContainsFunc(rep.Results, func(r result.Result) bool { return r.ID == j.ID(j.Framing) }) {
				rep.Missed = append(rep.Missed, result.Missed{ID: j.ID(j.Framing), Clauses: j.Clauses})
			}
		}
		rep.NotRun = append(rep.NotRun, fmt.Sprintf("%d of %d cases: the run was ended before them%s", missed, len(all), whyEnded(ctx)))
	}
	if len(cutOff) > 0 {
		rep.NotRun = append(rep.NotRun, "running when the run was ended: "+strings.Join(cutOff, ", "))
	}
	CloseReport(&rep)
	return rep
}

// turn returns 0 for a job of Options.First, and 1 for all others.
func (o *Options) turn(j Job) int {
	if slices.Contains(o.First, j.ID(j.Framing)) {
		return 0
	}
	return 1
}

// runPart runs the jobs, the serial ones first, and returns when all have ended.
func runPart(ctx context.Context, part []Job, slots *slots, do func(Job)) {
	for _, j := range part {
		if j.Serial && ctx.Err() == nil {
			do(j)
		}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, j := range part {
		if j.Serial {
			continue
		}
		end := slots.take(ctx)
		if end == nil {
			return
		}
		wg.Go(func() {
			defer end()
			do(j)
		})
	}
}

// whyEnded returns the cause of the context's end, if there is one beside the cancellation itself.
func whyEnded(ctx context.Context) string {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return ": " + cause.Error()
	}
	return ""
}

// Test runs the jobs as subtests of t, the serial ones first and one at a time, and then calls the OnReport functions.
func Test(t *testing.T, role spec.Role, o *Options, all []Job, notRun []string) {
	t.Helper()
	slices.SortStableFunc(all, func(a, b Job) int { return byClause(a.Info, b.Info) })
	rep := NewReport(role, o, notRun)
	o.progress.runStarts(all)
	var mu sync.Mutex
	t.Cleanup(func() {
		CloseReport(&rep)
		if unexercised := missing(rep); len(unexercised) > 0 && !filtered() && o.Asked.Whole() && !t.Failed() && len(o.Framings) == len(BothFramings) {
			t.Errorf("these MUST clauses were not exercised, so nothing is known of them: %s", strings.Join(unexercised, ", "))
		}
		for _, f := range o.OnReport {
			f(rep)
		}
	})
	for _, j := range all {
		t.Run(j.ID(j.Framing), func(t *testing.T) {
			if !j.Serial {
				t.Parallel()
			}
			for _, name := range j.Clauses {
				t.Attr("requirement", name)
			}
			o.progress.caseBegins(j.ID(j.Framing))
			r := RunJob(t.Context(), j, o)
			o.progress.caseEnded(r)
			mu.Lock()
			rep.Results = append(rep.Results, r)
			mu.Unlock()
			setOutcome(t, r, o.Strict)
		})
	}
}

// setOutcome ends a subtest as its case ended. Only a case that passed is silent.
func setOutcome(t *testing.T, r result.Result, strict bool) {
	t.Helper()
	switch {
	case r.Status == result.StatusPass:
	case r.Status == result.StatusUnsupported, r.Status == result.StatusNotAsked, r.Status == result.StatusShould && !strict:
		t.Skip(r.Text())
	default:
		t.Error(r.Text())
	}
}

// filtered reports whether go test was asked for some subtests only.
func filtered() bool {
	for _, name := range []string{"test.run", "test.skip"} {
		if f := flag.Lookup(name); f != nil && strings.Contains(f.Value.String(), "/") {
			return true
		}
	}
	return false
}

// missing returns the names of the MUST clauses of which the run says nothing.
func missing(r result.Report) []string {
	var names []string
	for _, c := range r.ByClause() {
		if c.Level == spec.Must && c.Untestable == "" && (c.Status == "" || c.Status == result.StatusUnsupported && !c.Optional) {
			names = append(names, c.Name)
		}
	}
	return names
}
