package conformance

import (
	"fmt"
	"io"
	"time"

	"github.com/pyproctest/pyproctest/conformance/internal/suite"
	"github.com/pyproctest/pyproctest/conformance/result"
)

// Option changes a run of the suite. Without options every case runs, in both framings.
type Option = suite.Option

// Framings restricts the run to these framings. Clauses that need the other framing are reported as not run.
func Framings(framings ...Framing) Option {
	return func(o *suite.Options) { o.Framings = framings }
}

// Only restricts the run to the cases whose ID matches one of the patterns, such as "FRM-7", "BPR-*" or
// "*/enhanced-length-17*"; [result.Match] says what matches. With [Covering], a case runs if either selects it.
func Only(patterns ...string) Option {
	return func(o *suite.Options) { o.Asked.Only = append(o.Asked.Only, patterns...) }
}

// Covering restricts the run to the cases that cover a clause whose name matches one of the patterns, such as "RID-8"
// or "BPR-*", also where a case is named after another clause. With [Only], a case runs if either selects it.
func Covering(patterns ...string) Option {
	return func(o *suite.Options) { o.Asked.Covering = append(o.Asked.Covering, patterns...) }
}

// Except leaves out the cases whose ID matches one of the patterns, as in [Only].
func Except(patterns ...string) Option {
	return func(o *suite.Options) { o.Asked.Except = append(o.Asked.Except, patterns...) }
}

// Shard restricts the run to part i of n, counted from 1, so that several machines can share a run. A case is always
// in the same part, whatever else is selected, and stays there when cases are added.
func Shard(i, n int) Option {
	return func(o *suite.Options) { o.Asked.Shard, o.Asked.Shards = i, n }
}

// Patience sets how long the suite waits for anything that must happen; 10 s by default.
func Patience(d time.Duration) Option { return func(o *suite.Options) { o.Patience = d } }

// Parallel sets how many cases a Check function runs at once, 1 or more. By default it is 4 for each processor, and more
// while cases wait and the processors are idle. The Test functions obey go test's -parallel instead.
func Parallel(n int) Option { return func(o *suite.Options) { o.Parallel = max(n, 1) } }

// First has a Check function run the cases of these IDs before all others, such as those that failed last time. It changes
// the order alone: other cases run too, once these have ended. IDs of cases that do not run are ignored. The Test functions
// ignore First.
func First(ids ...string) Option {
	return func(o *suite.Options) { o.First = append(o.First, ids...) }
}

// MostAtOnce returns how many cases a Check function runs at once at most, without [Parallel]. An adapter whose processes
// are bounded can have as many.
func MostAtOnce() int { return suite.MostAtOnce() }

// SpecVersion has the run judge by an older version of the clauses, such as "2". Clauses that came later are left out.
func SpecVersion(version string) Option { return func(o *suite.Options) { o.Spec = version } }

// StrictShould makes a violated SHOULD fail its subtest.
func StrictShould() Option { return func(o *suite.Options) { o.Strict = true } }

// Subject sets the name of the implementation in reports.
func Subject(name string) Option { return func(o *suite.Options) { o.Subject = name } }

// OnStart calls f with the IDs of the cases that will run, once that is known and before the first begins. Calls to
// the functions of OnStart, [OnCase] and [OnResult] never overlap.
func OnStart(f func(ids []string)) Option {
	return func(o *suite.Options) { o.OnStart(f) }
}

// OnCase calls f with the ID of each case as it begins.
func OnCase(f func(id string)) Option {
	return func(o *suite.Options) { o.OnCase(f) }
}

// OnResult calls f with each result as its case ends.
func OnResult(f func(result.Result)) Option {
	return func(o *suite.Options) { o.OnResult(f) }
}

// KeepResults writes to w, at once, which case begins, and each result as its case ends. What is written is kept when a
// panic in a goroutine of the framer or pool under test ends the process: then a case that began and has no result is
// where it happened. w is used by one goroutine at a time, and its errors are ignored.
func KeepResults(w io.Writer) Option {
	return func(o *suite.Options) {
		o.OnCase(func(id string) { fmt.Fprintf(w, "%s: begins\n", id) })
		o.OnResult(func(r result.Result) {
			if text := r.Text(); text != "" {
				fmt.Fprint(w, text)
			}
			fmt.Fprintf(w, "%s: %s\n", r.ID, r.Status)
		})
	}
}

// OnReport calls f with the report when all cases have ended.
func OnReport(f func(Report)) Option {
	return func(o *suite.Options) { o.OnReport = append(o.OnReport, f) }
}
