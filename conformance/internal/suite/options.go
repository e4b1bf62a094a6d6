package suite

import (
	"context"
	"time"

	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// Option changes a run of the suite. Package conformance has the functions that make them.
type Option func(*Options)

// Options are what a run was asked for, and who is told how it goes.
type Options struct {
	Run      context.Context // its end is the end of the whole run
	started  time.Time
	Asked    result.Selection
	Framings []spec.Framing // of cases that will be run
	Patience time.Duration
	Strict   bool
	Parallel int
	OnReport []func(result.Report)
	Subject  string
	progress *progress
}

// defaultPatience is far above what any right implementation needs, also on a loaded machine.
const defaultPatience = 10 * time.Second

func NewOptions(run context.Context, opts []Option) *Options {
	o := &Options{
		Run: run, started: time.Now(), Framings: BothFramings, Patience: defaultPatience, Parallel: 4, progress: &progress{},
	}
	for _, opt := range opts {
		opt(o)
	}
	if len(o.Framings) < len(BothFramings) {
		o.Asked.Framings = o.Framings
	}
	return o
}

// OnStart has f called with the IDs of the cases that will run.
func (o *Options) OnStart(f func(ids []string)) { o.progress.start = append(o.progress.start, f) }

// OnCase has f called with the ID of each case that begins.
func (o *Options) OnCase(f func(id string)) { o.progress.begin = append(o.progress.begin, f) }

// OnResult has f called with each result.
func (o *Options) OnResult(f func(result.Result)) { o.progress.result = append(o.progress.result, f) }
