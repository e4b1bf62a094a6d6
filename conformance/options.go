package conformance

import (
	"context"
	"time"
)

// Option changes a run of the suite.
type Option func(*options)

// Framings restricts the run to these framings; without it both are run. Clauses that need the other
// framing are then reported as not run.
func Framings(framings ...Framing) Option { return func(o *options) { o.framings = framings } }

// Only restricts the run to cases whose ID matches one of the patterns, as [Match] has it:
// "FRM-7", "BPR-*", "*/length-17-*". Beside [Covering] it adds to what that selects.
func Only(patterns ...string) Option {
	return func(o *options) { o.asked.Only = append(o.asked.Only, patterns...) }
}

// Covering restricts the run to cases that cover a clause whose name matches one of the patterns, "RID-8" or
// "BPR-*", also where a case is named after another clause. Beside [Only] it adds to what that selects.
func Covering(patterns ...string) Option {
	return func(o *options) { o.asked.Covering = append(o.asked.Covering, patterns...) }
}

// Except leaves out the cases whose ID matches one of the patterns, as [Match] has it.
func Except(patterns ...string) Option {
	return func(o *options) { o.asked.Except = append(o.asked.Except, patterns...) }
}

// Shard restricts the run to one of n parts, i from 1 to n, so that several machines can share a run. A case
// is in the same part each time, whatever else is selected or added.
func Shard(i, n int) Option {
	return func(o *options) { o.asked.Shard, o.asked.Shards = i, n }
}

// Patience sets how long the suite waits for anything that must happen; 10 s without it.
func Patience(d time.Duration) Option { return func(o *options) { o.patience = d } }

// Parallel sets how many cases a Check function runs at once; 4 without it. The Test functions leave
// that to go test's -parallel.
func Parallel(n int) Option { return func(o *options) { o.parallel = n } }

// StrictShould makes a violated SHOULD fail its subtest.
func StrictShould() Option { return func(o *options) { o.strict = true } }

// Subject names the implementation in reports.
func Subject(name string) Option { return func(o *options) { o.subject = name } }

// OnStart is given the IDs of the cases that will be run, before the first of them begins and after it is
// known which can be.
func OnStart(f func(ids []string)) Option {
	return func(o *options) { o.progress.start = append(o.progress.start, f) }
}

// OnCase is given the ID of each case that begins. It is never called beside itself, OnStart or OnResult.
func OnCase(f func(id string)) Option {
	return func(o *options) { o.progress.begin = append(o.progress.begin, f) }
}

// OnResult is given each result as its case ends. It is never called beside itself, OnStart or OnCase.
func OnResult(f func(Result)) Option {
	return func(o *options) { o.progress.result = append(o.progress.result, f) }
}

// OnReport hands the report over when all cases have ended.
func OnReport(f func(Report)) Option { return func(o *options) { o.report = append(o.report, f) } }

type options struct {
	run      context.Context // its end is the end of the whole run
	started  time.Time
	asked    Selection
	framings []Framing // of cases that will be run
	patience time.Duration
	strict   bool
	parallel int
	report   []func(Report)
	subject  string
	progress *progress
}

// defaultPatience is far above what any right implementation needs, also on a loaded machine.
const defaultPatience = 10 * time.Second

func newOptions(run context.Context, opts []Option) *options {
	o := &options{
		run: run, started: time.Now(), framings: bothFramings, patience: defaultPatience, parallel: 4, progress: &progress{},
	}
	for _, opt := range opts {
		opt(o)
	}
	if len(o.framings) < len(bothFramings) {
		o.asked.Framings = o.framings
	}
	return o
}
