package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/pyproctest/pyproctest/bench/load"
	"github.com/pyproctest/pyproctest/bench/rounds"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// benchLoad is the load of calls at a rate.
type benchLoad struct{ load.Plan }

const defaultSpan = 2 * time.Second

// load reads --rate, --mix and --for. It is nil where calls do not come at a rate.
func (b *benchFlags) load(role spec.Role) (*benchLoad, error) {
	if role == spec.RoleFramer {
		for _, f := range []struct {
			flag  string
			given bool
		}{{"--rate", b.rate != ""}, {"--mix", b.mix != load.DefaultKinds}, {"--for", b.span != defaultSpan}} {
			if f.given {
				return nil, fmt.Errorf("%s: a framer takes no calls, so it has no rate of calls; leave %s out, or give --worker or --pool", f.flag, f.flag)
			}
		}
		return nil, nil
	}
	l := &benchLoad{load.Plan{Text: b.mix, Each: b.span, Lines: role == spec.RolePool}}
	var err error
	if l.Rates, err = load.ParseRates(cmp.Or(b.rate, load.DefaultRates)); err != nil {
		return nil, fmt.Errorf("--rate: %w", err)
	}
	if l.Mix, err = load.ParseMix(b.mix); err != nil {
		return nil, fmt.Errorf("--mix: %w", err)
	}
	const longest = 24 * time.Hour
	switch {
	case b.span < 100*time.Millisecond || b.span > longest:
		return nil, fmt.Errorf("--for %v: give a time from 100ms to 24h", b.span)
	case b.quick && b.rate == "":
		return nil, nil
	}
	return l, nil
}

// takes is about how long the calls at a rate take for so many sides.
func (l *benchLoad) takes(sides int) time.Duration {
	if l == nil {
		return 0
	}
	atRates := len(l.Rates)
	if l.Lines {
		atRates *= 2
	}
	return time.Duration(sides*(atRates+1)) * l.Each * 5 / 4
}

// run measures after the plan, into the same results. A rate that cannot be kept up has no figures.
func (l *benchLoad) run(ctx context.Context, after *rounds.Plan, subjects []*benchSubject) (noFigure map[string]string, err error) {
	p := &rounds.Plan{Rounds: 1, Each: l.Each, Config: after.Config, Notes: after.Notes, Out: after.Out, Progress: after.Progress}
	for _, s := range subjects {
		p.Sides = append(p.Sides, load.Rows(s.side, s.starter(), l.Plan))
	}
	return p.Run(ctx)
}
