package suite

import (
	"context"
	"time"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Option changes a run of the suite. Package conformance has the functions that make them.
type Option func(*Options)

// Options are the settings of a run, and the functions to call as it goes on.
type Options struct {
	Run      context.Context // ends with the whole run
	started  time.Time
	Asked    result.Selection
	Framings []spec.Framing // that cases may run in
	Patience time.Duration  // how long to wait for what must happen
	Strict   bool           // a SHOULD that does not hold fails its subtest
	Parallel int            // how many cases Check runs at once; 0: see slots
	First    []string       // IDs of the cases that Check runs before all others
	Spec     string         // the version of the clauses to judge by
	OnReport []func(result.Report)
	Subject  string // the implementation's name in reports
	progress *progress

	heldUp    *heldUp
	idleMeter func() func() bool
}

// defaultPatience is far above what a right implementation needs, even on a loaded machine.
const defaultPatience = 10 * time.Second

// NewOptions returns the default options, changed by opts in order.
func NewOptions(run context.Context, opts []Option) *Options {
	o := &Options{
		Run: run, started: time.Now(), Framings: BothFramings, Spec: spec.Version, Patience: defaultPatience, progress: &progress{},
		heldUp: &process, idleMeter: idleMeter,
	}
	for _, opt := range opts {
		opt(o)
	}
	if len(o.Framings) < len(BothFramings) {
		o.Asked.Framings = o.Framings
	}
	return o
}

// OnStart adds a function that is called with the IDs of the cases that will run.
func (o *Options) OnStart(f func(ids []string)) { o.progress.onStart = append(o.progress.onStart, f) }

// OnCase adds a function that is called with the ID of each case as it begins.
func (o *Options) OnCase(f func(id string)) { o.progress.onCase = append(o.progress.onCase, f) }

// OnResult adds a function that is called with each result as its case ends.
func (o *Options) OnResult(f func(result.Result)) {
	o.progress.onResult = append(o.progress.onResult, f)
}
